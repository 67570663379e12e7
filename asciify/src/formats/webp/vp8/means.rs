//! Means of square cells of pixels, and their colours.

use super::predict::{Area, Pixels};

/// Puts the means of a macroblock, so many cells across and down, into `rows`. They are of what is
/// `inside` the picture, so many pixels across and down; a cell that is outside has no meaning.
pub(super) fn put<const CELLS: usize>(
    pixels: &Pixels,
    inside: (usize, usize),
    rows: &mut [Vec<[[u8; 3]; CELLS]>; CELLS],
    column: usize,
) {
    let half = (inside.0.div_ceil(2), inside.1.div_ceil(2));
    let [blue, red] = &pixels.chroma;
    let luma = plane::<17, CELLS>(&pixels.luma, inside);
    let (blue, red) = (plane::<9, CELLS>(blue, half), plane::<9, CELLS>(red, half));
    for (y, row) in rows.iter_mut().enumerate() {
        for (x, mean) in row[column].iter_mut().enumerate() {
            *mean = from_ycbcr(luma[y][x], blue[y][x], red[y][x]);
        }
    }
}

#[inline(always)]
fn plane<const ROWS: usize, const CELLS: usize>(
    area: &Area<ROWS>,
    inside: (usize, usize),
) -> [[u16; CELLS]; CELLS] {
    let side = (ROWS - 1) / CELLS;
    let mut sums = [[0; CELLS]; CELLS];
    if inside == (ROWS - 1, ROWS - 1) {
        for (y, row) in area.pixels().enumerate() {
            for (sum, pixels) in sums[y / side].iter_mut().zip(row.chunks_exact(side)) {
                *sum += pixels.iter().map(|it| u16::from(*it)).sum::<u16>();
            }
        }
        let count = (side * side) as u16;
        for sum in sums.as_flattened_mut() {
            *sum = (*sum + count / 2) / count;
        }
    } else {
        outermost(area, inside, side, &mut sums);
    }
    sums
}

/// The same where the picture ends.
fn outermost<const ROWS: usize, const CELLS: usize>(
    area: &Area<ROWS>,
    inside: (usize, usize),
    side: usize,
    sums: &mut [[u16; CELLS]; CELLS],
) {
    for (y, row) in area.pixels().take(inside.1).enumerate() {
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

/// sRGB of Y, Cb and Cr as video has them, black at 16 and white at 235 (ITU-R BT.601), reckoned in
/// 65536ths.
#[inline(always)]
fn from_ycbcr(luma: u16, blue: u16, red: u16) -> [u8; 3] {
    let luma = 76_309 * (i32::from(luma) - 16) + 32_768;
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    let level = |chroma: i32| ((luma + chroma) >> 16).clamp(0, 255) as u8;
    [level(104_597 * red), level(-25_675 * blue - 53_279 * red), level(132_201 * blue)]
}
