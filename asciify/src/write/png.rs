//! A picture of the text: letters in Noto Sans Mono, figures by their definition.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster};
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError};

use crate::glyphs;
use crate::grid::color::Color;
use crate::grid::{Cell, Grid};
use crate::spec::values::Background;

/// Grids of more cells are drawn at half the size.
const MANY_CELLS: usize = 20_000;
/// Points of a pixel's side at which a figure is looked at.
const FINE: usize = 4;

/// A PNG of cells of 16 × 32 pixels, 8 × 16 where there are more than 20 000. What the font lacks is
/// drawn as a frame.
///
/// Holds one row of cells at a time beside the file.
pub fn png(grid: &Grid, background: Background) -> Vec<u8> {
    let height = if grid.columns() * grid.rows() > MANY_CELLS { 16 } else { 32 };
    let mut file = Vec::new();
    // nothing but memory is written to
    let _infallible = encode(grid, background, height, &mut file);
    file
}

fn encode(
    grid: &Grid,
    background: Background,
    height: usize,
    file: &mut Vec<u8>,
) -> Result<(), EncodingError> {
    let width = height / 2;
    let row_px = grid.columns() * width;
    let mut encoder = Encoder::new(file, row_px as u32, (grid.rows() * height) as u32);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    let mut pixels = writer.stream_writer()?;
    let (paper, pen) = match background {
        Background::Dark => ([0; 3], [255; 3]),
        Background::Light => ([255; 3], [0; 3]),
    };
    let mut masks = Masks { height, known: Default::default() };
    let mut band = vec![0; row_px * height * 3];
    for row in grid.lines() {
        for (column, cell) in row.iter().enumerate() {
            let Cell { symbol, ink, ground } = *cell;
            let ink = ink.map_or(pen, Color::rgb);
            let ground = ground.map_or(paper, Color::rgb);
            for (y, cover) in masks.of(symbol).chunks_exact(width).enumerate() {
                let start = (y * row_px + column * width) * 3;
                let (line, _) = band[start..start + width * 3].as_chunks_mut::<3>();
                for (pixel, cover) in line.iter_mut().zip(cover) {
                    *pixel = mixed(ink, ground, *cover);
                }
            }
        }
        std::io::Write::write_all(&mut pixels, &band)?;
    }
    pixels.finish()
}

/// As fonts are usually drawn: mixed as coded.
fn mixed(ink: [u8; 3], ground: [u8; 3], cover: u8) -> [u8; 3] {
    let mix = |ink: u8, ground: u8| {
        let (ink, ground, cover) = (u32::from(ink), u32::from(ground), u32::from(cover));
        ((ink * cover + ground * (255 - cover) + 127) / 255) as u8
    };
    std::array::from_fn(|channel| mix(ink[channel], ground[channel]))
}

/// Symbols as drawn, in 255ths of each pixel.
struct Masks {
    height: usize,
    known: std::collections::HashMap<char, Vec<u8>>,
}

impl Masks {
    fn of(&mut self, symbol: char) -> &[u8] {
        let height = self.height;
        self.known.entry(symbol).or_insert_with(|| match glyphs::figure(symbol) {
            Some(_) => figure(symbol, height),
            None => letter(symbol, height).unwrap_or_else(|| frame(height)),
        })
    }
}

fn letter(symbol: char, height: usize) -> Option<Vec<u8>> {
    let size = if height == 16 { RasterHeight::Size16 } else { RasterHeight::Size32 };
    let raster = get_raster(symbol, FontWeight::Regular, size)?;
    let width = height / 2;
    let left = (width - raster.width()) / 2;
    let mut mask = vec![0; width * height];
    for (line, row) in mask.chunks_exact_mut(width).zip(raster.rows()) {
        line[left..left + row.len()].copy_from_slice(row);
    }
    Some(mask)
}

fn figure(symbol: char, height: usize) -> Vec<u8> {
    let rects = glyphs::figure(symbol).unwrap_or_default();
    let is_dots = ('\u{2800}'..='\u{28ff}').contains(&symbol);
    let width = height / 2;
    let filled = |x: f64, y: f64| {
        rects.iter().any(|[left, top, right, bottom]| match is_dots {
            true => {
                // a cell is twice as high as wide
                let (dx, dy) = (x - (left + right) / 2.0, 2.0 * (y - (top + bottom) / 2.0));
                let radius = super::DOT_RADIUS * (right - left);
                dx * dx + dy * dy < radius * radius
            }
            false => (*left..*right).contains(&x) && (*top..*bottom).contains(&y),
        })
    };
    let at = |pixel: usize, fine: usize, side: usize| {
        (pixel as f64 + (fine as f64 + 0.5) / FINE as f64) / side as f64
    };
    let cover = |pixel: usize| {
        let (x, y) = (pixel % width, pixel / width);
        let points = (0..FINE * FINE)
            .filter(|fine| filled(at(x, fine % FINE, width), at(y, fine / FINE, height)));
        (points.count() * 255 / (FINE * FINE)) as u8
    };
    (0..width * height).map(cover).collect()
}

/// Stands for what the font lacks.
fn frame(height: usize) -> Vec<u8> {
    let width = height / 2;
    let inset = height / 8;
    let cover = |pixel: usize| {
        let (x, y) = (pixel % width, pixel / width);
        let edge = |at: usize, side: usize| at == inset / 2 || at + 1 + inset / 2 == side;
        let inside = |at: usize, side: usize| (inset / 2..side - inset / 2).contains(&at);
        let on = inside(x, width) && inside(y, height) && (edge(x, width) || edge(y, height));
        if on { 255 } else { 0 }
    };
    (0..width * height).map(cover).collect()
}
