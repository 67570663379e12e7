//! The requests of this process that receive resumable uploads.
//!
//! Who asks how far an upload has come is told what has come of it, not only what was stored before:
//! the request that receives it stores that first. A newer request to the same upload ends it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::resumable::{ResumableUpload, UploadId};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// How long someone who asks waits for the store. After that, what was stored before is the answer.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The requests, at most one for each upload. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct RunningUploads(Arc<Mutex<HashMap<UploadId, Running>>>);

struct Running {
    /// The fencing token of the request.
    attempt: i32,
    ask: mpsc::Sender<Asked>,
}

/// Dropped when everything that had come is stored, or will not be.
pub(crate) type Asked = oneshot::Sender<()>;

/// A request that receives an upload, until this is dropped.
pub(crate) struct Receiving {
    all: RunningUploads,
    id: UploadId,
    attempt: i32,
    asked: mpsc::Receiver<Asked>,
}

impl RunningUploads {
    /// A request begins to receive `upload`, and ends the earlier one; `None` when a newer one has
    /// begun.
    pub fn begin(&self, upload: &ResumableUpload) -> Option<Receiving> {
        let (id, attempt) = (upload.id, upload.attempt);
        let mut running = self.lock();
        if running.get(&id).is_some_and(|other| other.attempt > attempt) {
            return None;
        }
        let (ask, asked) = mpsc::channel(1);
        running.insert(id, Running { attempt, ask });
        Some(Receiving { all: self.clone(), id, attempt, asked })
    }

    /// Waits until what has come of an upload is stored; `false` if this process receives none of it.
    pub async fn settle(&self, id: UploadId) -> bool {
        let Some(ask) = self.lock().get(&id).map(|running| running.ask.clone()) else {
            return false;
        };
        let settled = async {
            let (asked, is_stored) = oneshot::channel();
            if ask.send(asked).await.is_ok() {
                // it is dropped, not sent
                let _ = is_stored.await;
            }
        };
        let _late = timeout(LONGEST_WAIT, settled).await;
        true
    }

    /// Ends the request that receives an upload.
    pub fn end(&self, id: UploadId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receiving {
    /// Waits until someone asks; `None` once this request has been ended.
    pub async fn asked(&mut self) -> Option<Asked> {
        self.asked.recv().await
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        let mut running = self.all.lock();
        if running.get(&self.id).is_some_and(|current| current.attempt == self.attempt) {
            running.remove(&self.id);
        }
    }
}
