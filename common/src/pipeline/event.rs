//! The events of images, and the channel that broadcasts them inside one process.

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore, broadcast::WeakSender};

use super::summary::ImageSummary;
use crate::{catalog::ChangeSeq, image::ImageId};

/// Subscriptions that read pages at the same time, so that many of them do not load the database.
const MAX_REPLAYS: usize = 2;

/// How an image is now.
#[derive(Debug, Clone)]
pub struct ImageEvent {
    /// The image.
    pub image: ImageId,
    /// `None` when it was deleted.
    pub summary: Option<ImageSummary>,
    pub(super) cursor: ChangeSeq,
}

/// What the subscriptions of one process share.
pub(super) struct Hub {
    /// The watcher's channel; there is no watcher while there is no subscription.
    pub(super) watcher: Mutex<Option<WeakSender<Arc<ImageEvent>>>>,
    pub(super) replays: Semaphore,
}

impl Hub {
    pub(super) fn new() -> Self {
        Hub { watcher: Mutex::new(None), replays: Semaphore::new(MAX_REPLAYS) }
    }
}
