//! What is drawn: rows of characters, all of the same length.

use std::str::FromStr;

/// Text in cells, row by row from the top left.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grid {
    columns: usize,
    cells: Vec<char>,
}

impl Grid {
    /// `columns` is at least 1 and divides the number of cells.
    pub(crate) fn new(columns: usize, cells: Vec<char>) -> Self {
        debug_assert!(columns > 0 && cells.len().is_multiple_of(columns));
        Self { columns: columns.max(1), cells }
    }

    /// Cells in each row, at least 1.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows, at least 1.
    pub fn rows(&self) -> usize {
        self.cells.len() / self.columns
    }

    /// The cells of each row, from the top; each of [`columns`](Self::columns) cells.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &[char]> {
        self.cells.chunks_exact(self.columns)
    }

    /// The cell at a column and row, counted from 0; `None` outside.
    pub fn cell(&self, column: usize, row: usize) -> Option<char> {
        self.lines().nth(row)?.get(column).copied()
    }
}

/// Why text is no [`Grid`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// There is not even one cell.
    #[error("the text is empty; a grid has at least one row of one character")]
    Empty,
    /// A row is shorter or longer than the first.
    #[error(
        "row {row} has {is} characters where row 1 has {first}; all rows of a grid are equally long"
    )]
    Ragged {
        /// Which row, counted from 1.
        row: usize,
        /// Its length in characters.
        is: usize,
        /// The first row's length in characters.
        first: usize,
    },
}

/// Reads what [`write::txt`](crate::write::txt) wrote; the last newline may be missing.
impl FromStr for Grid {
    type Err = GridError;

    fn from_str(text: &str) -> Result<Self, GridError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut cells = Vec::with_capacity(text.len());
        let mut columns = 0;
        for (index, row) in text.split('\n').enumerate() {
            let before = cells.len();
            cells.extend(row.chars());
            let is = cells.len() - before;
            if index == 0 {
                columns = is;
            }
            if columns == 0 {
                return Err(GridError::Empty);
            }
            if is != columns {
                return Err(GridError::Ragged { row: index + 1, is, first: columns });
            }
        }
        Ok(Self::new(columns, cells))
    }
}
