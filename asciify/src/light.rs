//! Turns decoded pixels into linear light, row by row, without copying the picture.

use std::array;
use std::sync::LazyLock;

use image::DynamicImage;

/// White. Light is a fraction of it: fine enough for the darkest step of 8-bit sRGB (1/3295) to
/// keep five digits, small enough for 64-bit sums over the longest rows.
pub(crate) const WHITE: u32 = 1 << 24;

/// Which light of a picture.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Light {
    /// Y of Rec. 709.
    Luminance,
    /// Red, green or blue: 0, 1 or 2.
    Channel(usize),
}

/// Calls `take` with the linear light of each row, from the top.
///
/// Grey and colour count as sRGB at 8 and 16 bits, as linear at floating point. What is transparent
/// lets black through.
pub(crate) fn rows(picture: &DynamicImage, light: Light, mut take: impl FnMut(&[u32])) {
    let width = picture.width() as usize;
    let rgb8 = |pixel: &[u8; 3]| match light {
        Light::Luminance => rgb8(pixel),
        Light::Channel(channel) => grey8(pixel[channel]),
    };
    let rgb16 = |pixel: &[u16; 3]| match light {
        Light::Luminance => rgb16(pixel),
        Light::Channel(channel) => grey16(pixel[channel]),
    };
    let rgb32 = |pixel: &[f32; 3]| match light {
        Light::Luminance => rgb32(pixel),
        Light::Channel(channel) => grey32(pixel[channel]),
    };
    match picture {
        DynamicImage::ImageLuma8(it) => each_row(it.as_raw(), width, &mut take, |[y]| grey8(*y)),
        DynamicImage::ImageLumaA8(it) => {
            each_row(it.as_raw(), width, &mut take, |[y, a]| over8(grey8(*y), *a))
        }
        DynamicImage::ImageRgb8(it) => each_row(it.as_raw(), width, &mut take, rgb8),
        DynamicImage::ImageRgba8(it) => {
            each_row(it.as_raw(), width, &mut take, |[r, g, b, a]| over8(rgb8(&[*r, *g, *b]), *a));
        }
        DynamicImage::ImageLuma16(it) => each_row(it.as_raw(), width, &mut take, |[y]| grey16(*y)),
        DynamicImage::ImageLumaA16(it) => {
            each_row(it.as_raw(), width, &mut take, |[y, a]| over16(grey16(*y), *a))
        }
        DynamicImage::ImageRgb16(it) => each_row(it.as_raw(), width, &mut take, rgb16),
        DynamicImage::ImageRgba16(it) => {
            each_row(it.as_raw(), width, &mut take, |[r, g, b, a]| {
                over16(rgb16(&[*r, *g, *b]), *a)
            });
        }
        DynamicImage::ImageRgb32F(it) => each_row(it.as_raw(), width, &mut take, rgb32),
        DynamicImage::ImageRgba32F(it) => {
            each_row(it.as_raw(), width, &mut take, |[r, g, b, a]| {
                over16(rgb32(&[*r, *g, *b]), (unit(*a) * 65_535.0) as u16)
            })
        }
        other => each_row(other.to_rgba16().as_raw(), width, &mut take, |[r, g, b, a]| {
            over16(rgb16(&[*r, *g, *b]), *a)
        }),
    }
}

/// Whether anything shows through the picture.
pub(crate) fn is_transparent(picture: &DynamicImage) -> bool {
    let mut transparent = false;
    opacity(picture, |row| transparent |= row.iter().any(|opacity| *opacity < WHITE));
    transparent
}

/// Calls `take` with the opacity of each row, from the top, where [`WHITE`] hides everything.
/// Does nothing for a picture that has no alpha channel.
pub(crate) fn opacity(picture: &DynamicImage, mut take: impl FnMut(&[u32])) {
    let width = picture.width() as usize;
    match picture {
        DynamicImage::ImageLumaA8(it) => {
            each_row(it.as_raw(), width, &mut take, |[_, a]| over8(WHITE, *a));
        }
        DynamicImage::ImageRgba8(it) => {
            each_row(it.as_raw(), width, &mut take, |[_, _, _, a]| over8(WHITE, *a));
        }
        DynamicImage::ImageLumaA16(it) => {
            each_row(it.as_raw(), width, &mut take, |[_, a]| over16(WHITE, *a));
        }
        DynamicImage::ImageRgba16(it) => {
            each_row(it.as_raw(), width, &mut take, |[_, _, _, a]| over16(WHITE, *a));
        }
        DynamicImage::ImageRgba32F(it) => {
            each_row(it.as_raw(), width, &mut take, |[_, _, _, a]| {
                over16(WHITE, (unit(*a) * 65_535.0) as u16)
            });
        }
        _ => {}
    }
}

fn each_row<T, const N: usize>(
    samples: &[T],
    width: usize,
    take: &mut impl FnMut(&[u32]),
    light: impl Fn(&[T; N]) -> u32,
) {
    let mut row = Vec::with_capacity(width);
    let (pixels, _) = samples.as_chunks::<N>();
    for pixels in pixels.chunks_exact(width.max(1)) {
        row.clear();
        row.extend(pixels.iter().map(&light));
        take(&row);
    }
}

/// Rec. 709 luminance of red, green and blue, in ten-thousandths: ITU-R BT.709-6, item 3.2.
const WEIGHTS: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// What each value of red, green and blue adds to the light.
static RGB8: LazyLock<[[u32; 256]; 3]> = LazyLock::new(|| {
    WEIGHTS.map(|weight| array::from_fn(|value| part(weight, value as f64 / 255.0)))
});

/// The decoded values of 16 bits: shared by the channels, since it is large.
static GREY16: LazyLock<Vec<u32>> =
    LazyLock::new(|| (0..=u16::MAX).map(|value| part(1.0, f64::from(value) / 65_535.0)).collect());

fn part(weight: f64, coded: f64) -> u32 {
    libm::round(weight * linear(coded) * f64::from(WHITE)) as u32
}

/// sRGB's decoding, IEC 61966-2-1. The standard library's `powf` differs between machines.
pub(crate) fn linear(coded: f64) -> f64 {
    if coded <= 0.04045 { coded / 12.92 } else { libm::pow((coded + 0.055) / 1.055, 2.4) }
}

pub(crate) fn rgb8([r, g, b]: &[u8; 3]) -> u32 {
    let [red, green, blue] = &*RGB8;
    red[usize::from(*r)] + green[usize::from(*g)] + blue[usize::from(*b)]
}

pub(crate) fn grey8(y: u8) -> u32 {
    rgb8(&[y, y, y])
}

fn grey16(y: u16) -> u32 {
    GREY16.get(usize::from(y)).copied().unwrap_or(WHITE)
}

fn rgb16(&[r, g, b]: &[u16; 3]) -> u32 {
    weighed([r, g, b].map(grey16))
}

fn rgb32(rgb: &[f32; 3]) -> u32 {
    weighed(rgb.map(grey32))
}

fn grey32(value: f32) -> u32 {
    (unit(value) * f64::from(WHITE)) as u32
}

fn weighed([r, g, b]: [u32; 3]) -> u32 {
    let sum = 2126 * u64::from(r) + 7152 * u64::from(g) + 722 * u64::from(b);
    ((sum + 5000) / 10_000) as u32
}

/// Into 0 to 1; what is not a number is dark.
fn unit(value: f32) -> f64 {
    if value > 0.0 { f64::from(value).min(1.0) } else { 0.0 }
}

fn over8(light: u32, alpha: u8) -> u32 {
    ((u64::from(light) * u64::from(alpha) + 127) / 255) as u32
}

fn over16(light: u32, alpha: u16) -> u32 {
    ((u64::from(light) * u64::from(alpha) + 32_767) / 65_535) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_exact_at_every_depth() {
        assert_eq!((grey8(0), grey8(255)), (0, WHITE));
        assert_eq!((rgb8(&[255, 255, 255]), over8(WHITE, 255), over8(WHITE, 0)), (WHITE, WHITE, 0));
        assert_eq!((rgb16(&[0; 3]), rgb16(&[65_535; 3]), over16(WHITE, 65_535)), (0, WHITE, WHITE));
        assert_eq!(
            (rgb32(&[f32::NAN; 3]), rgb32(&[f32::INFINITY; 3]), rgb32(&[-1.0; 3])),
            (0, WHITE, 0)
        );
    }

    #[test]
    fn the_middle_of_srgb_is_a_fifth_of_the_light() {
        let light = f64::from(grey8(128)) / f64::from(WHITE);
        assert!((light - 0.215_86).abs() < 0.000_01, "{light}");
    }
}
