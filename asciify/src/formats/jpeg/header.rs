//! Marker segments up to the first scan (ITU-T T.81, B.1).

use image::metadata::Orientation;

use crate::error::Error;
use crate::formats::decoder::{area, exif_orientation};
use crate::formats::reader::ByteReader;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP1: u8 = 0xe1;

/// What the segments before the first scan say.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: u32,
    /// Bits of a sample: P of B.2.2.
    pub(super) precision: u32,
    pub(super) orientation: Orientation,
    /// Whether an EOI marker follows.
    pub(super) is_whole: bool,
    /// Of a kind that common decoders refuse, or get wrong.
    pub(super) is_rare: bool,
    /// So short that most of what it claims cannot be there.
    pub(super) is_thin: bool,
    /// An upper estimate of the memory that decoding takes, in bytes.
    pub(super) decoded_bytes: u64,
}

pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Header, Error> {
    reader.awaited = "its picture begins";
    reader.skip(2)?;
    let mut frame = None;
    let mut orientation = None;
    let components_in_scan = loop {
        let marker = next_marker(reader)?;
        // markers without a length: restarts inside scans, TEM
        if matches!(marker, 0x01 | SOI | 0xd0..=0xd7) {
            continue;
        }
        if marker == EOI {
            return Err(reader.malformed("it holds no picture"));
        }
        let length = u64::from(reader.u16_be()?);
        let Some(length) = length.checked_sub(2) else {
            return Err(reader.malformed("a segment is shorter than its own header"));
        };
        match marker {
            // C4, C8 and CC lie among the frame headers, but are none.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                if frame.is_some() {
                    return Err(reader.malformed("it has two frame headers"));
                }
                frame = Some(frame_header(reader, marker, length)?);
            }
            APP1 if orientation.is_none() => {
                let segment = reader.bytes(length, length)?;
                orientation = segment.strip_prefix(b"Exif\0\0").map(exif_orientation);
            }
            SOS if length > 0 => break reader.byte()?,
            _ => reader.skip(length)?,
        }
    };
    let Some(frame) = frame else { return Err(reader.malformed("it holds no picture")) };
    let Frame { width, height, components, precision, is_rare, .. } = frame;
    let is_whole = reader.has_end(&[0xff, EOI])?;
    // a block takes a bit at least, unless its coding is arithmetic
    let is_thin = !frame.is_arithmetic && area(width, height) > reader.end.saturating_mul(8 * 64);
    // Decoders read the file into a buffer that grows by doubling.
    // A single sequential scan is decoded row by row; otherwise each coefficient's two bytes are kept.
    // Blocks stick out of the picture by less than 64 px. Grey is counted as colour, for simplicity.
    let is_kept = is_rare || frame.is_progressive || u32::from(components_in_scan) < components;
    let bytes_per_px = u64::from(components.max(3)) * if is_kept { 3 } else { 1 };
    let padded = area(width.saturating_add(64), height.saturating_add(64));
    let decoded_bytes =
        padded.saturating_mul(bytes_per_px).saturating_add(reader.end.saturating_mul(3));
    Ok(Header {
        width,
        height,
        components,
        precision,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        is_whole,
        is_rare,
        is_thin,
        decoded_bytes,
    })
}

struct Frame {
    width: u32,
    height: u32,
    components: u32,
    precision: u32,
    is_progressive: bool,
    is_arithmetic: bool,
    is_rare: bool,
}

fn frame_header(reader: &mut ByteReader<'_>, marker: u8, length: u64) -> Result<Frame, Error> {
    let [precision] = reader.array()?;
    let (height, width, components) = (reader.u16_be()?, reader.u16_be()?, reader.byte()?);
    let Some(rest) = length.checked_sub(6) else {
        return Err(reader.malformed("its frame header is too short"));
    };
    let samplings: Vec<u8> =
        reader.bytes(rest, rest)?.as_chunks().0.iter().map(|[_, sampling, _]| *sampling).collect();
    // extended, lossless and arithmetic kinds
    let is_known = match marker {
        0xc0..=0xc2 | 0xc9 | 0xca => matches!(precision, 8 | 12),
        0xc3 => (2..=16).contains(&precision),
        0xcb => return Err(reader.unsupported("arithmetic coding without loss")),
        _ => return Err(reader.unsupported("the hierarchical mode")),
    };
    if !is_known {
        return Err(reader.unsupported("samples of a depth"));
    }
    let is_usual_sampling = matches!(samplings.as_slice(), [0x11 | 0x21 | 0x22, rest @ ..]
        if rest.iter().all(|it| *it == 0x11));
    Ok(Frame {
        width: width.into(),
        height: height.into(),
        components: components.into(),
        precision: precision.into(),
        is_progressive: matches!(marker, 0xc2 | 0xca),
        is_arithmetic: matches!(marker, 0xc9 | 0xca),
        is_rare: marker > 0xc2 || precision != 8 || !is_usual_sampling,
    })
}

/// Passes over scan data (where FF 00 stands for a byte FF) and fill bytes to the next marker.
fn next_marker(reader: &mut ByteReader<'_>) -> Result<u8, Error> {
    loop {
        let buffer = reader.source.fill_buf().map_err(Error::Read)?;
        if buffer.is_empty() {
            return Err(reader.cut_off());
        }
        let found = memchr::memchr(0xff, buffer);
        let passed = found.map_or(buffer.len(), |index| index + 1);
        reader.source.consume(passed);
        reader.at += passed as u64;
        if found.is_none() {
            continue;
        }
        let mut marker = reader.byte()?;
        while marker == 0xff {
            marker = reader.byte()?;
        }
        if marker != 0 {
            return Ok(marker);
        }
    }
}
