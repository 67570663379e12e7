//! Colours of cells: palettes, and the nearest colour of a palette.

use std::array;
use std::ops::Range;
use std::sync::LazyLock;

use multiversion::multiversion;

use crate::lanes::{LANES, Lanes, first_up_to, least_of};
use crate::light;
use crate::spec::values::Palette;

/// A colour of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Color {
    /// One of xterm's 256 colours. The first 16 look as the terminal's user has set them.
    Indexed(u8),
    /// sRGB, IEC 61966-2-1: red, green and blue, coded, 0 to 255.
    Rgb([u8; 3]),
}

impl Color {
    /// Red, green and blue in sRGB; of the first 16 as xterm has them by default.
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::Indexed(index) => xterm(index),
            Self::Rgb(rgb) => rgb,
        }
    }

    /// Linear light of red, green and blue, each 0 to 1.
    pub(crate) fn light(self) -> [f32; 3] {
        self.rgb().map(linear)
    }

    /// The colour of the palette with the least distance in Oklab from `light`: the linear light of
    /// red, green and blue, each 0 to 1.
    pub(crate) fn nearest(light: [f32; 3], palette: Palette) -> Self {
        let (first, colors) = match palette {
            Palette::None | Palette::Full => return Self::Rgb(light.map(coded)),
            Palette::Of16 => (0, &*OF_16),
            // users change the first 16
            Palette::Of256 => (16, &*OF_256),
        };
        Self::Indexed((first + nearest_wide(oklab(light), colors)) as u8)
    }
}

/// [`nearest`], compiled for the widest registers that the processor has.
#[multiversion(targets("x86_64+avx2"))]
fn nearest_wide(wanted: [f32; 3], colors: &[[Lanes; 3]]) -> usize {
    nearest(wanted, colors)
}

/// Index of the first colour with the least distance; all are L, a and b.
#[inline(always)]
fn nearest([wanted_l, wanted_a, wanted_b]: [f32; 3], colors: &[[Lanes; 3]]) -> usize {
    let (mut nearest, mut least) = (0, f32::INFINITY);
    for (block, [l, a, b]) in colors.iter().enumerate() {
        let distances: Lanes = array::from_fn(|lane| {
            let (l, a, b) = (l[lane] - wanted_l, a[lane] - wanted_a, b[lane] - wanted_b);
            l * l + a * a + b * b
        });
        let least_here = least_of(&distances);
        if least_here < least {
            least = least_here;
            nearest = block * LANES + first_up_to(&distances, least);
        }
    }
    nearest
}

/// xterm's palette: 16 named colours, a cube of 6 × 6 × 6, and 24 greys.
fn xterm(index: u8) -> [u8; 3] {
    const NAMED: [[u8; 3]; 16] = [
        [0, 0, 0],
        [205, 0, 0],
        [0, 205, 0],
        [205, 205, 0],
        [0, 0, 238],
        [205, 0, 205],
        [0, 205, 205],
        [229, 229, 229],
        [127, 127, 127],
        [255, 0, 0],
        [0, 255, 0],
        [255, 255, 0],
        [92, 92, 255],
        [255, 0, 255],
        [0, 255, 255],
        [255, 255, 255],
    ];
    let step = |level: u8| if level == 0 { 0 } else { 55 + 40 * level };
    match index {
        0..16 => NAMED[usize::from(index)],
        16..232 => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(step),
        232.. => [8 + 10 * (index - 232); 3],
    }
}

/// Oklab of the named colours, in blocks of [`LANES`].
static OF_16: LazyLock<Vec<[Lanes; 3]>> = LazyLock::new(|| oklab_lanes(0..16));

/// Oklab of the cube and the greys.
static OF_256: LazyLock<Vec<[Lanes; 3]>> = LazyLock::new(|| oklab_lanes(16..256));

/// Oklab of xterm's colours: L, a and b of each block. Unused lanes are infinitely far.
fn oklab_lanes(indices: Range<u16>) -> Vec<[Lanes; 3]> {
    let colors: Vec<[f32; 3]> =
        indices.map(|index| oklab(xterm(index as u8).map(linear))).collect();
    let block = |colors: &[[f32; 3]]| {
        [0, 1, 2].map(|part| {
            array::from_fn(|lane| colors.get(lane).map_or(f32::INFINITY, |color| color[part]))
        })
    };
    colors.chunks(LANES).map(block).collect()
}

/// L, a and b of linear light of red, green and blue, 0 to 1: B. Ottosson, "A perceptual color
/// space for image processing" (2020).
fn oklab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let cone = |[wr, wg, wb]: [f64; 3]| {
        libm::cbrt(wr * f64::from(r) + wg * f64::from(g) + wb * f64::from(b))
    };
    let l = cone([0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9]);
    let m = cone([0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6]);
    let s = cone([0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5]);
    [
        (0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s) as f32,
        (1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s) as f32,
        (0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s) as f32,
    ]
}

/// sRGB's coding, 0 to 255, of linear light, 0 to 1: IEC 61966-2-1; the nearest of the 256 values.
fn coded(light: f32) -> u8 {
    EDGES.partition_point(|edge| *edge <= light) as u8
}

/// Linear light, 0 to 1, of a value of sRGB.
fn linear(value: u8) -> f32 {
    decoded(f64::from(value)) as f32
}

/// The same of a value between two, 0 to 255.
fn decoded(value: f64) -> f64 {
    light::linear(value / 255.0)
}

/// The light halfway between each value and the next, as coded.
static EDGES: LazyLock<[f32; 255]> =
    LazyLock::new(|| std::array::from_fn(|value| decoded(value as f64 + 0.5) as f32));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back() {
        for value in 0..=255 {
            assert_eq!(coded(linear(value)), value);
        }
    }

    #[test]
    fn the_nearest_is_the_first_of_the_least_distance() {
        for n in 0..4_000_u32 {
            let part = |factor: u32| (n.wrapping_mul(factor) >> 8) as f32 / (1 << 24) as f32;
            let light = [part(2_654_435_761), part(2_246_822_519), part(3_266_489_917)];
            let wanted = oklab(light);
            let distance = |index: &usize| {
                let pairs = oklab(xterm(*index as u8).map(linear)).into_iter().zip(wanted);
                pairs.map(|(is, wanted)| (is - wanted) * (is - wanted)).sum::<f32>()
            };
            for (palette, candidates) in [(Palette::Of16, 0..16), (Palette::Of256, 16..256)] {
                let wanted = candidates.min_by(|a, b| distance(a).total_cmp(&distance(b)));
                let found = Color::nearest(light, palette);
                assert_eq!(found, Color::Indexed(wanted.expect("a colour") as u8), "{light:?}");
            }
            assert_eq!(nearest(wanted, &OF_256), nearest_wide(wanted, &OF_256), "any registers");
        }
    }

    #[test]
    fn a_palette_s_own_colours_are_nearest_to_themselves() {
        for (palette, indices) in [(Palette::Of16, 0..=15), (Palette::Of256, 16..=255)] {
            for index in indices {
                let own = Color::Indexed(index);
                let found = Color::nearest(own.light(), palette);
                assert_eq!(found.rgb(), own.rgb(), "{index}");
            }
        }
    }
}
