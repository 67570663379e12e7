//! Decodes lossless scans (T.81, annex H): each sample is predicted from its neighbours, and the
//! difference is Huffman-coded.
//!
//! Samples are held less their middle value. This leaves predictions right, since the weights of
//! the neighbours add up to 1. Sums beyond 16 bits wrap, as in the standard.

use std::ops::Range;

use super::frame::{Component, Frame};
use super::huffman::ScanTables;
use super::scan::{BeginRow, Scan};
use crate::formats::jpeg::huffman::BitReader;

/// Decodes these MCUs, the data of one entropy-coded segment. `None` where it is damaged, and where
/// `begin_row` returns that.
pub(super) fn decode(
    scan: &Scan,
    frame: &mut Frame,
    tables: &[ScanTables<'_>],
    bits: &mut BitReader<'_>,
    mcus: Range<usize>,
    begin_row: &mut BeginRow<'_>,
) -> Option<()> {
    // restart intervals are whole rows of MCUs: H.1.1
    if !mcus.start.is_multiple_of(scan.columns) {
        return None;
    }
    let first_row = mcus.start / scan.columns;
    scan.for_each_data_unit(frame, mcus, begin_row, |index, component, x, y| {
        let prediction = match (x, y - first_row * scan.units_down(component)) {
            (0, 0) => 0,
            (_, 0) => component.sample(x - 1, y)?,
            (0, _) => component.sample(x, y - 1)?,
            _ => component.predict(scan.range.ss, x, y)?,
        };
        let difference = tables[index].sample_difference(bits)?;
        *component.values.get_mut(y * component.stride + x)? =
            prediction.wrapping_add(difference) as i16;
        (!bits.is_past_end()).then_some(())
    })
}

impl Component {
    fn sample(&self, x: usize, y: usize) -> Option<i32> {
        self.values.get(y * self.stride + x).map(|it| i32::from(*it))
    }

    /// Table H.1: Ra is to the left, Rb above, Rc above to the left.
    fn predict(&self, predictor_selection: usize, x: usize, y: usize) -> Option<i32> {
        let ra = self.sample(x - 1, y)?;
        let rb = self.sample(x, y - 1)?;
        let rc = self.sample(x - 1, y - 1)?;
        Some(match predictor_selection {
            1 => ra,
            2 => rb,
            3 => rc,
            4 => ra + rb - rc,
            5 => ra + ((rb - rc) >> 1),
            6 => rb + ((ra - rc) >> 1),
            _ => (ra + rb) >> 1,
        })
    }
}
