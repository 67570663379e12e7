//! The inverse discrete cosine transform in integers (ITU-T T.81, A.3.3): along the columns, then along
//! the rows. Its rounding is the library's.
//!
//! Cosines have 12 bits behind the point. Inputs of 16 bits let compilers multiply many at once.

use std::array;

use multiversion::multiversion;

use crate::formats::jpeg::block::{BLOCK_SIDE, Block};

/// Rows or columns of a block. The loops over the numbers in each are what is computed at once.
type Lines<T> = [[T; BLOCK_SIDE]; BLOCK_SIDE];

/// The first transform leaves two bits behind the point.
const FIRST_SHIFT: u32 = 10;
const FIRST_BIAS: i32 = 1 << (FIRST_SHIFT - 1);
/// The second one also divides by 8, and shifts the level by 128.
const SECOND_SHIFT: u32 = 17;
const SECOND_BIAS: i32 = (128 << SECOND_SHIFT) + (1 << (SECOND_SHIFT - 1)) + FIRST_BIAS;

/// Coefficients, in zigzag order, which are all in the first four rows and columns.
const FEW: usize = 10;

/// Writes the samples of a block of dequantized coefficients, of which the one of index `last` in zigzag
/// order is the last that is not 0. `None` where a number exceeds 16 bits, as in no picture.
#[inline(always)]
pub(super) fn write(block: &Block, last: usize, to: &mut [i16], stride: usize) -> Option<()> {
    if last == 0 {
        let sample = ((i32::from(block[0]) + 4 + (128 << 3)) >> 3).clamp(0, 255) as i16;
        for line in to.chunks_mut(stride).take(BLOCK_SIDE) {
            line[..BLOCK_SIDE].fill(sample);
        }
        return Some(());
    }
    let samples = if last < FEW { samples_of_few(block) } else { samples_of_all(block) }?;
    for (line, samples) in to.chunks_mut(stride).zip(&samples) {
        line[..BLOCK_SIDE].copy_from_slice(samples);
    }
    Some(())
}

#[multiversion(targets("x86_64+avx2"))]
fn samples_of_few(block: &Block) -> Option<Lines<i16>> {
    samples::<4>(block)
}

#[multiversion(targets("x86_64+avx2"))]
fn samples_of_all(block: &Block) -> Option<Lines<i16>> {
    samples::<BLOCK_SIDE>(block)
}

/// The samples of a block whose coefficients are in the first `N` rows and columns.
#[inline(always)]
fn samples<const N: usize>(block: &Block) -> Option<Lines<i16>> {
    let rows: Lines<i16> = array::from_fn(|y| array::from_fn(|x| block[y * BLOCK_SIDE + x]));
    let columns = transform::<N>(&rows, FIRST_BIAS, FIRST_SHIFT);
    let is_out = |value: &i32| *value != i32::from(*value as i16);
    if columns.as_flattened().iter().fold(false, |any, value| any | is_out(value)) {
        return None;
    }
    let columns = columns.map(|row| row.map(|value| value as i16));
    let rows = transform::<N>(&transposed(&columns), SECOND_BIAS, SECOND_SHIFT);
    Some(transposed(&rows.map(|row| row.map(|sample| sample.clamp(0, 255) as i16))))
}

/// The one-dimensional transform of each column of the lines, of which the first `N` are not 0.
#[inline(always)]
fn transform<const N: usize>(lines: &Lines<i16>, bias: i32, shift: u32) -> Lines<i32> {
    let mut to = [[0; BLOCK_SIDE]; BLOCK_SIDE];
    for at in 0..BLOCK_SIDE {
        let [x0, x1, x2, x3, x4, x5, x6, x7] =
            array::from_fn(|line| if line < N { i32::from(lines[line][at]) } else { 0 });
        let sum = ((x0 + x4) << 12) + bias;
        let difference = ((x0 - x4) << 12) + bias;
        let outer = 5352 * x2 + 2217 * x6;
        let inner = 2217 * x2 - 5350 * x6;
        let even = [sum + outer, difference + inner, difference - inner, sum - outer];
        let odd = [
            5683 * x1 + 4816 * x3 + 3219 * x5 + 1131 * x7,
            4816 * x1 - 1129 * x3 - 5681 * x5 - 3218 * x7,
            3219 * x1 - 5681 * x3 + 1132 * x5 + 4816 * x7,
            1131 * x1 - 3218 * x3 + 4816 * x5 - 5680 * x7,
        ];
        for line in 0..BLOCK_SIDE / 2 {
            to[line][at] = (even[line] + odd[line]) >> shift;
            to[BLOCK_SIDE - 1 - line][at] = (even[line] - odd[line]) >> shift;
        }
    }
    to
}

#[inline(always)]
fn transposed(lines: &Lines<i16>) -> Lines<i16> {
    array::from_fn(|y| array::from_fn(|x| lines[x][y]))
}
