//! Reads a scan of the progressive process (ITU-T T.81, G.1.2): the DC coefficients of components, or AC
//! coefficients of one, or one more bit of those.

use super::band::{Band, Merged};
use super::{Component, Picture, UNREAD};
use crate::cancellation::Cancellation;
use crate::formats::jpeg::block::BLOCK_SIDE;
use crate::formats::jpeg::coefficients::AcTable;
use crate::formats::jpeg::huffman::{BitReader, HuffmanTable};
use crate::formats::jpeg::packed::NewValues;
use crate::formats::jpeg::restarts::Intervals;
use crate::formats::jpeg::segments::ScanHeader;
use crate::formats::jpeg::tables::Tables;

/// The most low bits that a scan may leave for later ones.
const MAX_MISSING_BITS: u8 = 13;

pub(super) struct Scan<'a> {
    /// The components that it has, by index.
    components: Vec<usize>,
    /// MCUs across and down.
    mcus: (usize, usize),
    /// How many low bits are left for later scans.
    missing_bits: u8,
    intervals: Intervals,
    kind: Kind<'a>,
}

/// What it has.
enum Kind<'a> {
    /// The first bits of DC coefficients. By component: the table, and PRED.
    Dc(Vec<(HuffmanTable<'a>, i32)>),
    /// One more bit of DC coefficients.
    DcBit,
    /// The first bits of the AC coefficients of a component.
    Ac(Band, AcTable<'a>),
    /// One more bit of them.
    AcBit(Band, HuffmanTable<'a>),
}

impl<'a> Scan<'a> {
    /// `None` where it does not fit the scans before it, or a table is missing or malformed.
    pub(super) fn new(
        header: ScanHeader,
        tables: &'a Tables,
        picture: &mut Picture,
    ) -> Option<Self> {
        let ScanHeader { components, ss, se, ah, al } = header;
        let coefficients = usize::from(ss)..=usize::from(se);
        let is_first = ah == 0;
        let was_missing = if is_first { UNREAD } else { ah };
        let is_valid = match ss {
            0 => se == 0,
            _ => ss <= se && components.len() == 1,
        };
        if !is_valid || al > MAX_MISSING_BITS || !is_first && ah != al + 1 {
            return None;
        }
        for it in &components {
            let missing_bits =
                picture.components[it.component].missing_bits.get_mut(coefficients.clone())?;
            if missing_bits.iter().any(|bits| *bits != was_missing) {
                return None; // also where a component is named twice
            }
            missing_bits.fill(al);
        }
        let mcus = match components.as_slice() {
            [] => return None,
            [alone] => picture.frame.data_units(alone.component, BLOCK_SIDE),
            _ => picture.frame.mcus(BLOCK_SIDE),
        };
        let band = || Band { start: ss.into(), end: se.into(), eob_run: 0, is_damaged: false };
        let ac = || tables.ac.get(components[0].ac_table)?.as_ref();
        let kind = match (ss, is_first) {
            (0, true) => {
                let table = |dc: usize| HuffmanTable::new(tables.dc.get(dc)?.as_ref()?);
                Kind::Dc(
                    components
                        .iter()
                        .map(|it| Some((table(it.dc_table)?, 0)))
                        .collect::<Option<_>>()?,
                )
            }
            (0, false) => Kind::DcBit,
            (_, true) => Kind::Ac(band(), AcTable::of_band(ac()?)?),
            (_, false) => Kind::AcBit(band(), HuffmanTable::new(ac()?)?),
        };
        Some(Self {
            components: components.into_iter().map(|it| it.component).collect(),
            mcus,
            missing_bits: al,
            intervals: Intervals::new(tables.restart_interval),
            kind,
        })
    }

    /// Adds what it has to the coefficients. Returns whether all was read, else what follows is not
    /// needed. `None` where the data is damaged, and when the caller has cancelled.
    pub(super) fn read(
        &mut self,
        bits: &mut BitReader<'_>,
        picture: &mut Picture,
        cancellation: &Cancellation<'_>,
    ) -> Option<bool> {
        let mut new = NewValues::default();
        for row in 0..self.mcus.1 {
            cancellation.check().ok()?;
            let is_read = match self.components.as_slice() {
                [alone] => {
                    self.read_row_of_blocks(bits, &mut picture.components[*alone], row, &mut new)?
                }
                _ => self.read_row_of_mcus(bits, picture, row)?,
            };
            if !is_read {
                return Some(false);
            }
            // zeros behind the end code no more than some blocks that were lost
            if bits.is_past_end() && row + 1 < self.mcus.1 {
                return None;
            }
        }
        Some(true)
    }

    /// Whether what was read has damage that decoding goes on behind.
    pub(super) fn is_damaged(&self, bits: &BitReader<'_>) -> bool {
        let in_band = match &self.kind {
            Kind::Ac(band, _) | Kind::AcBit(band, _) => band.is_damaged,
            Kind::Dc(_) | Kind::DcBit => false,
        };
        in_band || bits.is_past_end()
    }

    /// Whether the row is needed.
    fn read_row_of_mcus(
        &mut self,
        bits: &mut BitReader<'_>,
        picture: &mut Picture,
        row: usize,
    ) -> Option<bool> {
        let components = &mut picture.components;
        if self.components.iter().all(|it| row * components[*it].v >= components[*it].blocks.rows())
        {
            return Some(false);
        }
        for column in 0..self.mcus.0 {
            self.begin_mcu(bits)?;
            for index in 0..self.components.len() {
                let Component { h, v, blocks, .. } = &mut components[self.components[index]];
                for y in row * *v..(row + 1) * *v {
                    for x in column * *h..(column + 1) * *h {
                        let coefficient = blocks.dcs.get_mut(y * blocks.stride + x);
                        self.read_dc(bits, index, coefficient.unwrap_or(&mut 0))?;
                    }
                }
            }
        }
        Some(true)
    }

    /// Whether the row is needed.
    fn read_row_of_blocks(
        &mut self,
        bits: &mut BitReader<'_>,
        component: &mut Component,
        y: usize,
        new: &mut NewValues,
    ) -> Option<bool> {
        if y >= component.blocks.rows() {
            return Some(false);
        }
        if matches!(self.kind, Kind::Dc(_) | Kind::DcBit) {
            for x in 0..self.mcus.0 {
                self.begin_mcu(bits)?;
                let at = y * component.blocks.stride + x;
                self.read_dc(bits, 0, &mut component.blocks.dcs[at])?;
            }
            return Some(true);
        }
        new.clear();
        let held = component.held.0.clone();
        let holds_row = component.held.1.contains(&y);
        let (significance, old) = component.blocks.row_mut(y);
        let mut values = Merged::new(old, new);
        for (x, significance) in significance.iter_mut().enumerate() {
            values.is_held = holds_row && held.contains(&x);
            if x >= self.mcus.0 {
                break; // padding
            }
            self.begin_mcu(bits)?;
            match &mut self.kind {
                Kind::Ac(band, table) => band.read(bits, table, significance, &mut values)?,
                Kind::AcBit(band, table) => band.refine(bits, table, significance, &mut values)?,
                Kind::Dc(_) | Kind::DcBit => {}
            }
        }
        component.blocks.replace_values(y, new);
        Some(true)
    }

    /// Begins an interval where one ends.
    #[inline(always)]
    fn begin_mcu(&mut self, bits: &mut BitReader<'_>) -> Option<()> {
        if self.intervals.begin_mcu(bits)? {
            match &mut self.kind {
                Kind::Dc(components) => components.iter_mut().for_each(|it| it.1 = 0),
                Kind::DcBit => {}
                Kind::Ac(band, _) | Kind::AcBit(band, _) => band.eob_run = 0,
            }
        }
        Some(())
    }

    #[inline(always)]
    fn read_dc(&mut self, bits: &mut BitReader<'_>, index: usize, to: &mut i16) -> Option<()> {
        match &mut self.kind {
            Kind::Dc(components) => {
                let (table, predictor) = &mut components[index];
                *predictor = predictor.wrapping_add(bits.dc_difference(table)?);
                *to = (*predictor << self.missing_bits) as i16;
            }
            _ => *to |= (bits.bit() as i16) << self.missing_bits,
        }
        Some(())
    }
}
