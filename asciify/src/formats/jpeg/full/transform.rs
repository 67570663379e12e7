//! From the coefficients of a block to its samples: A.3.3 and A.3.4.

use std::array;
use std::f64::consts::PI;
use std::sync::LazyLock;

use super::coding::{BLOCK, Block, SIDE};

type Square = [[f32; SIDE]; SIDE];

/// Each wave, from the slowest, at each sample.
static WAVES: LazyLock<Square> = LazyLock::new(|| {
    array::from_fn(|wave| {
        let scale = if wave == 0 { libm::sqrt(0.125) } else { 0.5 };
        array::from_fn(|at| {
            (scale * libm::cos((2 * at + 1) as f64 * wave as f64 * PI / 16.0)) as f32
        })
    })
});

/// The same, by sample.
static TURNED: LazyLock<Square> =
    LazyLock::new(|| array::from_fn(|at| array::from_fn(|wave| WAVES[wave][at])));

/// The samples of a block less their middle value, row by row.
pub(super) fn samples(block: &Block, steps: &[u16; BLOCK]) -> Square {
    let mut waves = Square::default();
    for ((place, coefficient), step) in ZIGZAG.into_iter().zip(block).zip(steps) {
        waves[place / SIDE][place % SIDE] = f32::from(*coefficient) * f32::from(*step);
    }
    product(&product(&TURNED, &waves), &WAVES)
}

fn product(left: &Square, right: &Square) -> Square {
    left.map(|row| {
        let mut sums = [0.0; SIDE];
        for (factor, values) in row.iter().zip(right) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += factor * value;
            }
        }
        sums
    })
}

/// Where each coefficient belongs: figure A.6.
#[rustfmt::skip]
const ZIGZAG: [usize; BLOCK] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
