//! Marker segments up to the first scan (ITU-T T.81, B.1 and B.2), for probing.

use image::metadata::Orientation;

use super::block::{BLOCK_LEN, BLOCK_SIDE};
use super::dc::SCALE;
use super::icc::IccSegments;
use super::markers::{
    APP0, APP1, APP2, APP14, DAC, DHT, DRI, EOI, JPG, RST0, RST7, SOF0, SOF2, SOF3, SOF9, SOF10,
    SOF11, SOF15, SOI, SOS, TEM,
};
use super::packed::{BLOCK_BYTES, FLAT_BYTES, VALUE_BYTES};
use crate::color_profile::{ColorModel, ColorProfile};
use crate::error::Error;
use crate::formats::decoder::{area, exif_orientation, process_bytes_for};
use crate::formats::reader::ByteReader;

/// Memory for the row of MCUs that is decoded, in bytes: coefficients and samples of a block, and samples
/// and colours of a pixel.
const ROW_BYTES_PER_BLOCK: u64 = 8 * BLOCK_LEN as u64;
const ROW_BYTES_PER_PX: u64 = 32;
/// Memory for Huffman tables and pieces of the file, in bytes.
const TABLE_BYTES: u64 = 1 << 19;

/// The color transform of Adobe's segment that other files have without saying it.
const YCBCR: u8 = 1;

/// What the segments before the first scan say.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: u32,
    /// Bits of a sample: P of B.2.2.
    pub(super) precision: u32,
    pub(super) orientation: Orientation,
    /// What the samples mean, after they are converted to RGB; those of CMYK are not.
    pub(super) profile: ColorProfile,
    /// Whether an EOI marker follows.
    pub(super) has_eoi: bool,
    /// Of a kind that common decoders refuse or decode wrongly.
    pub(super) is_rare: bool,
    /// Grey or YCbCr of a kind that is common, and either progressive or of one scan: unless it is
    /// damaged, it is decoded at full size without holding its pixels.
    pub(super) is_streamed: bool,
    pub(super) is_lossless: bool,
    /// Whether it has several scans of the same blocks.
    pub(super) is_progressive: bool,
    /// Whether the first scan has restart markers.
    pub(super) has_restarts: bool,
    /// The file is too short for most of the blocks or samples that it claims.
    pub(super) is_too_short: bool,
    /// Where the frame header states the height, if the first scan of a sequential frame has all its
    /// components. Then the file may be decoded to another height.
    pub(super) height_at: Option<u64>,
    /// An upper estimate of the memory that decoding takes, in bytes.
    pub(super) decoded_bytes: u64,
    /// The same for an eighth of its size.
    pub(super) eighth_bytes: u64,
}

impl Header {
    /// Whether the file can be decoded at an eighth of its size.
    pub(super) fn has_eighth(&self) -> bool {
        !self.is_rare && !self.is_too_short && matches!(self.components, 1 | 3)
    }

    /// Width and height of an eighth, in pixels.
    pub(super) fn eighth(&self) -> (u32, u32) {
        (self.width.div_ceil(SCALE), self.height.div_ceil(SCALE))
    }
}

/// Reads a file from its beginning.
///
/// # Errors
/// The file ends before its first scan, has no frame, or is of an unsupported kind.
pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Header, Error> {
    reader.awaited = "its picture begins";
    reader.skip(2)?;
    let mut frame = None;
    let mut orientation = None;
    let mut icc = IccSegments::default();
    let mut has_restarts = false;
    let (mut has_jfif, mut adobe_transform) = (false, None);
    let components_in_scan = loop {
        let marker = next_marker(reader)?;
        if matches!(marker, TEM | SOI | RST0..=RST7) {
            continue; // it has no segment
        }
        if marker == EOI {
            return Err(reader.malformed("it holds no picture"));
        }
        let length = u64::from(reader.u16_be()?);
        let Some(length) = length.checked_sub(2) else {
            return Err(reader.malformed("a segment is shorter than its own header"));
        };
        match marker {
            SOF0..=SOF15 if !matches!(marker, DHT | JPG | DAC) => {
                if frame.is_some() {
                    return Err(reader.malformed("it has two frame headers"));
                }
                frame = Some(read_frame_header(reader, marker, length)?);
            }
            APP0 => has_jfif |= reader.bytes(length, length)?.starts_with(b"JFIF\0"),
            APP1 if orientation.is_none() => {
                let segment = reader.bytes(length, length)?;
                orientation = segment.strip_prefix(b"Exif\0\0").map(exif_orientation);
            }
            APP2 => icc.add(&reader.bytes(length, length)?),
            APP14 => {
                adobe_transform =
                    color_transform(&reader.bytes(length, length)?).or(adobe_transform)
            }
            DRI if length == 2 => has_restarts = reader.u16_be()? > 0,
            SOS if length > 0 => break reader.byte()?,
            _ => reader.skip(length)?,
        }
    };
    let Some(mut frame) = frame else { return Err(reader.malformed("it holds no picture")) };
    let says_rgb = frame.has_rgb_ids || adobe_transform == Some(0);
    let says_ycbcr = has_jfif || adobe_transform.is_some_and(|it| it != 0);
    frame.is_rare |= frame.components == 3 && says_rgb && says_ycbcr;
    let model = match frame.components {
        1 => ColorModel::Grey,
        4 => ColorModel::Cmyk,
        _ => ColorModel::Rgb,
    };
    let profile = icc.join().and_then(|profile| ColorProfile::from_icc(&profile, model));
    let profile = profile.unwrap_or_default();
    let has_eoi = reader.contains(&[0xff, EOI])?;
    let height_at = Some(frame.height_at)
        .filter(|_| !frame.is_progressive && u32::from(components_in_scan) == frame.components);
    let is_ycbcr = match frame.components {
        1 => true,
        3 => !frame.has_rgb_ids,
        _ => false,
    };
    let is_streamed = !frame.is_rare
        && is_ycbcr
        && adobe_transform.is_none_or(|it| it == YCBCR)
        && (frame.is_progressive || height_at.is_some());
    Ok(Header {
        width: frame.width,
        height: frame.height,
        components: frame.components,
        precision: frame.precision,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        has_eoi,
        is_rare: frame.is_rare,
        is_lossless: frame.is_lossless,
        is_progressive: frame.is_progressive,
        has_restarts,
        // except in arithmetic coding, a data unit takes at least a bit
        is_too_short: !frame.is_arithmetic
            && area(frame.width, frame.height)
                > reader.end.saturating_mul(8 * if frame.is_lossless { 1 } else { 64 }),
        height_at,
        is_streamed,
        eighth_bytes: frame.eighth_bytes(),
        decoded_bytes: match is_streamed {
            true => frame.streamed_bytes(reader.end),
            false => {
                frame.decoded_bytes(components_in_scan.into(), profile.cmyk().is_some(), reader.end)
            }
        },
        profile,
    })
}

struct Frame {
    /// Where the height is stated.
    height_at: u64,
    width: u32,
    height: u32,
    components: u32,
    precision: u32,
    /// Whether the components are named R, G and B.
    has_rgb_ids: bool,
    /// Blocks of all components, with padding to whole MCUs, and those of a row of MCUs.
    blocks: u64,
    blocks_of_row: u64,
    is_progressive: bool,
    is_arithmetic: bool,
    is_lossless: bool,
    is_rare: bool,
}

impl Frame {
    /// An upper estimate of the memory that decoding a file of that length takes, in bytes, without
    /// the colour profile.
    fn decoded_bytes(&self, components_in_scan: u32, has_cmyk: bool, file_bytes: u64) -> u64 {
        // A single sequential scan is decoded row by row; otherwise all coefficients are held, of two
        // or three bytes each. Padding to whole MCUs is less than 64 px. Grey is counted as colour.
        let is_held =
            self.is_rare || self.is_progressive || components_in_scan < self.components || has_cmyk;
        let bytes_per_px = u64::from(self.components.max(3)) * if is_held { 3 } else { 1 };
        let padded = area(self.width.saturating_add(64), self.height.saturating_add(64));
        // decoders read the file into a buffer that grows by doubling
        let buffers = file_bytes.saturating_mul(3);
        // a library decodes common kinds
        let process = match self.is_rare {
            true => 0,
            false => process_bytes_for(area(self.width, self.height), file_bytes),
        };
        padded.saturating_mul(bytes_per_px).saturating_add(buffers).saturating_add(process)
    }
}

impl Frame {
    /// An upper estimate of the memory that decoding a streamed file of that length takes, in bytes,
    /// also if it is damaged.
    fn streamed_bytes(&self, file_bytes: u64) -> u64 {
        let coefficients = match self.is_progressive {
            true => {
                const AC_COEFFICIENTS: u64 = BLOCK_LEN as u64 - 1;
                // each takes more bits in the file than its value has, and two at least
                let most = file_bytes.saturating_mul(4);
                let values = (self.blocks * AC_COEFFICIENTS).min(most) * VALUE_BYTES;
                // those of the row that changes are held twice, in a buffer that grows by doubling; those
                // of the last row may take no bits
                let of_row = self.blocks_of_row * AC_COEFFICIENTS * VALUE_BYTES;
                self.blocks * BLOCK_BYTES + values + 3 * of_row
            }
            false => self.blocks * FLAT_BYTES,
        };
        let row =
            self.blocks_of_row * ROW_BYTES_PER_BLOCK + u64::from(self.width) * ROW_BYTES_PER_PX;
        coefficients + row + TABLE_BYTES
    }

    /// An upper estimate of the memory that decoding an eighth of a file takes, in bytes: a byte for
    /// each block.
    fn eighth_bytes(&self) -> u64 {
        // planes grow by doubling
        2 * self.blocks + TABLE_BYTES
    }
}

/// The color transform that an APP14 segment of Adobe states.
fn color_transform(segment: &[u8]) -> Option<u8> {
    segment.strip_prefix(b"Adobe")?.get(6).copied()
}

/// B.2.2.
fn read_frame_header(reader: &mut ByteReader<'_>, marker: u8, length: u64) -> Result<Frame, Error> {
    let [precision] = reader.array()?;
    let height_at = reader.position;
    let (height, width, components) = (reader.u16_be()?, reader.u16_be()?, reader.byte()?);
    let Some(rest) = length.checked_sub(6) else {
        return Err(reader.malformed("its frame header is too short"));
    };
    let specs = reader.bytes(rest, rest)?;
    let specs = specs.as_chunks().0;
    let sampling_factors: Vec<u8> = specs.iter().map(|[_, sampling, _]| *sampling).collect();
    let is_known_precision = match marker {
        SOF0..=SOF2 | SOF9 | SOF10 => matches!(precision, 8 | 12),
        SOF3 => (2..=16).contains(&precision),
        SOF11 => return Err(reader.unsupported("arithmetic coding without loss")),
        _ => return Err(reader.unsupported("the hierarchical mode")),
    };
    if !is_known_precision {
        return Err(reader.unsupported("samples of a depth"));
    }
    let is_common_sampling = matches!(sampling_factors.as_slice(), [0x11 | 0x21 | 0x22, rest @ ..]
        if rest.iter().all(|it| *it == 0x11));
    let factors = sampling_factors.iter().map(|it| (it >> 4, it & 15));
    let max = |factor: fn((u8, u8)) -> u8| {
        u32::from(factors.clone().map(factor).max().unwrap_or(1).max(1))
    };
    let (max_h, max_v) = (max(|it| it.0), max(|it| it.1));
    let blocks_per_mcu: u64 = factors.clone().map(|(h, v)| u64::from(h) * u64::from(v)).sum();
    let mcus =
        |side: u16, factor: u32| u64::from(u32::from(side).div_ceil(factor * BLOCK_SIDE as u32));
    let blocks_of_row = mcus(width, max_h) * blocks_per_mcu;
    Ok(Frame {
        has_rgb_ids: specs.iter().map(|[id, ..]| *id).eq(*b"RGB"),
        blocks: mcus(height, max_v) * blocks_of_row,
        blocks_of_row,
        height_at,
        width: width.into(),
        height: height.into(),
        components: components.into(),
        precision: precision.into(),
        is_progressive: matches!(marker, SOF2 | SOF10),
        is_arithmetic: matches!(marker, SOF9 | SOF10),
        is_lossless: marker == SOF3,
        is_rare: marker > SOF2 || precision != 8 || !is_common_sampling,
    })
}

/// Skips entropy-coded data, where FF 00 stands for a byte FF, and fill bytes up to the next
/// marker.
fn next_marker(reader: &mut ByteReader<'_>) -> Result<u8, Error> {
    loop {
        let buffer = reader.source.fill_buf().map_err(Error::Read)?;
        if buffer.is_empty() {
            return Err(reader.cut_off());
        }
        let found = memchr::memchr(0xff, buffer);
        let skipped = found.map_or(buffer.len(), |index| index + 1);
        reader.source.consume(skipped);
        reader.position += skipped as u64;
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
