//! The sets of symbols whose shapes we know.

use crate::keywords::keywords;

keywords! {
    /// Sets of symbols whose shapes we know.
    Shapes {
        /// The 95 printable characters of ASCII.
        #[default]
        Ascii = "ascii",
        /// Block elements: halves, quarters, and eighths from below and from the left.
        Blocks = "blocks",
        /// Upper and lower half.
        Half = "half",
        /// 2 × 2 tiles.
        Quad = "quad",
        /// 2 × 3 tiles; few fonts have them.
        Sextant = "sextant",
        /// 2 × 4 tiles; very few fonts have them.
        Octant = "octant",
        /// 2 × 4 dots.
        Braille = "braille",
    }
}
