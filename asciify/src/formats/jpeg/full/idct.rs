//! Dequantization and the inverse discrete cosine transform (T.81, A.3.3 and A.3.4).

use std::array;
use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::formats::jpeg::block::{BLOCK_LEN, BLOCK_SIDE, Block, ZIGZAG};

/// A block in row-major order.
type Matrix = [[f32; BLOCK_SIDE]; BLOCK_SIDE];

/// The orthonormal DCT matrix: by frequency, then by sample.
static DCT: LazyLock<Matrix> = LazyLock::new(|| {
    array::from_fn(|frequency| {
        let scale = if frequency == 0 { libm::sqrt(0.125) } else { 0.5 };
        array::from_fn(|at| {
            (scale * libm::cos((2 * at + 1) as f64 * frequency as f64 * PI / 16.0)) as f32
        })
    })
});

/// Its transpose: by sample, then by frequency.
static DCT_TRANSPOSED: LazyLock<Matrix> =
    LazyLock::new(|| array::from_fn(|at| array::from_fn(|frequency| DCT[frequency][at])));

/// The samples of a block before the level shift: around 0, by row and column. `quantization` is in
/// zigzag order.
pub(super) fn samples(block: &Block, quantization: &[u16; BLOCK_LEN]) -> Matrix {
    let mut coefficients = Matrix::default();
    for ((at, quantized), step) in ZIGZAG.into_iter().zip(block).zip(quantization) {
        coefficients[at / BLOCK_SIDE][at % BLOCK_SIDE] = f32::from(*quantized) * f32::from(*step);
    }
    product(&product(&DCT_TRANSPOSED, &coefficients), &DCT)
}

/// The value of all samples of a block without AC coefficients, as [`samples`] has it.
/// `quantization` is the element for DC coefficients.
pub(super) fn flat_sample(dc: i16, quantization: u16) -> f32 {
    DCT_TRANSPOSED[0][0] * (f32::from(dc) * f32::from(quantization)) * DCT[0][0]
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    left.map(|row| {
        let mut sums = [0.0; BLOCK_SIDE];
        for (factor, values) in row.iter().zip(right) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += factor * value;
            }
        }
        sums
    })
}
