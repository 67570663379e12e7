//! Frames of animations: which of them show in a later one, and the canvas that they are drawn on.

use std::sync::Arc;
use std::time::Duration;

use image::{DynamicImage, Rgba, RgbaImage};

use crate::cancellation::Cancellation;
use crate::color_profile::ColorProfile;
use crate::error::{Error, Limits};

/// A whole file in memory. Clones share it.
#[derive(Clone)]
pub(crate) struct FileBytes(pub(crate) Arc<dyn AsRef<[u8]> + Send + Sync>);

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

/// How an animation is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The [frame](crate::Spec::frame) that is shown first: 1 where a picture that does not belong to
    /// the animation precedes it, otherwise 0.
    pub first_frame: u32,
    /// How long each frame is shown, from the first one on. As in browsers, 10 ms and less mean 100 ms.
    pub durations: Vec<Duration>,
    /// How often all frames are shown; `None` is without end.
    pub plays: Option<u32>,
}

impl Timing {
    /// Of frames with these durations. 0 plays are without end.
    pub(super) fn new(
        first_frame: u32,
        durations: impl Iterator<Item = Duration>,
        plays: u32,
    ) -> Self {
        const SHORTEST: Duration = Duration::from_millis(10);
        let shown = |it| if it <= SHORTEST { Duration::from_millis(100) } else { it };
        let plays = Some(plays).filter(|it| *it > 0);
        Self { first_frame, durations: durations.map(shown).collect(), plays }
    }
}

/// The frames of an animation in their order, each drawn over what those before it left.
pub(crate) trait Frames: Send {
    /// Moves on to a frame behind the last one, counted from 0, and returns it as it is shown. After an
    /// error, what is shown is undefined.
    ///
    /// # Errors
    /// What is damaged, [`Error::OverLimit`] where too many pixels show in it, or
    /// [`Error::Cancelled`].
    fn advance(
        &mut self,
        index: usize,
        limits: &Limits,
        cancellation: &Cancellation<'_>,
    ) -> Result<&DynamicImage, Error>;
}

/// An animation from its beginning. It can be moved between threads, as a colour profile cannot.
pub(crate) struct Animation {
    pub(crate) timing: Timing,
    pub(crate) frames: Box<dyn Frames>,
    /// Reads the colour profile of a file.
    pub(crate) profile: fn(&FileBytes) -> ColorProfile,
}

/// A frame is drawn only if those that show in it have at most this many times the pixels that the
/// limits allow for one image, …
const MAX_CANVASES: u64 = 8;
/// … and at most so many pixels, and so many per byte of the file: a frame of one colour takes a few
/// bytes.
const FREE_PIXELS: u64 = 1 << 26;
const PIXELS_PER_BYTE: u64 = 128;

/// Checks the pixels of all frames that show in a frame.
///
/// # Errors
/// [`Error::OverLimit`].
pub(super) fn check_pixels(pixels: u64, file_bytes: u64, limits: &Limits) -> Result<(), Error> {
    let by_bytes = file_bytes.saturating_mul(PIXELS_PER_BYTE).saturating_add(FREE_PIXELS);
    let max = limits.max_pixels.saturating_mul(MAX_CANVASES).min(by_bytes);
    Error::over("pixels in the frames up to that one", pixels, max)
}

/// A rectangle of pixels, which may extend beyond the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Rect {
    /// Pixels.
    pub(super) fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Whether it covers a canvas of this width and height.
    pub(super) fn covers(self, (width, height): (u32, u32)) -> bool {
        (self.left, self.top) == (0, 0) && self.width >= width && self.height >= height
    }
}

/// What frames are drawn on; transparent at first. When the caller has cancelled, rows are missing.
pub(super) struct Canvas {
    sides: (u32, u32),
    /// RGBA; made when something is drawn or shown, so that what is refused takes no memory.
    image: Option<DynamicImage>,
}

impl Canvas {
    pub(super) fn new(sides: (u32, u32)) -> Self {
        Self { sides, image: None }
    }

    /// Width and height.
    pub(super) fn sides(&self) -> (u32, u32) {
        self.sides
    }

    pub(super) fn image(&mut self) -> &mut DynamicImage {
        let (width, height) = self.sides;
        self.image.get_or_insert_with(|| RgbaImage::new(width, height).into())
    }

    pub(super) fn into_image(mut self) -> DynamicImage {
        self.image();
        self.image.expect("it was made")
    }

    /// Makes all pixels transparent.
    pub(super) fn clear_all(&mut self) {
        if self.image.is_some() {
            self.pixels().fill(0);
        }
    }

    /// Makes the pixels in a rectangle transparent.
    pub(super) fn clear(&mut self, rect: Rect, cancellation: &Cancellation<'_>) {
        self.for_each_row(rect, cancellation, |row, _| row.fill(0));
    }

    /// A copy of what is drawn.
    pub(super) fn copy(&self) -> Self {
        Self { sides: self.sides, image: self.image.clone() }
    }

    /// Calls `draw` with each pixel in a rectangle and that of `frame` for it. `frame` has the
    /// pixels of the rectangle, row-major.
    pub(super) fn draw(
        &mut self,
        rect: Rect,
        frame: &[[u8; 4]],
        cancellation: &Cancellation<'_>,
        draw: impl Fn(&mut [u8; 4], [u8; 4]),
    ) {
        let width = rect.width.max(1) as usize;
        self.for_each_row(rect, cancellation, |row, y| {
            let frame = frame.chunks_exact(width).nth(y).unwrap_or_default();
            row.as_chunks_mut().0.iter_mut().zip(frame).for_each(|(under, over)| {
                draw(under, *over);
            });
        });
    }

    /// The samples of all pixels.
    fn pixels(&mut self) -> &mut [u8] {
        self.image().as_mut_rgba8().expect("it is created as RGBA").as_flat_samples_mut().samples
    }

    /// Calls `take` with the part of each row inside a rectangle, and the row's index in that.
    fn for_each_row(
        &mut self,
        rect: Rect,
        cancellation: &Cancellation<'_>,
        mut take: impl FnMut(&mut [u8], usize),
    ) {
        let (width, height) = self.sides;
        let (left, right) = (rect.left.min(width), rect.left.saturating_add(rect.width).min(width));
        let bytes = 4 * left as usize..4 * right as usize;
        let bottom = rect.top.saturating_add(rect.height).min(height);
        let row_bytes = 4 * width as usize;
        let pixels = self.pixels();
        for y in (rect.top..bottom).take_while(|_| !cancellation.is_cancelled()) {
            let start = y as usize * row_bytes;
            let row = &mut pixels[start..start + row_bytes];
            take(&mut row[bytes.clone()], (y - rect.top) as usize);
        }
    }
}

/// Draws a pixel over another, as the `image` crate blends them.
pub(super) fn blend(under: &mut [u8; 4], over: [u8; 4]) {
    let mut blended = Rgba(*under);
    image::Pixel::blend(&mut blended, &Rgba(over));
    *under = blended.0;
}
