//! PNG and APNG: a signature, then chunks from IHDR to IEND (W3C PNG, third edition, sections 5 and
//! 11).

mod color;
mod frames;
mod rows;

use crate::color_profile::ColorModel;
use crate::error::{Error, Limits};
use crate::formats::animation::{Animation, FileBytes};
use crate::formats::decoder::{
    Decoder, Driver, Input, MAX_EXIF_BYTES, Probed, area, exif_orientation,
};
use crate::formats::reader::ByteReader;
use crate::light;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::source::Checks;
use crate::spec::Spec;

use color::ColorChunks;
pub(super) use rows::for_each_row;
use rows::{FORMAT, has_all_rows};

pub(super) const DRIVER: Driver =
    Driver { format: FORMAT, identify: |start| start.starts_with(b"\x89PNG\r\n\x1a\n"), probe };

/// The highest number of a PNG four-byte unsigned integer.
const MAX_NUMBER: u32 = i32::MAX as u32;
/// Length of the CRC that follows the data of every chunk, in bytes.
const CRC_BYTES: u64 = 4;
/// Data of IHDR, in bytes.
const IHDR_BYTES: u32 = 13;

/// Colour types (11.2.1).
const GREYSCALE: u8 = 0;
const INDEXED_COLOUR: u8 = 3;
const GREYSCALE_WITH_ALPHA: u8 = 4;
const TRUECOLOUR_WITH_ALPHA: u8 = 6;

/// Deflate compresses by this factor at most (RFC 1951: 258 bytes in two bits).
const MAX_DEFLATE_RATIO: u64 = 1032;

struct Png {
    /// Whether the static image is no frame of the animation. It is frame 0 then, and the frames of
    /// the animation follow.
    has_separate_still: bool,
}

impl Decoder for Png {
    /// Decodes row by row; interlaced images and later frames as a whole.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let geometry = input.geometry();
        if view.frame == 0 {
            return input.sample_rows(&geometry, view, specs, |input, push| {
                for_each_row(input.source, input.probed.sides(), |row| push.push(row))
            });
        }
        let image = frames::frame(input, view.frame - u32::from(self.has_separate_still))?;
        input.sample_rows(&geometry, view, specs, |_, push| {
            light::for_each_row(&image, |row| push.push(row));
            Ok(())
        })
    }

    fn animation(&self, file: &FileBytes, probed: &Probed) -> Result<Option<Animation>, Error> {
        frames::animation(file, probed, u32::from(self.has_separate_still))
    }
}

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let mut probed = read_header(&mut reader)?;
    if reader.checks >= Checks::Ends && !reader.contains(b"IEND\xae\x42\x60\x82")? {
        limits.check(FORMAT, probed.sides(), probed.decoded_bytes)?;
        probed.is_whole = reader.checks == Checks::Data && has_all_rows(reader.source)?;
    }
    Ok(probed)
}

/// Reads a PNG from its signature to the image data.
///
/// # Errors
/// It is damaged, or ends before its image data.
pub(super) fn read_header(reader: &mut ByteReader<'_>) -> Result<Probed, Error> {
    reader.skip(8)?;
    let mut probed = read_ihdr(reader)?;
    reader.awaited = "its IDAT chunk";
    // those of the animation: acTL has their number
    probed.frames = 0;
    let (mut colors, mut has_frame_control) = (ColorChunks::default(), false);
    loop {
        match &read_chunk(reader, &mut probed, &mut colors)? {
            b"IDAT" => break,
            b"fcTL" => has_frame_control = true,
            _ => {}
        }
    }
    let model = if probed.bands < 3 { ColorModel::Grey } else { ColorModel::Rgb };
    probed.profile = colors.profile(model);
    let has_separate_still = probed.frames > 0 && !has_frame_control;
    let stills = u32::from(has_separate_still || probed.frames == 0);
    probed.frames = probed.frames.saturating_add(stills);
    // later frames are drawn over those before them: two canvases are held
    if probed.frames > 1 {
        probed.decoded_bytes = area(probed.width, probed.height).saturating_mul(16);
    }
    probed.decoder = Box::new(Png { has_separate_still });
    Ok(probed)
}

/// Reads a chunk before the image data, and returns its type. IDAT is not read.
fn read_chunk(
    reader: &mut ByteReader<'_>,
    probed: &mut Probed,
    colors: &mut ColorChunks,
) -> Result<[u8; 4], Error> {
    let length = u64::from(reader.u32_be()?);
    let kind: [u8; 4] = reader.array()?;
    match &kind {
        b"IEND" => return Err(reader.malformed("it holds no picture")),
        b"IDAT" => return Ok(kind),
        b"acTL" if length >= 4 => {
            // a number beyond those of the format is no animation (W3C PNG, third edition, 7.1)
            let frames = reader.u32_be()?;
            probed.frames = if frames > MAX_NUMBER { 0 } else { frames };
            reader.skip(length - 4)?;
        }
        b"tRNS" => {
            probed.bands = probed.bands.next_multiple_of(2);
            reader.skip(length)?;
        }
        b"sBIT" => {
            // alpha follows the colours
            let colors = if probed.bands < 3 { 1 } else { 3 };
            let bits = reader.bytes(length, colors)?.into_iter().max();
            probed.significant_bits = bits.map(u32::from).filter(|it| *it > 0);
        }
        b"eXIf" => probed.orientation = exif_orientation(&reader.bytes(length, MAX_EXIF_BYTES)?),
        kind => colors.read(kind, length, reader)?,
    }
    reader.skip(CRC_BYTES)?;
    Ok(kind)
}

/// Reads IHDR, the first chunk (11.2.1).
fn read_ihdr(reader: &mut ByteReader<'_>) -> Result<Probed, Error> {
    let length = reader.u32_be()?;
    let kind: [u8; 4] = reader.array()?;
    if (length, &kind) != (IHDR_BYTES, b"IHDR") {
        return Err(reader.malformed("it does not begin with its IHDR chunk"));
    }
    let (width, height) = (reader.u32_be()?, reader.u32_be()?);
    let [bit_depth, colour_type, _compression, _filter, interlace] = reader.array()?;
    reader.skip(CRC_BYTES)?;
    let bands = match colour_type {
        GREYSCALE => 1,
        GREYSCALE_WITH_ALPHA => 2,
        TRUECOLOUR_WITH_ALPHA => 4,
        _ => 3,
    };
    // tRNS may add alpha, so it is always counted
    let bytes_per_px = 4 * if bit_depth == 16 { 2 } else { 1 };
    let mut probed = Probed::still(
        FORMAT,
        (width, height),
        bands,
        bytes_per_px,
        Png { has_separate_still: false },
    );
    probed.bits = if colour_type == INDEXED_COLOUR { 8 } else { bit_depth.into() };
    if interlace == 0 {
        // a few scanlines at a time
        probed.decoded_bytes = area(width, 8).saturating_mul(bytes_per_px).saturating_add(1 << 18);
    } else {
        let samples = if colour_type == INDEXED_COLOUR { 1 } else { u64::from(bands) };
        let bits_per_px = samples * u64::from(bit_depth.max(1));
        reader.can_hold(area(width, height), 8 * MAX_DEFLATE_RATIO / bits_per_px)?;
    }
    Ok(probed)
}
