//! Renders a claimed job: every preset that is missing, from an original that is decoded once, into
//! one blob.

use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use tokio::sync::SemaphorePermit;

use super::{
    Pipeline,
    draw::{DrawError, Drawing, Purpose},
    reread::reread,
};
use crate::{
    catalog::NewRender,
    failpoint,
    fault::Fault,
    image::Image,
    job::Claim,
    render::{sha256_hex, spec_hash},
    store::{Content, render_key},
    trace::step,
};

/// A job that is done.
#[derive(Debug)]
pub struct Rendered {
    /// How many renders were added.
    pub renders: usize,
}

/// Renders that are not stored yet.
#[derive(Default)]
struct Drawn {
    renders: Vec<NewRender>,
    /// Their texts, one after another.
    texts: String,
}

/// Why a job is not done.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The claim was lost, or the image was deleted.
    #[error("the claim on the job was lost")]
    Fenced,
    /// The image is large, and enough jobs of large images wait: this one has to be postponed.
    #[error("other large images come first")]
    Postponed {
        /// How many were postponed since one was accepted.
        before: u32,
    },
    /// The image was not drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// The service failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Pipeline {
    /// Makes the missing renders of a claimed job, stores them, and ends the job.
    ///
    /// # Errors
    /// See [`RenderError`]; the claim is still to be concluded then, see [`Pipeline::conclude`].
    pub fn render<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Rendered, RenderError>> {
        Box::pin(async move {
            let image = self.catalog().image(claim.image).await?.ok_or(RenderError::Fenced)?;
            let _large = match self.is_large(&image) {
                true => Some(self.accept_large()?),
                false => None,
            };
            let drawn = self.make_missing(claim, &image).await?;
            failpoint::hit("render: drawn");
            if drawn.renders.is_empty() {
                return self.finish(claim, &[]).await;
            }
            let blob = [render_key(claim)];
            self.catalog().reserve_blobs(&blob, self.config().blob_grace).await?;
            let published = self.publish(claim, drawn).await;
            if published.is_err() {
                // if this fails too, the reservation expires
                let _ = self.catalog().release_blobs(&blob).await;
            }
            published
        })
    }

    /// A permit for the job of a large image, which may then wait for its turn.
    fn accept_large(&self) -> Result<SemaphorePermit<'_>, RenderError> {
        let postponed = &self.0.postponed;
        let permit = self.0.large_claims.try_acquire();
        let permit = permit.map_err(|_| RenderError::Postponed {
            before: postponed.fetch_add(1, Ordering::Relaxed),
        })?;
        postponed.store(0, Ordering::Relaxed);
        Ok(permit)
    }

    async fn make_missing(&self, claim: &Claim, image: &Image) -> Result<Drawn, RenderError> {
        let stored = self.catalog().renders(image.id).await?;
        let engine = self.config().engine;
        let mut missing = self.config().presets.specs();
        missing.retain(|spec| {
            let spec = spec.to_string();
            !stored.iter().any(|render| render.engine == engine && render.spec == spec)
        });
        if missing.is_empty() {
            return Ok(Drawn::default());
        }
        let (drawings, _) = self.draw(image, missing.clone(), Purpose::Job(claim)).await?;
        let mut drawn = Drawn::default();
        for (spec, Drawing { text, columns, rows }) in missing.iter().zip(drawings) {
            let spec = spec.to_string();
            drawn.renders.push(NewRender {
                spec_hash: spec_hash(&spec),
                spec,
                blob: render_key(claim),
                offset: drawn.texts.len() as u64,
                sha256: sha256_hex(text.as_bytes()),
                bytes: text.len() as u64,
                columns,
                rows,
            });
            drawn.texts.push_str(&text);
        }
        Ok(drawn)
    }

    async fn publish(
        &self,
        claim: &Claim,
        Drawn { renders, texts }: Drawn,
    ) -> Result<Rendered, RenderError> {
        let key = render_key(claim);
        step("store", self.store().put(&key, Content::Bytes(texts.into()))).await?;
        failpoint::hit("render: put");
        self.finish(claim, &renders).await
    }

    async fn finish(&self, claim: &Claim, renders: &[NewRender]) -> Result<Rendered, RenderError> {
        let change = self.known().map(|known| known.change(claim.image));
        let ended =
            step("commit", self.catalog().finish(claim, self.config().engine, renders)).await;
        if let (Ok(_), Some(change)) = (&ended, change) {
            change.end();
        }
        failpoint::hit("render: finish");
        self.queue().notify_changes();
        match ended {
            Ok(true) => Ok(Rendered { renders: renders.len() }),
            Ok(false) => Err(RenderError::Fenced),
            Err(lost) => {
                self.reread_claim(claim, lost).await.map(|()| Rendered { renders: renders.len() })
            }
        }
    }

    /// The answer to the last commit was lost: the row tells whether it happened.
    async fn reread_claim(&self, claim: &Claim, lost: Fault) -> Result<(), RenderError> {
        match reread(|| self.catalog().done_by(claim)).await {
            Some(Some(true)) => Ok(()),
            Some(None) => Err(RenderError::Fenced),
            Some(Some(false)) | None => Err(lost.into()),
        }
    }
}
