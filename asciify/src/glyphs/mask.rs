//! The samples of a cell, and how much of each a glyph covers.

/// Samples across a cell.
pub(crate) const ACROSS: usize = 4;
/// Samples down a cell.
pub(crate) const DOWN: usize = 8;
/// Samples in a cell.
pub(crate) const CELL_SAMPLES: usize = ACROSS * DOWN;

/// One value for each sample of a cell, row-major: [`ACROSS`] values a row, [`DOWN`] rows.
///
/// Of a glyph, the coverage of each sample: the fraction, 0 to 1, that the foreground fills.
pub(crate) type Mask = [f32; CELL_SAMPLES];

/// Mean over the samples of a cell. The order of the additions is fixed, so that the result is the
/// same on every machine.
pub(crate) fn mean(mask: &Mask) -> f32 {
    mask.iter().sum::<f32>() / CELL_SAMPLES as f32
}
