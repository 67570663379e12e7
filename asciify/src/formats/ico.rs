//! ICO: ICONDIR, then an ICONDIRENTRY for each image, which is a PNG or a BMP without its file
//! header. The image of the most bits per pixel is drawn; of equal ones, the largest.

use std::io::Cursor;

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::bmp::InfoHeader;
use crate::formats::decoder::{Decoder, Driver, Input, Probed};
use crate::formats::reader::ByteReader;
use crate::formats::{png, whole_image};
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

struct Ico {
    /// The offset of the image in the file, if it is a PNG.
    png_offset: Option<u64>,
}

impl Decoder for Ico {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            if let Some(offset) = self.png_offset {
                let file = input.bytes()?;
                let mut png = Cursor::new(file.get(offset as usize..).unwrap_or_default());
                let (sides, cancellation) = (input.probed.sides(), input.source.cancellation());
                return png::for_each_row(&mut Source::new(&mut png, cancellation), sides, push);
            }
            whole_image::decode(input, ImageFormat::Ico, push)
        })
    }
}

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    let (offset, length) = best_image(&mut reader)?;
    reader.awaited = "its picture is complete";
    if offset + length > reader.end {
        return Err(reader.cut_off());
    }
    reader.seek_to(offset)?;
    let mut png_offset = None;
    let (width, height) = if reader.u32_be()? == PNG_SIGNATURE {
        reader.skip(12)?; // the rest of the signature; length and type of IHDR
        png_offset = Some(offset);
        (reader.u32_be()?, reader.u32_be()?)
    } else {
        reader.seek_to(offset)?;
        let info = InfoHeader::read(&mut reader)?;
        // the height covers the image and its mask
        (info.width, info.height / 2)
    };
    Ok(Probed::still(FORMAT, (width, height), 4, 4, Ico { png_offset }))
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
    // of equal ones, the `image` crate takes the last of the directory, or else the first
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
