//! Block symbols: block elements, sextants, octants and braille patterns.
//!
//! Unicode 16.0 defines their shapes (Block Elements, Symbols for Legacy Computing and its
//! Supplement, Braille Patterns), so they are computed; those of letters are measured.

use crate::glyphs::mask::{ACROSS, DOWN, Mask};
use crate::glyphs::symbol_set::SymbolSet;

/// The fraction of its tile, an eighth of the cell, that a braille dot covers. Fonts differ, from
/// about a third to a half.
const DOT_COVERAGE: f32 = 0.4;

/// Radius of a braille dot, in widths of its tile, which is square: a disc of [`DOT_COVERAGE`].
pub(crate) const DOT_RADIUS: f64 = 0.357;

/// Left, top, right and bottom side, as fractions of the cell's width and height.
pub(crate) type Rect = [f64; 4];

/// A block symbol and the rectangles that it fills.
pub(crate) struct BlockSymbol {
    pub(crate) symbol: char,
    /// Of a braille pattern, the tiles in which its dots lie.
    pub(crate) rects: Vec<Rect>,
}

/// Whether a symbol is a braille pattern: dots within its rectangles.
pub(crate) fn is_braille(symbol: char) -> bool {
    ('\u{2800}'..='\u{28ff}').contains(&symbol)
}

/// The symbols of a set and their masks, the blank one first; none for ASCII.
pub(crate) fn glyphs(set: SymbolSet) -> Vec<(char, Mask)> {
    let filled = if set == SymbolSet::Braille { DOT_COVERAGE } else { 1.0 };
    let mask = |rects: &[Rect]| {
        let mut mask: Mask = [0.0; _];
        for rect in rects {
            mask.iter_mut().zip(area(*rect)).for_each(|(sample, more)| *sample += filled * more);
        }
        mask
    };
    block_symbols(set).into_iter().map(|it| (it.symbol, mask(&it.rects))).collect()
}

/// The symbols of a set, the blank one first; none for ASCII.
pub(crate) fn block_symbols(set: SymbolSet) -> Vec<BlockSymbol> {
    match set {
        SymbolSet::Ascii => Vec::new(),
        SymbolSet::Half => tiles(1, 2, half),
        SymbolSet::Quad => tiles(2, 2, quad),
        SymbolSet::Sextant => tiles(2, 3, sextant),
        SymbolSet::Octant => {
            let mut free = '\u{1cd00}'..='\u{1cde5}';
            tiles(2, 4, |tiles| octant_elsewhere(tiles).or_else(|| free.next()).unwrap_or(' '))
        }
        SymbolSet::Braille => tiles(2, 4, braille),
        SymbolSet::Blocks => {
            let mut all = tiles(2, 2, quad);
            let mut add = |symbol, rect| all.push(BlockSymbol { symbol, rects: vec![rect] });
            // ▁ to ▇ without the half, ▉ to ▏ without it
            for eighths in (1..8).filter(|eighths| *eighths != 4) {
                let part = f64::from(eighths) / 8.0;
                let lower = char::from_u32(0x2580 + eighths).unwrap_or(' ');
                let left = char::from_u32(0x2590 - eighths).unwrap_or(' ');
                add(lower, [0.0, 1.0 - part, 1.0, 1.0]);
                add(left, [0.0, 0.0, part, 1.0]);
            }
            add('▔', [0.0, 0.0, 1.0, 0.125]);
            add('▕', [0.875, 0.0, 1.0, 1.0]);
            all
        }
    }
}

/// Every way to fill a cell of `across` × `down` tiles. Bit n of the argument of `symbol` is set if
/// tile n is filled; tiles are counted from the top left, row-major.
fn tiles(across: u32, down: u32, mut symbol: impl FnMut(u32) -> char) -> Vec<BlockSymbol> {
    let tile = |tile: u32| {
        let (x, y) = (f64::from(tile % across), f64::from(tile / across));
        let (across, down) = (f64::from(across), f64::from(down));
        [x / across, y / down, (x + 1.0) / across, (y + 1.0) / down]
    };
    let block = |filled: u32| {
        let rects = (0..across * down).filter(|it| filled >> it & 1 == 1).map(tile).collect();
        BlockSymbol { symbol: symbol(filled), rects }
    };
    (0..1 << (across * down)).map(block).collect()
}

/// The fraction of each sample that a rectangle covers.
fn area([left, top, right, bottom]: Rect) -> Mask {
    let shared = |from: f64, to: f64, index: usize, samples: usize| {
        let (start, end) = (index as f64 / samples as f64, (index + 1) as f64 / samples as f64);
        ((to.min(end) - from.max(start)) * samples as f64).clamp(0.0, 1.0)
    };
    std::array::from_fn(|sample| {
        let (x, y) = (sample % ACROSS, sample / ACROSS);
        (shared(left, right, x, ACROSS) * shared(top, bottom, y, DOWN)) as f32
    })
}

fn half(tiles: u32) -> char {
    [' ', '▀', '▄', '█'][tiles as usize]
}

fn quad(tiles: u32) -> char {
    const QUADS: [char; 16] =
        [' ', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█'];
    QUADS[tiles as usize]
}

/// The sextants from U+1FB00 are in the order of their bits, without those that other blocks of
/// Unicode encode already.
fn sextant(tiles: u32) -> char {
    match tiles {
        0 => ' ',
        0b01_01_01 => '▌',
        0b10_10_10 => '▐',
        0b11_11_11 => '█',
        _ => {
            let before = [0, 0b01_01_01, 0b10_10_10].iter().filter(|it| **it < tiles).count();
            char::from_u32(0x1fb00 + tiles - before as u32).unwrap_or(' ')
        }
    }
}

/// The octants that other blocks of Unicode encode already.
fn octant_elsewhere(tiles: u32) -> Option<char> {
    let row = |row: u32| tiles >> (2 * row) & 0b11;
    if row(0) == row(1) && row(2) == row(3) {
        return Some(quad(row(0) | row(2) << 2));
    }
    Some(match tiles {
        0b11_00_00_00 => '▂',
        0b11_11_11_00 => '▆',
        0b00_00_00_11 => '\u{1fb82}',
        0b00_11_11_11 => '\u{1fb85}',
        0b00_00_00_01 => '\u{1cea8}',
        0b00_00_00_10 => '\u{1ceab}',
        0b01_00_00_00 => '\u{1cea3}',
        0b10_00_00_00 => '\u{1cea0}',
        0b00_01_01_00 => '\u{1fbe6}',
        0b00_10_10_00 => '\u{1fbe7}',
        _ => return None,
    })
}

/// Braille numbers its dots down the left column, down the right one, and then along the last row.
fn braille(tiles: u32) -> char {
    const BITS: [u32; 8] = [0, 3, 1, 4, 2, 5, 6, 7];
    let dots = BITS.iter().enumerate().map(|(tile, bit)| (tiles >> tile & 1) << bit).sum::<u32>();
    match dots {
        0 => ' ',
        dots => char::from_u32(0x2800 + dots).unwrap_or(' '),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_way_to_fill_a_cell_has_a_symbol_of_its_own() {
        for (set, count) in [
            (SymbolSet::Half, 4),
            (SymbolSet::Quad, 16),
            (SymbolSet::Sextant, 64),
            (SymbolSet::Octant, 256),
            (SymbolSet::Braille, 256),
            (SymbolSet::Blocks, 30),
        ] {
            let all = glyphs(set);
            let symbols: HashSet<char> = all.iter().map(|(symbol, _)| *symbol).collect();
            assert_eq!((all.len(), symbols.len()), (count, count), "{set}");
            assert_eq!(all[0], (' ', [0.0; _]));
        }
    }

    /// By their names in the Unicode Character Database.
    #[test]
    fn symbols_are_those_that_the_standard_names() {
        for (set, symbol, filled) in [
            (SymbolSet::Sextant, '\u{1fb00}', "1"),
            (SymbolSet::Sextant, '\u{1fb1d}', "12345"),
            (SymbolSet::Octant, '\u{1cd00}', "3"),
            (SymbolSet::Octant, '\u{1cd01}', "23"),
            (SymbolSet::Octant, '\u{1cd09}', "5"),
            (SymbolSet::Octant, '\u{1cde5}', "2345678"),
            (SymbolSet::Braille, '\u{2840}', "7"),
            (SymbolSet::Braille, '\u{2809}', "12"),
        ] {
            let (_, mask) = *glyphs(set).iter().find(|(it, _)| *it == symbol).expect("a symbol");
            let down = if set == SymbolSet::Sextant { 3.0 } else { 4.0 };
            let covered = if set == SymbolSet::Braille { DOT_COVERAGE } else { 1.0 };
            let mut expected: Mask = [0.0; _];
            for tile in filled.chars().filter_map(|digit| digit.to_digit(10)) {
                let (x, y) = (f64::from((tile - 1) % 2), f64::from((tile - 1) / 2));
                let parts = area([x / 2.0, y / down, (x + 1.0) / 2.0, (y + 1.0) / down]);
                expected.iter_mut().zip(parts).for_each(|(sum, part)| *sum += covered * part);
            }
            let same = mask.iter().zip(expected).all(|(is, wanted)| (is - wanted).abs() < 1e-6);
            assert!(same, "{set} {symbol:?}");
        }
    }
}
