//! A memory limit for all responses together, since clients may read slowly.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{BUSY, Problem};

const KIB: usize = 1024;

/// Memory for response bodies, in KiB. Clones share it.
#[derive(Clone)]
pub(crate) struct ResponseBudget {
    free: Arc<Semaphore>,
    total: u32,
}

/// Memory of one response; dropping it returns the memory to the budget.
pub(crate) struct Reservation(OwnedSemaphorePermit);

impl ResponseBudget {
    /// A budget of `mib` MiB.
    pub fn new(mib: u32) -> Self {
        let total = mib.saturating_mul(1024);
        ResponseBudget { free: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Reserves `bytes` bytes. More than half of the budget counts as half, so that a large
    /// response can start while others are being sent.
    ///
    /// # Errors
    /// 503 when the budget is used up.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, Problem> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX).clamp(1, self.total / 2);
        let permit = self.free.clone().try_acquire_many_owned(kib);
        let busy = |_| {
            Problem::new(BUSY, "too many large responses are being sent: try again in a moment")
        };
        Ok(Reservation(permit.map_err(busy)?))
    }
}

impl Reservation {
    /// A response body that holds this reservation, reduced to the size of `body`, until it is
    /// sent.
    pub fn attach(mut self, body: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        let kib = body.as_ref().len().div_ceil(KIB);
        let excess = self.0.num_permits().saturating_sub(kib);
        drop(self.0.split(excess));
        Bytes::from_owner(ReservedBody { body, _reservation: self })
    }
}

struct ReservedBody<B> {
    body: B,
    _reservation: Reservation,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for ReservedBody<B> {
    fn as_ref(&self) -> &[u8] {
        self.body.as_ref()
    }
}
