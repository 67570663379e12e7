//! Blocks of 8 × 8 samples or coefficients (ITU-T T.81, A.1.3 and A.3).

/// Samples across and down in a block.
pub(super) const BLOCK_SIDE: usize = 8;
/// Samples or coefficients in a block.
pub(super) const BLOCK_LEN: usize = BLOCK_SIDE * BLOCK_SIDE;

/// Quantized coefficients in zigzag order: the DC coefficient, then 63 AC coefficients.
pub(super) type Block = [i16; BLOCK_LEN];

/// Zigzag order (figure A.6): the row-major index in the block of each coefficient.
#[rustfmt::skip]
pub(super) const ZIGZAG: [usize; BLOCK_LEN] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
