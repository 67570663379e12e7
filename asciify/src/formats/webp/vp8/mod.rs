//! Lossy WebP as means of its pixels: the key frame of a VP8 chunk (RFC 6386), without the filter
//! that smooths the edges of blocks, since prediction does not need it and means hardly show it.
//!
//! Only one row of macroblocks is ever held. Whatever is rare or damaged is left to a decoder of
//! whole pictures: the answer is `None` then.

mod bits;
mod means;
mod modes;
mod predict;
mod residue;
mod tables;
mod tokens;

use bits::Bits;
use modes::{Modes, SubMode};
use predict::{Lowest, Pixels};
use residue::{Filled, Segment};
use tables::{FIRST_STEPS, OTHER_STEPS};
use tokens::{Steps, Tokens};

/// Pixels across and down a macroblock.
const SIDE: usize = 16;

/// Decodes the key frame `data`, and calls `take` with each row of means of `scale` × `scale`
/// pixels, from the top, as sRGB; `scale` is 2, 4 or 8. Cells at the right and lower edge are means
/// of what is inside the picture.
///
/// Rows may have been taken before the answer is `None`. It is the caller's to know that the sides
/// keep the limits.
pub(crate) fn rows(data: &[u8], scale: u32, take: impl FnMut(&[[u8; 3]])) -> Option<()> {
    let frame = Frame::read(data)?;
    match scale {
        2 => frame.rows::<8>(take),
        4 => frame.rows::<4>(take),
        8 => frame.rows::<2>(take),
        _ => None,
    }
}

/// The VP8 chunk of a WebP that has nothing beside it to draw, neither alpha nor frames: RFC 9649, 2.
pub(crate) fn chunk(webp: &[u8]) -> Option<&[u8]> {
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

struct Frame<'a> {
    width: usize,
    height: usize,
    /// The first partition, where macroblocks begin.
    bits: Bits<'a>,
    /// Those of coefficients: each row of macroblocks is in the next one of them.
    partitions: Vec<Bits<'a>>,
    modes: Modes,
    tokens: Tokens,
    segments: [Segment; 4],
}

/// What the macroblocks to the right need to know of one, beside its pixels.
#[derive(Default)]
struct Left {
    modes: [SubMode; 4],
    filled: Filled,
}

/// What those below need to know, and its lowest pixels.
#[derive(Clone, Default)]
struct Above {
    modes: [SubMode; 4],
    filled: Filled,
    lowest: Lowest,
}

impl<'a> Frame<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let (&[t0, t1, t2, 0x9d, 0x01, 0x2a, w0, w1, h0, h1], rest) = data.split_first_chunk()?
        else {
            return None;
        };
        let tag = u32::from_le_bytes([t0, t1, t2, 0]);
        let side = |bytes| usize::from(u16::from_le_bytes(bytes) & 0x3fff);
        let (width, height) = (side([w0, w1]), side([h0, h1]));
        // a key frame, of a known version, that is to be shown
        let is_plain = tag & 1 == 0 && tag >> 1 & 7 <= 3 && tag >> 4 & 1 == 1;
        if !is_plain || width == 0 || height == 0 {
            return None;
        }
        let (first, rest) = rest.split_at_checked((tag >> 5) as usize)?;
        let mut bits = Bits::new(first);
        let (is_colour_unknown, _needs_no_clamp) = (bits.flag(), bits.flag());
        if is_colour_unknown {
            return None;
        }
        let segmentation = Segmentation::read(&mut bits);
        skip_filter(&mut bits);
        let partitions = partitions(rest, 1 << bits.number(2))?;
        let segments = segments(&mut bits, &segmentation);
        let _keeps_tokens = bits.flag();
        let tokens = Tokens::read(&mut bits);
        let bare = bits.flag().then(|| bits.number(8));
        let modes = Modes { segments: segmentation.map, bare };
        Some(Self { width, height, bits, partitions, modes, tokens, segments })
    }

    fn rows<const CELLS: usize>(mut self, mut take: impl FnMut(&[[u8; 3]])) -> Option<()> {
        let columns = self.width.div_ceil(SIDE);
        let mut above = vec![Above::default(); columns];
        let mut out = [(); CELLS].map(|()| vec![[[0; 3]; CELLS]; columns]);
        let mut pixels = Pixels::new();
        for row in 0..self.height.div_ceil(SIDE) {
            let count = self.partitions.len();
            let coefficients = &mut self.partitions[row % count];
            let down = (self.height - row * SIDE).min(SIDE);
            let mut left = Left::default();
            pixels.start_row(row == 0);
            for column in 0..columns {
                if row > 0 {
                    let next = above.get(column + 1).map(|it| &it.lowest);
                    pixels.set_above(&above[column].lowest, next);
                }
                let above = &mut above[column];
                let told = self.modes.read(&mut self.bits, &mut above.modes, &mut left.modes);
                let residue = residue::read(
                    &told,
                    &self.tokens,
                    &self.segments[told.segment],
                    coefficients,
                    &mut above.filled,
                    &mut left.filled,
                );
                pixels.draw(&told, residue.as_ref(), row > 0, column > 0);
                above.lowest = pixels.lowest();
                let inside = ((self.width - column * SIDE).min(SIDE), down);
                means::put(&pixels, inside, &mut out, column);
                pixels.go_right();
            }
            if self.bits.is_beyond_the_end() || coefficients.is_beyond_the_end() {
                return None;
            }
            let scale = SIDE / CELLS;
            for out in out.iter().take(down.div_ceil(scale)) {
                take(&out.as_flattened()[..self.width.div_ceil(scale)]);
            }
        }
        Some(())
    }
}

/// Parts of the frame that differ in their steps (9.3).
struct Segmentation {
    /// How likely each is, where the frame maps them.
    map: Option<[u8; 3]>,
    /// Each one's own index of steps, and whether it is only a difference.
    indices: Option<([i32; 4], bool)>,
}

impl Segmentation {
    fn read(bits: &mut Bits<'_>) -> Self {
        if !bits.flag() {
            return Self { map: None, indices: None };
        }
        let (maps, updates) = (bits.flag(), bits.flag());
        let indices = match updates {
            true => {
                let is_absolute = bits.flag();
                let indices = [(); 4].map(|()| bits.optional(7));
                let _filter = [(); 4].map(|()| bits.optional(6));
                (indices, !is_absolute)
            }
            false => ([0; 4], false),
        };
        let map = maps.then(|| [(); 3].map(|()| if bits.flag() { bits.number(8) } else { 255 }));
        Self { map, indices: Some(indices) }
    }
}

/// Passes over what the filter is told (9.6).
fn skip_filter(bits: &mut Bits<'_>) {
    let (_kind, _level, _sharpness) = (bits.flag(), bits.number(6), bits.number(3));
    if bits.flag() && bits.flag() {
        let _changes = [(); 8].map(|()| bits.optional(6));
    }
}

/// The partitions of coefficients, behind the lengths of all but the last (9.5).
fn partitions(data: &[u8], count: usize) -> Option<Vec<Bits<'_>>> {
    let (lengths, mut rest) = data.split_at_checked(3 * (count - 1))?;
    let mut partitions = Vec::with_capacity(count);
    for [a, b, c] in lengths.as_chunks().0 {
        let length = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
        let (partition, behind) = rest.split_at_checked(length)?;
        partitions.push(Bits::new(partition));
        rest = behind;
    }
    partitions.push(Bits::new(rest));
    Some(partitions)
}

/// The steps of each segment (9.6, 14.1).
fn segments(bits: &mut Bits<'_>, segmentation: &Segmentation) -> [Segment; 4] {
    let base = i32::from(bits.number(7));
    let [luma, firsts, firsts_others, chroma, chroma_others] = [(); 5].map(|()| bits.optional(4));
    let indices = match segmentation.indices {
        Some((indices, false)) => indices,
        Some((indices, true)) => indices.map(|index| base + index),
        None => [base; 4],
    };
    let step = |steps: &[i16; 128], index: i32| steps[index.clamp(0, 127) as usize];
    indices.map(|index| Segment {
        luma: Steps { first: step(&FIRST_STEPS, index + luma), others: step(&OTHER_STEPS, index) },
        firsts: Steps {
            first: 2 * step(&FIRST_STEPS, index + firsts),
            others: (i32::from(step(&OTHER_STEPS, index + firsts_others)) * 155 / 100).max(8)
                as i16,
        },
        chroma: Steps {
            first: step(&FIRST_STEPS, index + chroma).min(132),
            others: step(&OTHER_STEPS, index + chroma_others),
        },
    })
}

#[cfg(test)]
mod tests;
