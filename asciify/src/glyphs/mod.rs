//! Glyphs: symbols with their shapes, as coverage of the samples of a cell.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

pub(crate) mod blocks;
mod coverage;
pub(crate) mod mask;
pub(crate) mod symbol_set;

use blocks::Rect;
use coverage::COVERAGE;
use mask::{CELL_SAMPLES, Mask, mean};
use symbol_set::SymbolSet;

/// A symbol and its coverage.
#[derive(Clone, Copy)]
pub(crate) struct Glyph {
    pub(crate) symbol: char,
    /// The fraction of the cell that it covers, 0 to 1.
    pub(crate) coverage: f32,
}

/// What may be drawn in a cell: up to 256 glyphs, parallel by index. If one of them is blank, it is
/// the first.
pub(crate) struct GlyphSet {
    pub(crate) symbols: Vec<char>,
    pub(crate) masks: Vec<Mask>,
    /// The fraction of the whole cell that each glyph covers, 0 to 1: the mean of its mask.
    pub(crate) coverage: Vec<f32>,
    /// The largest of them.
    pub(crate) max_coverage: f32,
}

impl GlyphSet {
    fn new(glyphs: impl IntoIterator<Item = (char, Mask)>) -> Self {
        let (symbols, masks): (Vec<char>, Vec<Mask>) = glyphs.into_iter().unzip();
        let coverage: Vec<f32> = masks.iter().map(mean).collect();
        let max_coverage = coverage.iter().fold(0.0, |max: f32, it| max.max(*it));
        Self { symbols, masks, coverage, max_coverage }
    }

    /// The glyph at `index`.
    pub(crate) fn glyph(&self, index: usize) -> Glyph {
        Glyph { symbol: self.symbols[index], coverage: self.coverage[index] }
    }

    /// Index of a symbol of the set.
    #[cfg(test)]
    pub(crate) fn index(&self, symbol: char) -> usize {
        self.symbols.iter().position(|it| *it == symbol).expect("it is in the set")
    }
}

/// The printable ASCII characters, from space to tilde.
pub(crate) static ASCII: LazyLock<Arc<GlyphSet>> =
    LazyLock::new(|| Arc::new(GlyphSet::new(ascii())));

fn ascii() -> impl Iterator<Item = (char, Mask)> {
    let mask = |samples: &[u8; CELL_SAMPLES]| samples.map(|sample| f32::from(sample) / 255.0);
    (b' '..).map(char::from).zip(COVERAGE.iter().map(mask))
}

/// The glyphs of a set of block symbols; none for ASCII, which is [`ASCII`].
pub(crate) fn of_set(set: SymbolSet) -> GlyphSet {
    GlyphSet::new(blocks::glyphs(set))
}

/// The known glyphs whose symbols are in `chars`.
pub(crate) fn of_chars(chars: &str) -> GlyphSet {
    GlyphSet::new(all().filter(|(symbol, _)| chars.contains(*symbol)))
}

/// The rectangles that a block symbol fills; `None` for every other symbol.
pub(crate) fn block_rects(symbol: char) -> Option<&'static [Rect]> {
    static RECTS: LazyLock<HashMap<char, Vec<Rect>>> = LazyLock::new(|| {
        // Of a symbol in several sets, the first set's rectangles stay: they are the fewest.
        let all = BLOCK_SETS.into_iter().rev().flat_map(blocks::block_symbols);
        all.map(|it| (it.symbol, it.rects)).collect()
    });
    RECTS.get(&symbol).map(Vec::as_slice)
}

/// Sets that hold every block symbol between them.
const BLOCK_SETS: [SymbolSet; 5] =
    [SymbolSet::Half, SymbolSet::Blocks, SymbolSet::Sextant, SymbolSet::Octant, SymbolSet::Braille];

/// Every symbol whose shape is known, each once.
pub(crate) fn known_symbols() -> impl Iterator<Item = char> {
    all().map(|(symbol, _)| symbol)
}

fn all() -> impl Iterator<Item = (char, Mask)> {
    let mut seen = HashSet::new();
    let blocks = BLOCK_SETS.into_iter().flat_map(blocks::glyphs);
    ascii().chain(blocks).filter(move |(symbol, _)| seen.insert(*symbol))
}
