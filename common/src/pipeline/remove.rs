//! Removes an image: its rows at once, then its blobs.

use super::Pipeline;
use crate::{catalog::MarkedBlob, fault::Fault, image::ImageId, store::original_key};
use futures_util::future::BoxFuture;

impl Pipeline {
    /// Removes an image; `false` when no such image is stored. Once this returned, no reader finds
    /// the image. A blob that could not be deleted now is swept later.
    ///
    /// # Errors
    /// The database is unavailable; the image may be removed nevertheless.
    pub fn remove(&self, id: ImageId) -> BoxFuture<'_, Result<bool, Fault>> {
        Box::pin(async move {
            let marked =
                self.catalog().remove_image(id, |attempt| original_key(id, attempt)).await?;
            let Some(blobs) = marked else { return Ok(false) };
            self.queue().notify_changes();
            for blob in blobs {
                let marked = MarkedBlob { blob, was_swept: false };
                if let Err(fault) = self.sweep(&marked).await {
                    tracing::warn!("left to the next clean-up: {fault}");
                    break;
                }
            }
            Ok(true)
        })
    }

    /// Deletes a marked blob, and schedules a second deletion: a writer that was suspended may
    /// still put it.
    ///
    /// # Errors
    /// The store or the database is unavailable; the blob stays marked.
    pub(super) async fn sweep(&self, marked: &MarkedBlob) -> Result<(), Fault> {
        self.store().delete(marked.key()).await?;
        self.catalog().record_sweep(marked, self.config().blob_grace).await
    }
}
