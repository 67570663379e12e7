//! Macroblock headers: segment, skipping of coefficients and prediction modes (RFC 6386, sections
//! 10 and 11).

use super::bool_decoder::BoolDecoder;
use super::tables::KF_BMODE_PROBS;

/// How the luma of a macroblock or one of its chroma planes is predicted (sections 11.2 and 11.4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IntraMode {
    /// `DC_PRED`: the mean of the row above and the column to the left.
    Dc,
    /// `V_PRED`: the row above.
    V,
    /// `H_PRED`: the column to the left.
    H,
    /// `TM_PRED`, TrueMotion: left + above - above left.
    Tm,
}

/// How a luma subblock of 4 × 4 pixels is predicted (section 11.2), in the order of
/// [`KF_BMODE_PROBS`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SubblockMode {
    /// `B_DC_PRED`: mean.
    #[default]
    Dc,
    /// `B_TM_PRED`: TrueMotion.
    Tm,
    /// `B_VE_PRED`: vertical.
    Ve,
    /// `B_HE_PRED`: horizontal.
    He,
    /// `B_LD_PRED`: left-down diagonal.
    Ld,
    /// `B_RD_PRED`: right-down diagonal.
    Rd,
    /// `B_VR_PRED`: vertical-right.
    Vr,
    /// `B_VL_PRED`: vertical-left.
    Vl,
    /// `B_HD_PRED`: horizontal-down.
    Hd,
    /// `B_HU_PRED`: horizontal-up.
    Hu,
}

/// How the luma of a macroblock is predicted.
pub(super) enum LumaMode {
    Whole(IntraMode),
    /// `B_PRED`: by subblock, in rows from the top.
    Subblocks([[SubblockMode; 4]; 4]),
}

/// What the first partition says about a macroblock.
pub(super) struct MacroblockHeader {
    /// Index of its segment, 0 to 3.
    pub(super) segment_id: usize,
    /// `mb_skip_coeff`: it has no coefficients.
    pub(super) skip_coeffs: bool,
    pub(super) luma: LumaMode,
    pub(super) chroma: IntraMode,
}

/// Reads the headers of the macroblocks of a frame.
pub(super) struct ModeReader {
    /// `mb_segment_tree_probs`, if the frame has a segment for each macroblock (section 9.3).
    pub(super) segment_probs: Option<[u8; 3]>,
    /// `prob_skip_false`, if the frame uses `mb_skip_coeff` (section 9.11).
    pub(super) prob_skip_false: Option<u8>,
}

impl ModeReader {
    /// Reads the header of the next macroblock. `above` are the modes of the lowest subblocks of
    /// the macroblock above, `left` those of the rightmost subblocks of the one to the left; they
    /// become those of this macroblock.
    pub(super) fn read(
        &self,
        bits: &mut BoolDecoder<'_>,
        above: &mut [SubblockMode; 4],
        left: &mut [SubblockMode; 4],
    ) -> MacroblockHeader {
        let segment_id = self.segment_probs.map_or(0, |probs| match bits.read_bool(probs[0]) {
            false => usize::from(bits.read_bool(probs[1])),
            true => 2 + usize::from(bits.read_bool(probs[2])),
        });
        let skip_coeffs = self.prob_skip_false.is_some_and(|prob| bits.read_bool(prob));
        let luma = read_luma_mode(bits, above, left);
        let chroma = read_chroma_mode(bits);
        MacroblockHeader { segment_id, skip_coeffs, luma, chroma }
    }
}

/// `kf_ymode_tree` with `kf_ymode_prob`, then the modes of subblocks (sections 11.2 and 11.3).
fn read_luma_mode(
    bits: &mut BoolDecoder<'_>,
    above: &mut [SubblockMode; 4],
    left: &mut [SubblockMode; 4],
) -> LumaMode {
    if !bits.read_bool(145) {
        let mut modes = [[SubblockMode::Dc; 4]; 4];
        for (row, left) in modes.iter_mut().zip(left) {
            for (mode, above) in row.iter_mut().zip(&mut *above) {
                *mode = read_subblock_mode(bits, &KF_BMODE_PROBS[*above as usize][*left as usize]);
                (*above, *left) = (*mode, *mode);
            }
        }
        return LumaMode::Subblocks(modes);
    }
    // the second is what it counts as for the subblocks of neighbours
    let (mode, subblock_mode) = if !bits.read_bool(156) {
        match bits.read_bool(163) {
            false => (IntraMode::Dc, SubblockMode::Dc),
            true => (IntraMode::V, SubblockMode::Ve),
        }
    } else {
        match bits.read_bool(128) {
            false => (IntraMode::H, SubblockMode::He),
            true => (IntraMode::Tm, SubblockMode::Tm),
        }
    };
    (*above, *left) = ([subblock_mode; 4], [subblock_mode; 4]);
    LumaMode::Whole(mode)
}

/// `uv_mode_tree` with `kf_uv_mode_prob` (section 11.4).
fn read_chroma_mode(bits: &mut BoolDecoder<'_>) -> IntraMode {
    if !bits.read_bool(142) {
        IntraMode::Dc
    } else if !bits.read_bool(114) {
        IntraMode::V
    } else if !bits.read_bool(183) {
        IntraMode::H
    } else {
        IntraMode::Tm
    }
}

/// `bmode_tree` (section 11.2).
fn read_subblock_mode(bits: &mut BoolDecoder<'_>, probs: &[u8; 9]) -> SubblockMode {
    if !bits.read_bool(probs[0]) {
        SubblockMode::Dc
    } else if !bits.read_bool(probs[1]) {
        SubblockMode::Tm
    } else if !bits.read_bool(probs[2]) {
        SubblockMode::Ve
    } else if !bits.read_bool(probs[3]) {
        if !bits.read_bool(probs[4]) {
            SubblockMode::He
        } else if !bits.read_bool(probs[5]) {
            SubblockMode::Rd
        } else {
            SubblockMode::Vr
        }
    } else if !bits.read_bool(probs[6]) {
        SubblockMode::Ld
    } else if !bits.read_bool(probs[7]) {
        SubblockMode::Vl
    } else if !bits.read_bool(probs[8]) {
        SubblockMode::Hd
    } else {
        SubblockMode::Hu
    }
}
