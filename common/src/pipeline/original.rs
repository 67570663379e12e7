//! Reads the bytes of an original as they were uploaded.

use std::ops::Range;

use super::{Pipeline, draw::DrawError};
use crate::{
    image::Image,
    store::{Body, original_key},
};
use futures_util::future::BoxFuture;

impl Pipeline {
    /// A stream of the bytes of `image` in `range`, which is not empty and within the file.
    ///
    /// # Errors
    /// [`DrawError::Deleted`], [`DrawError::OriginalMissing`], or [`DrawError::Fault`] when the
    /// store or the database is unavailable.
    pub fn original<'a>(
        &'a self,
        image: &'a Image,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Body, DrawError>> {
        Box::pin(async move {
            let key = original_key(image.id, image.attempt);
            match self.store().stream(&key, range).await? {
                Some(body) => Ok(body),
                None => Err(self.explain_missing_original(image).await?),
            }
        })
    }
}
