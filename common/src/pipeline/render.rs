//! Renders a claimed job: every preset that is missing, from an original that is decoded once.

use futures_util::future::BoxFuture;

use super::{
    Pipeline,
    draw::{DrawError, Drawing},
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
};

/// A job that is done.
#[derive(Debug)]
pub struct Rendered {
    /// How many renders were added.
    pub renders: usize,
}

/// Why a job is not done.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The claim was lost, or the image was deleted.
    #[error("the claim on the job was lost")]
    Fenced,
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
            let finished = self.make_missing(claim, &image).await?;
            failpoint::hit("render: drawn");
            let blobs: Vec<String> =
                finished.iter().map(|(render, _)| render.blob.clone()).collect();
            self.catalog().reserve_blobs(&blobs, self.config().blob_grace).await?;
            let published = self.publish(claim, finished).await;
            if published.is_err() {
                // if this fails too, the reservations expire
                let _ = self.catalog().release_blobs(&blobs).await;
            }
            published
        })
    }

    async fn make_missing(
        &self,
        claim: &Claim,
        image: &Image,
    ) -> Result<Vec<(NewRender, String)>, RenderError> {
        let stored = self.catalog().renders(image.id).await?;
        let engine = self.config().engine;
        let mut missing = self.config().presets.specs();
        missing.retain(|spec| {
            let spec = spec.to_string();
            !stored.iter().any(|render| render.engine == engine && render.spec == spec)
        });
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let (drawings, _) = self.draw(image, missing.clone(), None).await?;
        let finished = missing.iter().zip(drawings).map(|(spec, drawing)| {
            let Drawing { text, columns, rows } = drawing;
            let hash = spec_hash(spec);
            let render = NewRender {
                spec: spec.to_string(),
                blob: render_key(claim, &hash),
                spec_hash: hash,
                sha256: sha256_hex(text.as_bytes()),
                bytes: text.len() as u64,
                columns,
                rows,
            };
            (render, text)
        });
        Ok(finished.collect())
    }

    async fn publish(
        &self,
        claim: &Claim,
        finished: Vec<(NewRender, String)>,
    ) -> Result<Rendered, RenderError> {
        let mut renders = Vec::with_capacity(finished.len());
        for (render, text) in finished {
            self.store().put(&render.blob, Content::Bytes(text.into())).await?;
            renders.push(render);
        }
        failpoint::hit("render: put");
        let change = self.known().map(|known| known.change(claim.image));
        let ended = self.catalog().finish(claim, self.config().engine, &renders).await;
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
