//! Renders a claimed job: every preset that is missing, from one decoded original.

use std::time::Duration;

use asciify::Grid;

use super::{DrawError, Pipeline};
use crate::{
    catalog::Finished,
    crash,
    fault::Fault,
    image::Image,
    job::Claim,
    render::{sha256_hex, spec_hash},
    store::{Content, render_key},
};

/// How long, and how far apart, the row is read again when the answer to the end was lost.
const LOOK_FOR: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// A job that is done.
#[derive(Debug)]
pub struct Rendered {
    /// How many renders it added.
    pub renders: usize,
}

/// Why a job is not done.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The lease was lost, or the image was deleted: not our job any more.
    #[error("the job is not ours any more")]
    Fenced,
    /// No picture.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// Ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Pipeline {
    /// Makes what is missing of the claimed job and ends it.
    ///
    /// # Errors
    /// See [`RenderError`]; the row of the job is as the claim left it then.
    pub async fn render(&self, claim: &Claim) -> Result<Rendered, RenderError> {
        let image = self.catalog().image(claim.image).await?.ok_or(RenderError::Fenced)?;
        let finished = self.make_missing(claim, &image).await?;
        crash::point("render: drawn");
        let blobs: Vec<String> = finished.iter().map(|(render, _)| render.blob.clone()).collect();
        self.catalog().promise(&blobs, self.config().blob_grace).await?;
        let published = self.publish(claim, finished).await;
        if published.is_err() {
            // if this fails too, the promises run out by themselves
            let _ = self.catalog().break_promise(&blobs).await;
        }
        published
    }

    async fn make_missing(
        &self,
        claim: &Claim,
        image: &Image,
    ) -> Result<Vec<(Finished, String)>, RenderError> {
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
        let (grids, _) = self.draw(image, missing.clone(), None).await?;
        let finished = missing.iter().zip(&grids).map(|(spec, grid): (_, &Grid)| {
            let text = asciify::write::ansi(grid);
            let hash = spec_hash(spec);
            let render = Finished {
                spec: spec.to_string(),
                blob: render_key(claim, &hash),
                spec_hash: hash,
                sha256: sha256_hex(text.as_bytes()),
                bytes: text.len() as u64,
                columns: grid.columns() as u32,
                rows: grid.rows() as u32,
            };
            (render, text)
        });
        Ok(finished.collect())
    }

    async fn publish(
        &self,
        claim: &Claim,
        finished: Vec<(Finished, String)>,
    ) -> Result<Rendered, RenderError> {
        let mut renders = Vec::with_capacity(finished.len());
        for (render, text) in finished {
            self.store().put(&render.blob, Content::Bytes(text.into())).await?;
            renders.push(render);
        }
        crash::point("render: put");
        let ended = self.catalog().finish(claim, self.config().engine, &renders).await;
        crash::point("render: finish");
        self.queue().tell();
        match ended {
            Ok(true) => Ok(Rendered { renders: renders.len() }),
            Ok(false) => Err(RenderError::Fenced),
            Err(lost) => {
                self.look_at_claim(claim, lost).await.map(|()| Rendered { renders: renders.len() })
            }
        }
    }

    /// The answer to the last commit was lost: the row knows.
    async fn look_at_claim(&self, claim: &Claim, lost: Fault) -> Result<(), RenderError> {
        let look = async {
            loop {
                tokio::time::sleep(LOOK_AGAIN).await;
                if let Ok(row) = self.catalog().done_by(claim).await {
                    return row;
                }
            }
        };
        match tokio::time::timeout(LOOK_FOR, look).await {
            Ok(Some(true)) => Ok(()),
            Ok(None) => Err(RenderError::Fenced),
            Ok(Some(false)) | Err(_) => Err(lost.into()),
        }
    }
}
