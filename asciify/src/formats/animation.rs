//! Frames of animations: which of them show in a later one, and the canvas that they are drawn on.

use image::{DynamicImage, Rgba, RgbaImage};

use crate::cancellation::Cancellation;
use crate::error::{Error, Limits};

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
pub(super) struct Canvas<'a> {
    image: RgbaImage,
    cancellation: &'a Cancellation<'a>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new((width, height): (u32, u32), cancellation: &'a Cancellation<'a>) -> Self {
        Self { image: RgbaImage::new(width, height), cancellation }
    }

    /// Makes the pixels in a rectangle transparent.
    pub(super) fn clear(&mut self, rect: Rect) {
        self.for_each_row(rect, |row, _| row.fill(0));
    }

    /// Calls `draw` with each pixel in a rectangle and that of `frame` for it. `frame` has the
    /// pixels of the rectangle, row-major.
    pub(super) fn draw(
        &mut self,
        rect: Rect,
        frame: &[[u8; 4]],
        draw: impl Fn(&mut [u8; 4], [u8; 4]),
    ) {
        let width = rect.width.max(1) as usize;
        self.for_each_row(rect, |row, y| {
            let frame = frame.chunks_exact(width).nth(y).unwrap_or_default();
            row.as_chunks_mut().0.iter_mut().zip(frame).for_each(|(under, over)| {
                draw(under, *over);
            });
        });
    }

    pub(super) fn into_image(self) -> DynamicImage {
        self.image.into()
    }

    /// Calls `take` with the part of each row inside a rectangle, and the row's index in that.
    fn for_each_row(&mut self, rect: Rect, mut take: impl FnMut(&mut [u8], usize)) {
        let (width, height) = self.image.dimensions();
        let (left, right) = (rect.left.min(width), rect.left.saturating_add(rect.width).min(width));
        let bytes = 4 * left as usize..4 * right as usize;
        let bottom = rect.top.saturating_add(rect.height).min(height);
        let row_bytes = 4 * width as usize;
        for y in (rect.top..bottom).take_while(|_| !self.cancellation.is_cancelled()) {
            let start = y as usize * row_bytes;
            let row = &mut self.image.as_flat_samples_mut().samples[start..start + row_bytes];
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
