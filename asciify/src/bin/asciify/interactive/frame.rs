//! A drawn picture on the screen.

use asciify::{Cell, Grid};

use crate::interactive::view::Placement;

/// A picture, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    grid: Grid,
    placement: Placement,
}

impl Frame {
    pub(crate) fn new(grid: Grid, region: [u32; 4], cells: (u32, u32)) -> Self {
        let count = |cells: usize| u32::try_from(cells).unwrap_or(u32::MAX);
        let size = (count(grid.columns()), count(grid.rows()));
        Self { placement: Placement::centered(region, size, cells), grid }
    }

    /// The rows of another placement, as far as this picture has its cells: a preview of what is being
    /// drawn.
    pub(crate) fn moved_to(&self, to: &Placement) -> Vec<Vec<Cell>> {
        let lines: Vec<&[Cell]> = self.grid.lines().collect();
        let (columns, rows) = to.size;
        let cell = |column: u32, row: u32| {
            let (column, row) =
                self.placement.cell(to.point((to.corner.0 + column, to.corner.1 + row))?)?;
            lines.get(row)?.get(column).copied()
        };
        let row = |row: u32| -> Vec<Cell> {
            (0..columns).map(|column| cell(column, row).unwrap_or(' '.into())).collect()
        };
        (0..rows).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(region: [u32; 4]) -> String {
        let grid: Grid = "abcd\nefgh\n".parse().expect("two rows");
        let frame = Frame::new(grid, [10, 10, 40, 40], (4, 2));
        let rows = frame.moved_to(&Placement::centered(region, (4, 2), (4, 2)));
        let row = |row: Vec<Cell>| row.iter().map(|cell| cell.symbol).collect::<String>();
        rows.into_iter().map(row).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn a_preview_is_the_picture_moved_or_enlarged() {
        assert_eq!(moved([10, 10, 40, 40]), "abcd/efgh");
        assert_eq!(moved([20, 10, 40, 40]), "bcd /fgh ");
        assert_eq!(moved([0, 30, 40, 40]), " efg/    ");
        assert_eq!(moved([10, 10, 20, 20]), "aabb/aabb");
        assert_eq!(moved([0, 0, 80, 80]), "ac  /    ");
    }
}
