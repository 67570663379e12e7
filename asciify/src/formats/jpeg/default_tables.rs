//! The Huffman tables of a file that defines none: the typical tables of ITU-T T.81, K.3. Frames of
//! Motion JPEG leave theirs out.

use super::huffman::HuffmanSpec;

/// Tables K.3 and K.4: codes of DC differences, by length, of luminance and of chrominance. The
/// symbols of both are 0 to 11.
const DC_COUNTS: [[u8; 16]; 2] = [
    [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
];

/// Tables K.5 and K.6: codes of AC coefficients, by length, of luminance and of chrominance.
const AC_COUNTS: [[u8; 16]; 2] = [
    [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
    [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
];

/// The symbols of their codes of up to 15 bits. Those of 16 bits are all others in ascending order.
const AC_SYMBOLS: [&[u8]; 2] = [
    b"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\
      \x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0\x24\x33\x62\x72\x82",
    b"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\
      \x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1",
];

/// For DC coefficients: of luminance, then of chrominance.
pub(super) fn dc() -> [HuffmanSpec; 2] {
    DC_COUNTS.map(|counts| HuffmanSpec::new(counts, (0..12).collect()))
}

/// For AC coefficients: of luminance, then of chrominance.
pub(super) fn ac() -> [HuffmanSpec; 2] {
    [0, 1].map(|table| {
        let mut symbols = AC_SYMBOLS[table].to_vec();
        // a size of 1 to 10 bits after each run of zeros, end of block, and 16 zeros
        let is_used = |symbol: &u8| matches!(symbol & 15, 1..=10) || matches!(symbol, 0 | 0xf0);
        symbols.extend((0..=255).filter(|it| is_used(it) && !AC_SYMBOLS[table].contains(it)));
        HuffmanSpec::new(AC_COUNTS[table], symbols)
    })
}
