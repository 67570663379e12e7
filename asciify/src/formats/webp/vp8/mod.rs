//! Decodes lossy WebP to means of its pixels: the key frame of a VP8 chunk (RFC 6386) without the
//! loop filter, which intra prediction does not use and which hardly changes means.
//!
//! Only one row of macroblocks is held. For damaged frames and for features that encoders do not
//! use, the result is `None`, and the caller decodes at full size.

mod bool_decoder;
mod means;
mod modes;
mod predict;
mod residual;
mod tables;
mod tokens;

use std::ops::ControlFlow;

use bool_decoder::BoolDecoder;
use modes::{ModeReader, SubblockMode};
use predict::{BottomRow, MacroblockPixels};
use residual::{NonzeroContext, SegmentQuantizers};
use tables::{AC_QLOOKUP, DC_QLOOKUP};
use tokens::{DequantFactors, TokenProbs};

use crate::cancellation::Cancellation;

/// Pixels across and down in a macroblock.
const MACROBLOCK_SIDE: usize = 16;

/// Decodes the key frame `data` and calls `take` with each row of means of `scale` × `scale` pixels
/// from the top, as sRGB, until it breaks. `scale` is 2, 4 or 8. Cells at the right and bottom edges are means of
/// the pixels inside the image.
///
/// Returns `None` for other frames, for damaged ones, and when the caller has cancelled, possibly
/// after some rows. The caller checks the sides against the limits.
pub(super) fn for_each_row(
    data: &[u8],
    scale: u32,
    cancellation: &Cancellation<'_>,
    take: impl FnMut(&[[u8; 3]]) -> ControlFlow<()>,
) -> Option<()> {
    let frame = Frame::read(data)?;
    match scale {
        2 => frame.for_each_row::<8>(cancellation, take),
        4 => frame.for_each_row::<4>(cancellation, take),
        8 => frame.for_each_row::<2>(cancellation, take),
        _ => None,
    }
}

/// The data of the VP8 chunk of a WebP file that has neither alpha nor an animation (RFC 9649,
/// section 2).
pub(super) fn chunk(webp: &[u8]) -> Option<&[u8]> {
    let mut rest = webp.get(12..)?;
    loop {
        let (&[a, b, c, d, l0, l1, l2, l3], behind) = rest.split_first_chunk()?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        match &[a, b, c, d] {
            b"VP8 " => return behind.get(..length),
            b"VP8L" | b"ALPH" | b"ANMF" => return None,
            _ => rest = behind.get(length.checked_next_multiple_of(2)?..)?,
        }
    }
}

/// A frame whose header is read.
struct Frame<'a> {
    /// In pixels.
    width: usize,
    height: usize,
    /// The first partition, at its first macroblock header.
    headers: BoolDecoder<'a>,
    /// The partitions of tokens: macroblock rows use them in turn.
    token_partitions: Vec<BoolDecoder<'a>>,
    modes: ModeReader,
    token_probs: TokenProbs,
    /// By segment.
    quantizers: [SegmentQuantizers; 4],
}

/// What the next macroblock uses of the one to its left, besides its pixels.
#[derive(Default)]
struct Left {
    modes: [SubblockMode; 4],
    nonzero: NonzeroContext,
}

/// What the next row of macroblocks uses of a macroblock.
#[derive(Clone, Default)]
struct Above {
    modes: [SubblockMode; 4],
    nonzero: NonzeroContext,
    bottom_row: BottomRow,
}

impl<'a> Frame<'a> {
    /// Reads the frame header (sections 9 and 19.2).
    fn read(data: &'a [u8]) -> Option<Self> {
        let (&[t0, t1, t2, 0x9d, 0x01, 0x2a, w0, w1, h0, h1], rest) = data.split_first_chunk()?
        else {
            return None;
        };
        let tag = u32::from_le_bytes([t0, t1, t2, 0]);
        // the highest two bits are a scale for display
        let side = |bytes| usize::from(u16::from_le_bytes(bytes) & 0x3fff);
        let (width, height) = (side([w0, w1]), side([h0, h1]));
        let (is_key_frame, version, is_shown) = (tag & 1 == 0, tag >> 1 & 7, tag >> 4 & 1 == 1);
        if !is_key_frame || version > 3 || !is_shown || width == 0 || height == 0 {
            return None;
        }
        let (first_partition, rest) = rest.split_at_checked((tag >> 5) as usize)?;
        let mut bits = BoolDecoder::new(first_partition);
        let (is_unknown_color_space, _clamping_type) = (bits.read_flag(), bits.read_flag());
        if is_unknown_color_space {
            return None;
        }
        let segmentation = Segmentation::read(&mut bits);
        skip_loop_filter(&mut bits);
        let token_partitions = token_partitions(rest, 1 << bits.read_literal(2))?;
        let quantizers = read_quantizers(&mut bits, &segmentation);
        let _refresh_entropy_probs = bits.read_flag();
        let token_probs = TokenProbs::read(&mut bits);
        let prob_skip_false = bits.read_flag().then(|| bits.read_literal(8));
        let modes = ModeReader { segment_probs: segmentation.tree_probs, prob_skip_false };
        Some(Self {
            width,
            height,
            headers: bits,
            token_partitions,
            modes,
            token_probs,
            quantizers,
        })
    }

    /// Decodes the macroblocks and calls `take` with each row of means, `CELLS` per macroblock.
    fn for_each_row<const CELLS: usize>(
        mut self,
        cancellation: &Cancellation<'_>,
        mut take: impl FnMut(&[[u8; 3]]) -> ControlFlow<()>,
    ) -> Option<()> {
        let columns = self.width.div_ceil(MACROBLOCK_SIDE);
        let scale = MACROBLOCK_SIDE / CELLS;
        let mut above = vec![Above::default(); columns];
        // the means of a row of macroblocks: by row of cells, then by macroblock
        let mut means = [(); CELLS].map(|()| vec![[[0; 3]; CELLS]; columns]);
        let mut pixels = MacroblockPixels::new();
        for row in 0..self.height.div_ceil(MACROBLOCK_SIDE) {
            cancellation.check().ok()?;
            let rows_inside = (self.height - row * MACROBLOCK_SIDE).min(MACROBLOCK_SIDE);
            let partitions = self.token_partitions.len();
            let tokens = &mut self.token_partitions[row % partitions];
            let mut left = Left::default();
            pixels.start_row(row == 0);
            for column in 0..columns {
                if row > 0 {
                    let next = above.get(column + 1).map(|it| &it.bottom_row);
                    pixels.set_above(&above[column].bottom_row, next);
                }
                let above = &mut above[column];
                let header = self.modes.read(&mut self.headers, &mut above.modes, &mut left.modes);
                let residual = residual::read(
                    &header,
                    &self.token_probs,
                    &self.quantizers[header.segment_id],
                    tokens,
                    &mut above.nonzero,
                    &mut left.nonzero,
                );
                pixels.reconstruct(&header, residual.as_ref(), row > 0, column > 0);
                above.bottom_row = pixels.bottom_row();
                let columns_inside = (self.width - column * MACROBLOCK_SIDE).min(MACROBLOCK_SIDE);
                means::write_means(&pixels, (columns_inside, rows_inside), &mut means, column);
                pixels.move_right();
            }
            if self.headers.is_past_end() || tokens.is_past_end() {
                return None;
            }
            for means in means.iter().take(rows_inside.div_ceil(scale)) {
                if take(&means.as_flattened()[..self.width.div_ceil(scale)]).is_break() {
                    return Some(());
                }
            }
        }
        Some(())
    }
}

/// Segment-based adjustments (section 9.3).
struct Segmentation {
    /// `mb_segment_tree_probs`, if macroblocks have segments.
    tree_probs: Option<[u8; 3]>,
    /// The quantizer index of each segment, and whether it is added to that of the frame.
    quantizer_indices: Option<([i32; 4], bool)>,
}

impl Segmentation {
    fn read(bits: &mut BoolDecoder<'_>) -> Self {
        if !bits.read_flag() {
            return Self { tree_probs: None, quantizer_indices: None };
        }
        let (updates_map, updates_data) = (bits.read_flag(), bits.read_flag());
        let quantizer_indices = match updates_data {
            true => {
                let is_absolute = bits.read_flag();
                let indices = [(); 4].map(|()| bits.read_optional_signed(7));
                let _loop_filter_levels = [(); 4].map(|()| bits.read_optional_signed(6));
                (indices, !is_absolute)
            }
            false => ([0; 4], false),
        };
        let mut prob = || if bits.read_flag() { bits.read_literal(8) } else { 255 };
        let tree_probs = updates_map.then(|| [(); 3].map(|()| prob()));
        Self { tree_probs, quantizer_indices: Some(quantizer_indices) }
    }
}

/// Skips the parameters of the loop filter (section 9.4).
fn skip_loop_filter(bits: &mut BoolDecoder<'_>) {
    let (_filter_type, _level, _sharpness) =
        (bits.read_flag(), bits.read_literal(6), bits.read_literal(3));
    // loop_filter_adj_enable, mode_ref_lf_delta_update
    if bits.read_flag() && bits.read_flag() {
        let _deltas = [(); 8].map(|()| bits.read_optional_signed(6));
    }
}

/// The token partitions, behind the lengths of all but the last (section 9.5).
fn token_partitions(data: &[u8], count: usize) -> Option<Vec<BoolDecoder<'_>>> {
    let (lengths, mut rest) = data.split_at_checked(3 * (count - 1))?;
    let mut partitions = Vec::with_capacity(count);
    for [a, b, c] in lengths.as_chunks().0 {
        let length = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
        let (partition, behind) = rest.split_at_checked(length)?;
        partitions.push(BoolDecoder::new(partition));
        rest = behind;
    }
    partitions.push(BoolDecoder::new(rest));
    Some(partitions)
}

/// Reads the dequantization indices and returns the factors of each segment (sections 9.6 and
/// 14.1).
fn read_quantizers(
    bits: &mut BoolDecoder<'_>,
    segmentation: &Segmentation,
) -> [SegmentQuantizers; 4] {
    let y_ac_qi = i32::from(bits.read_literal(7));
    let [y_dc_delta, y2_dc_delta, y2_ac_delta, uv_dc_delta, uv_ac_delta] =
        [(); 5].map(|()| bits.read_optional_signed(4));
    let indices = match segmentation.quantizer_indices {
        Some((indices, false)) => indices,
        Some((indices, true)) => indices.map(|index| y_ac_qi + index),
        None => [y_ac_qi; 4],
    };
    let lookup = |table: &[i16; 128], index: i32| table[index.clamp(0, 127) as usize];
    indices.map(|qi| SegmentQuantizers {
        y: DequantFactors { dc: lookup(&DC_QLOOKUP, qi + y_dc_delta), ac: lookup(&AC_QLOOKUP, qi) },
        y2: DequantFactors {
            dc: 2 * lookup(&DC_QLOOKUP, qi + y2_dc_delta),
            ac: (i32::from(lookup(&AC_QLOOKUP, qi + y2_ac_delta)) * 155 / 100).max(8) as i16,
        },
        uv: DequantFactors {
            dc: lookup(&DC_QLOOKUP, qi + uv_dc_delta).min(132),
            ac: lookup(&AC_QLOOKUP, qi + uv_ac_delta),
        },
    })
}

#[cfg(test)]
mod tests;
