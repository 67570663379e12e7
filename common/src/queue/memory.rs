//! The doorbell inside one process: a bounded channel.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, watch};

use super::Hint;
use crate::job::JobId;

/// Rings that may wait for a worker; the rest is found by polling.
const ROOM: usize = 10_000;

type Ring = (JobId, Option<String>);

/// Both ends of the channel.
#[derive(Clone)]
pub struct Bell {
    rings: mpsc::Sender<Ring>,
    heard: Arc<Mutex<mpsc::Receiver<Ring>>>,
    /// Changes whenever something is told; the value says nothing.
    news: watch::Sender<()>,
}

impl Bell {
    pub(super) fn new() -> Self {
        let (rings, heard) = mpsc::channel(ROOM);
        Bell { rings, heard: Arc::new(Mutex::new(heard)), news: watch::Sender::new(()) }
    }

    pub(super) fn ring(&self, job: JobId, trace: Option<String>) -> bool {
        self.rings.try_send((job, trace)).is_ok()
    }

    pub(super) fn tell(&self) {
        self.news.send_replace(());
    }

    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    pub(super) async fn next(&self) -> Hint {
        let ring = self.heard.lock().await.recv().await;
        let (job, trace) = ring.expect("we hold a sender ourselves");
        Hint { job, trace, receipt: None }
    }
}
