//! From coefficients to rows of pixels of 8 bits, with the rounding of the [`library`](super::library).

mod idct;
mod output;

use std::ops::Range;

use super::block::{BLOCK_SIDE, Block};
use super::segments::{FrameComponent, FrameHeader};
use crate::spec::region::PixelRect;

pub(super) use output::Output;

/// The samples of a component in two rows of MCUs.
pub(super) struct Samples {
    /// Blocks across and down in an MCU.
    pub(super) h: usize,
    pub(super) v: usize,
    /// Samples in a line.
    stride: usize,
    /// The samples that are needed. Others may have any values.
    needed: PixelRect,
    /// The lines of the row of MCUs that is written, and of the one above it.
    row: Vec<i16>,
    above: Vec<i16>,
}

/// Whether components are sampled as [`Output`] needs it.
pub(super) fn is_sampling_known(components: &[FrameComponent]) -> bool {
    let factors: Vec<_> = components.iter().map(|it| (it.h, it.v)).collect();
    matches!(*factors, [(1, 1)] | [(1 | 2, 1) | (2, 2), (1, 1), (1, 1)])
}

impl Samples {
    pub(super) fn new(component: &FrameComponent, frame: &FrameHeader) -> Self {
        let stride = frame.mcus(BLOCK_SIDE).0 * component.h * BLOCK_SIDE;
        let lines = vec![0; stride * component.v * BLOCK_SIDE];
        Self {
            h: component.h,
            v: component.v,
            stride,
            needed: PixelRect::whole((0, 0)),
            above: lines.clone(),
            row: lines,
        }
    }

    /// Needs the samples that pixels are made of, with those next to them, where samples are
    /// interpolated.
    pub(super) fn need(&mut self, pixels: &PixelRect, frame: &FrameHeader) {
        let (max_h, max_v) = frame.max_sampling();
        let part = |pixels: &Range<u32>, factor: usize, max: usize| {
            let times = (max / factor) as u32;
            (pixels.start / times).saturating_sub(1)..pixels.end.div_ceil(times).saturating_add(1)
        };
        self.needed =
            PixelRect { x: part(&pixels.x, self.h, max_h), y: part(&pixels.y, self.v, max_v) };
    }

    /// Whether the block in column `x` and row `y` is needed.
    #[inline(always)]
    pub(super) fn needs(&self, x: usize, y: usize) -> bool {
        overlap(x * BLOCK_SIDE, &self.needed.x) && overlap(y * BLOCK_SIDE, &self.needed.y)
    }

    /// The columns and rows of blocks that are needed, of so many.
    pub(super) fn needed_blocks(&self, count: (usize, usize)) -> (Range<usize>, Range<usize>) {
        let blocks = |samples: &Range<u32>, count: usize| {
            let end = (samples.end as usize).div_ceil(BLOCK_SIDE).min(count);
            (samples.start as usize / BLOCK_SIDE).min(end)..end
        };
        (blocks(&self.needed.x, count.0), blocks(&self.needed.y, count.1))
    }

    /// Writes the samples of the block in column `x` and row `y`, which is in the row of MCUs that is
    /// written. The coefficients are dequantized; the one of index `last` in zigzag order is the last
    /// that is not 0. `None` where a number exceeds 16 bits, as in no picture.
    #[inline(always)]
    pub(super) fn write(&mut self, x: usize, y: usize, block: &Block, last: usize) -> Option<()> {
        let at = y % self.v * BLOCK_SIDE * self.stride + x * BLOCK_SIDE;
        idct::write(block, last, &mut self.row[at..], self.stride)
    }

    /// Begins the next row of MCUs.
    pub(super) fn begin_next_row(&mut self) {
        std::mem::swap(&mut self.row, &mut self.above);
    }

    /// A line of the row of MCUs that was written last; below 0, of the one above it.
    fn line(&self, index: isize) -> &[i16] {
        let (rows, index) = match usize::try_from(index) {
            Ok(index) => (&self.row, index),
            Err(_) => (&self.above, self.v * BLOCK_SIDE - index.unsigned_abs()),
        };
        &rows[index * self.stride..(index + 1) * self.stride]
    }
}

/// Whether the block at a sample has any of these.
fn overlap(start: usize, samples: &Range<u32>) -> bool {
    start < samples.end as usize && start + BLOCK_SIDE > samples.start as usize
}
