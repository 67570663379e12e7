//! The printable ASCII characters, as the eye sees them: how much ink each puts where in its cell.

use std::array;
use std::sync::LazyLock;

mod coverage;

use coverage::COVERAGE;

/// Samples across and down a cell.
pub(crate) const ACROSS: usize = 4;
pub(crate) const DOWN: usize = 8;
/// Samples in a cell.
pub(crate) const PARTS: usize = ACROSS * DOWN;
/// Characters that there are: from space to tilde.
pub(crate) const GLYPHS: usize = COVERAGE.len();

/// Part of each sample that a character's ink covers, 0 to 1, and part of the whole cell.
pub(crate) struct Glyphs {
    pub(crate) parts: [[f32; PARTS]; GLYPHS],
    pub(crate) ink: [f32; GLYPHS],
    /// The most ink that any character has.
    pub(crate) most_ink: f32,
}

pub(crate) static GLYPH: LazyLock<Glyphs> = LazyLock::new(|| {
    let parts = COVERAGE.map(|parts| parts.map(|part| f32::from(part) / 255.0));
    let ink = array::from_fn(|index| mean(&parts[index]));
    let most_ink = ink.iter().fold(0.0, |most: f32, ink| most.max(*ink));
    Glyphs { parts, ink, most_ink }
});

/// The character of that index.
pub(crate) fn character(index: usize) -> char {
    char::from(b' ' + index as u8)
}

/// The index of a printable ASCII character.
pub(crate) const fn index(character: char) -> usize {
    character as usize - ' ' as usize
}

/// Mean over the samples of a cell, added in one order everywhere.
pub(crate) fn mean(parts: &[f32; PARTS]) -> f32 {
    parts.iter().sum::<f32>() / PARTS as f32
}
