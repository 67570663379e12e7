//! The data of a scan, restart by restart. Damage costs what is before the next one.

use std::ops::Range;

use super::arithmetic::Decisions;
use super::coding::Coding;
use super::frame::{Frame, Kind};
use super::lossless;
use super::scan::{MOST_PARTS, Scan};
use super::symbols::{Codes, Symbols};
use super::tables::Tables;

/// Reads the data of a scan; where it ends.
pub(super) fn decode(
    scan: &Scan,
    frame: &mut Frame,
    tables: &Tables,
    effort: &mut u64,
    file: &[u8],
    at: usize,
) -> Option<usize> {
    for part in &scan.parts {
        let component = &mut frame.components[part.component];
        if frame.kind == Kind::Lossless {
            component.shift = scan.band.shift;
        } else if component.steps.is_none() {
            component.steps = Some((*tables.steps.get(component.table)?)?);
        }
    }
    let codes: Vec<_> = scan.parts.iter().map(|part| Codes::of(part, &scan.band, tables)).collect();
    let total = scan.columns * scan.rows;
    let each = if tables.restart == 0 { total } else { tables.restart };
    let mut intervals = Intervals { file, at, data: Vec::new() };
    for start in (0..total).step_by(each) {
        if start > 0 && !intervals.pass_restart() {
            break;
        }
        let data = intervals.next();
        let units = start..(start + each).min(total);
        let _damage = if frame.kind == Kind::Lossless {
            lossless::decode(scan, frame, &codes, data, units)
        } else if frame.is_arithmetic {
            let coding = Decisions::new(data, &scan.parts, &tables.conditioning, effort);
            blocks(scan, frame, coding, units)
        } else {
            blocks(scan, frame, Symbols::new(data, &codes, effort), units)
        };
    }
    Some(intervals.at)
}

fn blocks(
    scan: &Scan,
    frame: &mut Frame,
    mut coding: impl Coding,
    units: Range<usize>,
) -> Option<()> {
    let mut last = [0; MOST_PARTS];
    scan.walk(frame, units, |place, component, x, y| {
        coding.block(place, &scan.band, &mut last[place], component.block(x, y)?)
    })
}

/// Entropy-coded data between restarts: B.1.1.5.
struct Intervals<'a> {
    file: &'a [u8],
    at: usize,
    /// Those of one interval, without stuffed bytes.
    data: Vec<u8>,
}

impl Intervals<'_> {
    /// What comes before the next marker, or the end of the file.
    fn next(&mut self) -> &[u8] {
        self.data.clear();
        loop {
            let rest = self.file.get(self.at..).unwrap_or_default();
            let end = memchr::memchr(0xff, rest).unwrap_or(rest.len());
            let is_stuffed = rest.get(end + 1) == Some(&0);
            self.data.extend_from_slice(&rest[..end + usize::from(is_stuffed)]);
            self.at += end + 2 * usize::from(is_stuffed);
            if !is_stuffed {
                return &self.data;
            }
        }
    }

    fn pass_restart(&mut self) -> bool {
        let rest = self.file.get(self.at..).unwrap_or_default();
        let fill = rest.iter().take_while(|it| **it == 0xff).count();
        let is_restart = fill > 0 && matches!(rest.get(fill), Some(0xd0..=0xd7));
        if is_restart {
            self.at += fill + 1;
        }
        is_restart
    }
}
