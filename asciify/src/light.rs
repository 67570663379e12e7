//! Linear light of decoded pixels, row by row, without copying the picture.

use std::array;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, LazyLock, OnceLock};

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

/// A row of decoded pixels: coded, with straight alpha, at full scale (255 or 65535 is white or
/// opaque). A [`Linearization`] says what light they mean.
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

    /// Its pixels of those columns, as far as it has them.
    pub(crate) fn part(self, columns: &Range<u32>) -> Self {
        fn of<'a, T>(row: &'a [T], columns: &Range<u32>) -> &'a [T] {
            let end = row.len().min(columns.end as usize);
            &row[end.min(columns.start as usize)..end]
        }
        match self {
            Self::Grey8(row) => Self::Grey8(of(row, columns)),
            Self::GreyAlpha8(row) => Self::GreyAlpha8(of(row, columns)),
            Self::Rgb8(row) => Self::Rgb8(of(row, columns)),
            Self::Rgba8(row) => Self::Rgba8(of(row, columns)),
            Self::Grey16(row) => Self::Grey16(of(row, columns)),
            Self::GreyAlpha16(row) => Self::GreyAlpha16(of(row, columns)),
            Self::Rgb16(row) => Self::Rgb16(of(row, columns)),
            Self::Rgba16(row) => Self::Rgba16(of(row, columns)),
        }
    }

    /// Replaces `light` by the component of each pixel, 0 to [`WHITE`].
    pub(crate) fn read(self, component: Component, tables: &Linearization, light: &mut Vec<u32>) {
        light.clear();
        match self {
            Self::Grey8(_) | Self::GreyAlpha8(_) | Self::Rgb8(_) | Self::Rgba8(_) => {
                self.read_8(component, tables, light);
            }
            _ => self.read_16(component, tables.in_16_bits(), light),
        }
    }

    fn read_8(self, component: Component, tables: &Linearization, light: &mut Vec<u32>) {
        let of = |rgb: &[u8; 3], alpha: u8| tables.component(component, rgb, alpha);
        match self {
            Self::Grey8(row) => light.extend(row.iter().map(|[y]| of(&[*y; 3], 255))),
            Self::GreyAlpha8(row) => light.extend(row.iter().map(|[y, a]| of(&[*y; 3], *a))),
            Self::Rgb8(row) => light.extend(row.iter().map(|rgb| of(rgb, 255))),
            Self::Rgba8(row) => light.extend(row.iter().map(|[r, g, b, a]| of(&[*r, *g, *b], *a))),
            _ => {}
        }
    }

    fn read_16(self, component: Component, tables: &Tables16, light: &mut Vec<u32>) {
        let of = |rgb: [u16; 3], alpha: u16| tables.component(component, rgb, alpha);
        match self {
            Self::Grey16(row) => light.extend(row.iter().map(|[y]| of([*y; 3], u16::MAX))),
            Self::GreyAlpha16(row) => light.extend(row.iter().map(|[y, a]| of([*y; 3], *a))),
            Self::Rgb16(row) => light.extend(row.iter().map(|rgb| of(*rgb, u16::MAX))),
            Self::Rgba16(row) => light.extend(row.iter().map(|[r, g, b, a]| of([*r, *g, *b], *a))),
            _ => {}
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

/// Calls `take` with each row of a picture, from the top, until it breaks. What has no [`Row`] of its
/// own becomes 16-bit RGBA.
pub(crate) fn for_each_row(
    picture: &DynamicImage,
    mut take: impl FnMut(Row<'_>) -> ControlFlow<()>,
) {
    fn each<'a, T, const N: usize>(
        samples: &'a [T],
        width: u32,
        take: impl FnMut(&'a [[T; N]]) -> ControlFlow<()>,
    ) {
        let (pixels, _) = samples.as_chunks();
        let _whether_it_broke = pixels.chunks_exact(width.max(1) as usize).try_for_each(take);
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
pub(crate) const WEIGHTS: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// A transfer function: linear light, 0 to 1, of a coded value, 0 to 1. Results are clamped.
pub(crate) type Transfer = Arc<dyn Fn(f64) -> f64 + Send + Sync>;

/// Tables of the light that coded values mean.
pub(crate) struct Linearization {
    /// Of red, green and blue.
    transfers: [Transfer; 3],
    /// Weights of red, green and blue in luminance; at most 1 together.
    weights: [f64; 3],
    /// Light of each value of 8 bits.
    channels: [[u32; 256]; 3],
    /// The same, weighted: the sum is luminance.
    weighted: [[u32; 256]; 3],
    /// For 16 bits. Made at first use, since they are large.
    tables16: OnceLock<Tables16>,
}

/// Tables for values of 16 bits. Luminance weights the light of channels.
struct Tables16 {
    /// Light of each value.
    channels: [Arc<[u32]>; 3],
    /// Weights in 10,000ths.
    weights: [u64; 3],
    /// Whether equal values have their own light as luminance.
    keeps_grey: bool,
}

/// Of sRGB.
pub(crate) static SRGB: LazyLock<Linearization> =
    LazyLock::new(|| Linearization::new([0; 3].map(|_| srgb_transfer()), WEIGHTS));

/// The transfer function of sRGB: always the same object.
pub(crate) fn srgb_transfer() -> Transfer {
    static TRANSFER: LazyLock<Transfer> = LazyLock::new(|| Arc::new(linear));
    Arc::clone(&TRANSFER)
}

impl Linearization {
    /// Memory of all tables at most, in bytes.
    pub(crate) const MAX_BYTES: u64 = 3 * 4 * (2 * 256 + (1 << 16));

    /// `weights` are those of red, green and blue in luminance. Negative ones count as 0, and
    /// larger sums as 1.
    pub(crate) fn new(transfers: [Transfer; 3], weights: [f64; 3]) -> Self {
        let weights = weights.map(|weight| weight.max(0.0));
        let sum = weights.iter().sum::<f64>();
        let weights = if sum > 1.000_001 { weights.map(|it| it / sum) } else { weights };
        let light = |channel: usize, weight, value: usize| {
            weighted(weight, transfers[channel](value as f64 / 255.0))
        };
        let weighted = array::from_fn(|channel| {
            array::from_fn(|value| light(channel, weights[channel], value))
        });
        // as a sum of weighted values: grey has the same light in each channel and as luminance
        let channels = array::from_fn(|channel| {
            array::from_fn(|value| WEIGHTS.map(|weight| light(channel, weight, value)).iter().sum())
        });
        Self { transfers, weights, channels, weighted, tables16: OnceLock::new() }
    }

    /// The component of a pixel, 0 to [`WHITE`].
    #[inline(always)]
    fn component(&self, component: Component, rgb: &[u8; 3], alpha: u8) -> u32 {
        let light = match component {
            Component::Luminance => self.luminance(rgb),
            Component::Channel(channel) => self.channels[channel][usize::from(rgb[channel])],
            Component::Opacity => WHITE,
        };
        if alpha == 255 { light } else { premultiplied8(light, alpha) }
    }

    #[inline(always)]
    fn luminance(&self, [r, g, b]: &[u8; 3]) -> u32 {
        let [red, green, blue] = &self.weighted;
        red[usize::from(*r)] + green[usize::from(*g)] + blue[usize::from(*b)]
    }

    fn in_16_bits(&self) -> &Tables16 {
        self.tables16.get_or_init(|| {
            let table = |channel: usize| -> Arc<[u32]> {
                let light = |value: u16| self.transfers[channel](f64::from(value) / 65_535.0);
                (0..=u16::MAX).map(|value| weighted(1.0, light(value))).collect()
            };
            let red = table(0);
            let has_transfer_of_red =
                |channel: usize| Arc::ptr_eq(&self.transfers[0], &self.transfers[channel]);
            let [green, blue] = [1, 2].map(|channel| match has_transfer_of_red(channel) {
                true => Arc::clone(&red),
                false => table(channel),
            });
            let weights = self.weights.map(|weight| libm::round(weight * 10_000.0) as u64);
            let is_normal = weights.iter().sum::<u64>() == 10_000;
            let keeps_grey = is_normal && [1, 2].into_iter().all(has_transfer_of_red);
            Tables16 { channels: [red, green, blue], weights, keeps_grey }
        })
    }
}

impl Tables16 {
    /// The component of a pixel, 0 to [`WHITE`].
    #[inline(always)]
    fn component(&self, component: Component, rgb: [u16; 3], alpha: u16) -> u32 {
        let light = match component {
            Component::Luminance if self.keeps_grey && rgb[0] == rgb[1] && rgb[1] == rgb[2] => {
                self.channel(0, rgb[0])
            }
            Component::Luminance => self.luminance(rgb),
            Component::Channel(channel) => self.channel(channel, rgb[channel]),
            Component::Opacity => WHITE,
        };
        premultiplied16(light, alpha)
    }

    #[inline(always)]
    fn channel(&self, channel: usize, value: u16) -> u32 {
        self.channels[channel].get(usize::from(value)).copied().unwrap_or(WHITE)
    }

    #[inline(always)]
    fn luminance(&self, [r, g, b]: [u16; 3]) -> u32 {
        let light =
            |channel, value| self.weights[channel] * u64::from(self.channel(channel, value));
        ((light(0, r) + light(1, g) + light(2, b) + 5000) / 10_000) as u32
    }
}

/// Light, 0 to [`WHITE`], of linear light, 0 to 1, times a weight. Clamps; NaN becomes 0.
fn weighted(weight: f64, linear: f64) -> u32 {
    libm::round(weight * linear.clamp(0.0, 1.0) * f64::from(WHITE)) as u32
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
pub(crate) fn coded(light: f64) -> f64 {
    let light = light.clamp(0.0, 1.0);
    match light <= 0.003_130_8 {
        true => 12.92 * light,
        false => 1.055 * libm::pow(light, 1.0 / 2.4) - 0.055,
    }
}

/// Luminance, 0 to [`WHITE`], of coded sRGB.
pub(crate) fn rgb8(rgb: &[u8; 3]) -> u32 {
    SRGB.luminance(rgb)
}

/// Light, 0 to [`WHITE`], of a coded value of sRGB.
pub(crate) fn grey8(y: u8) -> u32 {
    rgb8(&[y, y, y])
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
        let luminance =
            |value| SRGB.in_16_bits().component(Component::Luminance, [value; 3], 65_535);
        assert_eq!((luminance(0), luminance(65_535)), (0, WHITE));
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
