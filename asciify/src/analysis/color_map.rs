//! Colour maps: control points at equal distances in sRGB, with straight lines between.
//!
//! Sources: viridis, plasma, inferno and magma are every 15th of the 256 colours of N. J. Smith, S. van
//! der Walt and E. Firing (CC0), of which lines between differ by 6 of 255 at most; the maps in the
//! names of ColorBrewer 2.0 are its largest classes (C. Brewer and M. Harrower, Pennsylvania State
//! University); terrain has the control points of matplotlib's, at 20ths.

use crate::formats::stretch::to_16_bits;
use crate::spec::color_map::{ColorMap, ColorMapName};

/// The control points of a map, `0xRRGGBB`, from the lowest value.
fn points(name: ColorMapName) -> &'static [u32] {
    match name {
        ColorMapName::None => &[],
        ColorMapName::Gray => &[0x000000, 0xffffff],
        ColorMapName::Viridis => &[
            0x440154, 0x471669, 0x472a79, 0x433c84, 0x3c4d8a, 0x355d8c, 0x2e6c8e, 0x287a8e,
            0x23898d, 0x1e978a, 0x20a585, 0x2eb27c, 0x45bf6f, 0x64cb5d, 0x88d547, 0xafdc2e,
            0xd7e219, 0xfde724,
        ],
        ColorMapName::Plasma => &[
            0x0c0786, 0x2f0495, 0x49029f, 0x6100a6, 0x7801a8, 0x8e0ca4, 0xa21c9a, 0xb42d8d,
            0xc33e7f, 0xd14f71, 0xde6064, 0xe97257, 0xf2854a, 0xf9993d, 0xfdaf31, 0xfdc626,
            0xf8df24, 0xeff821,
        ],
        ColorMapName::Inferno => &[
            0x000003, 0x090621, 0x1d0c45, 0x370961, 0x500d6c, 0x68166e, 0x801f6b, 0x982765,
            0xaf315b, 0xc53d4d, 0xd94d3d, 0xe8612b, 0xf37918, 0xfa9306, 0xfbb014, 0xf8cd37,
            0xf1e968, 0xfcfea4,
        ],
        ColorMapName::Magma => &[
            0x000003, 0x09071f, 0x1a1041, 0x301065, 0x4a1079, 0x61187f, 0x792281, 0x912a80,
            0xa9327c, 0xc23a75, 0xd9466a, 0xec585f, 0xf7715b, 0xfc8e63, 0xfeaa74, 0xfec689,
            0xfde1a3, 0xfbfcbf,
        ],
        ColorMapName::RdYlGn => &[
            0xa50026, 0xd73027, 0xf46d43, 0xfdae61, 0xfee08b, 0xffffbf, 0xd9ef8b, 0xa6d96a,
            0x66bd63, 0x1a9850, 0x006837,
        ],
        ColorMapName::RdYlBu => &[
            0xa50026, 0xd73027, 0xf46d43, 0xfdae61, 0xfee090, 0xffffbf, 0xe0f3f8, 0xabd9e9,
            0x74add1, 0x4575b4, 0x313695,
        ],
        ColorMapName::RdBu => &[
            0x67001f, 0xb2182b, 0xd6604d, 0xf4a582, 0xfddbc7, 0xf7f7f7, 0xd1e5f0, 0x92c5de,
            0x4393c3, 0x2166ac, 0x053061,
        ],
        ColorMapName::Spectral => &[
            0x9e0142, 0xd53e4f, 0xf46d43, 0xfdae61, 0xfee08b, 0xffffbf, 0xe6f598, 0xabdda4,
            0x66c2a5, 0x3288bd, 0x5e4fa2,
        ],
        ColorMapName::BrBg => &[
            0x543005, 0x8c510a, 0xbf812d, 0xdfc27d, 0xf6e8c3, 0xf5f5f5, 0xc7eae5, 0x80cdc1,
            0x35978f, 0x01665e, 0x003c30,
        ],
        ColorMapName::YlGn => &[
            0xffffe5, 0xf7fcb9, 0xd9f0a3, 0xaddd8e, 0x78c679, 0x41ab5d, 0x238443, 0x006837,
            0x004529,
        ],
        ColorMapName::YlOrRd => &[
            0xffffcc, 0xffeda0, 0xfed976, 0xfeb24c, 0xfd8d3c, 0xfc4e2a, 0xe31a1c, 0xbd0026,
            0x800026,
        ],
        ColorMapName::Blues => &[
            0xf7fbff, 0xdeebf7, 0xc6dbef, 0x9ecae1, 0x6baed6, 0x4292c6, 0x2171b5, 0x08519c,
            0x08306b,
        ],
        ColorMapName::Greens => &[
            0xf7fcf5, 0xe5f5e0, 0xc7e9c0, 0xa1d99b, 0x74c476, 0x41ab5d, 0x238b45, 0x006d2c,
            0x00441b,
        ],
        ColorMapName::Reds => &[
            0xfff5f0, 0xfee0d2, 0xfcbba1, 0xfc9272, 0xfb6a4a, 0xef3b2c, 0xcb181d, 0xa50f15,
            0x67000d,
        ],
        // 0.15, 0.25, 0.5 and 0.75 of the way
        ColorMapName::Terrain => &[
            0x333399, 0x2255bb, 0x1177dd, 0x0099ff, 0x00b3b3, 0x00cc66, 0x33d670, 0x66e07a,
            0x99eb85, 0xccf58f, 0xffff99, 0xe6df8d, 0xccbe81, 0xb39d75, 0x997d6a, 0x805c54,
            0x997d76, 0xb39e98, 0xccbfbb, 0xe6dfdd, 0xffffff,
        ],
    }
}

/// The colour of a level from 0 to 1, from 0 to 65535. No map gives greys.
pub(super) fn color(map: ColorMap, level: f64) -> [u16; 3] {
    let points = points(map.name);
    let Some(last) = points.len().checked_sub(1) else { return [to_16_bits(level); 3] };
    let level = if map.is_reversed { 1.0 - level } else { level };
    let place = level.clamp(0.0, 1.0) * last as f64;
    let index = (place as usize).min(last - 1);
    let part = place - index as f64;
    let at = |index: usize, shift: u32| f64::from(points[index] >> shift & 0xff);
    [16, 8, 0].map(|shift| {
        let (from, to) = (at(index, shift), at(index + 1, shift));
        to_16_bits((from + part * (to - from)) / 255.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_has_its_ends_and_what_is_between() {
        for name in &ColorMapName::ALL[1..] {
            let [first, .., last] = points(*name) else { panic!("{name} has two points") };
            let rgb = |it: &u32| [it >> 16, it >> 8 & 0xff, it & 0xff];
            for (is_reversed, ends) in [(false, [first, last]), (true, [last, first])] {
                let map = ColorMap { name: *name, is_reversed };
                let of = |level| color(map, level).map(|it| u32::from(it / 257));
                assert_eq!([of(-1.0), of(1.0)], ends.map(rgb), "{map}");
            }
        }
        let of = |map: &str, level| color(map.parse().expect("a map"), level);
        assert_eq!((of("gray", 0.5), of("none", 0.5)), ([32_768; 3], [32_768; 3]));
        // of matplotlib's tables of 256 colours
        let near = |map, index: f64, [r, g, b]: [i32; 3]| {
            let of = of(map, index / 255.0).map(|it| i32::from(it / 257));
            of.iter().zip([r, g, b]).all(|(it, other)| (it - other).abs() <= 3)
        };
        assert!(near("viridis", 128.0, [33, 145, 140]));
        assert!(near("viridis_r", 127.0, [33, 145, 140]));
        assert!(near("rdylgn", 128.0, [254, 254, 189]));
        assert!(near("terrain", 191.0, [128, 92, 84]));
    }
}
