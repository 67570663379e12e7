//! Texts on their way to readers, who may be slow: together they keep a limit.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{BUSY, Problem};

const KIB: usize = 1024;

/// Memory for answers, in KiB.
#[derive(Clone)]
pub(crate) struct Outgoing {
    room: Arc<Semaphore>,
    all: u32,
}

/// Memory of one answer, given back when it is dropped.
pub(crate) struct Room(OwnedSemaphorePermit);

impl Outgoing {
    pub fn new(mib: u32) -> Self {
        let all = mib.saturating_mul(1024);
        Outgoing { room: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// Room for so many bytes. What takes more than half of all counts as half, so that it gets room
    /// while others are on their way.
    pub fn room(&self, bytes: usize) -> Result<Room, Problem> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX).clamp(1, self.all / 2);
        let room = self.room.clone().try_acquire_many_owned(kib);
        let busy = |_| {
            Problem::new(BUSY, "too many large answers are on their way: try again in a moment")
        };
        Ok(Room(room.map_err(busy)?))
    }
}

impl Room {
    /// The body of an answer: it takes this room until the reader has it.
    pub fn fill(mut self, body: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        let kib = body.as_ref().len().div_ceil(KIB);
        let rest = self.0.num_permits().saturating_sub(kib);
        drop(self.0.split(rest));
        Bytes::from_owner(Filled { body, _room: self })
    }
}

struct Filled<B> {
    body: B,
    _room: Room,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Filled<B> {
    fn as_ref(&self) -> &[u8] {
        self.body.as_ref()
    }
}
