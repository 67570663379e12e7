//! Plays: draws the frames of animations one after another, each at the cost of what it adds.
//!
//! An animation that was decoded up to a frame is kept for the next one, in every look and for every
//! reader. The texts of frames are kept as all others are.

use std::time::Duration;

use asciify::{Playback, Spec, Timing};
use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::{
    Pipeline,
    cache::Stages,
    draw::{DrawError, Drawing, Stopwatch, drawing, verdict},
    serve::ServeError,
};
use crate::{
    image::Image,
    store::{StoreWaits, original_key},
};

impl Pipeline {
    /// How an image is played; `None` if it does not move.
    ///
    /// # Errors
    /// See [`ServeError`]. An animation that takes more memory than `PLAYBACK_MEMORY_MIB` cannot be
    /// played.
    pub fn timing<'a>(
        &'a self,
        image: &'a Image,
    ) -> BoxFuture<'a, Result<Option<Timing>, ServeError>> {
        Box::pin(async move {
            if !image.metadata.may_move() {
                return Ok(None);
            }
            let max = self.0.playbacks.max_bytes;
            let check = |bytes| match bytes > max {
                true => {
                    let what = "bytes to be played (PLAYBACK_MEMORY_MIB)";
                    let over = asciify::Error::OverLimit { what, is: bytes, max };
                    Err(ServeError::from(DrawError::Image(over)))
                }
                false => Ok(()),
            };
            check(Playback::file_bytes(image.metadata.bytes))?;
            let max_wait = self.config().render_wait;
            let playback = self.open_playback(image, max_wait, &mut Stopwatch::start()).await?;
            let Some(playback) = playback else { return Ok(None) };
            check(playback.bytes())?;
            let timing = playback.timing().clone();
            self.0.playbacks.keep(image.id, playback);
            Ok(Some(timing))
        })
    }

    /// Opens an animation, whose file is held in memory; `None` if it is not played, or too large.
    async fn open_playback(
        &self,
        image: &Image,
        max_wait: Duration,
        stopwatch: &mut Stopwatch,
    ) -> Result<Option<Playback>, DrawError> {
        let bytes = Playback::file_bytes(image.metadata.bytes);
        if bytes > self.0.playbacks.max_bytes {
            return Ok(None);
        }
        let permits = self.wait_for_core(bytes, max_wait, stopwatch).await?;
        let key = original_key(image.id, image.attempt);
        let Some(file) = self.store().get(&key).await? else {
            return Err(self.explain_missing_original(image).await?);
        };
        stopwatch.lap("load");
        let limits = self.config().limits.clone();
        let opened = spawn_blocking(move || {
            let _held_to_the_end = permits;
            Playback::open(file, &limits)
        });
        opened.await.map_err(|_| DrawError::Crashed)?.map_err(verdict)
    }

    /// The drawing of a frame of an animation; `None` if the image does not move.
    pub(super) async fn draw_frame(
        &self,
        image: &Image,
        spec: &Spec,
        max_wait: Duration,
    ) -> Result<Option<(Drawing, Stages)>, DrawError> {
        let mut stopwatch = Stopwatch::start();
        let kept = self.0.playbacks.take(image.id, spec.frame());
        let playback = match kept {
            Some(playback) => Some(playback),
            None => self.open_playback(image, max_wait, &mut stopwatch).await?,
        };
        let Some(mut playback) = playback else { return Ok(None) };
        let header = playback.header().clone();
        let working = spec.working_bytes(header.width, header.height);
        let bytes = header.decoded_bytes_for(spec).saturating_add(working);
        let permits = self.wait_for_core(bytes, max_wait, &mut stopwatch).await?;
        let (pipeline, id, spec) = (self.clone(), image.id, spec.clone());
        let work = move |is_cancelled: &dyn Fn() -> bool| {
            let _held_to_the_end = permits;
            let grid = playback.draw(&spec, is_cancelled)?;
            pipeline.0.playbacks.keep(id, playback);
            drawing(&grid, is_cancelled)
        };
        let never_waits = StoreWaits::default();
        let drawing = self.run(work, &CancellationToken::new(), &never_waits).await?;
        stopwatch.lap("render");
        Ok(Some((drawing, stopwatch.stages)))
    }
}
