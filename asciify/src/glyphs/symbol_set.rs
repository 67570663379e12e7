//! The sets of symbols whose shapes are known.

use crate::named_enum::named_enum;

named_enum! {
    /// A set of symbols whose shapes are known.
    SymbolSet {
        /// The 95 printable characters of ASCII.
        Ascii = "ascii",
        /// Block elements: halves, quadrants, and eighths from below and from the left.
        Blocks = "blocks",
        /// Upper and lower half.
        Half = "half",
        /// Quadrants: 2 × 2 tiles.
        Quad = "quad",
        /// Sextants: 2 × 3 tiles; few fonts have them.
        Sextant = "sextant",
        /// Octants: 2 × 4 tiles; very few fonts have them.
        Octant = "octant",
        /// Braille patterns: 2 × 4 dots.
        Braille = "braille",
    }
}
