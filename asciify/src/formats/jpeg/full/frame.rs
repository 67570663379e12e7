//! The frame: coefficients or samples of all components, held until all scans are read.

use crate::formats::jpeg::block::{BLOCK_LEN, BLOCK_SIDE, Block};
use crate::formats::jpeg::markers::{SOF2, SOF3, SOF9, SOF10};
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
    /// Data units in row-major order. Of DCT-based processes, each is a [`Block`] of quantized
    /// coefficients; of the lossless one, a sample less 2^(P - Pt - 1), so that grey is 0.
    pub(super) values: Vec<i16>,
}

impl Frame {
    /// Reads a SOF segment, and takes the memory for the whole image. `None` for unsupported kinds.
    pub(super) fn parse(segment: &[u8], marker: u8) -> Option<Self> {
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
        let component = |it: &FrameComponent| Component {
            header: *it,
            quantization: None,
            point_transform: 0,
            stride: columns * it.h,
            values: vec![0; columns * it.h * rows * it.v * unit_side * unit_side],
        };
        Some(Self {
            process,
            is_arithmetic: matches!(marker, SOF9 | SOF10),
            max_h,
            max_v,
            components: header.components.iter().map(component).collect(),
            header,
        })
    }

    /// Samples across and down in a data unit.
    pub(super) fn unit_side(&self) -> usize {
        if self.process == Process::Lossless { 1 } else { BLOCK_SIDE }
    }

    /// Data units of all components.
    pub(super) fn data_units(&self) -> usize {
        let values: usize = self.components.iter().map(|it| it.values.len()).sum();
        values / (self.unit_side() * self.unit_side())
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
    /// The block in column `x` and row `y`.
    pub(super) fn block(&mut self, x: usize, y: usize) -> Option<&mut Block> {
        self.values.as_chunks_mut().0.get_mut(y * self.stride + x)
    }
}
