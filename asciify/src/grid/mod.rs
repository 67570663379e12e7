//! The result of drawing: a grid of cells, and how to read one back from text.

pub(crate) mod color;

use std::str::FromStr;

use color::Color;

use crate::spec::symbols::is_one_column;

/// A symbol with its colours. `None` is the reader's own colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    /// One column wide: no control, combining or wide character.
    pub symbol: char,
    /// Colour of the symbol; always `None` for a space.
    pub foreground: Option<Color>,
    /// Colour behind the symbol.
    pub background: Option<Color>,
}

impl Cell {
    pub(crate) fn new(symbol: char, foreground: Option<Color>, background: Option<Color>) -> Self {
        Self { symbol, foreground: foreground.filter(|_| symbol != ' '), background }
    }
}

impl From<char> for Cell {
    fn from(symbol: char) -> Self {
        Self { symbol, foreground: None, background: None }
    }
}

/// Cells in rows of equal length, row-major from the top left.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grid {
    columns: usize,
    cells: Vec<Cell>,
}

impl Grid {
    /// `columns` is at least 1 and divides the number of cells.
    pub(crate) fn new(columns: usize, cells: Vec<Cell>) -> Self {
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

    /// How many cells the grid of `text` has, by its first row and its number of rows; `None` if
    /// the first row cannot be read.
    pub fn cells_of(text: &str) -> Option<usize> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut first = Vec::new();
        read_row(text.split('\n').next()?, &mut first)?;
        let rows = memchr::memchr_iter(b'\n', text.as_bytes()).count() + 1;
        Some(first.len() * rows)
    }

    /// The rows, from the top; each has [`columns`](Self::columns) cells.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &[Cell]> {
        self.cells.chunks_exact(self.columns)
    }

    /// The cell at a column and row, counted from 0; `None` outside.
    pub fn cell(&self, column: usize, row: usize) -> Option<Cell> {
        self.lines().nth(row)?.get(column).copied()
    }
}

/// Why a text cannot be read as a [`Grid`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// The text has no cell.
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
    /// A row has a control sequence other than those that set colours.
    #[error("row {row} has a control sequence other than those that set colours")]
    Sequence {
        /// Which row, counted from 1.
        row: usize,
    },
    /// A row has a control, combining or wide character.
    #[error("row {row} has a character that is not one column wide")]
    Symbol {
        /// Which row, counted from 1.
        row: usize,
    },
}

/// Reads the output of [`write::txt`](crate::write::txt) or [`write::ansi`](crate::write::ansi);
/// the last newline may be missing.
///
/// # Errors
/// All of [`GridError`].
impl FromStr for Grid {
    type Err = GridError;

    fn from_str(text: &str) -> Result<Self, GridError> {
        // rows of different lengths could promise more cells than the text has characters
        let capacity = Self::cells_of(text).unwrap_or(0).min(text.len());
        let mut cells = Vec::with_capacity(capacity);
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut columns = 0;
        for (index, row) in text.split('\n').enumerate() {
            let before = cells.len();
            read_row(row, &mut cells).ok_or(GridError::Sequence { row: index + 1 })?;
            if !cells[before..].iter().all(|cell| is_one_column(cell.symbol)) {
                return Err(GridError::Symbol { row: index + 1 });
            }
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

/// Adds a row's cells; `None` if the row has a control sequence that sets no colours.
fn read_row(row: &str, cells: &mut Vec<Cell>) -> Option<()> {
    let (mut foreground, mut background) = (None, None);
    let mut rest = row;
    while let Some(symbol) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
            let (codes, after) = sequence.split_once('m')?;
            apply_sgr(codes, &mut foreground, &mut background)?;
            rest = after;
        } else if symbol == '\u{1b}' {
            return None;
        } else {
            cells.push(Cell::new(symbol, foreground, background));
            rest = &rest[symbol.len_utf8()..];
        }
    }
    Some(())
}

/// Applies the parameters of Select Graphic Rendition: ECMA-48, 8.3.117. Colours by index and by
/// RGB are those of ITU-T T.416, separated by semicolons as in xterm. `None` if a code sets no
/// colour.
fn apply_sgr(
    codes: &str,
    foreground: &mut Option<Color>,
    background: &mut Option<Color>,
) -> Option<()> {
    let code = |code: &str| if code.is_empty() { Some(0) } else { code.parse().ok() };
    let codes: Option<Vec<u8>> = codes.split(';').map(code).collect();
    let codes = codes?;
    let mut codes = codes.into_iter();
    while let Some(code) = codes.next() {
        match code {
            0 => (*foreground, *background) = (None, None),
            30..=37 => *foreground = Some(Color::Indexed(code - 30)),
            90..=97 => *foreground = Some(Color::Indexed(code - 90 + 8)),
            40..=47 => *background = Some(Color::Indexed(code - 40)),
            100..=107 => *background = Some(Color::Indexed(code - 100 + 8)),
            39 => *foreground = None,
            49 => *background = None,
            38 | 48 => {
                let color = match codes.next()? {
                    5 => Color::Indexed(codes.next()?),
                    2 => Color::Rgb([codes.next()?, codes.next()?, codes.next()?]),
                    _ => return None,
                };
                *(if code == 38 { &mut *foreground } else { &mut *background }) = Some(color);
            }
            _ => return None,
        }
    }
    Some(())
}
