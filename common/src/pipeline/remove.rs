//! Removes an image: the rows at once, then the blobs.

use super::Pipeline;
use crate::{catalog::Condemned, fault::Fault, image::ImageId, store::original_key};

impl Pipeline {
    /// `false` when no such image is stored. Once this returned, no reader finds the image; a blob
    /// that could not be deleted now is swept later.
    ///
    /// # Errors
    /// The database is out of reach; the image may be gone nevertheless.
    pub async fn remove(&self, id: ImageId) -> Result<bool, Fault> {
        let condemned =
            self.catalog().remove_image(id, |attempt| original_key(id, attempt)).await?;
        let Some(blobs) = condemned else { return Ok(false) };
        self.queue().tell();
        for blob in blobs {
            let condemned = Condemned { blob, was_swept: false };
            if let Err(fault) = self.sweep(&condemned).await {
                tracing::warn!("left to the janitor: {fault}");
                break;
            }
        }
        Ok(true)
    }

    /// Deletes a condemned blob, and has it deleted once more later: a writer that was asleep may
    /// still put it.
    ///
    /// # Errors
    /// The store or the database is out of reach; the blob stays condemned.
    pub async fn sweep(&self, condemned: &Condemned) -> Result<(), Fault> {
        self.store().delete(&condemned.blob).await?;
        self.catalog().swept(condemned, self.config().blob_grace).await
    }
}
