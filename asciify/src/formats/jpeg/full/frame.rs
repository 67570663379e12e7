//! The frame: coefficients or samples of all components, held until all scans are read.

use std::array;
use std::ops::Range;

use crate::formats::jpeg::block::{BLOCK_LEN, BLOCK_SIDE, Block};
use crate::formats::jpeg::markers::{SOF2, SOF3, SOF9, SOF10};
use crate::formats::jpeg::packed::PackedBlocks;
use crate::formats::jpeg::segments::{FrameComponent, FrameHeader};

/// The coding process of a frame (T.81, 4.11).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// Baseline or extended sequential DCT.
    Sequential,
    /// Progressive DCT.
    Progressive,
    Lossless,
}

/// What is kept of the data units.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Coefficients, or samples of the lossless process.
    #[default]
    Values,
    /// Which coefficients are not 0: all that later scans need. Nothing of the sequential process,
    /// samples of the lossless one.
    Significance,
}

/// A data unit is a block of 8 × 8 samples in DCT-based processes, one sample in the lossless one
/// (T.81, A.1.3).
pub(super) struct Frame {
    pub(super) header: FrameHeader,
    pub(super) process: Process,
    pub(super) is_arithmetic: bool,
    /// The highest horizontal and vertical sampling factor of any component.
    pub(super) max_h: usize,
    pub(super) max_v: usize,
    pub(super) components: Vec<Component>,
    /// Data units that were decoded, in all scans.
    pub(super) decoded_units: u64,
    /// Whether a scan was damaged, or ended before its last data unit.
    pub(super) is_damaged: bool,
}

/// The data of one component.
pub(super) struct Component {
    pub(super) header: FrameComponent,
    /// The quantization table at the component's first scan, in zigzag order. `None` in the
    /// lossless process.
    pub(super) quantization: Option<[u16; BLOCK_LEN]>,
    /// Pt: how far samples of a lossless scan were shifted down.
    pub(super) point_transform: u32,
    /// Data units in a row, with padding to whole MCUs.
    pub(super) stride: usize,
    /// By coefficient, in zigzag order: how many of its low bits no scan had.
    pub(super) missing_bits: [u8; BLOCK_LEN],
    /// Of the lossless process: the samples in row-major order, each less 2^(P - Pt - 1), so that grey
    /// is 0.
    pub(super) values: Vec<i16>,
    /// Of DCT-based processes: the blocks, except for those that are `open`.
    pub(super) blocks: PackedBlocks,
    /// The blocks of the row of MCUs that is decoded, and the index of its first row of blocks.
    open: Option<(usize, Vec<Block>)>,
    /// Of [`Keeps::Significance`]: a bit for each coefficient of each block, instead of `blocks`.
    significance: Vec<u64>,
}

impl Frame {
    /// Reads a SOF segment, and takes memory for one value of each data unit, or for its
    /// significance. `None` for unsupported kinds.
    pub(super) fn parse(segment: &[u8], marker: u8, keeps: Keeps) -> Option<Self> {
        let header = FrameHeader::parse(segment)?;
        let process = match marker {
            SOF2 | SOF10 => Process::Progressive,
            SOF3 => Process::Lossless,
            _ => Process::Sequential,
        };
        let is_known_precision = match process {
            Process::Lossless => (2..=16).contains(&header.precision),
            _ => matches!(header.precision, 8 | 12),
        };
        if !is_known_precision || !matches!(header.components.len(), 1 | 3 | 4) {
            return None;
        }
        let unit_side = if process == Process::Lossless { 1 } else { BLOCK_SIDE };
        let (columns, rows) = header.mcus(unit_side);
        let (max_h, max_v) = header.max_sampling();
        let component = |it: &FrameComponent| {
            let units = columns * it.h * rows * it.v;
            let (values, blocks, significance) = match (process, keeps) {
                (Process::Lossless, _) => (units, 0, 0),
                (_, Keeps::Values) => (0, rows * it.v, 0),
                (Process::Sequential, Keeps::Significance) => (0, 0, 0),
                (Process::Progressive, Keeps::Significance) => (0, 0, units),
            };
            Component {
                header: *it,
                quantization: None,
                point_transform: 0,
                stride: columns * it.h,
                missing_bits: [u8::MAX; BLOCK_LEN],
                values: vec![0; values],
                blocks: PackedBlocks::new(columns * it.h, blocks),
                open: None,
                significance: vec![0; significance],
            }
        };
        Some(Self {
            process,
            is_arithmetic: matches!(marker, SOF9 | SOF10),
            max_h,
            max_v,
            components: header.components.iter().map(component).collect(),
            decoded_units: 0,
            is_damaged: false,
            header,
        })
    }

    /// Whether any data unit was decoded.
    pub(super) fn has_units(&self) -> bool {
        self.decoded_units > 0
    }

    /// Closes the blocks that are open, so that all can be read.
    pub(super) fn close(&mut self) {
        self.components.iter_mut().for_each(Component::close);
    }

    /// Frees the AC coefficients of these rows of MCUs.
    pub(super) fn forget(&mut self, mcu_rows: Range<usize>) {
        for Component { header, blocks, .. } in &mut self.components {
            let [start, end] =
                [mcu_rows.start, mcu_rows.end].map(|row| (row * header.v).min(blocks.rows()));
            (start..end).for_each(|row| blocks.forget(row));
        }
    }

    /// Whether scans had every bit of every data unit.
    pub(super) fn is_complete(&self) -> bool {
        let mut missing = self.components.iter().flat_map(|it| it.missing_bits);
        !self.is_damaged && missing.all(|bits| bits == 0)
    }

    /// Samples across and down in a data unit.
    pub(super) fn unit_side(&self) -> usize {
        if self.process == Process::Lossless { 1 } else { BLOCK_SIDE }
    }

    /// P: bits per sample.
    pub(super) fn precision(&self) -> u32 {
        self.header.precision.into()
    }

    /// The highest value of a sample: 2^P - 1.
    pub(super) fn white(&self) -> u16 {
        u16::MAX >> (16 - self.precision())
    }
}

impl Component {
    /// Calls `update` with the block in column `x` and row `y`. `None` where there is none, or where
    /// `update` returns it.
    #[inline(always)]
    pub(super) fn update_block(
        &mut self,
        x: usize,
        y: usize,
        update: impl FnOnce(&mut Block) -> Option<()>,
    ) -> Option<()> {
        if !self.significance.is_empty() {
            let index = Some(y * self.stride + x).filter(|_| x < self.stride);
            let bits = self.significance.get_mut(index?)?;
            let mut block = array::from_fn(|at| (*bits >> at & 1) as i16);
            let updated = update(&mut block);
            *bits = block.iter().rev().fold(0, |bits, it| bits << 1 | u64::from(*it != 0));
            return updated;
        }
        if self.blocks.rows() == 0 {
            return update(&mut [0; BLOCK_LEN]); // it is not kept
        }
        if x >= self.stride || y >= self.blocks.rows() {
            return None;
        }
        let first = y - y % self.header.v;
        let at = (y - first) * self.stride + x;
        if self.open.as_ref().is_none_or(|(row, _)| *row != first) {
            if self.blocks.is_flat(y) {
                let dc = &mut self.blocks.dcs[y * self.stride + x];
                let mut block = [0; BLOCK_LEN];
                block[0] = *dc;
                let updated = update(&mut block);
                if block[1..] == [0; BLOCK_LEN - 1] {
                    *dc = block[0];
                } else {
                    self.open(first)[at] = block;
                }
                return updated;
            }
            self.open(first);
        }
        let (_, open) = self.open.as_mut()?;
        update(open.get_mut(at)?)
    }

    /// Opens the blocks of the rows from that one on.
    fn open(&mut self, first: usize) -> &mut [Block] {
        self.close();
        let rows = first..first + self.header.v;
        let open = rows.flat_map(|row| self.blocks.unpacked(row)).collect();
        &mut self.open.insert((first, open)).1
    }

    fn close(&mut self) {
        if let Some((first, blocks)) = self.open.take() {
            for (row, blocks) in (first..).zip(blocks.chunks_exact(self.stride)) {
                self.blocks.pack(row, blocks);
            }
        }
    }
}
