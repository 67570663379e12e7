//! A drawing: figures as paths, letters as text of the reader's monospace font.

use std::fmt::Write;

use super::{escaped, hex};
use crate::glyphs;
use crate::grid::color::Color;
use crate::grid::{Cell, Grid};
use crate::spec::values::Background;

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
         font-size=\"16.6\">\n<title>{title}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"{ground}\"/>\n"
    );
    svg.push_str("<g shape-rendering=\"crispEdges\">");
    for (row, cells) in grid.lines().enumerate() {
        grounds(&mut svg, row, cells);
    }
    svg.push_str("</g>\n");
    for (row, cells) in grid.lines().enumerate() {
        figures(&mut svg, row, cells);
        letters(&mut svg, row, cells);
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
            let (y, fill) = (row * HEIGHT, fill(ground));
            let _infallible =
                write!(svg, "<path{fill} d=\"M{x} {y}h{width}v{HEIGHT}h-{width}z\"/>");
        }
        x += width;
    }
}

/// The letters of a row: one text, as long as its cells, whatever the reader's font.
fn letters(svg: &mut String, row: usize, cells: &[Cell]) {
    let is_letter = |cell: &Cell| cell.symbol != ' ' && !is_figure(*cell);
    let Some(first) = cells.iter().position(is_letter) else { return };
    let last = cells.iter().rposition(is_letter).unwrap_or(first);
    let (x, y, length) = (first * WIDTH, row * HEIGHT + 15, (last + 1 - first) * WIDTH);
    let _infallible = write!(
        svg,
        "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\">"
    );
    let mut ink = None;
    let letters = cells[first..=last].iter().map(|cell| match is_letter(cell) {
        true => {
            ink = cell.ink;
            (cell.symbol, ink)
        }
        // shows no ink, so that of the letter before it will do
        false => (' ', ink),
    });
    let letters: Vec<(char, Option<Color>)> = letters.collect();
    for run in letters.chunk_by(|a, b| a.1 == b.1) {
        let symbols = escaped(&run.iter().map(|(symbol, _)| symbol).collect::<String>());
        match run[0].1.map(fill) {
            None => svg.push_str(&symbols),
            Some(fill) => {
                let _infallible = write!(svg, "<tspan{fill}>{symbols}</tspan>");
            }
        }
    }
    svg.push_str("</text>\n");
}

/// The figures of a row: a path for each run of one ink.
fn figures(svg: &mut String, row: usize, cells: &[Cell]) {
    let mut column = 0;
    for run in cells.chunk_by(|a, b| a.ink == b.ink && is_figure(*a) == is_figure(*b)) {
        if is_figure(run[0]) {
            let fill = run[0].ink.map(fill).unwrap_or_default();
            let path = path(run, column * WIDTH, row * HEIGHT);
            let _infallible = write!(svg, "<path{fill} d=\"{path}\"/>");
        }
        column += run.len();
    }
}

fn fill(color: Color) -> String {
    format!(" fill=\"{}\"", hex(color))
}

fn is_figure(cell: Cell) -> bool {
    cell.symbol != ' ' && glyphs::figure(cell.symbol).is_some()
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
                let [start, middle, radius, around] =
                    [start, middle, radius, 2.0 * radius].map(hundredths);
                write!(
                    path,
                    "M{start} {middle}a{radius} {radius} 0 1 0 {around} 0\
                     a{radius} {radius} 0 1 0-{around} 0z"
                )
            } else {
                let [left, top, across, down] = [left, top, across, down].map(hundredths);
                write!(path, "M{left} {top}h{across}v{down}h-{across}z")
            };
        }
    }
    path
}

/// As few decimals as say it.
fn hundredths(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}
