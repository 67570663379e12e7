//! Converts luma and chroma to red, green and blue (ITU-T H.273, 8.3).

use crate::color_profile::Primaries;

/// The colour coding of YCbCr samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// `ColourPrimaries`.
    pub(super) primaries: u16,
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

impl Coding {
    /// The factors of the planes in red, green and blue.
    ///
    /// # Errors
    /// The name of a coding that is not linear, or of lossless integers, neither of which is read.
    fn matrix(self) -> Result<[[f64; 3]; 3], &'static str> {
        // weights of red and blue in luma, and red, green and blue by luma, Cb and Cr
        let by_weights = |red: f64, blue: f64| {
            let green = 1.0 - red - blue;
            let (cb, cr) = (2.0 * (1.0 - blue), 2.0 * (1.0 - red));
            [[1.0, 0.0, cr], [1.0, -cb * blue / green, -cr * red / green], [1.0, cb, 0.0]]
        };
        Ok(match self.matrix {
            0 => [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            1 => by_weights(0.2126, 0.0722),
            4 => by_weights(0.30, 0.11),
            7 => by_weights(0.212, 0.087),
            // YCgCo
            8 => [[1.0, -1.0, 1.0], [1.0, 1.0, 0.0], [1.0, -1.0, -1.0]],
            9 => by_weights(0.2627, 0.0593),
            10 => return Err("the constant luminance of BT.2020"),
            // SMPTE ST 2085
            11 => [[0.991_902, 0.0, 2.0], [1.0, 0.0, 0.0], [1.0 / 0.986_566, 2.0 / 0.986_566, 0.0]],
            12 => {
                let [red, _, blue] = Primaries::of_h273(self.primaries)
                    .and_then(Primaries::luminance)
                    .unwrap_or([0.2126, 0.7152, 0.0722]);
                by_weights(red, blue)
            }
            13 => return Err("constant luminance that is derived from primaries"),
            14 => return Err("the colour coding ICtCp"),
            15 => return Err("the colour coding IPT-C2"),
            16 | 17 => return Err("the colour coding YCgCo-R"),
            // BT.601, also where nothing is stated
            _ => by_weights(0.299, 0.114),
        })
    }

    /// Whether [`Conversion`] can convert it.
    ///
    /// # Errors
    /// The name of what it uses, if not.
    pub(super) fn check(self) -> Result<(), &'static str> {
        self.matrix().map(drop)
    }
}

impl Conversion {
    /// # Errors
    /// As [`Coding::check`].
    pub(super) fn new(coding: Coding, bits: u32) -> Result<Self, &'static str> {
        let depth = |value: i64| value << (bits - 8);
        let white = (1_i64 << bits) - 1;
        let (black, luma_range, chroma_range) = match coding.is_full_range {
            true => (0, white, white),
            false => (depth(16), depth(219), depth(224)),
        };
        let middle = 1_i64 << (bits - 1);
        let matrix = coding.matrix()?;
        // the identity's planes are all coded as luma is
        let is_identity = coding.matrix == 0;
        let chroma_offset = if is_identity { black } else { middle };
        let chroma_range = if is_identity { luma_range } else { chroma_range };
        let ranges = [luma_range, chroma_range, chroma_range];
        Ok(Self {
            offset: [black, chroma_offset, chroma_offset],
            rgb: matrix.map(|of| {
                let mut plane = 0;
                of.map(|factor| {
                    let scale = f64::from(WHITE) * UNIT / ranges[plane] as f64;
                    plane += 1;
                    libm::round(factor * scale) as i64
                })
            }),
        })
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

    /// A conversion of full range with the primaries of BT.709.
    fn conversion(matrix: u16, is_full_range: bool, bits: u32) -> Conversion {
        Conversion::new(Coding { primaries: 1, matrix, is_full_range }, bits).unwrap()
    }

    #[test]
    fn white_black_and_red_are_exact_in_every_coding() {
        for bits in [8, 10, 12] {
            for matrix in [1, 2, 5, 6, 8, 9, 12] {
                let full = conversion(matrix, true, bits);
                let (white, middle) = ((1_u16 << bits) - 1, 1 << (bits - 1));
                assert_eq!(full.rgb([white, middle, middle]), [WHITE; 3], "{matrix} {bits}");
                assert_eq!(full.rgb([0, middle, middle]), [0; 3]);
                let narrow = conversion(matrix, false, bits);
                assert_eq!(narrow.rgb([235 << (bits - 8), middle, middle]), [WHITE; 3]);
                assert_eq!(narrow.rgb([16 << (bits - 8), middle, middle]), [0; 3]);
            }
        }
        let identity = conversion(0, true, 8);
        assert_eq!(identity.rgb([128, 255, 0]), [0, 128 * 257, WHITE]);
        // BT.601 in JFIF's range: pure red
        let [red, green, blue] = conversion(6, true, 8).rgb([76, 85, 255]);
        assert!(red > 65_000 && green < 300 && blue < 300, "{red} {green} {blue}");
    }

    #[test]
    fn colours_of_the_rare_codings_are_those_that_were_coded() {
        let rgb = [0.7, 0.4, 0.2];
        let [red, green, blue] = rgb;
        // as ITU-T H.273 derives the planes
        let ycgco = [
            green / 2.0 + (red + blue) / 4.0,
            green / 2.0 - (red + blue) / 4.0,
            (red - blue) / 2.0,
        ];
        let st_2085 = [green, (0.986_566 * blue - green) / 2.0, (red - 0.991_902 * green) / 2.0];
        let bt_2020_derived = {
            let luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue;
            [luma, (blue - luma) / 2.0 / (1.0 - 0.0593), (red - luma) / 2.0 / (1.0 - 0.2627)]
        };
        for (primaries, matrix, [luma, cb, cr]) in
            [(1, 8, ycgco), (10, 11, st_2085), (9, 12, bt_2020_derived)]
        {
            let coding = Coding { primaries, matrix, is_full_range: true };
            let sample = |value: f64| (value * 4095.0).round() as u16;
            let converted = Conversion::new(coding, 12).unwrap().rgb([
                sample(luma),
                sample(cb + 2048.0 / 4095.0),
                sample(cr + 2048.0 / 4095.0),
            ]);
            for (is, of) in converted.into_iter().zip(rgb) {
                assert!((f64::from(is) / 65_535.0 - of).abs() < 0.001, "{matrix}: {converted:?}");
            }
        }
        for matrix in [10, 13, 14, 15, 16, 17] {
            assert!(Coding { primaries: 9, matrix, is_full_range: true }.check().is_err());
        }
    }
}
