//! The picture as it is kept until all scans are read: coefficients or samples, by component.

use super::coding::{BLOCK, Block, SIDE};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sequential,
    Progressive,
    Lossless,
}

pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) is_arithmetic: bool,
    /// Bits a sample.
    pub(super) bits: u32,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Units of all components, across and down.
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// The most parts across and down that any component has in a unit.
    pub(super) most: (usize, usize),
    pub(super) components: Vec<Component>,
}

/// Its parts are blocks of 8 × 8 samples, or single ones where they are lossless.
pub(super) struct Component {
    pub(super) id: u8,
    /// Parts in a unit, across and down: the sampling factors.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) table: usize,
    /// As they were when its first scan came.
    pub(super) steps: Option<[u16; BLOCK]>,
    /// Bits that a lossless scan left out.
    pub(super) shift: u32,
    /// Parts in a row.
    pub(super) stride: usize,
    /// Coefficients, or samples less their middle value: grey is 0.
    pub(super) values: Vec<i16>,
}

impl Frame {
    /// B.2.2. It takes the memory for the whole picture.
    pub(super) fn read(segment: &[u8], marker: u8) -> Option<Self> {
        let (&[bits, h0, h1, w0, w1, count], rest) = segment.split_first_chunk()?;
        let kind = match marker {
            0xc2 | 0xca => Kind::Progressive,
            0xc3 => Kind::Lossless,
            _ => Kind::Sequential,
        };
        let is_known = match kind {
            Kind::Lossless => (2..=16).contains(&bits),
            _ => matches!(bits, 8 | 12),
        };
        let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
        let components = rest.as_chunks().0.iter().map(Component::read);
        let mut frame = Self {
            kind,
            is_arithmetic: marker > 0xc8,
            bits: bits.into(),
            width: width.into(),
            height: height.into(),
            columns: 0,
            rows: 0,
            most: (0, 0),
            components: components.collect::<Option<_>>()?,
        };
        let is_good = is_known
            && width > 0
            && height > 0
            && frame.components.len() == usize::from(count)
            && matches!(count, 1 | 3 | 4);
        is_good.then(|| frame.lay_out())?;
        Some(frame)
    }

    fn lay_out(&mut self) {
        for component in &self.components {
            self.most.0 = self.most.0.max(component.across);
            self.most.1 = self.most.1.max(component.down);
        }
        self.columns = self.width.div_ceil(self.side() * self.most.0);
        self.rows = self.height.div_ceil(self.side() * self.most.1);
        let size = self.side() * self.side();
        for component in &mut self.components {
            component.stride = self.columns * component.across;
            component.values = vec![0; component.stride * self.rows * component.down * size];
        }
    }

    /// Samples across and down in a part.
    pub(super) fn side(&self) -> usize {
        if self.kind == Kind::Lossless { 1 } else { SIDE }
    }

    /// Parts of all components.
    pub(super) fn parts(&self) -> usize {
        let values: usize = self.components.iter().map(|it| it.values.len()).sum();
        values / (self.side() * self.side())
    }

    /// Parts of a component, across and down, without those that only fill up units: A.2.2.
    pub(super) fn parts_of(&self, component: usize) -> (usize, usize) {
        let Component { across, down, .. } = self.components[component];
        (
            (self.width * across).div_ceil(self.most.0).div_ceil(self.side()),
            (self.height * down).div_ceil(self.most.1).div_ceil(self.side()),
        )
    }

    /// The highest value of a sample.
    pub(super) fn white(&self) -> u16 {
        u16::MAX >> (16 - self.bits)
    }
}

impl Component {
    fn read([id, sampling, table]: &[u8; 3]) -> Option<Self> {
        let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
        let is_good = (1..=4).contains(&across) && (1..=4).contains(&down);
        is_good.then(|| Self {
            id: *id,
            across,
            down,
            table: usize::from(*table),
            steps: None,
            shift: 0,
            stride: 0,
            values: Vec::new(),
        })
    }

    pub(super) fn block(&mut self, x: usize, y: usize) -> Option<&mut Block> {
        self.values.as_chunks_mut().0.get_mut(y * self.stride + x)
    }
}
