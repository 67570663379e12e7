//! Specs that say which values are read, and at which resolution, where nothing is drawn.

use super::Spec;
use super::options::MAX_CELLS;
use super::region::Region;
use super::values::Fit;
use crate::glyphs::mask::{ACROSS, DOWN};

/// Samples across and down of the picture that percentiles are taken of.
const PERCENTILE_SIDE_PX: u32 = 256;

impl Spec {
    /// For one pixel of the upright picture, at full resolution.
    pub(crate) fn for_pixel(&self, x: u32, y: u32) -> Self {
        Self { region: Region::Pixels([x, y, 1, 1]), ..self.for_pixels(1) }
    }

    /// For a resolution of about so many pixels across and down.
    pub(crate) fn for_pixels(&self, side_px: u32) -> Self {
        let cells = |samples: usize| Some((side_px / samples as u32).clamp(1, MAX_CELLS));
        let (width, height) = (cells(ACROSS), cells(DOWN));
        Self { width, height, fit: Fit::Stretch, ..self.clone() }
    }

    /// For percentiles of the whole picture.
    pub(crate) fn for_percentiles(&self) -> Self {
        Self { region: Region::Full, ..self.for_pixels(PERCENTILE_SIDE_PX) }
    }
}
