//! Output as text: plain, or with the control sequences of a terminal.

use std::io::{self, Write};

use crate::grid::color::Color;
use crate::grid::{Cell, Grid};

/// UTF-8 text without colours. Every row ends with a newline; trailing spaces are kept.
///
/// Parsing the result as a [`Grid`] gives the symbols back.
pub fn txt(grid: &Grid) -> String {
    text(grid, txt_row)
}

/// As [`txt`], with the control sequences that set colours: Select Graphic Rendition, ECMA-48,
/// 8.3.117. Colours are reset at the end of each row, so that any rows can be cut out.
///
/// Parsing the result as a [`Grid`] gives the grid back.
pub fn ansi(grid: &Grid) -> String {
    text(grid, ansi_row)
}

/// Appends a row to a text, with its newline.
type AppendRow = fn(row: &[Cell], text: &mut String);

fn text(grid: &Grid, append_row: AppendRow) -> String {
    let mut text = String::with_capacity(grid.rows() * (grid.columns() + 1));
    for row in grid.lines() {
        append_row(row, &mut text);
    }
    text.shrink_to_fit();
    text
}

/// Writes a text row by row.
pub(super) fn write(grid: &Grid, append_row: AppendRow, out: &mut dyn Write) -> io::Result<()> {
    let mut text = String::new();
    for row in grid.lines() {
        text.clear();
        append_row(row, &mut text);
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// A row of [`txt`].
pub(super) fn txt_row(row: &[Cell], text: &mut String) {
    text.extend(row.iter().map(|cell| cell.symbol));
    text.push('\n');
}

/// Appends a row of [`ansi`], with its newline.
pub fn ansi_row(row: &[Cell], text: &mut String) {
    let (mut foreground, mut background) = (None, None);
    for cell in row {
        // a space has no foreground: that of the cell before it can stay
        let wanted = if cell.symbol == ' ' { foreground } else { cell.foreground };
        if (wanted, cell.background) != (foreground, background) {
            text.push_str("\u{1b}[");
            if (wanted, cell.background) != (None, None) {
                if wanted != foreground {
                    push_color(text, wanted, 30);
                }
                if cell.background != background {
                    push_color(text, cell.background, 40);
                }
                text.pop(); // the last semicolon
            }
            text.push('m');
        }
        (foreground, background) = (wanted, cell.background);
        text.push(cell.symbol);
    }
    text.push_str(if (foreground, background) == (None, None) { "\n" } else { "\u{1b}[m\n" });
}

/// Appends the codes of a foreground (`first` is 30) or background colour (40), each followed by a
/// semicolon.
fn push_color(text: &mut String, color: Option<Color>, first: u8) {
    match color {
        None => push_code(text, first + 9),
        Some(Color::Indexed(index @ 0..8)) => push_code(text, first + index),
        Some(Color::Indexed(index @ 8..16)) => push_code(text, first + 60 + index - 8),
        Some(Color::Indexed(index)) => {
            [first + 8, 5, index].into_iter().for_each(|code| push_code(text, code));
        }
        Some(Color::Rgb([r, g, b])) => {
            [first + 8, 2, r, g, b].into_iter().for_each(|code| push_code(text, code));
        }
    }
}

/// Appends a decimal number and a semicolon: quicker than formatting, and most of a coloured text.
fn push_code(text: &mut String, code: u8) {
    let digit = |divisor: u8| char::from(b'0' + code / divisor % 10);
    if code >= 100 {
        text.push(digit(100));
    }
    if code >= 10 {
        text.push(digit(10));
    }
    text.push(digit(1));
    text.push(';');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_back_from_a_terminal_s_text() {
        let colours = [
            None,
            Some(Color::Indexed(1)),
            Some(Color::Indexed(12)),
            Some(Color::Indexed(200)),
            Some(Color::Rgb([1, 2, 3])),
        ];
        let mut cells = Vec::new();
        for foreground in colours {
            for background in colours {
                cells.extend(
                    ['a', ' ', 'b'].map(|symbol| Cell::new(symbol, foreground, background)),
                );
            }
        }
        let grid = Grid::new(25, cells);
        let text = ansi(&grid);
        assert_eq!(text.parse(), Ok(grid.clone()));
        assert!(text.lines().all(|row| row.ends_with("\u{1b}[m")), "{text:?}");
        assert_eq!(txt(&grid).parse::<Grid>().map(|plain| txt(&plain)), Ok(txt(&grid)));
    }

    #[test]
    fn text_without_colours_is_the_same_for_a_terminal() {
        let grid: Grid = "ab c\n    ".parse().expect("two rows");
        assert_eq!(ansi(&grid), txt(&grid));
    }

    #[test]
    fn other_sequences_are_no_picture() {
        for text in ["\u{1b}[2J", "\u{1b}]0;x\u{7}", "\u{1b}", "\u{1b}[38;5m", "\u{1b}[300m"] {
            assert!(text.parse::<Grid>().is_err(), "{text:?}");
        }
    }
}
