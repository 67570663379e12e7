//! Error diffusion: passes the error of each cell to the neighbours that are drawn after it, so
//! that an area has the right mean where no cell has the right value.
//!
//! Weights by Floyd and Steinberg, "An adaptive algorithm for spatial greyscale", Proc. SID 17(2)
//! (1976): 7/16 to the right, 3/16, 5/16 and 1/16 to the row below.

/// Bound of the pending error, up and down: values out of the palette's reach would pile up.
const MAX_ERROR: f32 = 0.5;

/// Pending errors of `N` channels, in the unit of the values that are drawn; cells row-major.
pub(crate) struct ErrorDiffusion<const N: usize> {
    columns: usize,
    /// Index of the next cell.
    cell: usize,
    /// Pending errors of the cells of this row.
    here: Vec<[f32; N]>,
    /// Pending errors of the cells of the next row.
    below: Vec<[f32; N]>,
}

impl<const N: usize> ErrorDiffusion<N> {
    /// For a grid of so many cells a row, of which the first comes next.
    pub(crate) fn new(columns: usize) -> Self {
        let row = vec![[0.0; N]; columns];
        Self { columns, cell: 0, here: row.clone(), below: row }
    }

    /// The error that neighbours have passed to the next cell: to be added to its own value.
    pub(crate) fn pending(&self) -> [f32; N] {
        self.here[self.cell % self.columns]
    }

    /// Spreads the error of the next cell, its wanted minus its drawn value, and moves on by one.
    pub(crate) fn spread(&mut self, error: [f32; N]) {
        let column = self.cell % self.columns;
        for (channel, error) in error.into_iter().enumerate() {
            let add = |row: &mut [[f32; N]], column: Option<usize>, sixteenths: f32| {
                if let Some(cell) = column.and_then(|column| row.get_mut(column)) {
                    let sum = cell[channel] + error * sixteenths / 16.0;
                    cell[channel] = sum.clamp(-MAX_ERROR, MAX_ERROR);
                }
            };
            add(&mut self.here, Some(column + 1), 7.0);
            add(&mut self.below, column.checked_sub(1), 3.0);
            add(&mut self.below, Some(column), 5.0);
            add(&mut self.below, Some(column + 1), 1.0);
        }
        self.cell += 1;
        if self.cell.is_multiple_of(self.columns) {
            std::mem::swap(&mut self.here, &mut self.below);
            self.below.fill([0.0; N]);
        }
    }
}
