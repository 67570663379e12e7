//! Permits for CPU-bound work on responses: writing and compressing them on blocking threads.

use std::{sync::Arc, thread::available_parallelism};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One permit per core for small responses, and one per core for large ones, so that small ones do
/// not wait for large ones. Clones share them.
#[derive(Clone)]
pub(crate) struct EncodingPermits {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl EncodingPermits {
    pub fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let [small, large] = [(); 2].map(|()| Arc::new(Semaphore::new(cores)));
        EncodingPermits { small, large }
    }

    /// Waits for a permit, in the order of the calls.
    pub async fn acquire(&self, is_small: bool) -> OwnedSemaphorePermit {
        let permits = if is_small { &self.small } else { &self.large };
        permits.clone().acquire_owned().await.expect("these semaphores are never closed")
    }
}
