//! The size of the grid of a spec, and the memory that drawing it takes.

use super::Spec;
use super::options::{MAX_CELLS, ONE};
use super::values::{Fit, Palette};
use crate::glyphs::mask::CELL_SAMPLES;

impl Spec {
    /// Columns and rows of the grid for an upright picture of so many pixels, each from 1 to 1000.
    /// The grid has the proportions of the region; of the picture, if the region lies outside.
    ///
    /// A size that follows from the other is rounded to the nearest integer, halves up. If it would
    /// exceed 1000, both sizes shrink.
    pub fn size(&self, width_px: u32, height_px: u32) -> (u32, u32) {
        let (columns, rows) = (self.width().unwrap_or(MAX_CELLS), self.height.unwrap_or(MAX_CELLS));
        if self.fit() != Fit::Contain {
            return (columns, rows);
        }
        let shown = self.region.of((width_px, height_px));
        let (width_px, height_px) = shown.map_or((width_px, height_px), |shown| shown.sides());
        // The picture is `across` columns wide for every `down` rows.
        let across = u128::from(width_px.max(1)) * ONE as u128;
        let down = u128::from(height_px.max(1)) * u128::from(self.cell_thousandths());
        let following_rows = scaled(columns, down, across);
        if following_rows <= rows {
            (columns, following_rows.max(1))
        } else {
            (scaled(rows, across, down).clamp(1, columns), rows)
        }
    }

    /// An upper estimate of the memory that drawing takes beside the decoded picture, in bytes.
    pub fn working_bytes(&self, width_px: u32, height_px: u32) -> u64 {
        let (columns, rows) = self.size(width_px, height_px);
        // Without colours: light, opacity, and one of them once more while it is turned upright;
        // coverage replaces light. With colours: the light and the coverage of three channels more.
        let buffers = if self.color == Palette::None { 3 } else { 9 };
        u64::from(columns) * u64::from(rows) * (CELL_SAMPLES * buffers * size_of::<u32>()) as u64
    }
}

/// `length × part / whole`, rounded to the nearest integer, halves up; at most `u32::MAX`.
fn scaled(length: u32, part: u128, whole: u128) -> u32 {
    let twice = 2 * u128::from(length) * part + whole;
    u32::try_from(twice / (2 * whole)).unwrap_or(u32::MAX)
}
