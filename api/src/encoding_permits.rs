//! Permits for CPU-bound work on responses: writing and compressing them on blocking threads.

use std::{sync::Arc, thread::available_parallelism};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much work a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Does not wait for larger work.
    Small,
    Large,
    /// Runs alone beside small work: two responses that together exceed the budget would both fail.
    Huge,
}

/// One permit per core for small work, and one per core for larger work. Clones share them.
#[derive(Clone)]
pub(crate) struct EncodingPermits {
    cores: u32,
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl EncodingPermits {
    pub fn new() -> Self {
        let cores = available_parallelism().map_or(1, |cores| cores.get() as u32);
        let [small, large] = [(); 2].map(|()| Arc::new(Semaphore::new(cores as usize)));
        EncodingPermits { cores, small, large }
    }

    /// Waits for the permits of `work`, in the order of the calls.
    pub async fn acquire(&self, work: Work) -> OwnedSemaphorePermit {
        let (permits, count) = match work {
            Work::Small => (&self.small, 1),
            Work::Large => (&self.large, 1),
            Work::Huge => (&self.large, self.cores),
        };
        let permit = permits.clone().acquire_many_owned(count).await;
        permit.expect("these semaphores are never closed")
    }
}
