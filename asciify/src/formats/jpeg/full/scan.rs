//! A scan: what it has of each component, and the order of its data units.

use std::ops::Range;

use super::entropy::CoefficientRange;
use super::frame::{Component, Frame, Process};
use crate::formats::jpeg::segments::{ScanComponent, ScanHeader};
use crate::formats::jpeg::tables::MAX_TABLES;

/// Components of a scan (T.81, B.2.3).
pub(super) const MAX_COMPONENTS: usize = 4;

/// Called before the first data unit of each row of MCUs, with the frame and the index of the row of
/// the frame's MCUs that is reached. `None` ends decoding.
pub(super) type BeginRow<'a> = dyn FnMut(&mut Frame, usize) -> Option<()> + 'a;

pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// What it has of each block. In a lossless scan, `ss` is the predictor selection and `al` the
    /// point transform.
    pub(super) range: CoefficientRange,
    /// MCUs across and down.
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Whether there are several components: an MCU then has H × V data units of each, else one.
    is_interleaved: bool,
}

impl Scan {
    /// Reads a SOS segment. `None` where it does not fit the frame.
    pub(super) fn parse(segment: &[u8], frame: &Frame) -> Option<Self> {
        let ScanHeader { components, ss, se, ah, al } = ScanHeader::parse(segment, &frame.header)?;
        let is_known_table =
            |it: &ScanComponent| it.dc_table < MAX_TABLES && it.ac_table < MAX_TABLES;
        if !(1..=MAX_COMPONENTS).contains(&components.len())
            || !components.iter().all(is_known_table)
        {
            return None;
        }
        let is_interleaved = components.len() > 1;
        let (columns, rows) = match is_interleaved {
            true => frame.header.mcus(frame.unit_side()),
            false => frame.header.data_units(components[0].component, frame.unit_side()),
        };
        let range = CoefficientRange {
            ss: ss.into(),
            se: se.into(),
            is_refinement: ah != 0,
            al: al.into(),
        };
        let is_valid = match frame.process {
            Process::Sequential => (ss, se, ah, al) == (0, 63, 0, 0),
            Process::Progressive => ss <= se && se <= 63 && range.al < 14,
            Process::Lossless => (1..=7).contains(&ss) && range.al < frame.precision(),
        };
        is_valid.then_some(Self { components, range, columns, rows, is_interleaved })
    }

    /// Whether no other scan adds to what this one has.
    pub(super) fn is_only_one_of(&self, frame: &Frame) -> bool {
        frame.process == Process::Sequential && self.components.len() == frame.components.len()
    }

    /// Data units of a component in an MCU, from top to bottom.
    pub(super) fn units_down(&self, component: &Component) -> usize {
        if self.is_interleaved { component.header.v } else { 1 }
    }

    /// Calls `visit` for each data unit of these MCUs in coded order (A.2), with the index of its
    /// component in the scan, the component, and the column and the row of the data unit. `None`
    /// where it or `begin_row` returns that.
    pub(super) fn for_each_data_unit(
        &self,
        frame: &mut Frame,
        mcus: Range<usize>,
        begin_row: &mut BeginRow<'_>,
        mut visit: impl FnMut(usize, &mut Component, usize, usize) -> Option<()>,
    ) -> Option<()> {
        for mcu in mcus {
            let (column, row) = (mcu % self.columns, mcu / self.columns);
            if column == 0 {
                let units_down = match self.is_interleaved {
                    true => 1,
                    false => frame.components[self.components[0].component].header.v,
                };
                begin_row(frame, row / units_down)?;
            }
            for (index, it) in self.components.iter().enumerate() {
                let component = &mut frame.components[it.component];
                let h = if self.is_interleaved { component.header.h } else { 1 };
                let v = self.units_down(component);
                for y in row * v..(row + 1) * v {
                    for x in column * h..(column + 1) * h {
                        visit(index, component, x, y)?;
                        frame.decoded_units += 1;
                    }
                }
            }
        }
        Some(())
    }
}
