//! Tokens: the quantized coefficients of blocks (RFC 6386, section 13).

use std::array;

use super::bool_decoder::BoolDecoder;
use super::tables::{COEFF_BANDS, COEFF_UPDATE_PROBS, DEFAULT_COEFF_PROBS, ZIGZAG};

/// Room for the 25 blocks of a macroblock, padded for vector instructions.
pub(super) const LANES: usize = 32;

/// The coefficients or differences of all blocks of a macroblock: by row-major index in the 4 × 4
/// block, then by block. Blocks are transformed together, one in each lane.
pub(super) type Lanes = [[i16; LANES]; 16];

/// What a block has, as an index of the probability tables (section 13.3).
#[derive(Clone, Copy)]
pub(super) enum BlockType {
    /// Luma without DC coefficients, which are in [`BlockType::Y2`].
    YAfterY2,
    /// The DC coefficients of the 16 luma blocks, transformed.
    Y2,
    Chroma,
    /// Luma with its DC coefficient.
    YWithDc,
}

/// Dequantization factors (section 14.1).
#[derive(Clone, Copy, Default)]
pub(super) struct DequantFactors {
    pub(super) dc: i16,
    pub(super) ac: i16,
}

/// Probabilities of the 11 branches of the token tree, by context: the number of neighbouring
/// blocks with coefficients for the first coefficient; for later ones, whether the last was 0, 1 or
/// more.
type ContextProbs = [[u8; 11]; 3];

/// Token probabilities, by block type and index of the coefficient in zigzag order. The 17th is
/// never used: the loop may look it up before it ends.
pub(super) struct TokenProbs([[ContextProbs; 17]; 4]);

impl TokenProbs {
    /// Reads the updates of a key frame (section 13.4).
    pub(super) fn read(bits: &mut BoolDecoder<'_>) -> Self {
        let mut probs = DEFAULT_COEFF_PROBS;
        let updates = COEFF_UPDATE_PROBS.iter().flatten().flatten().flatten();
        for (prob, update) in probs.iter_mut().flatten().flatten().flatten().zip(updates) {
            if bits.read_bool(*update) {
                *prob = bits.read_literal(8);
            }
        }
        Self(probs.map(|bands| array::from_fn(|at| bands[*COEFF_BANDS.get(at).unwrap_or(&0)])))
    }

    /// Reads the coefficients of a block and puts them, dequantized, into lane `lane`. Returns
    /// whether the block has any. `context` is how many of the blocks above and to the left have
    /// any.
    #[inline(always)]
    pub(super) fn read_block(
        &self,
        block_type: BlockType,
        context: u8,
        factors: DequantFactors,
        bits: &mut BoolDecoder<'_>,
        lane: usize,
        lanes: &mut Lanes,
    ) -> bool {
        let by_index = &self.0[block_type as usize];
        let mut at = usize::from(matches!(block_type, BlockType::YAfterY2));
        let mut probs = &by_index[at][usize::from(context.min(2))];
        if !bits.read_bool(probs[0]) {
            return false;
        }
        loop {
            while !bits.read_bool(probs[1]) {
                at += 1;
                if at == 16 {
                    return true;
                }
                probs = &by_index[at][0];
            }
            let (value, context) = match bits.read_bool(probs[2]) {
                true => (read_large_value(probs, bits), 2),
                false => (1, 1),
            };
            let factor = if at == 0 { factors.dc } else { factors.ac };
            // valid values fit into 16 bits
            let value = (bits.apply_sign(value) * i32::from(factor)) as i16;
            lanes[usize::from(ZIGZAG[at] & 15)][lane % LANES] = value;
            at += 1;
            probs = &by_index[at][context];
            if at == 16 || !bits.read_bool(probs[0]) {
                return true;
            }
        }
    }
}

/// The magnitude of a coefficient above 1: the rest of `coeff_tree`, with the extra bits of
/// `dct_cat1` to `dct_cat6` (section 13.2).
#[inline(always)]
fn read_large_value(probs: &[u8; 11], bits: &mut BoolDecoder<'_>) -> i32 {
    if !bits.read_bool(probs[3]) {
        return match bits.read_bool(probs[4]) {
            false => 2,
            true => 3 + i32::from(bits.read_bool(probs[5])),
        };
    }
    let (base, extra_bit_probs): (_, &[u8]) = if !bits.read_bool(probs[6]) {
        match bits.read_bool(probs[7]) {
            false => (5, &[159]),
            true => (7, &[165, 145]),
        }
    } else if !bits.read_bool(probs[8]) {
        match bits.read_bool(probs[9]) {
            false => (11, &[173, 148, 140]),
            true => (19, &[176, 155, 140, 135]),
        }
    } else {
        match bits.read_bool(probs[10]) {
            false => (35, &[180, 157, 141, 134, 130]),
            true => (67, &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129]),
        }
    };
    base + extra_bit_probs
        .iter()
        .fold(0, |bits_so_far, prob| bits_so_far << 1 | i32::from(bits.read_bool(*prob)))
}
