//! Draws a WebP at 80 columns through the `image` crate's decoder of whole images, to compare the
//! cost with the engine's own reader: `scripts/compare-engines --webp`.

use std::io::Cursor;

use asciify::{Limits, Spec, render, write};
use image::RgbImage;

/// Samples across 80 columns, of 4 each.
const SAMPLES_ACROSS: u32 = 320;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: whole_webp FILE")?;
    let image = image::open(path)?.into_rgb8();
    // the scale at which the engine's reader takes means
    let scale = [8, 4, 2].into_iter().find(|it| image.width() / it >= SAMPLES_ACROSS);
    let file = means_as_pnm(&image, scale.unwrap_or(1));
    let grids = render(Cursor::new(file), &["width=80".parse::<Spec>()?], &Limits::default())?;
    print!("{}", write::txt(&grids[0]));
    Ok(())
}

/// A PNM file of the means of `scale` × `scale` pixels.
fn means_as_pnm(image: &RgbImage, scale: u32) -> Vec<u8> {
    let (columns, rows) = (image.width() / scale, image.height() / scale);
    let mut file = format!("P6 {columns} {rows} 255\n").into_bytes();
    let stride = 3 * image.width() as usize;
    for row in image.as_raw().chunks_exact(scale as usize * stride) {
        let mut sums = vec![[0_u32; 3]; columns as usize];
        for line in row.chunks_exact(stride) {
            for (sum, cell) in sums.iter_mut().zip(line.chunks_exact(3 * scale as usize)) {
                for pixel in cell.as_chunks::<3>().0 {
                    (0..3).for_each(|channel| sum[channel] += u32::from(pixel[channel]));
                }
            }
        }
        let count = scale * scale;
        file.extend(sums.as_flattened().iter().map(|sum| ((sum + count / 2) / count) as u8));
    }
    file
}
