//! What a scan says that it holds, and the way over it.

use std::ops::Range;

use super::coding::Band;
use super::frame::{Component, Frame, Kind};
use super::tables::MOST_TABLES;

pub(super) const MOST_PARTS: usize = 4;

pub(super) struct Scan {
    pub(super) parts: Vec<Part>,
    /// What it holds of each block; of a lossless scan, `from` is the predictor.
    pub(super) band: Band,
    /// Units across and down.
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// One component of a scan: its place in the frame, its tables, its parts in a unit.
pub(super) struct Part {
    pub(super) component: usize,
    pub(super) first: usize,
    pub(super) others: usize,
    across: usize,
    pub(super) down: usize,
}

impl Scan {
    /// B.2.3.
    pub(super) fn read(segment: &[u8], frame: &Frame) -> Option<Self> {
        let (count, rest) = segment.split_first()?;
        let (parts, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let &[from, to, bits] = rest else { return None };
        let is_alone = *count == 1;
        let parts: Option<Vec<Part>> = parts
            .as_chunks()
            .0
            .iter()
            .map(|[id, tables]| {
                let component = frame.components.iter().position(|it| it.id == *id)?;
                let Component { across, down, .. } = frame.components[component];
                let (first, others) = (usize::from(tables >> 4), usize::from(tables & 15));
                let (across, down) = if is_alone { (1, 1) } else { (across, down) };
                (first < MOST_TABLES && others < MOST_TABLES).then_some(Part {
                    component,
                    first,
                    others,
                    across,
                    down,
                })
            })
            .collect();
        let parts = parts.filter(|it| (1..=MOST_PARTS).contains(&it.len()))?;
        let (columns, rows) = match is_alone {
            true => frame.parts_of(parts[0].component),
            false => (frame.columns, frame.rows),
        };
        let band = Band {
            from: from.into(),
            to: to.into(),
            refines: bits >> 4 != 0,
            shift: (bits & 15).into(),
        };
        let is_good = match frame.kind {
            Kind::Sequential => (from, to, bits) == (0, 63, 0),
            Kind::Progressive => from <= to && to <= 63 && band.shift < 14,
            Kind::Lossless => (1..=7).contains(&from) && band.shift < frame.bits,
        };
        is_good.then_some(Self { parts, band, columns, rows })
    }

    /// Calls `visit` for each part in those units, with its component's place in the scan.
    pub(super) fn walk(
        &self,
        frame: &mut Frame,
        units: Range<usize>,
        mut visit: impl FnMut(usize, &mut Component, usize, usize) -> Option<()>,
    ) -> Option<()> {
        for unit in units {
            let (column, row) = (unit % self.columns, unit / self.columns);
            for (place, part) in self.parts.iter().enumerate() {
                let component = &mut frame.components[part.component];
                for y in row * part.down..(row + 1) * part.down {
                    for x in column * part.across..(column + 1) * part.across {
                        visit(place, component, x, y)?;
                    }
                }
            }
        }
        Some(())
    }
}
