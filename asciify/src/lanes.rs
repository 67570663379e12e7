//! Lanes: values of many candidates side by side, which registers of any width compare at once.
//!
//! No sum goes across lanes. So registers of any width add the same numbers in the same order, and
//! the results are the same on every machine.

use std::array;

use crate::glyphs::mask::{CELL_SAMPLES, Mask};

/// Candidates that are compared at once: enough for independent sums in every register.
pub(crate) const LANES: usize = 32;

/// One value for each of [`LANES`] candidates.
pub(crate) type Lanes = [f32; LANES];

/// The masks of [`LANES`] glyphs: by sample, then by glyph.
pub(crate) type MaskLanes = [Lanes; CELL_SAMPLES];

/// Masks in blocks of [`LANES`], in their order. Unused lanes are 0.
pub(crate) fn mask_lanes(masks: &[Mask]) -> Vec<MaskLanes> {
    let block = |masks: &[Mask]| {
        array::from_fn(|sample| {
            array::from_fn(|lane| masks.get(lane).map_or(0.0, |mask| mask[sample]))
        })
    };
    masks.chunks(LANES).map(block).collect()
}

/// The scalar products of a cell with the masks of [`LANES`] glyphs.
#[inline(always)]
pub(crate) fn products(cell: &Mask, masks: &MaskLanes) -> Lanes {
    let [mut a, mut b, mut c, mut d] = [[0.0; LANES / 4]; 4];
    for (value, masks) in cell.iter().zip(masks) {
        let add = |sums: &mut [f32; LANES / 4], quarter: usize| {
            for lane in 0..LANES / 4 {
                sums[lane] += value * masks[quarter * LANES / 4 + lane];
            }
        };
        add(&mut a, 0);
        add(&mut b, 1);
        add(&mut c, 2);
        add(&mut d, 3);
    }
    let mut products = [0.0; LANES];
    for (quarter, sums) in products.chunks_exact_mut(LANES / 4).zip([a, b, c, d]) {
        quarter.copy_from_slice(&sums);
    }
    products
}

/// The least value. It is found by halves, which registers compare at once. No lane is a NaN.
#[inline(always)]
pub(crate) fn least_of(lanes: &Lanes) -> f32 {
    fn halved<const N: usize, const HALF: usize>(lanes: &[f32; N]) -> [f32; HALF] {
        array::from_fn(|lane| {
            let (one, other) = (lanes[lane], lanes[lane + HALF]);
            if other < one { other } else { one }
        })
    }
    let eight: [f32; 8] = halved(&halved::<LANES, 16>(lanes));
    let [least] = halved::<2, 1>(&halved::<4, 2>(&halved(&eight)));
    least
}

/// The first lane of at most `value`, or lane 0 if there is none.
#[inline(always)]
pub(crate) fn first_up_to(lanes: &Lanes, value: f32) -> usize {
    lanes.iter().position(|lane| *lane <= value).unwrap_or(0)
}
