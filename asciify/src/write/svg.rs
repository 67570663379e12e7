//! A drawing: figures as paths, letters as text of the reader's monospace font.

use std::fmt::Write;

use super::{escaped, hex};
use crate::glyphs;
use crate::{Background, Cell, Color, Grid};

/// Units across and down a cell.
const WIDTH: usize = 10;
const HEIGHT: usize = 20;

/// A stand-alone SVG 1.1 drawing, in cells twice as high as wide.
///
/// `title` is plain text: it stands for the picture where it is read aloud.
pub fn svg(grid: &Grid, background: Background, title: &str) -> String {
    let (width, height) = (grid.columns() * WIDTH, grid.rows() * HEIGHT);
    let (ground, ink) = match background {
        Background::Dark => ("#000", "#fff"),
        Background::Light => ("#fff", "#000"),
    };
    let title = escaped(title);
    // Letters of 0.6 em fill a cell across; the baseline is where the usual fonts have it.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" fill=\"{ink}\" \
         font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" \
         font-size=\"16.6\">\n<title>{title}</title>\n<style>text{{white-space:pre}}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"{ground}\"/>\n"
    );
    for (row, cells) in grid.lines().enumerate() {
        grounds(&mut svg, row, cells);
        inks(&mut svg, row, cells);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Rectangles behind the cells that have a ground of their own.
fn grounds(svg: &mut String, row: usize, cells: &[Cell]) {
    let mut x = 0;
    for run in cells.chunk_by(|a, b| a.ground == b.ground) {
        let width = run.len() * WIDTH;
        if let Some(ground) = run[0].ground {
            let (y, fill) = (row * HEIGHT, hex(ground));
            let _infallible = write!(
                svg,
                "<path fill=\"{fill}\" shape-rendering=\"crispEdges\" d=\"M{x} {y}h{width}v{HEIGHT}h-{width}z\"/>"
            );
        }
        x += width;
    }
    svg.push('\n');
}

fn inks(svg: &mut String, row: usize, cells: &[Cell]) {
    let mut column = 0;
    for run in cells.chunk_by(|a, b| a.ink == b.ink && is_figure(*a) == is_figure(*b)) {
        let (bare, symbols) = trimmed(run);
        if !symbols.is_empty() {
            let fill = run[0].ink.map(fill).unwrap_or_default();
            let (x, y) = ((column + bare) * WIDTH, row * HEIGHT);
            let _infallible = match is_figure(run[0]) {
                true => write!(svg, "<path{fill} d=\"{}\"/>", path(symbols, x, y)),
                false => {
                    let text: String = symbols.iter().map(|cell| cell.symbol).collect();
                    let (length, y) = (symbols.len() * WIDTH, y + 15);
                    write!(
                        svg,
                        "<text{fill} x=\"{x}\" y=\"{y}\" textLength=\"{length}\" \
                         lengthAdjust=\"spacingAndGlyphs\">{}</text>",
                        escaped(&text)
                    )
                }
            };
        }
        column += run.len();
    }
    svg.push('\n');
}

fn fill(color: Color) -> String {
    format!(" fill=\"{}\"", hex(color))
}

fn is_figure(cell: Cell) -> bool {
    cell.symbol != ' ' && glyphs::figure(cell.symbol).is_some()
}

/// How many cells at the start are bare, and those up to the last that is not.
fn trimmed(run: &[Cell]) -> (usize, &[Cell]) {
    let is_bare = |cell: &&Cell| cell.symbol == ' ';
    let bare = run.iter().take_while(is_bare).count();
    let end = run.len() - run.iter().rev().take_while(is_bare).count();
    (bare, run.get(bare..end).unwrap_or_default())
}

fn path(cells: &[Cell], x: usize, y: usize) -> String {
    let mut path = String::new();
    for (column, cell) in cells.iter().enumerate() {
        let is_dots = ('\u{2800}'..='\u{28ff}').contains(&cell.symbol);
        for [left, top, right, bottom] in glyphs::figure(cell.symbol).unwrap_or_default() {
            let (across, down) = ((right - left) * WIDTH as f64, (bottom - top) * HEIGHT as f64);
            let left = (x + column * WIDTH) as f64 + left * WIDTH as f64;
            let top = y as f64 + top * HEIGHT as f64;
            let _infallible = if is_dots {
                let radius = super::DOT_RADIUS * across;
                let (start, middle) = (left + across / 2.0 - radius, top + down / 2.0);
                let around = 2.0 * radius;
                write!(
                    path,
                    "M{start:.2} {middle:.2}a{radius:.2} {radius:.2} 0 1 0 {around:.2} 0\
                     a{radius:.2} {radius:.2} 0 1 0-{around:.2} 0z"
                )
            } else {
                write!(path, "M{left:.2} {top:.2}h{across:.2}v{down:.2}h-{across:.2}z")
            };
        }
    }
    path
}
