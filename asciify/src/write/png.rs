//! Output as a PNG picture: block symbols by their definition, all others in Noto Sans Mono.

use std::array;
use std::collections::HashMap;
use std::io::{self, Write};

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster};
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError};

use crate::glyphs::block_rects;
use crate::glyphs::blocks::{DOT_RADIUS, Rect, is_braille};
use crate::grid::color::Color;
use crate::grid::{Cell, Grid};
use crate::spec::values::Background;

/// Grids of more cells are drawn at half the size.
const MANY_CELLS: usize = 20_000;
/// The height of the smallest letters of the font, in pixels.
const SMALLEST_FONT: usize = 16;
/// Supersampling: points along a pixel's side at which a block symbol is evaluated.
const FINE: usize = 4;

/// Memory of the encoder and of the symbols that were rasterised, in bytes.
const ENCODER_BYTES: usize = 1 << 20;

/// Writes the picture, one row of cells at a time.
pub(super) fn write(grid: &Grid, background: Background, out: &mut dyn Write) -> io::Result<()> {
    encode(grid, background, out).map_err(|err| match err {
        EncodingError::IoError(err) => err,
        err => io::Error::other(err),
    })
}

/// Memory that [`write()`] takes at most, in bytes.
pub(super) fn working_bytes(grid: &Grid) -> usize {
    let height = cell_height(grid);
    grid.columns() * (height / 2) * height * 3 + ENCODER_BYTES
}

/// Height of a cell, in pixels: 16 or 32. The width is half of it.
fn cell_height(grid: &Grid) -> usize {
    if grid.columns() * grid.rows() > MANY_CELLS { 16 } else { 32 }
}

fn encode(grid: &Grid, background: Background, out: &mut dyn Write) -> Result<(), EncodingError> {
    let height = cell_height(grid);
    let mut painter = Painter::new(grid, background, height);
    let mut encoder = Encoder::new(out, painter.row_px as u32, (grid.rows() * height) as u32);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    let mut pixels = writer.stream_writer()?;
    for row in grid.lines() {
        pixels.write_all(painter.paint(row))?;
    }
    pixels.finish()
}

/// Draws a grid, one row of cells at a time.
pub(super) struct Painter {
    /// Pixels in a row.
    row_px: usize,
    /// Of cells without colours of their own.
    foreground: [u8; 3],
    background: [u8; 3],
    masks: Masks,
    /// The pixels of a row of cells.
    band: Vec<u8>,
}

impl Painter {
    /// `height` is that of a cell, in pixels: a power of two from 2 to 32. The width is half of it.
    pub(super) fn new(grid: &Grid, background: Background, height: usize) -> Self {
        let row_px = grid.columns() * height / 2;
        let (background, foreground) = match background {
            Background::Dark => ([0; 3], [255; 3]),
            Background::Light => ([255; 3], [0; 3]),
        };
        let masks = Masks { height, known: HashMap::new() };
        Painter { row_px, foreground, background, masks, band: vec![0; row_px * height * 3] }
    }

    /// Red, green and blue of the pixels of a row of cells, row-major.
    pub(super) fn paint(&mut self, row: &[Cell]) -> &[u8] {
        let width = self.masks.height / 2;
        for (column, cell) in row.iter().enumerate() {
            let Cell { symbol, foreground, background } = *cell;
            let foreground = foreground.map_or(self.foreground, Color::rgb);
            let background = background.map_or(self.background, Color::rgb);
            for (y, coverage) in self.masks.of(symbol).chunks_exact(width).enumerate() {
                let start = (y * self.row_px + column * width) * 3;
                let (line, _) = self.band[start..start + width * 3].as_chunks_mut::<3>();
                for (pixel, coverage) in line.iter_mut().zip(coverage) {
                    *pixel = mixed(foreground, background, *coverage);
                }
            }
        }
        &self.band
    }
}

/// Coded sRGB of a pixel that the foreground covers by so many 255ths. Coded values are mixed, not
/// light, as text is usually drawn.
fn mixed(foreground: [u8; 3], background: [u8; 3], coverage: u8) -> [u8; 3] {
    let coverage = u32::from(coverage);
    let mix = |front: u8, back: u8| {
        ((u32::from(front) * coverage + u32::from(back) * (255 - coverage) + 127) / 255) as u8
    };
    array::from_fn(|channel| mix(foreground[channel], background[channel]))
}

/// The symbols that were rasterised so far: the coverage of each pixel of a cell, in 255ths,
/// row-major.
struct Masks {
    /// Of a cell, in pixels; the width is half of it.
    height: usize,
    known: HashMap<char, Vec<u8>>,
}

impl Masks {
    fn of(&mut self, symbol: char) -> &[u8] {
        // the font has no smaller letters: they are drawn larger and reduced
        let height = self.height.max(SMALLEST_FONT);
        self.known.entry(symbol).or_insert_with(|| {
            let mask = match block_rects(symbol) {
                Some(rects) => block(symbol, rects, height),
                None => letter(symbol, height).unwrap_or_else(|| frame(height)),
            };
            reduced(mask, height, height / self.height)
        })
    }
}

/// A mask of this height, reduced by an integer factor: each pixel is the mean of a square.
fn reduced(mask: Vec<u8>, height: usize, factor: usize) -> Vec<u8> {
    if factor == 1 {
        return mask;
    }
    let width = height / 2;
    let mean = |left: usize, top: usize| {
        let square = (0..factor * factor)
            .map(|pixel| mask[(top + pixel / factor) * width + left + pixel % factor]);
        let sum = square.map(usize::from).sum::<usize>();
        ((sum + factor * factor / 2) / (factor * factor)) as u8
    };
    let tops = (0..height).step_by(factor);
    tops.flat_map(|top| (0..width).step_by(factor).map(move |left| (left, top)))
        .map(|(left, top)| mean(left, top))
        .collect()
}

/// A symbol of the font; `None` if it has none.
fn letter(symbol: char, height: usize) -> Option<Vec<u8>> {
    let size = if height == SMALLEST_FONT { RasterHeight::Size16 } else { RasterHeight::Size32 };
    let raster = get_raster(symbol, FontWeight::Regular, size)?;
    let width = height / 2;
    let left = (width - raster.width()) / 2;
    let mut mask = vec![0; width * height];
    for (line, row) in mask.chunks_exact_mut(width).zip(raster.rows()) {
        line[left..left + row.len()].copy_from_slice(row);
    }
    Some(mask)
}

/// A block symbol of these rectangles.
fn block(symbol: char, rects: &[Rect], height: usize) -> Vec<u8> {
    let is_dots = is_braille(symbol);
    let width = height / 2;
    let filled = |x: f64, y: f64| {
        rects.iter().any(|[left, top, right, bottom]| match is_dots {
            true => {
                // a cell is twice as high as wide
                let (dx, dy) = (x - (left + right) / 2.0, 2.0 * (y - (top + bottom) / 2.0));
                let radius = DOT_RADIUS * (right - left);
                dx * dx + dy * dy < radius * radius
            }
            false => (*left..*right).contains(&x) && (*top..*bottom).contains(&y),
        })
    };
    let at = |pixel: usize, fine: usize, side: usize| {
        (pixel as f64 + (fine as f64 + 0.5) / FINE as f64) / side as f64
    };
    let coverage = |pixel: usize| {
        let (x, y) = (pixel % width, pixel / width);
        let points = (0..FINE * FINE)
            .filter(|fine| filled(at(x, fine % FINE, width), at(y, fine / FINE, height)));
        (points.count() * 255 / (FINE * FINE)) as u8
    };
    (0..width * height).map(coverage).collect()
}

/// The frame that is drawn for a symbol that the font lacks.
fn frame(height: usize) -> Vec<u8> {
    let width = height / 2;
    let inset = height / 8;
    let coverage = |pixel: usize| {
        let (x, y) = (pixel % width, pixel / width);
        let edge = |at: usize, side: usize| at == inset / 2 || at + 1 + inset / 2 == side;
        let inside = |at: usize, side: usize| (inset / 2..side - inset / 2).contains(&at);
        let on = inside(x, width) && inside(y, height) && (edge(x, width) || edge(y, height));
        if on { 255 } else { 0 }
    };
    (0..width * height).map(coverage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Output;

    #[test]
    fn a_picture_shows_every_cell_where_it_is() {
        let cell = |symbol, foreground, background| {
            Cell::new(symbol, Some(Color::Rgb(foreground)), Some(background))
        };
        let background = Color::Rgb([10, 20, 30]);
        let cells = vec![
            cell(' ', [0; 3], background),
            cell('█', [1, 2, 3], background),
            'I'.into(),
            '\u{2503}'.into(),
        ];
        let file = Output::Png.to_vec(&Grid::new(2, cells), Background::Dark, "");
        let picture = image::load_from_memory(&file).expect("a PNG").into_rgb8();
        assert_eq!(picture.dimensions(), (32, 64));
        let at = |x, y| picture.get_pixel(x, y).0;
        assert_eq!((at(8, 16), at(16, 0), at(31, 31)), ([10, 20, 30], [1, 2, 3], [1, 2, 3]));
        let lit = |left| (0..16 * 32).filter(|n| at(left + n % 16, 32 + n / 16) != [0; 3]).count();
        assert!((40..200).contains(&lit(0)) && lit(16) > 40);
    }
}
