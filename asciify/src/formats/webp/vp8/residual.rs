//! The residual of a macroblock, which is added to its prediction: dequantized coefficients and
//! their inverse transforms (RFC 6386, sections 13 and 14).

use super::bool_decoder::BoolDecoder;
use super::modes::{LumaMode, MacroblockHeader};
use super::tokens::{BlockType, DequantFactors, LANES, Lanes, TokenProbs};

/// Lanes of blocks: 16 of luma from 0 on, 4 of each chroma plane, and the Y2 block.
const U: usize = 16;
const V: usize = 20;
const Y2: usize = 24;

/// The dequantization factors of a segment of the frame.
#[derive(Clone, Copy, Default)]
pub(super) struct SegmentQuantizers {
    pub(super) y: DequantFactors,
    pub(super) y2: DequantFactors,
    pub(super) uv: DequantFactors,
}

/// Which blocks along an edge of a macroblock have coefficients, 1 for each of them: 4 of luma, 2
/// of each chroma plane, and Y2, for which the last macroblock that has one counts (section 13.3).
#[derive(Clone, Copy, Default)]
pub(super) struct NonzeroContext([u8; 9]);

/// The difference of each pixel from its prediction, by row and column.
pub(super) struct Residual {
    pub(super) luma: [[i16; 16]; 16],
    /// U and V.
    pub(super) chroma: [[[i16; 8]; 8]; 2],
}

/// Reads the residual of a macroblock, if it has coefficients. `above` is the context of the
/// macroblock above, `left` that of the one to the left; they become those of this macroblock.
pub(super) fn read(
    header: &MacroblockHeader,
    probs: &TokenProbs,
    quantizers: &SegmentQuantizers,
    bits: &mut BoolDecoder<'_>,
    above: &mut NonzeroContext,
    left: &mut NonzeroContext,
) -> Option<Residual> {
    // where subblocks are predicted one by one, there is no Y2 block
    let has_y2 = matches!(header.luma, LumaMode::Whole(_));
    let blocks = if has_y2 { &BLOCKS[..] } else { &BLOCKS[1..] };
    if header.skip_coeffs {
        for (_, column, row) in blocks {
            (above.0[*column], left.0[*row]) = (0, 0);
        }
        return None;
    }
    let mut lanes = [[0; LANES]; 16];
    let luma = if has_y2 { BlockType::YAfterY2 } else { BlockType::YWithDc };
    for (lane, column, row) in blocks {
        let (block_type, factors) = match *lane {
            Y2 => (BlockType::Y2, quantizers.y2),
            U.. => (BlockType::Chroma, quantizers.uv),
            _ => (luma, quantizers.y),
        };
        let (above, left) = (&mut above.0[*column], &mut left.0[*row]);
        let context = *above + *left;
        let is_nonzero = probs.read_block(block_type, context, factors, bits, *lane, &mut lanes);
        (*above, *left) = (is_nonzero.into(), is_nonzero.into());
    }
    if has_y2 {
        let dc = inverse_wht(&lanes);
        lanes[0][..16].copy_from_slice(&dc);
    }
    inverse_dct(&mut lanes);
    Some(Residual { luma: pixels(&lanes, 0), chroma: [pixels(&lanes, U), pixels(&lanes, V)] })
}

/// Blocks in coded order: the lane of each, and its index in the [`NonzeroContext`] above and to
/// the left.
const BLOCKS: [(usize, usize, usize); 25] = {
    let mut blocks = [(Y2, 8, 8); 25];
    let mut lane = 0;
    while lane < Y2 {
        blocks[1 + lane] = match lane {
            U.. => (lane, lane / 4 * 2 - 4 + lane % 2, lane / 4 * 2 - 4 + lane / 2 % 2),
            _ => (lane, lane % 4, lane / 4),
        };
        lane += 1;
    }
    blocks
};

/// The DC coefficients of all luma blocks: the inverse Walsh-Hadamard transform of the Y2 block
/// (section 14.3).
#[inline(always)]
fn inverse_wht(lanes: &Lanes) -> [i16; 16] {
    let mut vertical = [0_i32; 16];
    for at in 0..4 {
        let of = |row: usize| i32::from(lanes[row + at][Y2]);
        let (p, q, r, s) = (of(0), of(4), of(8), of(12));
        let (a, b, c, d) = (p + s, q + r, q - r, p - s);
        (vertical[at], vertical[4 + at]) = (a + b, c + d);
        (vertical[8 + at], vertical[12 + at]) = (a - b, d - c);
    }
    let mut dc = [0; 16];
    for (dc, &[p, q, r, s]) in dc.as_chunks_mut().0.iter_mut().zip(vertical.as_chunks().0) {
        let (a, b, c, d) = (p + s, q + r, q - r, p - s);
        let scaled = |value: i32| ((value + 3) >> 3) as i16;
        *dc = [scaled(a + b), scaled(c + d), scaled(a - b), scaled(d - c)];
    }
    dc
}

/// The inverse DCT of all blocks without its final scaling (section 14.4): of each column, then of
/// each row.
#[inline(always)]
fn inverse_dct(lanes: &mut Lanes) {
    for column in 0..4 {
        inverse_dct_1d(lanes, column, 4);
    }
    for row in 0..4 {
        inverse_dct_1d(lanes, 4 * row, 1);
    }
}

/// Transforms the four elements from `start` on at distances of `step`, in each lane. Sums wrap:
/// those of valid files fit into 16 bits.
#[inline(always)]
fn inverse_dct_1d(lanes: &mut Lanes, start: usize, step: usize) {
    let [p, q, r, s] =
        [lanes[start], lanes[start + step], lanes[start + 2 * step], lanes[start + 3 * step]];
    for lane in 0..LANES {
        let (p, q, r, s) = (p[lane], q[lane], r[lane], s[lane]);
        let (a, b) = (p.wrapping_add(r), p.wrapping_sub(r));
        let c = times_sin(q).wrapping_sub(times_cos(s));
        let d = times_cos(q).wrapping_add(times_sin(s));
        lanes[start][lane] = a.wrapping_add(d);
        lanes[start + step][lane] = b.wrapping_add(c);
        lanes[start + 2 * step][lane] = b.wrapping_sub(c);
        lanes[start + 3 * step][lane] = a.wrapping_sub(d);
    }
}

/// √2 cos(π/8) · `value`.
#[inline(always)]
fn times_cos(value: i16) -> i16 {
    value.wrapping_add(((i32::from(value) * 20_091) >> 16) as i16)
}

/// √2 sin(π/8) · `value`.
#[inline(always)]
fn times_sin(value: i16) -> i16 {
    // 35468 / 65536, as 1 - 30068 / 65536, since 35468 does not fit into 16 bits
    value.wrapping_add(((i32::from(value) * -30_068) >> 16) as i16)
}

/// The blocks from `lane` on as rows of differences, with the final scaling by 1/8.
#[inline(always)]
fn pixels<const SIDE: usize>(lanes: &Lanes, lane: usize) -> [[i16; SIDE]; SIDE] {
    let mut rows = [[0; SIDE]; SIDE];
    for (y, row) in rows.iter_mut().enumerate() {
        for (block, pixels) in row.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            for (x, pixel) in pixels.iter_mut().enumerate() {
                *pixel =
                    lanes[y % 4 * 4 + x][lane + y / 4 * (SIDE / 4) + block].wrapping_add(4) >> 3;
            }
        }
    }
    rows
}
