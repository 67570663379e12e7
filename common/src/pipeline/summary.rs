//! The summary of an image, as lists and events have it.

use crate::image::{Image, Status};

/// An image and the status of its renders.
#[derive(Debug, Clone)]
pub struct ImageSummary {
    /// The image.
    pub image: Image,
    /// The status of its renders.
    pub status: Status,
}

impl ImageSummary {
    /// The summary of an image that was just stored.
    pub fn pending(image: Image) -> Self {
        ImageSummary { image, status: Status::Pending }
    }
}
