//! How long a reader has waited for the store.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The time that a reader has waited for the store. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct StoreWaits(Arc<Mutex<Waited>>);

#[derive(Debug, Default)]
struct Waited {
    before: Duration,
    /// When the wait that goes on began.
    since: Option<Instant>,
}

/// A wait that goes on until it is dropped.
pub(super) struct Waiting<'a>(&'a StoreWaits);

impl StoreWaits {
    fn waited(&self) -> MutexGuard<'_, Waited> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All waits together, up to `now`.
    pub fn until(&self, now: Instant) -> Duration {
        let waited = self.waited();
        waited.before + waited.since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }

    /// Begins a wait. There is one at a time.
    pub(super) fn begin(&self, now: Instant) -> Waiting<'_> {
        self.waited().since = Some(now);
        Waiting(self)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waited = self.0.waited();
        if let Some(since) = waited.since.take() {
            waited.before += since.elapsed();
        }
    }
}
