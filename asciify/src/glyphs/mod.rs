//! Symbols as the eye sees them: how much ink each puts where in its cell.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

mod blocks;
mod coverage;
pub(crate) mod shapes;

pub(crate) use blocks::Rect;

use coverage::COVERAGE;
use shapes::Shapes;

/// Samples across and down a cell.
pub(crate) const ACROSS: usize = 4;
pub(crate) const DOWN: usize = 8;
/// Samples in a cell.
pub(crate) const PARTS: usize = ACROSS * DOWN;

/// Part of each sample that a symbol's ink covers, 0 to 1.
pub(crate) type Mask = [f32; PARTS];

/// What was chosen for a cell.
pub(crate) struct Drawn {
    pub(crate) symbol: char,
    /// Part of the cell that it covers.
    pub(crate) ink: f32,
}

/// What may be drawn in a cell: up to 256 symbols, the first of which puts no ink there if any does.
pub(crate) struct Glyphs {
    pub(crate) symbols: Vec<char>,
    pub(crate) masks: Vec<Mask>,
    /// Part of the whole cell.
    pub(crate) ink: Vec<f32>,
    /// The most ink that any symbol has.
    pub(crate) most_ink: f32,
}

impl Glyphs {
    fn new(symbols: impl IntoIterator<Item = (char, Mask)>) -> Self {
        let (symbols, masks): (Vec<char>, Vec<Mask>) = symbols.into_iter().unzip();
        let ink: Vec<f32> = masks.iter().map(mean).collect();
        let most_ink = ink.iter().fold(0.0, |most: f32, ink| most.max(*ink));
        Self { symbols, masks, ink, most_ink }
    }

    pub(crate) fn drawn(&self, glyph: usize) -> Drawn {
        Drawn { symbol: self.symbols[glyph], ink: self.ink[glyph] }
    }

    /// Where a symbol is in the set.
    #[cfg(test)]
    pub(crate) fn index(&self, symbol: char) -> usize {
        self.symbols.iter().position(|it| *it == symbol).expect("it is in the set")
    }
}

/// The printable ASCII characters, from space to tilde.
pub(crate) static ASCII: LazyLock<Arc<Glyphs>> = LazyLock::new(|| Arc::new(Glyphs::new(ascii())));

fn ascii() -> impl Iterator<Item = (char, Mask)> {
    let mask = |parts: &[u8; PARTS]| parts.map(|part| f32::from(part) / 255.0);
    (b' '..).map(char::from).zip(COVERAGE.iter().map(mask))
}

/// The glyphs of a set of block elements or of braille.
pub(crate) fn of(shapes: Shapes) -> Glyphs {
    Glyphs::new(blocks::of(shapes))
}

/// Of all known glyphs, those of `chars`.
pub(crate) fn among(chars: &str) -> Glyphs {
    Glyphs::new(all().filter(|(symbol, _)| chars.contains(*symbol)))
}

/// What a symbol that is no letter fills.
pub(crate) fn figure(symbol: char) -> Option<&'static [Rect]> {
    static FIGURES: LazyLock<HashMap<char, Vec<Rect>>> = LazyLock::new(|| {
        // a symbol of several sets stays as the first, with the fewest rectangles, has it
        let all = FIGURED.into_iter().rev().flat_map(blocks::figures);
        all.map(|figure| (figure.symbol, figure.rects)).collect()
    });
    FIGURES.get(&symbol).map(Vec::as_slice)
}

/// Sets that hold every figure between them.
const FIGURED: [Shapes; 5] =
    [Shapes::Half, Shapes::Blocks, Shapes::Sextant, Shapes::Octant, Shapes::Braille];

/// Every symbol whose shape we know, each once.
pub(crate) fn known() -> impl Iterator<Item = char> {
    all().map(|(symbol, _)| symbol)
}

fn all() -> impl Iterator<Item = (char, Mask)> {
    let mut seen = HashSet::new();
    ascii().chain(FIGURED.into_iter().flat_map(blocks::of)).filter(move |(it, _)| seen.insert(*it))
}

/// Mean over the samples of a cell, added in one order everywhere.
pub(crate) fn mean(mask: &Mask) -> f32 {
    mask.iter().sum::<f32>() / PARTS as f32
}
