//! Converts luma and chroma to red, green and blue (ITU-T H.273, 8.3).

/// The colour coding of YCbCr samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// `MatrixCoefficients`.
    pub(super) matrix: u16,
    /// `VideoFullRangeFlag`.
    pub(super) is_full_range: bool,
}

/// White of the samples that [`Conversion`] makes.
const WHITE: u16 = u16::MAX;
/// Coefficients are in units of 1 / 65536.
const UNIT: f64 = 65_536.0;

/// Converts samples to red, green and blue of 16 bits.
pub(super) struct Conversion {
    /// What is subtracted from the samples of each plane.
    offset: [i64; 3],
    /// The coefficients of the planes in red, green and blue.
    rgb: [[i64; 3]; 3],
}

impl Conversion {
    pub(super) fn new(coding: Coding, bits: u32) -> Self {
        let depth = |value: i64| value << (bits - 8);
        let white = (1_i64 << bits) - 1;
        let (black, luma_range, chroma_range) = match coding.is_full_range {
            true => (0, white, white),
            false => (depth(16), depth(219), depth(224)),
        };
        let middle = 1_i64 << (bits - 1);
        // weights of red and blue in luma, and red, green and blue by luma, Cb and Cr
        let by_weights = |red: f64, blue: f64| {
            let green = 1.0 - red - blue;
            let (cb, cr) = (2.0 * (1.0 - blue), 2.0 * (1.0 - red));
            [[1.0, 0.0, cr], [1.0, -cb * blue / green, -cr * red / green], [1.0, cb, 0.0]]
        };
        let matrix = match coding.matrix {
            0 => [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            1 => by_weights(0.2126, 0.0722),
            4 => by_weights(0.30, 0.11),
            7 => by_weights(0.212, 0.087),
            8 => [[1.0, -1.0, 1.0], [1.0, 1.0, 0.0], [1.0, -1.0, -1.0]],
            9 | 10 => by_weights(0.2627, 0.0593),
            _ => by_weights(0.299, 0.114),
        };
        // the identity's planes are all coded as luma is
        let is_identity = coding.matrix == 0;
        let chroma_offset = if is_identity { black } else { middle };
        let chroma_range = if is_identity { luma_range } else { chroma_range };
        let ranges = [luma_range, chroma_range, chroma_range];
        Self {
            offset: [black, chroma_offset, chroma_offset],
            rgb: matrix.map(|of| {
                let mut plane = 0;
                of.map(|factor| {
                    let scale = f64::from(WHITE) * UNIT / ranges[plane] as f64;
                    plane += 1;
                    libm::round(factor * scale) as i64
                })
            }),
        }
    }

    /// Red, green and blue of a pixel.
    #[inline]
    pub(super) fn rgb(&self, samples: [u16; 3]) -> [u16; 3] {
        let [y, cb, cr] = [0, 1, 2].map(|it| i64::from(samples[it]) - self.offset[it]);
        self.rgb.map(|of| sample(of[0] * y + of[1] * cb + of[2] * cr))
    }

    /// The grey of a pixel without chroma.
    #[inline]
    pub(super) fn grey(&self, luma: u16) -> u16 {
        // green has luma with factor 1 in every matrix, also in the identity
        let of = self.rgb[1][0];
        sample(of * (i64::from(luma) - self.offset[0]))
    }
}

/// A sum of coefficients and samples as a value of 16 bits.
#[inline]
fn sample(sum: i64) -> u16 {
    ((sum + (1 << 15)) >> 16).clamp(0, WHITE.into()) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_black_and_red_are_exact_in_every_coding() {
        for bits in [8, 10, 12] {
            for matrix in [1, 2, 5, 6, 9] {
                let full = Conversion::new(Coding { matrix, is_full_range: true }, bits);
                let (white, middle) = ((1_u16 << bits) - 1, 1 << (bits - 1));
                assert_eq!(full.rgb([white, middle, middle]), [WHITE; 3], "{matrix} {bits}");
                assert_eq!(full.rgb([0, middle, middle]), [0; 3]);
                let narrow = Conversion::new(Coding { matrix, is_full_range: false }, bits);
                assert_eq!(narrow.rgb([235 << (bits - 8), middle, middle]), [WHITE; 3]);
                assert_eq!(narrow.rgb([16 << (bits - 8), middle, middle]), [0; 3]);
            }
        }
        let identity = Conversion::new(Coding { matrix: 0, is_full_range: true }, 8);
        assert_eq!(identity.rgb([128, 255, 0]), [0, 128 * 257, WHITE]);
        // BT.601 in JFIF's range: pure red
        let [red, green, blue] =
            Conversion::new(Coding { matrix: 6, is_full_range: true }, 8).rgb([76, 85, 255]);
        assert!(red > 65_000 && green < 300 && blue < 300, "{red} {green} {blue}");
    }
}
