//! Removes an image: its rows at once, then its blobs.

use super::Pipeline;
use crate::{
    catalog::MarkedBlob,
    fault::{Doing, Fault},
    image::ImageId,
    store::original_key,
};
use futures_util::future::BoxFuture;
use tracing::Instrument;

impl Pipeline {
    /// Removes an image; `false` when no such image is stored. Once this returned, no reader finds
    /// the image. A blob that could not be deleted now is swept later.
    ///
    /// # Errors
    /// The database is unavailable; the image may be removed nevertheless.
    pub fn remove(&self, id: ImageId) -> BoxFuture<'_, Result<bool, Fault>> {
        let pipeline = self.clone();
        Box::pin(async move {
            // a task, so that a removal ends though its client has gone: see `known::Change`
            let removal = async move {
                let change = pipeline.known().map(|known| known.change(id));
                let removed =
                    pipeline.catalog().remove_image(id, |attempt| original_key(id, attempt));
                let marked = removed.await?;
                if let Some(change) = change {
                    change.end();
                }
                pipeline.0.playbacks.forget(id);
                let Some(blobs) = marked else { return Ok(false) };
                pipeline.queue().notify_changes();
                let marked: Vec<_> =
                    blobs.into_iter().map(|blob| MarkedBlob { blob, was_swept: false }).collect();
                if let Err(fault) = pipeline.sweep(marked).await {
                    tracing::warn!("left to the next clean-up: {fault}");
                }
                Ok(true)
            };
            tokio::spawn(removal.in_current_span()).await.doing("remove an image")?
        })
    }

    /// Deletes marked blobs, and schedules a second deletion of each: a writer that was suspended
    /// may still put it. A blob that cannot be deleted does not stop the others.
    ///
    /// # Errors
    /// The store or the database is unavailable, or a blob could not be deleted; it stays marked.
    pub(super) async fn sweep(&self, marked: Vec<MarkedBlob>) -> Result<(), Fault> {
        let keys: Vec<&str> = marked.iter().map(MarkedBlob::key).collect();
        let outcomes = self.store().delete_all(&keys).await?;
        let (mut deleted, mut failed) = (Vec::new(), Ok(()));
        for (blob, outcome) in marked.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => deleted.push(blob),
                Err(fault) => failed = Err(fault),
            }
        }
        self.catalog().record_sweep(&deleted, self.config().blob_grace).await?;
        failed
    }
}
