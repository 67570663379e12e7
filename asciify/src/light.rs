//! Linear light of decoded pixels, row by row, without copying the picture.

use std::array;
use std::sync::LazyLock;

use image::DynamicImage;

/// White: linear light is in fixed point, 0 to this. The scale is fine enough for five digits of
/// the darkest step of 8-bit sRGB (1/3295), and coarse enough for 64-bit sums over the longest
/// rows.
pub(crate) const WHITE: u32 = 1 << 24;

/// A component of a pixel, as light: 0 to [`WHITE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    /// Y of ITU-R BT.709, premultiplied by opacity.
    Luminance,
    /// Red, green or blue (0, 1 or 2), premultiplied by opacity.
    Channel(usize),
    /// Alpha: the fraction of the backdrop that the pixel hides.
    Opacity,
}

/// A row of decoded pixels: coded sRGB, IEC 61966-2-1, with straight alpha, at full scale (255 or
/// 65535 is white or opaque).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Row<'a> {
    Grey8(&'a [[u8; 1]]),
    GreyAlpha8(&'a [[u8; 2]]),
    Rgb8(&'a [[u8; 3]]),
    Rgba8(&'a [[u8; 4]]),
    Grey16(&'a [[u16; 1]]),
    GreyAlpha16(&'a [[u16; 2]]),
    Rgb16(&'a [[u16; 3]]),
    Rgba16(&'a [[u16; 4]]),
}

impl Row<'_> {
    /// Whether pixels have alpha.
    pub(crate) fn has_alpha(self) -> bool {
        matches!(
            self,
            Self::GreyAlpha8(_) | Self::Rgba8(_) | Self::GreyAlpha16(_) | Self::Rgba16(_)
        )
    }

    /// Replaces `light` by the component of each pixel, 0 to [`WHITE`].
    pub(crate) fn read(self, component: Component, light: &mut Vec<u32>) {
        light.clear();
        match self {
            Self::Grey8(row) => light.extend(row.iter().map(|[y]| component.in_8(&[*y; 3], 255))),
            Self::GreyAlpha8(row) => {
                light.extend(row.iter().map(|[y, a]| component.in_8(&[*y; 3], *a)));
            }
            Self::Rgb8(row) => light.extend(row.iter().map(|rgb| component.in_8(rgb, 255))),
            Self::Rgba8(row) => {
                light.extend(row.iter().map(|[r, g, b, a]| component.in_8(&[*r, *g, *b], *a)));
            }
            Self::Grey16(row) => {
                light.extend(row.iter().map(|[y]| component.in_16([*y; 3], u16::MAX)))
            }
            Self::GreyAlpha16(row) => {
                light.extend(row.iter().map(|[y, a]| component.in_16([*y; 3], *a)))
            }
            Self::Rgb16(row) => light.extend(row.iter().map(|rgb| component.in_16(*rgb, u16::MAX))),
            Self::Rgba16(row) => {
                light.extend(row.iter().map(|[r, g, b, a]| component.in_16([*r, *g, *b], *a)));
            }
        }
    }

    /// Calls `take` with red, green, blue and alpha of each pixel: coded, 0 to 65535. Grey counts as
    /// three equal channels, and a pixel without alpha is opaque.
    #[inline]
    pub(crate) fn values16(self, mut take: impl FnMut([u16; 4])) {
        let mut in_8 = |rgba: [u8; 4]| take(rgba.map(|value| 257 * u16::from(value)));
        match self {
            Self::Grey8(row) => return row.iter().for_each(|[y]| in_8([*y, *y, *y, 255])),
            Self::GreyAlpha8(row) => return row.iter().for_each(|[y, a]| in_8([*y, *y, *y, *a])),
            Self::Rgb8(row) => return row.iter().for_each(|[r, g, b]| in_8([*r, *g, *b, 255])),
            Self::Rgba8(row) => return row.iter().for_each(|rgba| in_8(*rgba)),
            _ => {}
        }
        match self {
            Self::Grey16(row) => row.iter().for_each(|[y]| take([*y, *y, *y, u16::MAX])),
            Self::GreyAlpha16(row) => row.iter().for_each(|[y, a]| take([*y, *y, *y, *a])),
            Self::Rgb16(row) => row.iter().for_each(|[r, g, b]| take([*r, *g, *b, u16::MAX])),
            Self::Rgba16(row) => row.iter().for_each(|rgba| take(*rgba)),
            _ => {}
        }
    }

    /// The same from 0 to 1.
    pub(crate) fn values(self, mut take: impl FnMut([f64; 4])) {
        self.values16(|rgba| take(rgba.map(|value| f64::from(value) / 65_535.0)));
    }
}

impl Component {
    #[inline(always)]
    fn in_8(self, rgb: &[u8; 3], alpha: u8) -> u32 {
        let light = match self {
            Self::Luminance => rgb8(rgb),
            Self::Channel(channel) => grey8(rgb[channel]),
            Self::Opacity => WHITE,
        };
        if alpha == 255 { light } else { premultiplied8(light, alpha) }
    }

    #[inline(always)]
    fn in_16(self, rgb: [u16; 3], alpha: u16) -> u32 {
        let light = match self {
            Self::Luminance if rgb[0] == rgb[1] && rgb[1] == rgb[2] => grey16(rgb[0]),
            Self::Luminance => luminance(rgb.map(grey16)),
            Self::Channel(channel) => grey16(rgb[channel]),
            Self::Opacity => WHITE,
        };
        premultiplied16(light, alpha)
    }
}

/// A copy of a row, to notice that the next one is equal.
#[derive(Default)]
pub(crate) struct LastRow {
    /// The samples of a row of 8 bits.
    bytes: Vec<u8>,
    /// The samples of a row of 16 bits.
    words: Vec<u16>,
}

impl LastRow {
    /// Whether `row` equals the one before; `row` is kept. All rows are of the same variant.
    pub(crate) fn is_repeated_by(&mut self, row: Row<'_>) -> bool {
        fn replaced<T: Copy + PartialEq>(last: &mut Vec<T>, samples: &[T]) -> bool {
            let is_equal = !samples.is_empty() && last == samples;
            if !is_equal {
                last.clear();
                last.extend_from_slice(samples);
            }
            is_equal
        }
        match row {
            Row::Grey8(row) => replaced(&mut self.bytes, row.as_flattened()),
            Row::GreyAlpha8(row) => replaced(&mut self.bytes, row.as_flattened()),
            Row::Rgb8(row) => replaced(&mut self.bytes, row.as_flattened()),
            Row::Rgba8(row) => replaced(&mut self.bytes, row.as_flattened()),
            Row::Grey16(row) => replaced(&mut self.words, row.as_flattened()),
            Row::GreyAlpha16(row) => replaced(&mut self.words, row.as_flattened()),
            Row::Rgb16(row) => replaced(&mut self.words, row.as_flattened()),
            Row::Rgba16(row) => replaced(&mut self.words, row.as_flattened()),
        }
    }
}

/// Calls `take` with each row of a picture, from the top. What has no [`Row`] of its own becomes
/// 16-bit RGBA.
pub(crate) fn for_each_row(picture: &DynamicImage, mut take: impl FnMut(Row<'_>)) {
    fn each<'a, T, const N: usize>(
        samples: &'a [T],
        width: u32,
        mut take: impl FnMut(&'a [[T; N]]),
    ) {
        let (pixels, _) = samples.as_chunks();
        pixels.chunks_exact(width.max(1) as usize).for_each(&mut take);
    }
    let width = picture.width();
    match picture {
        DynamicImage::ImageLuma8(it) => each(it.as_raw(), width, |row| take(Row::Grey8(row))),
        DynamicImage::ImageLumaA8(it) => each(it.as_raw(), width, |row| take(Row::GreyAlpha8(row))),
        DynamicImage::ImageRgb8(it) => each(it.as_raw(), width, |row| take(Row::Rgb8(row))),
        DynamicImage::ImageRgba8(it) => each(it.as_raw(), width, |row| take(Row::Rgba8(row))),
        DynamicImage::ImageLuma16(it) => each(it.as_raw(), width, |row| take(Row::Grey16(row))),
        DynamicImage::ImageLumaA16(it) => {
            each(it.as_raw(), width, |row| take(Row::GreyAlpha16(row)));
        }
        DynamicImage::ImageRgb16(it) => each(it.as_raw(), width, |row| take(Row::Rgb16(row))),
        DynamicImage::ImageRgba16(it) => each(it.as_raw(), width, |row| take(Row::Rgba16(row))),
        other => each(other.to_rgba16().as_raw(), width, |row| take(Row::Rgba16(row))),
    }
}

/// Weights of red, green and blue in luminance: ITU-R BT.709-6, item 3.2.
const WEIGHTS: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// Weighted light of each value of red, green and blue: their sum is luminance.
static RGB8: LazyLock<[[u32; 256]; 3]> = LazyLock::new(|| {
    WEIGHTS.map(|weight| array::from_fn(|value| weighted(weight, value as f64 / 255.0)))
});

/// Light of each value of 16 bits. One table, since it is large; luminance weights its values.
static GREY16: LazyLock<Vec<u32>> = LazyLock::new(|| {
    (0..=u16::MAX).map(|value| weighted(1.0, f64::from(value) / 65_535.0)).collect()
});

/// Light, 0 to [`WHITE`], of a coded value, 0 to 1, times a weight.
fn weighted(weight: f64, coded: f64) -> u32 {
    libm::round(weight * linear(coded) * f64::from(WHITE)) as u32
}

/// Linear light, 0 to 1, of a coded value of sRGB, 0 to 1: IEC 61966-2-1. By `libm`, since the
/// standard library's `powf` differs between machines.
pub(crate) fn linear(coded: f64) -> f64 {
    if coded <= 0.04045 { coded / 12.92 } else { libm::pow((coded + 0.055) / 1.055, 2.4) }
}

/// Red, green and blue of Y, Cb and Cr (JFIF 1.02), all 0 to 255; computed in 65536ths.
pub(crate) fn from_ycbcr(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let (luma, blue, red) = (i32::from(luma) << 16, i32::from(blue) - 128, i32::from(red) - 128);
    [91_881 * red, -22_554 * blue - 46_802 * red, 116_130 * blue]
        .map(|chroma| ((luma + chroma + 32_768) >> 16).clamp(0, 255) as u8)
}

/// Coded sRGB, 0 to 1, of CIE L* (0 to 100), a* and b* under illuminant D50: CIE 15, 8.2.1. The
/// matrix from XYZ includes the adaptation to sRGB's white point D65 after Bradford.
pub(crate) fn from_lab(l: f64, a: f64, b: f64) -> [f64; 3] {
    let middle = (l + 16.0) / 116.0;
    let light = |root: f64| match root > 6.0 / 29.0 {
        true => root * root * root,
        false => (116.0 * root - 16.0) * 27.0 / 24_389.0,
    };
    let xyz =
        [0.964_22 * light(middle + a / 500.0), light(middle), 0.825_21 * light(middle - b / 200.0)];
    const TO_RGB: [[f64; 3]; 3] = [
        [3.133_856_1, -1.616_866_7, -0.490_614_6],
        [-0.978_768_4, 1.916_141_5, 0.033_454_0],
        [0.071_945_3, -0.228_991_4, 1.405_242_7],
    ];
    TO_RGB.map(|[x, y, z]| coded(x * xyz[0] + y * xyz[1] + z * xyz[2]))
}

/// The inverse of [`linear`]; clamps.
fn coded(light: f64) -> f64 {
    let light = light.clamp(0.0, 1.0);
    match light <= 0.003_130_8 {
        true => 12.92 * light,
        false => 1.055 * libm::pow(light, 1.0 / 2.4) - 0.055,
    }
}

/// Luminance, 0 to [`WHITE`], of coded sRGB.
pub(crate) fn rgb8([r, g, b]: &[u8; 3]) -> u32 {
    let [red, green, blue] = &*RGB8;
    red[usize::from(*r)] + green[usize::from(*g)] + blue[usize::from(*b)]
}

/// Light, 0 to [`WHITE`], of a coded value.
pub(crate) fn grey8(y: u8) -> u32 {
    rgb8(&[y, y, y])
}

/// The same of 16 bits.
fn grey16(y: u16) -> u32 {
    GREY16.get(usize::from(y)).copied().unwrap_or(WHITE)
}

/// Luminance of light, both 0 to [`WHITE`].
fn luminance([r, g, b]: [u32; 3]) -> u32 {
    let sum = 2126 * u64::from(r) + 7152 * u64::from(g) + 722 * u64::from(b);
    ((sum + 5000) / 10_000) as u32
}

/// Light times alpha of 8 bits, rounded.
fn premultiplied8(light: u32, alpha: u8) -> u32 {
    ((u64::from(light) * u64::from(alpha) + 127) / 255) as u32
}

/// Light times alpha of 16 bits, rounded.
#[inline(always)]
fn premultiplied16(light: u32, alpha: u16) -> u32 {
    if alpha == u16::MAX {
        return light;
    }
    ((u64::from(light) * u64::from(alpha) + 32_767) / 65_535) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_exact_at_every_depth() {
        assert_eq!((grey8(0), grey8(255)), (0, WHITE));
        assert_eq!(
            (rgb8(&[255, 255, 255]), premultiplied8(WHITE, 255), premultiplied8(WHITE, 0)),
            (WHITE, WHITE, 0)
        );
        let component = Component::Luminance;
        assert_eq!(
            (component.in_16([0; 3], 65_535), component.in_16([65_535; 3], 65_535)),
            (0, WHITE)
        );
    }

    #[test]
    fn lab_is_converted_to_the_same_colour() {
        let bytes =
            |lab: [f64; 3]| from_lab(lab[0], lab[1], lab[2]).map(|it| libm::round(it * 255.0));
        assert_eq!(bytes([100.0, 0.0, 0.0]), [255.0; 3]);
        assert_eq!(bytes([0.0, 0.0, 0.0]), [0.0; 3]);
        // sRGB's red under D50
        let [red, green, blue] = bytes([54.29, 80.80, 69.89]);
        assert!(red > 253.0 && green < 3.0 && blue < 3.0, "{red} {green} {blue}");
    }

    #[test]
    fn the_middle_of_srgb_is_a_fifth_of_the_light() {
        let light = f64::from(grey8(128)) / f64::from(WHITE);
        assert!((light - 0.215_86).abs() < 0.000_01, "{light}");
    }
}
