//! Carries what a cell could not show to those that are drawn after it, so that a neighbourhood has
//! the right light where no cell has.
//!
//! Weights by Floyd and Steinberg, "An adaptive algorithm for spatial greyscale", Proc. SID 17(2)
//! (1976).

/// More than this is never carried: light that no palette has would pile up.
const MOST: f32 = 0.5;

/// Errors of `N` channels on their way through a grid, row by row.
pub(crate) struct ErrorDiffusion<const N: usize> {
    columns: usize,
    cell: usize,
    /// Of the row that is drawn, and of the next.
    here: Vec<[f32; N]>,
    below: Vec<[f32; N]>,
}

impl<const N: usize> ErrorDiffusion<N> {
    pub(crate) fn new(columns: usize) -> Self {
        let row = vec![[0.0; N]; columns];
        Self { columns, cell: 0, here: row.clone(), below: row }
    }

    /// What the next cell should show beside its own.
    pub(crate) fn owed(&self) -> [f32; N] {
        self.here[self.cell % self.columns]
    }

    /// What that cell should have shown, and did not.
    pub(crate) fn owe(&mut self, error: [f32; N]) {
        let column = self.cell % self.columns;
        for (channel, error) in error.into_iter().enumerate() {
            let add = |row: &mut [[f32; N]], column: Option<usize>, sixteenths: f32| {
                if let Some(cell) = column.and_then(|column| row.get_mut(column)) {
                    let sum = cell[channel] + error * sixteenths / 16.0;
                    cell[channel] = sum.clamp(-MOST, MOST);
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
