//! Lossless scans: annex H. Each sample is foretold by its neighbours, and coded is how far that
//! was off.
//!
//! Samples are kept less their middle value. That changes no prediction, as each one weighs its
//! neighbours by 1 in all; and sums beyond 16 bits may wrap, since the standard's do.

use std::ops::Range;

use super::frame::{Component, Frame};
use super::scan::Scan;
use super::symbols::Codes;
use crate::formats::jpeg::huffman::Bits;

pub(super) fn decode(
    scan: &Scan,
    frame: &mut Frame,
    codes: &[Codes<'_>],
    data: &[u8],
    units: Range<usize>,
) -> Option<()> {
    // only whole rows stand between restarts: H.1.1
    if !units.start.is_multiple_of(scan.columns) {
        return None;
    }
    let first_row = units.start / scan.columns;
    let mut bits = Bits::new(data);
    scan.walk(frame, units, |place, component, x, y| {
        let predicted = match (x, y - first_row * scan.parts[place].down) {
            (0, 0) => 0,
            (_, 0) => component.sample(x - 1, y)?,
            (0, _) => component.sample(x, y - 1)?,
            _ => component.predict(scan.band.from, x, y)?,
        };
        let difference = codes[place].sample(&mut bits)?;
        *component.values.get_mut(y * component.stride + x)? =
            predicted.wrapping_add(difference) as i16;
        (!bits.is_beyond_the_end()).then_some(())
    })
}

impl Component {
    fn sample(&self, x: usize, y: usize) -> Option<i32> {
        self.values.get(y * self.stride + x).map(|it| i32::from(*it))
    }

    /// Table H.1.
    fn predict(&self, predictor: usize, x: usize, y: usize) -> Option<i32> {
        let left = self.sample(x - 1, y)?;
        let above = self.sample(x, y - 1)?;
        let corner = self.sample(x - 1, y - 1)?;
        Some(match predictor {
            1 => left,
            2 => above,
            3 => corner,
            4 => left + above - corner,
            5 => left + ((above - corner) >> 1),
            6 => above + ((left - corner) >> 1),
            _ => (left + above) >> 1,
        })
    }
}
