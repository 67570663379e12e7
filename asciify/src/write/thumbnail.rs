//! Output as a thumbnail: a small PNG picture for lists of many images.

use std::io::Write;

use png::{BitDepth, ColorType, Compression, Encoder, EncodingError};

use crate::grid::{Cell, Grid};
use crate::spec::values::Background;
use crate::write::png::Painter;

/// The longest side of a thumbnail, in pixels, as far as each cell has at least 1 × 2 pixels.
pub const MAX_THUMBNAIL_PX: usize = 480;

/// A PNG of at most [`MAX_THUMBNAIL_PX`] pixels a side. A cell has the largest of these sizes at
/// which the grid fits: 16 × 32, 8 × 16, 4 × 8, 2 × 4 and 1 × 2 pixels; a grid that does not fit at
/// 1 × 2 is larger. Without colours, the file has 16 levels of grey.
///
/// Takes memory for the file and one row of cells.
pub fn thumbnail(grid: &Grid, background: Background) -> Vec<u8> {
    let fits = |height: &usize| {
        grid.columns() * height / 2 <= MAX_THUMBNAIL_PX && grid.rows() * height <= MAX_THUMBNAIL_PX
    };
    let height = [32, 16, 8, 4].into_iter().find(fits).unwrap_or(2);
    let mut file = Vec::new();
    // writing to memory does not fail
    let _infallible = encode(grid, background, height, &mut file);
    file
}

/// `height` is that of a cell, in pixels.
fn encode(
    grid: &Grid,
    background: Background,
    height: usize,
    file: &mut Vec<u8>,
) -> Result<(), EncodingError> {
    let is_plain = |cell: &Cell| cell.foreground.is_none() && cell.background.is_none();
    let is_grey = grid.lines().flatten().all(is_plain);
    let row_px = grid.columns() * height / 2;
    let mut encoder = Encoder::new(file, row_px as u32, (grid.rows() * height) as u32);
    if is_grey {
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::Four);
    } else {
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
    }
    encoder.set_compression(Compression::Balanced);
    let mut writer = encoder.write_header()?;
    let mut pixels = writer.stream_writer()?;
    let mut painter = Painter::new(grid, background, height);
    for row in grid.lines() {
        let band = painter.paint(row);
        match is_grey {
            true => pixels.write_all(&packed(band, row_px))?,
            false => pixels.write_all(band)?,
        }
    }
    pixels.finish()
}

/// Grey pixels at 4 bits each, of rows of RGB that are grey. A row ends with a whole byte.
fn packed(band: &[u8], row_px: usize) -> Vec<u8> {
    let level = |value: u8| ((u32::from(value) * 15 + 127) / 255) as u8;
    let pair = |pair: &[u8]| level(pair[0]) << 4 | pair.get(3).map_or(0, |value| level(*value));
    band.chunks_exact(3 * row_px).flat_map(|row| row.chunks(6).map(pair)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::color::Color;

    #[test]
    fn a_thumbnail_is_small_whatever_the_grid() {
        for (columns, rows, width, height) in [
            (1, 1, 16, 32),
            (40, 13, 320, 208),
            (80, 27, 320, 216),
            (160, 53, 320, 212),
            (4, 1000, 4, 2000),
            (481, 1, 481, 2),
        ] {
            let grid = Grid::new(columns, vec![Cell::from('@'); columns * rows]);
            let file = thumbnail(&grid, Background::Dark);
            let picture = image::load_from_memory(&file).expect("a PNG").into_rgb8();
            assert_eq!(picture.dimensions(), (width, height), "{columns} × {rows}");
            let mean = picture.iter().map(|value| f64::from(*value)).sum::<f64>()
                / picture.iter().len() as f64;
            assert!((20.0..200.0).contains(&mean), "{columns} × {rows}: {mean}");
        }
    }

    #[test]
    fn a_half_block_keeps_its_colours_at_every_scale() {
        let (top, bottom) = ([200, 10, 30], [10, 100, 250]);
        let cell = Cell::new('▀', Some(Color::Rgb(top)), Some(Color::Rgb(bottom)));
        for columns in [1, 40, 80, 160, 400] {
            let file = thumbnail(&Grid::new(columns, vec![cell; columns]), Background::Dark);
            let picture = image::load_from_memory(&file).expect("a PNG").into_rgb8();
            let ends = [0, picture.height() - 1].map(|y| picture.get_pixel(0, y).0);
            assert_eq!(ends, [top, bottom], "{columns}");
        }
    }
}
