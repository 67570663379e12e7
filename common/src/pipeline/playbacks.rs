//! Playbacks: animations that are decoded up to a frame, kept for the next one.

use std::sync::{Mutex, PoisonError};

use asciify::Playback;

use crate::image::ImageId;

/// Animations that are decoded up to a frame. Those that were used last are kept.
pub(super) struct Playbacks {
    kept: Mutex<Vec<(ImageId, Playback)>>,
    pub(super) max_bytes: u64,
}

impl Playbacks {
    pub(super) fn new(max_bytes: u64) -> Self {
        Playbacks { kept: Mutex::default(), max_bytes }
    }

    /// The playback of an image that is nearest before a frame.
    pub(super) fn take(&self, image: ImageId, frame: u32) -> Option<Playback> {
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
    pub(super) fn keep(&self, image: ImageId, playback: Playback) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // one at each frame is enough
        let next = playback.next_frame();
        kept.retain(|(id, other)| *id != image || other.next_frame() != next);
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
