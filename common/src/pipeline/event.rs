//! The events of images, and the channel that broadcasts them inside one process.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, Semaphore, broadcast::WeakSender};

use super::summary::ImageSummary;
use crate::{
    catalog::{Change, Snapshot},
    image::ImageId,
};

/// Subscriptions that read pages at the same time, so that many of them do not load the database.
const MAX_REPLAYS: usize = 2;

/// What a subscription reports.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all events are images")]
pub enum Event {
    /// How an image is now.
    Image(ImageSummary),
    /// The image was deleted.
    Deleted(ImageId),
    /// More changes were missed than are replayed: only a list of all images is complete.
    Reset,
}

/// An event on its way to subscriptions.
pub(super) struct Delivery {
    pub(super) event: Event,
    /// The change that it reports; `None` when it is for one subscription.
    pub(super) change: Option<Change>,
    /// What a subscription has received after this event.
    pub(super) received: Snapshot,
}

impl Delivery {
    /// The state of one image.
    pub(super) fn state(
        image: ImageId,
        summary: Option<ImageSummary>,
        change: Option<Change>,
        received: Snapshot,
    ) -> Self {
        let event = summary.map_or(Event::Deleted(image), Event::Image);
        Delivery { event, change, received }
    }
}

/// What the subscriptions of one process share.
pub(super) struct Hub {
    /// The watcher's channel; there is no watcher while there is no subscription.
    pub(super) watcher: Mutex<Option<WeakSender<Arc<Delivery>>>>,
    /// When the watcher last had read all changes, or was started.
    pub(super) read_at: std::sync::Mutex<Option<Instant>>,
    pub(super) replays: Semaphore,
}

impl Hub {
    pub(super) fn new() -> Self {
        Hub {
            watcher: Mutex::new(None),
            read_at: std::sync::Mutex::new(None),
            replays: Semaphore::new(MAX_REPLAYS),
        }
    }

    /// Records when the watcher had read all changes; `None` when it ends.
    pub(super) fn set_read_at(&self, at: Option<Instant>) {
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// How long ago the watcher last had read all changes; `None` when there is none.
    pub(super) fn age(&self) -> Option<Duration> {
        let read_at = *self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        read_at.map(|at| at.elapsed())
    }
}
