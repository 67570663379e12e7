//! Removes an image, if the principal may: its rows at once, then its blobs.

use super::Pipeline;
use crate::{
    account::{audit::audit_change, principal::Principal},
    catalog::MarkedBlob,
    fault::{Doing, Fault},
    image::ImageId,
    store::original_key,
};
use futures_util::future::BoxFuture;
use tracing::Instrument;

/// Why an image was not changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No such image is stored, or the principal may not read it.
    #[error("no such image")]
    NoImage,
    /// The principal may read the image and not change it.
    #[error("the image belongs to another user")]
    NotOwner,
    /// The service failed; the change may have happened nevertheless.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Pipeline {
    /// Removes an image. Once this returned, no reader finds the image. A blob that could not be
    /// deleted now is swept later.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn remove<'a>(
        &'a self,
        id: ImageId,
        principal: &'a Principal,
    ) -> BoxFuture<'a, Result<(), ChangeError>> {
        Box::pin(async move {
            match self.remove_if_allowed(id, principal.clone()).await? {
                true => {
                    audit_change(principal, "image deleted", id);
                    Ok(())
                }
                false => Err(self.explain_no_change(id, principal).await?),
            }
        })
    }

    /// Checks that `principal` may change an image.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn check_change<'a>(
        &'a self,
        id: ImageId,
        principal: &'a Principal,
    ) -> BoxFuture<'a, Result<(), ChangeError>> {
        Box::pin(async move {
            let image = self.image(id, principal).await?.ok_or(ChangeError::NoImage)?;
            match principal.may_change(&image) {
                true => Ok(()),
                false => Err(ChangeError::NotOwner),
            }
        })
    }

    /// Why no row was changed: not every image that can be read can be changed.
    pub(super) async fn explain_no_change(
        &self,
        id: ImageId,
        principal: &Principal,
    ) -> Result<ChangeError, Fault> {
        Ok(match self.catalog().readable_image(id, principal).await? {
            Some(_) => ChangeError::NotOwner,
            None => ChangeError::NoImage,
        })
    }

    /// Removes an image; `false` when no such image is stored, or `principal` may not delete it.
    pub(super) fn remove_if_allowed(
        &self,
        id: ImageId,
        principal: Principal,
    ) -> BoxFuture<'_, Result<bool, Fault>> {
        let pipeline = self.clone();
        Box::pin(async move {
            // a task, so that a removal ends though its client has gone: see `known::Change`
            let removal = async move {
                let change = pipeline.known().map(|known| known.change(id));
                let removed = pipeline
                    .catalog()
                    .remove_image(id, &principal, |attempt| original_key(id, attempt));
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
