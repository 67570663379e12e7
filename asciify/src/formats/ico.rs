//! ICO: ICONDIR, then an ICONDIRENTRY for each image, which is a PNG or a BMP without its file
//! header. The image of the most bits per pixel is drawn; of equal ones, the largest.

use std::io::Cursor;

use crate::color_profile::ColorProfile;
use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::bmp::Bitmap;
use crate::formats::decoder::{Decoder, Driver, Input, Probed, TakeRows, area};
use crate::formats::png;
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::source::Source;
use crate::spec::Spec;

const FORMAT: Format = Format::new("ICO", "image/vnd.microsoft.icon", "ico");

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| matches!(start, [0, 0, 1, 0, low, high, ..] if (*low, *high) != (0, 0)),
    probe,
};

/// The first four bytes of a PNG.
const PNG_SIGNATURE: u32 = 0x8950_4e47;

/// The image of a file that is drawn.
enum Ico {
    /// A PNG, by its offset in the file.
    Png(u64),
    /// A bitmap, and the offset in the file behind it and its mask.
    Bitmap(Bitmap, u64),
}

impl Decoder for Ico {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let file = input.bytes()?;
        let (sides, cancellation) = (input.probed.sides(), input.source.cancellation());
        input.sample_rows(&input.geometry(), view, specs, |_, push| match self {
            Self::Png(offset) => {
                let mut png = Cursor::new(file.get(*offset as usize..).unwrap_or_default());
                png::for_each_row(&mut Source::new(&mut png, cancellation), sides, |row| {
                    push.push(row)
                })
            }
            Self::Bitmap(bitmap, end) => {
                let mut file = Cursor::new(&file);
                let mut file = Source::new(&mut file, cancellation);
                push_bitmap(&mut ByteReader::new(&mut file, FORMAT)?, bitmap, *end, push)
            }
        })
    }
}

/// Pushes the rows of a bitmap. Its mask, a bit for each pixel behind the rows, hides pixels, unless
/// the bitmap has alpha of its own.
fn push_bitmap(
    reader: &mut ByteReader<'_>,
    bitmap: &Bitmap,
    end: u64,
    push: &mut dyn TakeRows,
) -> Result<(), Error> {
    reader.awaited = "its picture is complete";
    let has_alpha = bitmap.has_alpha && bitmap.has_visible_pixels(reader)?;
    let row_bytes = area(bitmap.width, 1).div_ceil(32) * 4;
    let length = row_bytes * u64::from(bitmap.height);
    let start = bitmap.rows_end();
    let mut mask = Vec::new();
    if !has_alpha && start.saturating_add(length) <= end.min(reader.end) {
        reader.seek_to(start)?;
        mask = reader.bytes(length, length)?;
    }
    // stored from the bottom, as the pixels
    let mut mask_rows = mask.chunks_exact(row_bytes.max(1) as usize).rev();
    let mut masked = Vec::new();
    bitmap.for_each_row(reader, |row| {
        masked.clear();
        masked.extend_from_slice(row);
        let mask_row = mask_rows.next().unwrap_or_default();
        for (x, [_, _, _, alpha]) in masked.iter_mut().enumerate() {
            let is_hidden = mask_row.get(x / 8).is_some_and(|it| it >> (7 - x % 8) & 1 == 1);
            if !has_alpha {
                *alpha = if is_hidden { 0 } else { 255 };
            }
        }
        push.push(Row::Rgba8(&masked))
    })
}

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    let (offset, length) = best_image(&mut reader)?;
    reader.awaited = "its picture is complete";
    let end = offset + length;
    if end > reader.end {
        return Err(reader.cut_off());
    }
    reader.seek_to(offset)?;
    let mut profile = ColorProfile::default();
    let (sides, ico) = if reader.u32_be()? == PNG_SIGNATURE {
        reader.skip(12)?; // the rest of the signature; length and type of IHDR
        let sides = (reader.u32_be()?, reader.u32_be()?);
        reader.seek_to(offset)?;
        profile = png::read_header(&mut reader).map(|png| png.profile).unwrap_or_default();
        (sides, Ico::Png(offset))
    } else {
        reader.seek_to(offset)?;
        let mut bitmap = Bitmap::read(&mut reader)?;
        // the height covers the image and its mask
        bitmap.height /= 2;
        bitmap.check_length(&reader)?;
        if bitmap.bit_count == 32 {
            bitmap.masks[3] = !(bitmap.masks[0] | bitmap.masks[1] | bitmap.masks[2]);
            bitmap.has_alpha = true;
        }
        ((bitmap.width, bitmap.height), Ico::Bitmap(bitmap, end))
    };
    let probed = Probed::still(FORMAT, sides, 4, 4, ico);
    let decoded_bytes = probed.decoded_bytes.saturating_add(reader.end);
    Ok(Probed { profile, decoded_bytes, ..probed })
}

/// The offset and the length of the image to draw.
fn best_image(reader: &mut ByteReader<'_>) -> Result<(u64, u64), Error> {
    reader.skip(4)?;
    let mut entries = Vec::new();
    for _ in 0..reader.u16_le()? {
        let [width, height, _colors, _reserved] = reader.array()?;
        let [_planes, bit_count] = [reader.u16_le()?, reader.u16_le()?];
        let [length, offset] = [reader.u32_le()?, reader.u32_le()?];
        let side = |side: u8| if side == 0 { 256 } else { u32::from(side) };
        entries.push(((bit_count, side(width) * side(height)), (offset, length)));
    }
    // of equal ones, the last of the directory, or else the first
    let Some(mut best) = entries.pop() else {
        return Err(reader.malformed("it holds no picture"));
    };
    for entry in entries {
        if entry.0 > best.0 {
            best = entry;
        }
    }
    let (_, (offset, length)) = best;
    Ok((offset.into(), length.into()))
}
