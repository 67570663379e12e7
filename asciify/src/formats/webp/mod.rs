//! WebP: a RIFF file with a VP8 or VP8L chunk, or an extended one with a VP8X chunk (RFC 9649,
//! section 2).
//!
//! Where half of the size or less suffices, [`vp8`] decodes lossy images to means of pixels.
//! Everything else is decoded by the `image` crate.

mod frames;
mod vp8;

use image::ImageFormat;

use crate::color_profile::{ColorModel, ColorProfile, MAX_ICC_BYTES};
use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::animation::{Animation, FileBytes};
use crate::formats::decoder::{
    Decoder, Driver, Input, MAX_EXIF_BYTES, Probed, area, exif_orientation, in_groups,
    process_bytes_for,
};
use crate::formats::reader::ByteReader;
use crate::formats::whole_image::WholeImage;
use crate::light::{self, Row};
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

/// Memory of the `image` crate's decoder per pixel, in bytes: canvas, frame, and planes or
/// transforms.
const BYTES_PER_PX: u64 = 12;

/// The alpha flag of VP8X (section 2.7.1).
const ALPHA_FLAG: u8 = 0x10;
/// The animation flag of VP8X.
const ANIMATION_FLAG: u8 = 0x02;
/// Data of VP8X, in bytes.
const VP8X_BYTES: u64 = 10;
/// The start code of a VP8 key frame (RFC 6386, section 9.1).
const VP8_START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];
/// The signature of VP8L data (section 3.4).
const VP8L_SIGNATURE: u8 = 0x2f;

/// The modes of a macroblock of 16 × 16 pixels take 3.4 bits at least (RFC 6386, section 11).
const MAX_VP8_PIXELS_PER_BYTE: u64 = 16 * 16 * 8 / 3;

/// Pixels of lossless data: so many, and so many per byte. It can code any number of equal pixels in
/// a few bytes, and transforms make them as slow to decode as different ones.
const FREE_VP8L_PIXELS: u64 = 1 << 26;
const VP8L_PIXELS_PER_BYTE: u64 = 256;

struct WebP {
    /// Whether its pictures are frames on a canvas.
    is_animated: bool,
}

impl Decoder for WebP {
    /// Samples at an eighth, a quarter or half of the size for specs that this suffices for.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let (full, cancellation) = (input.geometry(), input.source.cancellation());
        if self.is_animated {
            let pixels = frames::check(input, view.frame)?;
            cancellation.begin_long_work(pixels)?;
        }
        if view.frame > 0 {
            let image = frames::later_frame(input, view.frame)?;
            return input.sample_rows(&full, view, specs, |_, push| {
                light::for_each_row(&image, |row| push.push(row));
                Ok(())
            });
        }
        let at_scale = |scale| SourceGeometry { scale, ..full };
        let scale = |spec: &Spec| [8, 4, 2].into_iter().find(|it| at_scale(*it).suffices(spec));
        let file = match specs.iter().any(|spec| scale(spec).is_some()) {
            true => input.bytes()?,
            false => Vec::new(),
        };
        let lossy = vp8::chunk(&file);
        in_groups(
            specs,
            |spec| lossy.and_then(|_| scale(spec)),
            |scale, specs| {
                if let (Some(scale), Some(lossy)) = (scale, lossy) {
                    // the crate decodes what `vp8` does not
                    let sampled = input.sample_rows(&at_scale(scale), view, specs, |_, push| {
                        let push = |row: &[[u8; 3]]| push.push(Row::Rgb8(row));
                        vp8::for_each_row(lossy, scale, cancellation, push).ok_or(())
                    });
                    if let Ok(sampled) = sampled {
                        return Ok(sampled);
                    }
                }
                WholeImage(ImageFormat::WebP).sample(input, view, specs)
            },
        )
    }

    fn animation(&self, file: &FileBytes, probed: &Probed) -> Result<Option<Animation>, Error> {
        let is_moving = self.is_animated && probed.frames > 1;
        is_moving.then(|| frames::animation(file, probed)).transpose()
    }
}

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let reader = &mut reader;
    reader.skip(4)?;
    // a header may state too much; each chunk must be there as a whole
    let riff_end = (u64::from(reader.u32_le()?) + 8).min(reader.end);
    reader.skip(4)?;
    reader.awaited = "its picture is complete";

    let chunk = Chunk::next(reader)?;
    let mut probed = match &chunk.four_cc {
        b"VP8 " | b"VP8L" => {
            let (width, height) = image_size(reader, &chunk)?;
            return Ok(still((width, height), 3, reader.end));
        }
        b"VP8X" if chunk.length >= VP8X_BYTES => {
            let [flags, _, _, _] = reader.array()?;
            let (width, height) = (u24(reader)?.saturating_add(1), u24(reader)?.saturating_add(1));
            let bands = if flags & ALPHA_FLAG == 0 { 3 } else { 4 };
            let is_animated = flags & ANIMATION_FLAG != 0;
            let still = still((width, height), bands, reader.end);
            Probed { decoder: Box::new(WebP { is_animated }), ..still }
        }
        _ => return Err(reader.malformed("it does not begin with a VP8, VP8L or VP8X chunk")),
    };
    chunk.skip_rest(reader)?;
    probe_extended(reader, riff_end, limits, &mut probed)?;
    Ok(probed)
}

fn still(sides: (u32, u32), bands: u32, file_bytes: u64) -> Probed {
    let mut still = Probed::still(FORMAT, sides, bands, BYTES_PER_PX, WebP { is_animated: false });
    let process = process_bytes_for(area(sides.0, sides.1), file_bytes);
    let decoded_bytes = &mut still.decoded_bytes;
    *decoded_bytes = decoded_bytes.saturating_add(file_bytes).saturating_add(process);
    still
}

/// Reads the chunks behind VP8X (section 2.7): an image of the canvas's size, or frames inside it;
/// ICCP and EXIF.
fn probe_extended(
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
        match &chunk.four_cc {
            b"VP8 " | b"VP8L" => {
                stills = stills.saturating_add(1);
                if image_size(reader, &chunk)? != canvas {
                    return Err(
                        reader.malformed("its picture is not of the size that its header states")
                    );
                }
            }
            b"ANMF" => {
                frames = frames.saturating_add(1);
                Error::over("frames", frames.into(), limits.max_frames.into())?;
                probe_frame(reader, &chunk, canvas)?;
            }
            b"ICCP" => {
                let profile = reader.bytes(chunk.length, MAX_ICC_BYTES + 1)?;
                let profile = ColorProfile::from_icc(&profile, ColorModel::Rgb);
                probed.profile = profile.unwrap_or_default();
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
        chunk.skip_rest(reader)?;
    }
    if stills == 0 && frames == 0 {
        return Err(reader.malformed("it holds no picture"));
    }
    probed.frames = frames.max(1);
    if probed.frames > 1 {
        // later frames are copied to a file of their own
        probed.decoded_bytes = probed.decoded_bytes.saturating_add(reader.end);
    }
    Ok(())
}

/// Reads an ANMF chunk: the position and the size of a frame on the canvas, then its chunks
/// (section 2.7.1.1).
fn probe_frame(reader: &mut ByteReader<'_>, anmf: &Chunk, canvas: (u32, u32)) -> Result<(), Error> {
    let (left, top) = (u24(reader)?.saturating_mul(2), u24(reader)?.saturating_mul(2));
    let (width, height) = (u24(reader)?.saturating_add(1), u24(reader)?.saturating_add(1));
    reader.skip(4)?;
    if left.saturating_add(width) > canvas.0 || top.saturating_add(height) > canvas.1 {
        return Err(reader.malformed("a frame lies outside its canvas"));
    }
    while reader.position.saturating_add(8) <= anmf.end {
        let chunk = Chunk::next(reader)?;
        if matches!(&chunk.four_cc, b"VP8 " | b"VP8L")
            && image_size(reader, &chunk)? != (width, height)
        {
            return Err(reader.malformed("a frame is not of the size that its header states"));
        }
        chunk.skip_rest(reader)?;
    }
    Ok(())
}

/// A RIFF chunk (section 2.3).
struct Chunk {
    four_cc: [u8; 4],
    /// Bytes of its data.
    length: u64,
    /// The offset in the file of the end of its data, before the padding.
    end: u64,
}

impl Chunk {
    /// Reads the header of the next chunk.
    fn next(reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        let four_cc = reader.array()?;
        let length = u64::from(reader.u32_le()?);
        let end = reader.position.saturating_add(length);
        if end > reader.end { Err(reader.cut_off()) } else { Ok(Self { four_cc, length, end }) }
    }

    /// Moves behind the chunk. Chunks are padded to even lengths; at the file's end the padding may
    /// be missing.
    fn skip_rest(&self, reader: &mut ByteReader<'_>) -> Result<(), Error> {
        let next = (self.end + self.length % 2).min(reader.end);
        match next.checked_sub(reader.position) {
            Some(rest) => reader.skip(rest),
            None => Err(reader.malformed("a chunk is shorter than what it holds")),
        }
    }
}

/// The width and height that the data of a VP8 or VP8L chunk states (RFC 6386, section 9.1; RFC
/// 9649, section 3.4).
fn image_size(reader: &mut ByteReader<'_>, chunk: &Chunk) -> Result<(u32, u32), Error> {
    if &chunk.four_cc == b"VP8L" {
        let signature = reader.byte()?;
        let bits = reader.u32_le()?;
        if signature != VP8L_SIGNATURE {
            return Err(reader.malformed("its lossless picture has no signature"));
        }
        let (width, height) = ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
        let free_pixels = area(width, height).saturating_sub(FREE_VP8L_PIXELS);
        reader.can_hold_in(chunk.length, free_pixels, VP8L_PIXELS_PER_BYTE)?;
        return Ok((width, height));
    }
    let [_, _, _, start_code @ ..]: [u8; 6] = reader.array()?;
    if start_code != VP8_START_CODE {
        return Err(reader.malformed("its picture does not begin with a key frame"));
    }
    let (width, height) = (reader.u16_le()? & 0x3fff, reader.u16_le()? & 0x3fff);
    reader.can_hold_in(chunk.length, area(width.into(), height.into()), MAX_VP8_PIXELS_PER_BYTE)?;
    Ok((width.into(), height.into()))
}

fn u24(reader: &mut ByteReader<'_>) -> Result<u32, Error> {
    let [a, b, c] = reader.array()?;
    Ok(u32::from_le_bytes([a, b, c, 0]))
}
