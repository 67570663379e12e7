//! BMP: BITMAPFILEHEADER, then a device-independent bitmap (Windows GDI's "Bitmap Storage"; OS/2's
//! BITMAPINFOHEADER2). Read a few rows at a time; run-length coded pictures as a whole.

mod color;
mod header;
mod rle;
mod rows;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Decoder, Driver, Input, Probed, area, process_bytes_for};
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

pub(super) use header::Bitmap;
use header::Coding;

const FORMAT: Format = Format::new("BMP", "image/bmp", "bmp");

pub(super) const DRIVER: Driver = Driver { format: FORMAT, identify, probe };

/// "BM" alone is too short to identify a file: the size of the information header must be a known
/// one, too.
fn identify(start: &[u8]) -> bool {
    start.starts_with(b"BM")
        && matches!(start.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    reader.skip(10)?; // bfType, bfSize, two reserved words
    let pixels_start = u64::from(reader.u32_le()?);
    let mut bitmap = Bitmap::read(&mut reader)?;
    // a file that does not say where its pixels are has them behind its palette
    if pixels_start > 0 {
        bitmap.pixels_start = pixels_start;
    }
    let sides = (bitmap.width, bitmap.height);
    limits.check(FORMAT, sides, 0)?;
    reader.awaited = "its last row";
    bitmap.check_length(&reader)?;
    let decoded_bytes = match bitmap.coding {
        Coding::RunLength => {
            let pixels = area(sides.0, sides.1);
            let process = process_bytes_for(pixels, reader.end);
            pixels.saturating_mul(4).saturating_add(reader.end).saturating_add(process)
        }
        _ => bitmap.working_bytes(),
    };
    let bands = if bitmap.has_alpha { 4 } else { 3 };
    let profile = color::profile(&mut reader)?.unwrap_or_default();
    Ok(Probed { decoded_bytes, profile, ..Probed::still(FORMAT, sides, bands, 0, bitmap) })
}

impl Decoder for Bitmap {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        if matches!(self.coding, Coding::RunLength) {
            // all pixels are decoded before the first row
            let pixels = area(self.width, self.height);
            input.source.cancellation().begin_long_work(pixels)?;
        }
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            let mut reader = ByteReader::new(input.source, FORMAT)?;
            reader.awaited = "its last row";
            let is_opaque = !self.has_alpha || !self.has_visible_pixels(&mut reader)?;
            let mut opaque: Vec<[u8; 3]> = Vec::new();
            self.for_each_row(&mut reader, |row| {
                if !is_opaque {
                    return push.push(Row::Rgba8(row));
                }
                opaque.clear();
                opaque.extend(row.iter().map(|[r, g, b, _]| [*r, *g, *b]));
                push.push(Row::Rgb8(&opaque))
            })
        })
    }
}
