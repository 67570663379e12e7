//! Reduces macroblocks to the means of square cells of pixels, as sRGB.

use super::predict::{MacroblockPixels, Plane};

/// Writes the means of a macroblock of `CELLS` × `CELLS` cells into `rows`: by row of cells, then
/// by macroblock column. Only the pixels `inside` the image count: so many across and down. Cells
/// without any are not used.
pub(super) fn write_means<const CELLS: usize>(
    pixels: &MacroblockPixels,
    inside: (usize, usize),
    rows: &mut [Vec<[[u8; 3]; CELLS]>; CELLS],
    column: usize,
) {
    let half = (inside.0.div_ceil(2), inside.1.div_ceil(2));
    let [u, v] = &pixels.chroma;
    let luma = plane_means::<17, CELLS>(&pixels.luma, inside);
    let (u, v) = (plane_means::<9, CELLS>(u, half), plane_means::<9, CELLS>(v, half));
    for (y, row) in rows.iter_mut().enumerate() {
        for (x, mean) in row[column].iter_mut().enumerate() {
            *mean = from_yuv(luma[y][x], u[y][x], v[y][x]);
        }
    }
}

/// The means of one plane.
#[inline(always)]
fn plane_means<const ROWS: usize, const CELLS: usize>(
    plane: &Plane<ROWS>,
    inside: (usize, usize),
) -> [[u16; CELLS]; CELLS] {
    let side = (ROWS - 1) / CELLS;
    let mut sums = [[0; CELLS]; CELLS];
    if inside == (ROWS - 1, ROWS - 1) {
        for (y, row) in plane.pixels().enumerate() {
            for (sum, pixels) in sums[y / side].iter_mut().zip(row.chunks_exact(side)) {
                *sum += pixels.iter().map(|it| u16::from(*it)).sum::<u16>();
            }
        }
        let count = (side * side) as u16;
        for sum in sums.as_flattened_mut() {
            *sum = (*sum + count / 2) / count;
        }
    } else {
        means_at_the_edge(plane, inside, side, &mut sums);
    }
    sums
}

/// [`plane_means`] of a macroblock that extends beyond the image.
fn means_at_the_edge<const ROWS: usize, const CELLS: usize>(
    plane: &Plane<ROWS>,
    inside: (usize, usize),
    side: usize,
    sums: &mut [[u16; CELLS]; CELLS],
) {
    for (y, row) in plane.pixels().take(inside.1).enumerate() {
        for (x, pixel) in row.iter().take(inside.0).enumerate() {
            sums[y / side][x / side] += u16::from(*pixel);
        }
    }
    for (y, row) in sums.iter_mut().enumerate() {
        for (x, sum) in row.iter_mut().enumerate() {
            let across = inside.0.saturating_sub(x * side).min(side);
            let down = inside.1.saturating_sub(y * side).min(side);
            let count = ((across * down) as u16).max(1);
            *sum = (*sum + count / 2) / count;
        }
    }
}

/// sRGB of Y, U and V with black at 16 and white at 235 (ITU-R BT.601). Factors are in 1/65536.
#[inline(always)]
fn from_yuv(luma: u16, u: u16, v: u16) -> [u8; 3] {
    let luma = 76_309 * (i32::from(luma) - 16) + 32_768;
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    let level = |chroma: i32| ((luma + chroma) >> 16).clamp(0, 255) as u8;
    [level(104_597 * v), level(-25_675 * u - 53_279 * v), level(132_201 * u)]
}
