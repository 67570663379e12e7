//! Plays the frames of a GIF or APNG: draws each over what those before it left, from the last one
//! that hides all before it.

use image::DynamicImage;

use super::animation::{Canvas, Frames, Rect, check_pixels};
use super::decoder::area;
use crate::cancellation::Cancellation;
use crate::error::{Error, Limits};

/// What is done to the canvas after a frame was shown (GIF89a, section 23; W3C PNG, third edition,
/// 11.3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposal {
    /// The frame stays.
    Keep,
    /// Its rectangle becomes transparent.
    Background,
    /// What was there before it is restored.
    Previous,
}

/// What a frame does to the canvas.
pub(super) struct Frame {
    pub(super) rect: Rect,
    pub(super) disposal: Disposal,
    /// Whether each of its pixels replaces what is below it.
    pub(super) is_opaque: bool,
}

impl Frame {
    fn is_kept(&self) -> bool {
        self.disposal == Disposal::Keep
    }
}

/// Decodes the frames of a file in their order.
pub(super) trait ReadFrames {
    /// Moves on to the next frame, from before the first one.
    ///
    /// # Errors
    /// What is damaged.
    fn next(&mut self) -> Result<(), Error>;

    /// Draws the frame that it is at.
    ///
    /// # Errors
    /// What is damaged.
    fn draw(
        &mut self,
        frame: &Frame,
        canvas: &mut Canvas,
        cancellation: &Cancellation<'_>,
    ) -> Result<(), Error>;
}

/// Draws the frames of a file in their order.
pub(super) struct FramePlayer<R> {
    reader: R,
    frames: Vec<Frame>,
    file_bytes: u64,
    canvas: Canvas,
    /// The index of the frame that is read next. The one before it is on the canvas.
    next: usize,
    /// What was on the canvas before the frame that is shown, where that is to be restored.
    before: Option<Canvas>,
}

impl<R: ReadFrames> FramePlayer<R> {
    /// `reader` is before the first one of `frames`; `sides` are those of the canvas.
    pub(super) fn new(reader: R, frames: Vec<Frame>, sides: (u32, u32), file_bytes: u64) -> Self {
        Self { reader, frames, file_bytes, canvas: Canvas::new(sides), next: 0, before: None }
    }

    /// The frame of that index, as it is shown: see [`Frames::advance`].
    ///
    /// # Errors
    /// As there.
    pub(super) fn into_frame(
        mut self,
        index: usize,
        limits: &Limits,
        cancellation: &Cancellation<'_>,
    ) -> Result<DynamicImage, Error> {
        self.advance_to(index, limits, cancellation)?;
        Ok(self.canvas.into_image())
    }

    /// The first frame behind `next` that shows in the frame `last`; `None` if what is on the canvas
    /// shows, too.
    fn first_shown(&self, last: usize) -> Option<usize> {
        let sides = self.canvas.sides();
        let covers = |at: &usize| self.frames[*at].rect.covers(sides);
        let hides = |at: &usize| {
            covers(at) && self.frames[*at].is_opaque && (*at == last || self.frames[*at].is_kept())
        };
        let clears = |at: &usize| covers(at) && self.frames[*at].disposal == Disposal::Background;
        let hiding = (self.next..=last).rfind(hides);
        let clearing = (self.next..last).rfind(clears).map(|at| at + 1);
        hiding.max(clearing)
    }

    /// See [`Frames::advance`].
    fn advance_to(
        &mut self,
        last: usize,
        limits: &Limits,
        cancellation: &Cancellation<'_>,
    ) -> Result<(), Error> {
        let first = self.first_shown(last);
        let Self { reader, frames, canvas, .. } = self;
        let sides = canvas.sides();
        let shows = |at: usize| first.is_none_or(|first| at >= first);
        let is_drawn = |at: usize| shows(at) && (at == last || frames[at].is_kept());
        let drawn = (self.next..=last).filter(|at| is_drawn(*at));
        let pixels = drawn.map(|at| frames[at].rect.area()).sum();
        check_pixels(pixels, self.file_bytes, limits)?;
        cancellation.begin_long_work(pixels.max(area(sides.0, sides.1)))?;

        let shown = self.next.checked_sub(1).map(|at| &frames[at]);
        match (self.before.take(), shown) {
            _ if first.is_some() => canvas.clear_all(),
            (Some(before), _) => *canvas = before,
            (None, Some(shown)) if shown.disposal == Disposal::Background => {
                canvas.clear(shown.rect, cancellation);
            }
            _ => {}
        }
        for at in self.next..=last {
            cancellation.check()?;
            let frame = &frames[at];
            reader.next()?;
            if is_drawn(at) {
                if frame.disposal == Disposal::Previous && at + 1 < frames.len() {
                    self.before = Some(canvas.copy());
                }
                reader.draw(frame, canvas, cancellation)?;
            } else if shows(at) && frame.disposal == Disposal::Background {
                canvas.clear(frame.rect, cancellation);
            }
        }
        self.next = last + 1;
        Ok(())
    }
}

impl<R: ReadFrames + Send> Frames for FramePlayer<R> {
    fn advance(
        &mut self,
        index: usize,
        limits: &Limits,
        cancellation: &Cancellation<'_>,
    ) -> Result<&DynamicImage, Error> {
        self.advance_to(index, limits, cancellation)?;
        Ok(self.canvas.image())
    }
}
