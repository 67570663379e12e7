//! Coefficients of blocks: RFC 6386, 13.

use std::array;

use super::bits::Bits;
use super::tables::{BANDS, TOKEN_UPDATES, TOKENS, ZIGZAG};

/// Room for the blocks of a macroblock, side by side.
pub(super) const LANES: usize = 32;

/// By place in the block, row by row: what all blocks have there, so that they are transformed
/// together.
pub(super) type Lanes = [[i16; LANES]; 16];

/// What a block holds: its place among the tables.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Luma without first coefficients, which [`Kind::Firsts`] holds.
    Others,
    /// The first coefficients of luma blocks.
    Firsts,
    Chroma,
    /// Luma as a whole.
    Luma,
}

/// The step of the first coefficient, and of the others.
#[derive(Clone, Copy, Default)]
pub(super) struct Steps {
    pub(super) first: i16,
    pub(super) others: i16,
}

/// How likely a token is after none, a small and a large one.
type Place = [[u8; 11]; 3];

/// By kind of block and place in it. Nothing is ever read of the place behind the last.
pub(super) struct Tokens([[Place; 17]; 4]);

impl Tokens {
    /// Reads which ones the frame has its own of (9.9).
    pub(super) fn read(bits: &mut Bits<'_>) -> Self {
        let mut own = TOKENS;
        let updates = TOKEN_UPDATES.iter().flatten().flatten().flatten();
        for (likely, update) in own.iter_mut().flatten().flatten().flatten().zip(updates) {
            if bits.bit(*update) {
                *likely = bits.number(8);
            }
        }
        Self(own.map(|bands| array::from_fn(|place| bands[*BANDS.get(place).unwrap_or(&0)])))
    }

    /// Reads a block into `lane`; whether it is not empty. `before` counts the blocks above it and
    /// to its left that are not.
    #[inline(always)]
    pub(super) fn read_block(
        &self,
        kind: Kind,
        before: u8,
        steps: Steps,
        bits: &mut Bits<'_>,
        lane: usize,
        lanes: &mut Lanes,
    ) -> bool {
        let places = &self.0[kind as usize];
        let mut at = usize::from(matches!(kind, Kind::Others));
        let mut likely = &places[at][usize::from(before.min(2))];
        if !bits.bit(likely[0]) {
            return false;
        }
        loop {
            while !bits.bit(likely[1]) {
                at += 1;
                if at == 16 {
                    return true;
                }
                likely = &places[at][0];
            }
            let (value, next) = if bits.bit(likely[2]) { (large(likely, bits), 2) } else { (1, 1) };
            let step = if at == 0 { steps.first } else { steps.others };
            // of a real picture it fits
            let value = (bits.signed(value) * i32::from(step)) as i16;
            lanes[usize::from(ZIGZAG[at] & 15)][lane % LANES] = value;
            at += 1;
            likely = &places[at][next];
            if at == 16 || !bits.bit(likely[0]) {
                return true;
            }
        }
    }
}

/// A value above 1 (13.2).
#[inline(always)]
fn large(likely: &[u8; 11], bits: &mut Bits<'_>) -> i32 {
    if !bits.bit(likely[3]) {
        return if !bits.bit(likely[4]) { 2 } else { 3 + i32::from(bits.bit(likely[5])) };
    }
    let (least, extra): (_, &[u8]) = if !bits.bit(likely[6]) {
        if !bits.bit(likely[7]) { (5, &[159]) } else { (7, &[165, 145]) }
    } else if !bits.bit(likely[8]) {
        match bits.bit(likely[9]) {
            false => (11, &[173, 148, 140]),
            true => (19, &[176, 155, 140, 135]),
        }
    } else {
        match bits.bit(likely[10]) {
            false => (35, &[180, 157, 141, 134, 130]),
            true => (67, &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129]),
        }
    };
    least + extra.iter().fold(0, |value, likely| value << 1 | i32::from(bits.bit(*likely)))
}
