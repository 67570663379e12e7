//! WebP: a RIFF file of one VP8 or VP8L picture, or of the extended kind (RFC 9649, 2).
//!
//! Where a half of the size or less suffices, [`vp8`] decodes lossy pictures to means of pixels. All
//! else is decoded by the `image` crate.

mod vp8;

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{
    Decoder, Driver, Input, MAX_EXIF_BYTES, Probed, exif_orientation, in_groups,
};
use crate::formats::fallback::WholeImage;
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::area::SourceGeometry;
use crate::sample::view::View;
use crate::spec::Spec;

const FORMAT: Format = Format::new("WebP", "image/webp", "webp");

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP"),
    probe,
};

/// Canvas, frame and planes or transforms, at four bytes each.
const BYTES_PER_PX: u64 = 12;

/// A flag of VP8X (RFC 9649, 2.7.1).
const HAS_ALPHA: u8 = 0x10;

struct WebP;

impl Decoder for WebP {
    /// At an eighth, a quarter or half of the size where that gives what a spec needs.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let full = input.geometry();
        let at_scale = |scale| SourceGeometry { scale, ..full };
        let scale = |spec: &Spec| [8, 4, 2].into_iter().find(|it| at_scale(*it).suffices(spec));
        let file = match view.frame == 0 && specs.iter().any(|spec| scale(spec).is_some()) {
            true => input.bytes()?,
            false => Vec::new(),
        };
        let lossy = vp8::chunk(&file);
        in_groups(
            specs,
            |spec| lossy.and_then(|_| scale(spec)),
            |scale, specs| {
                if let (Some(scale), Some(lossy)) = (scale, lossy) {
                    // what is rare or damaged is left to the crate
                    let sampled = input.sample_rows(&at_scale(scale), view, specs, |_, push| {
                        vp8::rows(lossy, scale, |row| push(Row::Rgb8(row))).ok_or(())
                    });
                    if let Ok(sampled) = sampled {
                        return Ok(sampled);
                    }
                }
                WholeImage(ImageFormat::WebP).sample(input, view, specs)
            },
        )
    }
}

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let reader = &mut reader;
    reader.skip(4)?;
    let riff_end = u64::from(reader.u32_le()?) + 8;
    reader.skip(4)?;
    reader.awaited = "the length that its header states";
    if riff_end > reader.end {
        return Err(reader.cut_off());
    }

    let chunk = Chunk::next(reader)?;
    let mut probed = match &chunk.kind {
        b"VP8 " | b"VP8L" => {
            let (width, height) = picture_size(reader, &chunk)?;
            let mut probed = still((width, height), 3);
            probed.decoded_bytes = probed.decoded_bytes.saturating_add(reader.end);
            return Ok(probed);
        }
        b"VP8X" if chunk.length >= 10 => {
            let [flags, _, _, _] = reader.array()?;
            let (width, height) = (u24(reader)?.saturating_add(1), u24(reader)?.saturating_add(1));
            let bands = if flags & HAS_ALPHA == 0 { 3 } else { 4 };
            still((width, height), bands)
        }
        _ => return Err(reader.malformed("it does not begin with a VP8, VP8L or VP8X chunk")),
    };
    chunk.leave(reader)?;
    probed.decoded_bytes = probed.decoded_bytes.saturating_add(reader.end);
    extended(reader, riff_end, limits, &mut probed)?;
    Ok(probed)
}

fn still(sides: (u32, u32), bands: u32) -> Probed {
    Probed::still(FORMAT, sides, bands, BYTES_PER_PX, WebP)
}

/// The chunks after VP8X: a picture of the canvas's size, or frames inside it; EXIF.
fn extended(
    reader: &mut ByteReader<'_>,
    riff_end: u64,
    limits: &Limits,
    probed: &mut Probed,
) -> Result<(), Error> {
    let canvas = (probed.width, probed.height);
    let mut stills = 0_u32;
    let mut frames = 0_u32;
    while reader.position.saturating_add(8) <= riff_end {
        let chunk = Chunk::next(reader)?;
        match &chunk.kind {
            b"VP8 " | b"VP8L" => {
                stills = stills.saturating_add(1);
                if picture_size(reader, &chunk)? != canvas {
                    return Err(
                        reader.malformed("its picture is not of the size that its header states")
                    );
                }
            }
            b"ANMF" => {
                frames = frames.saturating_add(1);
                Error::over("frames", frames.into(), limits.max_frames.into())?;
                frame(reader, &chunk, canvas)?;
            }
            b"EXIF" => {
                let block = reader.bytes(
                    chunk.end.min(reader.end).saturating_sub(reader.position),
                    MAX_EXIF_BYTES,
                )?;
                probed.orientation =
                    exif_orientation(block.strip_prefix(b"Exif\0\0").unwrap_or(&block));
            }
            _ => {}
        }
        chunk.leave(reader)?;
    }
    if stills == 0 && frames == 0 {
        return Err(reader.malformed("it holds no picture"));
    }
    probed.frames = frames.max(1);
    Ok(())
}

/// ANMF: where the frame stands on the canvas, then its chunks.
fn frame(reader: &mut ByteReader<'_>, frame: &Chunk, canvas: (u32, u32)) -> Result<(), Error> {
    let (left, top) = (u24(reader)?.saturating_mul(2), u24(reader)?.saturating_mul(2));
    let (width, height) = (u24(reader)?.saturating_add(1), u24(reader)?.saturating_add(1));
    reader.skip(4)?;
    if left.saturating_add(width) > canvas.0 || top.saturating_add(height) > canvas.1 {
        return Err(reader.malformed("a frame lies outside its canvas"));
    }
    while reader.position.saturating_add(8) <= frame.end {
        let chunk = Chunk::next(reader)?;
        if matches!(&chunk.kind, b"VP8 " | b"VP8L")
            && picture_size(reader, &chunk)? != (width, height)
        {
            return Err(reader.malformed("a frame is not of the size that its header states"));
        }
        chunk.leave(reader)?;
    }
    Ok(())
}

struct Chunk {
    kind: [u8; 4],
    length: u64,
    /// Where its payload ends, before the padding.
    end: u64,
}

impl Chunk {
    fn next(reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        let kind = reader.array()?;
        let length = u64::from(reader.u32_le()?);
        let end = reader.position.saturating_add(length);
        if end > reader.end { Err(reader.cut_off()) } else { Ok(Self { kind, length, end }) }
    }

    /// Chunks are padded to even lengths; at the file's end the padding may be missing.
    fn leave(&self, reader: &mut ByteReader<'_>) -> Result<(), Error> {
        let next = (self.end + self.length % 2).min(reader.end);
        match next.checked_sub(reader.position) {
            Some(rest) => reader.skip(rest),
            None => Err(reader.malformed("a chunk is shorter than what it holds")),
        }
    }
}

/// The size that the picture's own bit stream states (RFC 6386, 9.1; RFC 9649, 3.4).
fn picture_size(reader: &mut ByteReader<'_>, chunk: &Chunk) -> Result<(u32, u32), Error> {
    if &chunk.kind == b"VP8L" {
        let signature = reader.byte()?;
        let bits = reader.u32_le()?;
        if signature != 0x2f {
            return Err(reader.malformed("its lossless picture has no signature"));
        }
        return Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1));
    }
    let [_, _, _, start @ ..]: [u8; 6] = reader.array()?;
    if start != [0x9d, 0x01, 0x2a] {
        return Err(reader.malformed("its picture does not begin with a key frame"));
    }
    let (width, height) = (reader.u16_le()? & 0x3fff, reader.u16_le()? & 0x3fff);
    Ok((width.into(), height.into()))
}

fn u24(reader: &mut ByteReader<'_>) -> Result<u32, Error> {
    let [a, b, c] = reader.array()?;
    Ok(u32::from_le_bytes([a, b, c, 0]))
}
