//! Decodes chunks of JPEG 2000 (ITU-T T.800 | ISO/IEC 15444-1), alone or in the boxes of JP2.
//! Sections and tables named here are T.800's.
//!
//! The headers are checked before the decoder gets them, so that its memory is bounded by the number
//! of samples.

use std::io::{self, ErrorKind};

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::codes::SampleFormat;
use super::ifd::FORMAT;
use super::page::Page;
use crate::formats::foreign::guarded;

/// The second bytes of markers (table A.2).
mod marker {
    pub(super) const SOC: u8 = 0x4f;
    pub(super) const CAP: u8 = 0x50;
    pub(super) const SIZ: u8 = 0x51;
    pub(super) const COD: u8 = 0x52;
    pub(super) const COC: u8 = 0x53;
    pub(super) const POC: u8 = 0x5f;
    pub(super) const PPM: u8 = 0x60;
    pub(super) const PPT: u8 = 0x61;
    pub(super) const SOT: u8 = 0x90;
    pub(super) const SOD: u8 = 0x93;
    pub(super) const EOC: u8 = 0xd9;
}

/// How a codestream begins.
const SOC_SIZ: [u8; 4] = [0xff, marker::SOC, 0xff, marker::SIZ];
/// Components times tiles that are decoded: a chunk is a tile itself.
const MAX_TILE_COMPONENTS: u64 = 256;
const MAX_COMPONENTS: usize = 16;
/// The least exponents of code-blocks, of both sides together, and of the sides of precincts: each
/// has at least 256 samples.
const MIN_CODE_BLOCK_EXPONENTS: u8 = 8;
const MIN_PRECINCT_EXPONENT: u8 = 5;
/// The parameters of COD before those of a component (table A.12).
const COD_COMMON_BYTES: usize = 5;

/// The samples of a chunk of `rows` rows, interleaved, in the byte order of the file.
///
/// # Errors
/// The picture is damaged, has other sides or samples than the page says, or is coded in blocks that
/// are too small.
pub(super) fn decode(compressed: &[u8], page: &Page, rows: u32) -> io::Result<Vec<u8>> {
    let decoded = guarded(FORMAT, || Ok(decode_checked(compressed, page, rows)));
    let damaged = || io::Error::new(ErrorKind::InvalidData, "JPEG 2000");
    decoded.ok().flatten().ok_or_else(damaged)
}

/// `None` for damage; so in the functions below.
fn decode_checked(compressed: &[u8], page: &Page, rows: u32) -> Option<Vec<u8>> {
    let codestream = codestream(compressed)?;
    check_size(codestream, page, rows)?;
    check_coding(codestream)?;
    let file = in_boxes(codestream);
    let image = Image::new(&file, &DecodeSettings::default()).ok()?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).ok()?;
    let components: Vec<&[f32]> = decoded.components().iter().map(|it| it.samples()).collect();
    let pixels = components.iter().map(|it| it.len()).min()?;
    let bits = page.bits_per_sample as i32;
    // the decoder adds half of the range to signed samples
    let offset = match page.sample_format {
        SampleFormat::Int => libm::ldexp(1.0, bits - 1),
        _ => 0.0,
    };
    let max = libm::ldexp(1.0, bits) - 1.0;
    let mut data = Vec::with_capacity(pixels * components.len() * bits as usize / 8);
    for at in 0..pixels {
        for samples in &components {
            let value = libm::round(f64::from(samples[at])).clamp(0.0, max) - offset;
            match (bits, page.is_little_endian) {
                (8, _) => data.push(value as i32 as u8),
                (_, true) => data.extend((value as i32 as u16).to_le_bytes()),
                (_, false) => data.extend((value as i32 as u16).to_be_bytes()),
            }
        }
    }
    Some(data)
}

/// The codestream, without boxes (annex I).
fn codestream(mut file: &[u8]) -> Option<&[u8]> {
    if file.starts_with(&SOC_SIZ) {
        return Some(file);
    }
    loop {
        let header = file.first_chunk::<8>()?;
        let [a, b, c, d, kind @ ..] = *header;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let content = match length {
            // up to the end
            0 => &file[8..],
            _ => file.get(8..length)?,
        };
        if &kind == b"jp2c" {
            return Some(content).filter(|it| it.starts_with(&SOC_SIZ));
        }
        file = file.get(length..).filter(|_| length > 0)?;
    }
}

/// Checks the marker segment SIZ (A.5.1).
fn check_size(codestream: &[u8], page: &Page, rows: u32) -> Option<()> {
    let siz = codestream.get(SOC_SIZ.len()..)?;
    let u16_at = |at: usize| Some(u16::from_be_bytes(*siz.get(at..)?.first_chunk()?));
    let u32_at = |at: usize| Some(u32::from_be_bytes(*siz.get(at..)?.first_chunk()?));
    let (width, height) = (u32_at(4)?, u32_at(8)?);
    let origins = [u32_at(12)?, u32_at(16)?, u32_at(28)?, u32_at(32)?];
    let (tile_width, tile_height) = (u32_at(20)?, u32_at(24)?);
    let components = usize::from(u16_at(36)?);
    let is_expected = width == page.chunk_size.0
        && (rows..=page.chunk_size.1).contains(&height)
        && origins == [0; 4]
        && tile_width > 0
        && tile_height > 0
        && components == page.samples_per_chunk_pixel() as usize
        && components <= MAX_COMPONENTS;
    if !is_expected {
        return None;
    }
    let tiles = u64::from(width.div_ceil(tile_width)) * u64::from(height.div_ceil(tile_height));
    let is_signed = page.sample_format == SampleFormat::Int;
    let are_expected = siz.get(38..38 + 3 * components)?.as_chunks().0.iter().all(
        |[depth, across, down]: &[u8; 3]| {
            let bits = u32::from(depth & 0x7f) + 1;
            let has_bits = if is_signed { bits == page.bits_per_sample } else { true };
            has_bits
                && bits <= page.bits_per_sample
                && (depth & 0x80 != 0) == is_signed
                && matches!((across, down), (1 | 2 | 4, 1 | 2 | 4))
        },
    );
    (are_expected && tiles * components as u64 <= MAX_TILE_COMPONENTS).then_some(())
}

/// Checks the sizes of blocks in the main header and in those of the tile-parts (A.4.2, A.6.1, A.6.2).
fn check_coding(codestream: &[u8]) -> Option<()> {
    let mut at = SOC_SIZ.len() - 2;
    // where the current tile-part ends
    let mut end = codestream.len();
    while let Some([0xff, kind]) = codestream.get(at..).and_then(|rest| rest.first_chunk().copied())
    {
        let segment = || {
            let length = u16::from_be_bytes(*codestream.get(at + 2..)?.first_chunk()?);
            codestream.get(at + 4..at + 2 + usize::from(length))
        };
        match kind {
            marker::EOC => break,
            marker::SOD => {
                // the header of a tile-part lies in it
                (end > at).then_some(())?;
                at = end;
                continue;
            }
            marker::CAP | marker::POC | marker::PPM | marker::PPT => return None,
            marker::SOT => {
                let length = u32::from_be_bytes(*segment()?.get(2..)?.first_chunk()?) as usize;
                end = if length == 0 { codestream.len() } else { at.checked_add(length)? };
                // it has a header, so that each of them takes bytes
                (length == 0 || length >= 14).then_some(())?;
            }
            marker::COD => {
                let segment = segment()?;
                has_large_blocks(segment.first()?, segment.get(COD_COMMON_BYTES..)?)?;
            }
            marker::COC => {
                // the index of a component has a byte where there are less than 257
                let segment = segment()?.get(1..)?;
                has_large_blocks(segment.first()?, segment.get(1..)?)?;
            }
            _ => {}
        }
        at += 2 + segment()?.len() + 2;
    }
    Some(())
}

/// Checks the parameters of a component (table A.20), after its style.
fn has_large_blocks(style: &u8, parameters: &[u8]) -> Option<()> {
    const HAS_PRECINCTS: u8 = 1;
    let [_levels, across, down, _, _, precincts @ ..] = parameters else { return None };
    let exponents = (across & 15) + 2 + (down & 15) + 2;
    let is_large = |it: &u8| it & 15 >= MIN_PRECINCT_EXPONENT && it >> 4 >= MIN_PRECINCT_EXPONENT;
    let are_large = style & HAS_PRECINCTS == 0 || precincts.iter().all(is_large);
    (exponents >= MIN_CODE_BLOCK_EXPONENTS && are_large).then_some(())
}

/// A file of a codestream whose boxes state sRGB, so that the decoder does not convert colours.
fn in_boxes(codestream: &[u8]) -> Vec<u8> {
    let boxed = |kind: &[u8; 4], content: &[u8]| {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    };
    const SRGB: &[u8] = &[1, 0, 0, 0, 0, 0, 16];
    [
        boxed(b"jP  ", b"\r\n\x87\n"),
        boxed(b"ftyp", b"jp2 \0\0\0\0jp2 "),
        boxed(b"jp2h", &boxed(b"colr", SRGB)),
        boxed(b"jp2c", codestream),
    ]
    .concat()
}
