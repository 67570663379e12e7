//! Changes who may see an image.

use futures_util::future::BoxFuture;
use tracing::Instrument;

use super::{Pipeline, remove::ChangeError, summary::ImageSummary};
use crate::{
    account::{audit::audit_change, principal::Principal},
    fault::{Doing, Fault},
    image::ImageId,
    visibility::Visibility,
};

impl Pipeline {
    /// Makes an image private or public; returns how it is then. Followers who could read it and
    /// can no more are told that it is gone.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn set_visibility<'a>(
        &'a self,
        id: ImageId,
        visibility: Visibility,
        principal: &'a Principal,
    ) -> BoxFuture<'a, Result<ImageSummary, ChangeError>> {
        Box::pin(async move {
            if !self.change_visibility(id, visibility, principal.clone()).await? {
                return Err(self.explain_no_change(id, principal).await?);
            }
            audit_change(principal, "visibility changed", id);
            self.summary(id, principal).await?.ok_or(ChangeError::NoImage)
        })
    }

    async fn change_visibility(
        &self,
        id: ImageId,
        visibility: Visibility,
        principal: Principal,
    ) -> Result<bool, Fault> {
        let pipeline = self.clone();
        // a task, so that it ends though its client has gone: see `known::Change`
        let change = async move {
            let change = pipeline.known().map(|known| known.change(id));
            let image = pipeline.catalog().set_visibility(id, visibility, &principal).await?;
            if let Some(change) = change {
                change.end();
            }
            pipeline.queue().notify_changes();
            Ok(image.is_some())
        };
        tokio::spawn(change.in_current_span()).await.doing("change who may see an image")?
    }
}
