//! Plays: draws the frames of animations one after another, each at the cost of what it adds.
//!
//! An animation that was decoded up to a frame is kept for the next one, whichever look it is drawn
//! in and whoever asks for it. The texts of frames are kept as all others are.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use asciify::{Playback, Spec, Timing};
use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;

use super::{
    Pipeline,
    cache::Stages,
    draw::{DrawError, Drawing, Stopwatch, drawing, verdict},
    serve::ServeError,
};
use crate::image::{Image, ImageId};

/// Animations that are decoded up to a frame. Those that were used last are kept.
pub(super) struct Playbacks {
    kept: Mutex<Vec<(ImageId, Playback)>>,
    max_bytes: u64,
}

impl Playbacks {
    pub(super) fn new(max_bytes: u64) -> Self {
        Playbacks { kept: Mutex::default(), max_bytes }
    }

    /// The playback of an image that is nearest before a frame.
    fn take(&self, image: ImageId, frame: u32) -> Option<Playback> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = kept
            .iter()
            .enumerate()
            .filter(|(_, (id, playback))| *id == image && playback.next_frame() <= frame);
        let nearest = usable.max_by_key(|(_, (_, playback))| playback.next_frame());
        let index = nearest.map(|(index, _)| index)?;
        Some(kept.remove(index).1)
    }

    /// Keeps a playback, and drops those that were used least recently for it.
    fn keep(&self, image: ImageId, playback: Playback) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push((image, playback));
        let mut bytes: u64 = kept.iter().map(|(_, playback)| playback.bytes()).sum();
        while bytes > self.max_bytes {
            bytes -= kept.remove(0).1.bytes();
        }
    }

    /// Drops what is kept of a deleted image.
    pub(super) fn forget(&self, image: ImageId) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, _)| *id != image);
    }
}

impl Pipeline {
    /// How an image is played; `None` if it does not move.
    ///
    /// # Errors
    /// See [`ServeError`]. An animation that takes more memory than `PLAYBACK_MEMORY_MIB` cannot be
    /// played.
    pub fn timing(&self, id: ImageId) -> BoxFuture<'_, Result<Option<Timing>, ServeError>> {
        Box::pin(async move {
            let image = self.image(id).await?.ok_or(ServeError::NoImage)?;
            if !image.metadata.may_move() {
                return Ok(None);
            }
            let max_wait = self.config().render_wait;
            let playback = self.open_playback(&image, max_wait, &mut Stopwatch::start()).await?;
            let Some(playback) = playback else { return Ok(None) };
            let (bytes, max) = (playback.bytes(), self.0.playbacks.max_bytes);
            if bytes > max {
                let what = "bytes to be played (PLAYBACK_MEMORY_MIB)";
                let over = asciify::Error::OverLimit { what, is: bytes, max };
                return Err(DrawError::Image(over).into());
            }
            let timing = playback.timing().clone();
            self.0.playbacks.keep(id, playback);
            Ok(Some(timing))
        })
    }

    async fn open_playback(
        &self,
        image: &Image,
        max_wait: Duration,
        stopwatch: &mut Stopwatch,
    ) -> Result<Option<Playback>, DrawError> {
        let (room, original) = self.load(image, max_wait, stopwatch).await?;
        let limits = self.config().limits.clone();
        let opened = spawn_blocking(move || {
            let _held_to_the_end = room;
            Playback::open(original, &limits)
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
        let drawing = self.run(work).await?;
        stopwatch.lap("render");
        Ok(Some((drawing, stopwatch.stages)))
    }
}

#[cfg(test)]
mod tests {
    use asciify::Limits;

    use super::*;
    use crate::image::Millis;

    fn playback() -> Playback {
        Playback::open(testkit::pictures::gif(), &Limits::default()).unwrap().unwrap()
    }

    fn at(frame: u32) -> Playback {
        let mut playback = playback();
        let spec = format!("width=4&frame={frame}").parse().unwrap();
        playback.draw(&spec, &|| false).unwrap();
        playback
    }

    #[test]
    fn the_nearest_playback_before_a_frame_is_taken() {
        let (image, other) = (ImageId::generate(Millis(1)), ImageId::generate(Millis(1)));
        let playbacks = Playbacks::new(u64::MAX);
        playbacks.keep(image, playback());
        playbacks.keep(image, at(1));
        let taken = |image, frame| playbacks.take(image, frame).map(|it| it.next_frame());
        assert_eq!(taken(other, 2), None);
        assert_eq!(taken(image, 2), Some(2));
        assert_eq!(taken(image, 2), Some(0));
        assert_eq!(taken(image, 2), None);
    }

    #[test]
    fn playbacks_are_kept_as_far_as_memory_allows_and_not_of_deleted_images() {
        let images = [1, 2, 3].map(|_| ImageId::generate(Millis(1)));
        let playbacks = Playbacks::new(2 * playback().bytes());
        for image in images {
            playbacks.keep(image, playback());
        }
        playbacks.forget(images[2]);
        let kept = images.map(|image| playbacks.take(image, 0).is_some());
        assert_eq!(kept, [false, true, false]);
    }
}
