//! PNG and APNG: a signature, then chunks up to IEND (W3C PNG, third edition, 5).

mod rows;

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::formats::decoder::{Decoder, Driver, EXIF_KEPT, Input, Probed, area, exif_orientation};
use crate::formats::fallback;
use crate::formats::reader::ByteReader;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

use rows::FORMAT;
pub(super) use rows::rows;

pub(super) const DRIVER: Driver =
    Driver { format: FORMAT, identify: |start| start.starts_with(b"\x89PNG\r\n\x1a\n"), probe };

struct Png;

impl Decoder for Png {
    /// Row by row; interlaced pictures and later frames as a whole.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            let sides = input.probed.sides();
            match view.frame == 0 && rows(input.source, sides, &mut *push)? {
                true => Ok(()),
                false => fallback::rows(input, ImageFormat::Png, view.frame, push),
            }
        })
    }
}

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    reader.skip(8)?;
    let mut probed = header(&mut reader)?;
    reader.awaited = "its IDAT chunk";
    while !chunk(&mut reader, &mut probed)? {}
    probed.is_whole = reader.has_end(b"IEND\xae\x42\x60\x82")?;
    Ok(probed)
}

/// Follows every chunk, in bytes.
const CHECKSUM: u64 = 4;

/// Passes over a chunk; stops before the first of pixels, and tells so.
fn chunk(reader: &mut ByteReader<'_>, probed: &mut Probed) -> Result<bool, Error> {
    let length = u64::from(reader.u32_be()?);
    let kind: [u8; 4] = reader.array()?;
    match &kind {
        b"IEND" => return Err(reader.malformed("it holds no picture")),
        b"IDAT" => return Ok(true),
        b"acTL" if length >= 4 => {
            probed.frames = reader.u32_be()?.max(1);
            // a later frame is drawn over those before it
            if probed.frames > 1 {
                probed.decoded_bytes = area(probed.width, probed.height).saturating_mul(16);
            }
            reader.skip(length - 4)?;
        }
        b"tRNS" => {
            probed.bands = probed.bands.next_multiple_of(2);
            reader.skip(length)?;
        }
        b"eXIf" => probed.orientation = exif_orientation(&reader.bytes(length, EXIF_KEPT)?),
        _ => reader.skip(length)?,
    }
    reader.skip(CHECKSUM)?;
    Ok(false)
}

/// IHDR, the first chunk: the picture's size and kind.
fn header(reader: &mut ByteReader<'_>) -> Result<Probed, Error> {
    let length = reader.u32_be()?;
    let kind: [u8; 4] = reader.array()?;
    if (length, &kind) != (13, b"IHDR") {
        return Err(reader.malformed("it does not begin with its IHDR chunk"));
    }
    let (width, height) = (reader.u32_be()?, reader.u32_be()?);
    let [depth, color, _compression, _filter, interlace] = reader.array()?;
    reader.skip(CHECKSUM)?;
    const PALETTE: u8 = 3;
    let bands = match color {
        0 => 1,
        4 => 2,
        6 => 4,
        _ => 3,
    };
    // Transparency may be added by a later chunk: room for alpha is counted always.
    let bytes_per_px = 4 * if depth == 16 { 2 } else { 1 };
    let mut probed = Probed::still(FORMAT, (width, height), bands, bytes_per_px, Png);
    probed.bits = if color == PALETTE { 8 } else { depth.into() };
    if interlace == 0 {
        // a few rows at a time
        probed.decoded_bytes = area(width, 8).saturating_mul(bytes_per_px).saturating_add(1 << 18);
    } else {
        // deflate packs at most 1032 bytes into one, of 8 pixels at most
        reader.can_hold(area(width, height), 8 * 1032)?;
    }
    Ok(probed)
}
