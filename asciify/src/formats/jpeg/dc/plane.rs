//! The image that DC coefficients make: one value per block and component.

use std::ops::ControlFlow;

use crate::light::from_ycbcr;

/// Pixels of the full image, across and down, for each pixel of this one.
pub(in crate::formats::jpeg) const SCALE: u32 = 8;

/// The value of missing blocks, as in libjpeg.
pub(super) const GREY: u8 = 128;

/// The mean colour of each block of 8 × 8 pixels.
pub(in crate::formats::jpeg) struct DcImage {
    /// Width and height in pixels, each the mean of [`SCALE`] × [`SCALE`] pixels of the file.
    pub(in crate::formats::jpeg) width: usize,
    pub(in crate::formats::jpeg) height: usize,
    /// Whether no block is missing.
    pub(in crate::formats::jpeg) is_complete: bool,
    /// Grey, or Y, Cb and Cr.
    pub(super) planes: Vec<Plane>,
}

/// The mean of each block of one component.
pub(super) struct Plane {
    /// Blocks per row of `values`.
    pub(super) stride: usize,
    /// Means, 0 to 255, row-major; rows at the end may be missing.
    pub(super) values: Vec<u8>,
    /// The horizontal sampling factor of the component, and the highest of all components (A.1.1).
    pub(super) h: (usize, usize),
    /// The vertical ones.
    pub(super) v: (usize, usize),
}

impl DcImage {
    /// Calls `take` with each row from the top, as sRGB, until it breaks.
    pub(in crate::formats::jpeg) fn for_each_row(
        &self,
        mut take: impl FnMut(&[[u8; 3]]) -> ControlFlow<()>,
    ) {
        let mut row = vec![[0; 3]; self.width];
        for y in 0..self.height {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = match self.planes.as_slice() {
                    [grey] => [grey.at(x, y); 3],
                    [luma, cb, cr] => from_ycbcr(luma.at(x, y), cb.at(x, y), cr.at(x, y)),
                    _ => [0; 3],
                };
            }
            if take(&row).is_break() {
                break;
            }
        }
    }
}

impl Plane {
    /// A component whose scan is missing.
    pub(super) const MISSING: Self = Self { stride: 0, values: Vec::new(), h: (1, 1), v: (1, 1) };

    /// The value at a pixel of the image.
    fn at(&self, x: usize, y: usize) -> u8 {
        let x = x * self.h.0 / self.h.1;
        let y = y * self.v.0 / self.v.1;
        self.values.get(y * self.stride + x).copied().unwrap_or(GREY)
    }
}
