//! The in-process queue: a bounded channel.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, watch};

use super::Hint;
use crate::{job::JobId, trace::TraceContext};

/// Hints that may wait for a worker. Workers find the jobs of dropped hints by polling.
const CAPACITY: usize = 10_000;

type JobNotice = (JobId, Option<TraceContext>);

/// Both ends of the channel.
#[derive(Clone)]
pub struct MemoryQueue {
    sender: mpsc::Sender<JobNotice>,
    receiver: Arc<Mutex<mpsc::Receiver<JobNotice>>>,
    /// A new version means that images have changed; there is no value.
    changes: watch::Sender<()>,
}

impl MemoryQueue {
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let receiver = Arc::new(Mutex::new(receiver));
        MemoryQueue { sender, receiver, changes: watch::Sender::new(()) }
    }

    pub(super) fn notify_job(&self, job: JobId, trace: Option<TraceContext>) -> bool {
        self.sender.try_send((job, trace)).is_ok()
    }

    pub(super) fn notify_changes(&self) {
        self.changes.send_replace(());
    }

    pub(super) fn listen_changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(super) async fn next(&self) -> Hint {
        let notice = self.receiver.lock().await.recv().await;
        let (job, trace) = notice.expect("self holds a sender, so the channel is open");
        Hint { job, trace, delivery: None }
    }
}
