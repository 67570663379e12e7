//! Reads the bytes of an original as they were uploaded.

use std::ops::Range;

use super::{Pipeline, draw::DrawError};
use crate::{
    image::Image,
    store::{Body, original_key},
};

impl Pipeline {
    /// A stream of the bytes of `image` in `range`, which is not empty and within the file.
    ///
    /// # Errors
    /// [`DrawError::Deleted`], [`DrawError::OriginalMissing`], or [`DrawError::Fault`] when the
    /// store or the database is unavailable.
    pub async fn original(&self, image: &Image, range: Range<u64>) -> Result<Body, DrawError> {
        let key = original_key(image.id, image.attempt);
        match self.store().stream(&key, range).await? {
            Some(body) => Ok(body),
            None => Err(self.explain_missing_original(image).await?),
        }
    }
}
