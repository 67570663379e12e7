//! Output as an SVG drawing: block symbols as paths, all others as text in the reader's monospace
//! font.

use std::io::{self, Write};

use crate::glyphs::block_rects;
use crate::glyphs::blocks::{DOT_RADIUS, is_braille};
use crate::grid::color::Color;
use crate::grid::{Cell, Grid};
use crate::spec::values::Background;
use crate::write::markup::{hex, write_escaped};

/// Width of a cell, in user units.
const WIDTH: usize = 10;
/// Height of a cell, in user units.
const HEIGHT: usize = 20;

/// Writes the drawing. `title` is its label.
pub(super) fn write(
    grid: &Grid,
    background: Background,
    title: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (width, height) = (grid.columns() * WIDTH, grid.rows() * HEIGHT);
    let (background, foreground) = match background {
        Background::Dark => ("#000", "#fff"),
        Background::Light => ("#fff", "#000"),
    };
    // Letters are 0.6 em wide, the width of a cell; the baseline is where the usual fonts have it.
    write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" fill=\"{foreground}\" \
         font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" \
         font-size=\"16.6\">\n<title>"
    )?;
    write_escaped(title.chars(), out)?;
    write!(
        out,
        "</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"{background}\"/>\n\
         <g shape-rendering=\"crispEdges\">"
    )?;
    for (row, cells) in grid.lines().enumerate() {
        write_backgrounds(row, cells, out)?;
    }
    out.write_all(b"</g>\n")?;
    for (row, cells) in grid.lines().enumerate() {
        write_blocks(row, cells, out)?;
        write_letters(row, cells, out)?;
    }
    out.write_all(b"</svg>\n")
}

/// Rectangles behind the cells that have a background of their own.
fn write_backgrounds(row: usize, cells: &[Cell], out: &mut dyn Write) -> io::Result<()> {
    let mut x = 0;
    for run in cells.chunk_by(|a, b| a.background == b.background) {
        let width = run.len() * WIDTH;
        if let Some(background) = run[0].background {
            let (y, fill) = (row * HEIGHT, fill(background));
            write!(out, "<path{fill} d=\"M{x} {y}h{width}v{HEIGHT}h-{width}z\"/>")?;
        }
        x += width;
    }
    Ok(())
}

/// The letters of a row, as one text. Its length is that of its cells in every font.
fn write_letters(row: usize, cells: &[Cell], out: &mut dyn Write) -> io::Result<()> {
    let is_letter = |cell: &Cell| cell.symbol != ' ' && !is_block(*cell);
    let Some(first) = cells.iter().position(is_letter) else { return Ok(()) };
    let last = cells.iter().rposition(is_letter).unwrap_or(first);
    let (x, y, length) = (first * WIDTH, row * HEIGHT + 15, (last + 1 - first) * WIDTH);
    write!(
        out,
        "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\">"
    )?;
    let mut foreground = None;
    let letters = cells[first..=last].iter().map(|cell| match is_letter(cell) {
        true => {
            foreground = cell.foreground;
            (cell.symbol, foreground)
        }
        // a space shows no colour: that of the letter before it can stay
        false => (' ', foreground),
    });
    let letters: Vec<(char, Option<Color>)> = letters.collect();
    for run in letters.chunk_by(|a, b| a.1 == b.1) {
        let fill = run[0].1.map(fill);
        if let Some(fill) = &fill {
            write!(out, "<tspan{fill}>")?;
        }
        write_escaped(run.iter().map(|(symbol, _)| *symbol), out)?;
        if fill.is_some() {
            out.write_all(b"</tspan>")?;
        }
    }
    out.write_all(b"</text>\n")
}

/// The block symbols of a row: a path for each run of one foreground.
fn write_blocks(row: usize, cells: &[Cell], out: &mut dyn Write) -> io::Result<()> {
    let mut column = 0;
    for run in cells.chunk_by(|a, b| a.foreground == b.foreground && is_block(*a) == is_block(*b)) {
        if is_block(run[0]) {
            let fill = run[0].foreground.map(fill).unwrap_or_default();
            write!(out, "<path{fill} d=\"")?;
            write_path(run, column * WIDTH, row * HEIGHT, out)?;
            out.write_all(b"\"/>")?;
        }
        column += run.len();
    }
    Ok(())
}

/// The attribute of a colour.
fn fill(color: Color) -> String {
    format!(" fill=\"{}\"", hex(color))
}

/// Whether a cell is drawn as a path.
fn is_block(cell: Cell) -> bool {
    cell.symbol != ' ' && block_rects(cell.symbol).is_some()
}

/// The path data of block symbols, the first of which is at (`x`, `y`) in user units.
fn write_path(cells: &[Cell], x: usize, y: usize, out: &mut dyn Write) -> io::Result<()> {
    for (column, cell) in cells.iter().enumerate() {
        let is_dots = is_braille(cell.symbol);
        for [left, top, right, bottom] in block_rects(cell.symbol).unwrap_or_default() {
            let (across, down) = ((right - left) * WIDTH as f64, (bottom - top) * HEIGHT as f64);
            let left = (x + column * WIDTH) as f64 + left * WIDTH as f64;
            let top = y as f64 + top * HEIGHT as f64;
            if is_dots {
                let radius = DOT_RADIUS * across;
                let (start, middle) = (left + across / 2.0 - radius, top + down / 2.0);
                let [start, middle, radius, around] =
                    [start, middle, radius, 2.0 * radius].map(hundredths);
                write!(
                    out,
                    "M{start} {middle}a{radius} {radius} 0 1 0 {around} 0\
                     a{radius} {radius} 0 1 0-{around} 0z"
                )?;
            } else {
                let [left, top, across, down] = [left, top, across, down].map(hundredths);
                write!(out, "M{left} {top}h{across}v{down}h-{across}z")?;
            }
        }
    }
    Ok(())
}

/// Rounded to hundredths, so that it has few decimals.
fn hundredths(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Output;

    fn svg(grid: &Grid, background: Background, title: &str) -> String {
        String::from_utf8(Output::Svg.to_vec(grid, background, title)).expect("UTF-8")
    }

    #[test]
    fn a_drawing_holds_no_markup_but_its_own() {
        let grid: Grid = "<&>\"' ▀⠁".parse().expect("one row");
        let drawing = svg(&grid, Background::Light, "</title><script>\u{ffff}");
        assert!(drawing.contains(">&lt;&amp;&gt;&quot;&#39;</text>"), "{drawing}");
        assert!(
            drawing.contains("<title>&lt;/title&gt;&lt;script&gt;\u{fffd}</title>"),
            "{drawing}"
        );
        assert!(drawing.contains("M60 0h10v10h-10z"), "{drawing}");
    }

    #[test]
    fn a_row_of_a_drawing_is_one_text_whatever_its_colours() {
        let red = Some(Color::Rgb([255, 0, 0]));
        let cells = vec![' '.into(), 'a'.into(), Cell::new('b', red, None), ' '.into(), '█'.into()];
        let drawing = svg(&Grid::new(5, cells), Background::Dark, "");
        let row = "<text x=\"10\" y=\"15\" textLength=\"20\" lengthAdjust=\"spacingAndGlyphs\" \
                   xml:space=\"preserve\">a<tspan fill=\"#ff0000\">b</tspan></text>";
        assert!(drawing.contains(row), "{drawing}");
        assert!(drawing.contains("<path d=\"M40 0h10v10h-10zM40 10h10v10h-10z\"/>"), "{drawing}");
    }
}
