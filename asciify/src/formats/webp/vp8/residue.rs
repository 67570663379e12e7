//! What is added to the predicted pixels of a macroblock: RFC 6386, 13 and 14.

use super::bits::Bits;
use super::modes::{Luma, Macroblock};
use super::tokens::{Kind, LANES, Lanes, Steps, Tokens};

/// Lanes of blocks: 16 of luma from the first on, 4 of each chroma, and the one that holds the first
/// coefficients of luma.
const BLUE: usize = 16;
const RED: usize = 20;
const FIRSTS: usize = 24;

/// How coefficients are scaled in a part of the frame.
#[derive(Clone, Copy, Default)]
pub(super) struct Segment {
    pub(super) luma: Steps,
    pub(super) firsts: Steps,
    pub(super) chroma: Steps,
}

/// Which blocks at an edge of a macroblock are not empty, 1 for each of them: 4 of luma, 2 of each
/// chroma, and that of first coefficients.
#[derive(Clone, Copy, Default)]
pub(super) struct Filled([u8; 9]);

/// The differences of all pixels of a macroblock from what was predicted.
pub(super) struct Residue {
    pub(super) luma: [[i16; 16]; 16],
    pub(super) chroma: [[[i16; 8]; 8]; 2],
}

/// Reads it, if there is any. `above` and `left` are the edges there, and become those of this
/// macroblock.
pub(super) fn read(
    told: &Macroblock,
    tokens: &Tokens,
    segment: &Segment,
    bits: &mut Bits<'_>,
    above: &mut Filled,
    left: &mut Filled,
) -> Option<Residue> {
    // where subblocks are predicted by themselves, first coefficients are not apart
    let has_firsts = matches!(told.luma, Luma::Whole(_));
    let blocks = if has_firsts { &BLOCKS[..] } else { &BLOCKS[1..] };
    if told.is_bare {
        for (_, column, row) in blocks {
            (above.0[*column], left.0[*row]) = (0, 0);
        }
        return None;
    }
    let mut lanes = [[0; LANES]; 16];
    let luma = if has_firsts { Kind::Others } else { Kind::Luma };
    for (lane, column, row) in blocks {
        let (kind, steps) = match *lane {
            FIRSTS => (Kind::Firsts, segment.firsts),
            BLUE.. => (Kind::Chroma, segment.chroma),
            _ => (luma, segment.luma),
        };
        let (above, left) = (&mut above.0[*column], &mut left.0[*row]);
        let filled = tokens.read_block(kind, *above + *left, steps, bits, *lane, &mut lanes);
        (*above, *left) = (filled.into(), filled.into());
    }
    if has_firsts {
        let firsts = firsts(&lanes);
        lanes[0][..16].copy_from_slice(&firsts);
    }
    transform(&mut lanes);
    Some(Residue { luma: rows(&lanes, 0), chroma: [rows(&lanes, BLUE), rows(&lanes, RED)] })
}

/// Blocks in their order, and where they stand in [`Filled`] above and to the left.
const BLOCKS: [(usize, usize, usize); 25] = {
    let mut blocks = [(FIRSTS, 8, 8); 25];
    let mut lane = 0;
    while lane < FIRSTS {
        blocks[1 + lane] = match lane {
            BLUE.. => (lane, lane / 4 * 2 - 4 + lane % 2, lane / 4 * 2 - 4 + lane / 2 % 2),
            _ => (lane, lane % 4, lane / 4),
        };
        lane += 1;
    }
    blocks
};

/// The first coefficients of all luma blocks (14.3).
#[inline(always)]
fn firsts(lanes: &Lanes) -> [i16; 16] {
    let mut between = [0_i32; 16];
    for at in 0..4 {
        let of = |row: usize| i32::from(lanes[row + at][FIRSTS]);
        let (p, q, r, s) = (of(0), of(4), of(8), of(12));
        let (a, b, c, d) = (p + s, q + r, q - r, p - s);
        (between[at], between[4 + at]) = (a + b, c + d);
        (between[8 + at], between[12 + at]) = (a - b, d - c);
    }
    let mut firsts = [0; 16];
    for (firsts, &[p, q, r, s]) in firsts.as_chunks_mut().0.iter_mut().zip(between.as_chunks().0) {
        let (a, b, c, d) = (p + s, q + r, q - r, p - s);
        let scaled = |value: i32| ((value + 3) >> 3) as i16;
        *firsts = [scaled(a + b), scaled(c + d), scaled(a - b), scaled(d - c)];
    }
    firsts
}

/// From coefficients to differences (14.4): down each column, then along each row.
#[inline(always)]
fn transform(lanes: &mut Lanes) {
    for column in 0..4 {
        pass(lanes, column, 4);
    }
    for row in 0..4 {
        pass(lanes, 4 * row, 1);
    }
}

/// Transforms what is at four places. What does not fit into 16 bits is of no real picture.
#[inline(always)]
fn pass(lanes: &mut Lanes, start: usize, step: usize) {
    let [p, q, r, s] =
        [lanes[start], lanes[start + step], lanes[start + 2 * step], lanes[start + 3 * step]];
    for lane in 0..LANES {
        let (p, q, r, s) = (p[lane], q[lane], r[lane], s[lane]);
        let (a, b) = (p.wrapping_add(r), p.wrapping_sub(r));
        let c = sine(q).wrapping_sub(cosine(s));
        let d = cosine(q).wrapping_add(sine(s));
        lanes[start][lane] = a.wrapping_add(d);
        lanes[start + step][lane] = b.wrapping_add(c);
        lanes[start + 2 * step][lane] = b.wrapping_sub(c);
        lanes[start + 3 * step][lane] = a.wrapping_sub(d);
    }
}

/// √2 cos(π/8) times `value`.
#[inline(always)]
fn cosine(value: i16) -> i16 {
    value.wrapping_add(((i32::from(value) * 20_091) >> 16) as i16)
}

/// √2 sin(π/8) times `value`.
#[inline(always)]
fn sine(value: i16) -> i16 {
    // 35468, less the 65536 that 16 bits do not hold
    value.wrapping_add(((i32::from(value) * -30_068) >> 16) as i16)
}

/// The blocks from `lane` on as rows of pixels.
#[inline(always)]
fn rows<const SIDE: usize>(lanes: &Lanes, lane: usize) -> [[i16; SIDE]; SIDE] {
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
