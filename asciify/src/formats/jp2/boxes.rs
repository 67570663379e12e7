//! The boxes of a JP2 or JPX file (ISO/IEC 15444-1, annex I, and 15444-2, annex M): where the
//! codestream is, and what its components mean. A file may also be a codestream alone.

use std::io::Cursor;
use std::ops::Range;

use super::codestream::{CODESTREAM, FORMAT, JPX, SOC_SIZ};
use crate::error::Error;
use crate::format::Format;
use crate::formats::reader::ByteReader;

/// The signature box (I.5.1).
pub(super) const SIGNATURE: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n";
/// The largest JP2 header box that is read; it holds the ICC profile and the palette.
const MAX_HEADER_BYTES: u64 = 8 << 20;
/// Entries of a palette (I.5.3.4).
const MAX_PALETTE_ENTRIES: u16 = 1024;
/// The most bits of a value.
const MAX_BITS: u32 = 38;

/// What the boxes say. Without a JP2 header box, what it holds is empty.
pub(super) struct Boxes {
    pub(super) format: Format,
    /// The bytes of the file that hold the codestream.
    pub(super) codestream: Range<u64>,
    /// From the first Colour Specification box that is understood (I.5.3.3).
    pub(super) color_space: Option<ColorSpace>,
    /// The Palette box (I.5.3.4).
    pub(super) palette: Option<Palette>,
    /// The Component Mapping box (I.5.3.5): the component of each channel, and its palette column.
    pub(super) mapping: Vec<(usize, Option<usize>)>,
    /// The Channel Definition box (I.5.3.6).
    pub(super) definitions: Vec<ChannelDefinition>,
}

/// A colour space.
pub(super) enum ColorSpace {
    /// EnumCS (I.5.3.3, and M.11.7.3 of part 2).
    Enumerated(u32),
    /// An ICC profile.
    Profile(Vec<u8>),
}

/// Colours by index.
pub(super) struct Palette {
    /// Bits of each column, and whether its values are signed.
    pub(super) columns: Vec<(u32, bool)>,
    /// Values, entry by entry.
    pub(super) values: Vec<f64>,
}

/// What a channel means (I.5.3.6).
pub(super) struct ChannelDefinition {
    pub(super) channel: usize,
    /// Typ: 0 for colour, 1 for opacity, 2 for premultiplied opacity.
    pub(super) kind: u16,
    /// Asoc: 0 for the whole image, or the number of the colour, from 1.
    pub(super) association: u16,
}

impl Boxes {
    /// Reads the boxes up to the first codestream.
    ///
    /// # Errors
    /// There is no codestream, or a box is damaged or too large.
    pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        let mut boxes = Self {
            format: FORMAT,
            codestream: 0..reader.end,
            color_space: None,
            palette: None,
            mapping: Vec::new(),
            definitions: Vec::new(),
        };
        let format_of = |media_type: &str| FORMAT.of_kind(media_type).unwrap_or(FORMAT);
        if reader.array()? == SOC_SIZ {
            boxes.format = format_of(CODESTREAM);
            return Ok(boxes);
        }
        reader.seek_to(0)?;
        reader.awaited = "its codestream";
        loop {
            if reader.remaining() == 0 {
                return Err(reader.cut_off());
            }
            let (kind, length) = box_header(reader)?;
            match &kind {
                b"jp2c" => {
                    let start = reader.position;
                    if length > reader.remaining() {
                        reader.awaited = "its codestream is complete";
                        return Err(reader.cut_off());
                    }
                    boxes.codestream = start..start + length;
                    return Ok(boxes);
                }
                b"jp2h" if length > MAX_HEADER_BYTES => {
                    return Err(reader.unsupported("a header box of more than 8 MiB"));
                }
                b"jp2h" => {
                    let content = reader.bytes(length, length)?;
                    boxes.read_header(&content).ok_or_else(|| damaged_header(reader))?;
                }
                b"ftyp" => {
                    if reader.bytes(length, 4)? == b"jpx " {
                        boxes.format = format_of(JPX);
                    }
                }
                b"ftbl" => return Err(reader.unsupported("a codestream in fragments")),
                _ => reader.skip(length)?,
            }
        }
    }

    /// Reads the boxes in the JP2 header box. `None` if one is damaged.
    fn read_header(&mut self, content: &[u8]) -> Option<()> {
        let mut content = Cursor::new(content);
        let mut reader = ByteReader::new(&mut content, FORMAT).ok()?;
        while reader.remaining() > 0 {
            let (kind, length) = box_header(&mut reader).ok()?;
            let content = reader.bytes(length, length).ok()?;
            match &kind {
                b"colr" if self.color_space.is_none() => self.color_space = color_space(&content),
                b"pclr" => self.palette = Some(palette(&content)?),
                b"cmap" => {
                    let (entries, _) = content.as_chunks::<4>();
                    let entry = |[high, low, kind, column]: &[u8; 4]| {
                        let component = u16::from_be_bytes([*high, *low]).into();
                        (component, (*kind == 1).then_some(usize::from(*column)))
                    };
                    self.mapping = entries.iter().map(entry).collect();
                }
                b"cdef" => {
                    let (entries, _) = content.get(2..)?.as_chunks::<6>();
                    let entry = |[a, b, c, d, e, f]: &[u8; 6]| ChannelDefinition {
                        channel: u16::from_be_bytes([*a, *b]).into(),
                        kind: u16::from_be_bytes([*c, *d]),
                        association: u16::from_be_bytes([*e, *f]),
                    };
                    self.definitions = entries.iter().map(entry).collect();
                }
                _ => {}
            }
        }
        Some(())
    }
}

fn damaged_header(reader: &ByteReader<'_>) -> Error {
    reader.malformed("its header box is damaged")
}

/// The type of the next box, and the length of its content in bytes (I.4).
fn box_header(reader: &mut ByteReader<'_>) -> Result<([u8; 4], u64), Error> {
    let (size, kind) = (reader.u32_be()?, reader.array()?);
    let length = match size {
        0 => Some(reader.remaining()),
        1 => u64::from_be_bytes(reader.array()?).checked_sub(16),
        size => u64::from(size).checked_sub(8),
    };
    Ok((kind, length.ok_or_else(|| reader.malformed("a box is shorter than its header"))?))
}

/// The content of a Colour Specification box. `None` for a method that is not known.
fn color_space(content: &[u8]) -> Option<ColorSpace> {
    let (method, specification) = (content.first()?, content.get(3..)?);
    match method {
        1 => Some(ColorSpace::Enumerated(u32::from_be_bytes(*specification.first_chunk()?))),
        // a restricted ICC profile, and any
        2 | 3 => Some(ColorSpace::Profile(specification.to_vec())),
        _ => None,
    }
}

/// The content of a Palette box.
fn palette(content: &[u8]) -> Option<Palette> {
    let ([high, low, columns], rest) = content.split_first_chunk()?;
    let entries = u16::from_be_bytes([*high, *low]);
    if *columns == 0 || !(1..=MAX_PALETTE_ENTRIES).contains(&entries) {
        return None;
    }
    let (depths, mut rest) = rest.split_at_checked(usize::from(*columns))?;
    let columns: Vec<(u32, bool)> =
        depths.iter().map(|depth| (u32::from(depth & 0x7f) + 1, depth & 0x80 != 0)).collect();
    if columns.iter().any(|(bits, _)| *bits > MAX_BITS) {
        return None;
    }
    let mut values = Vec::with_capacity(usize::from(entries) * columns.len());
    for (bits, is_signed) in (0..entries).flat_map(|_| &columns) {
        let (bytes, others) = rest.split_at_checked(bits.div_ceil(8) as usize)?;
        rest = others;
        let value = bytes.iter().fold(0_i64, |value, byte| value << 8 | i64::from(*byte));
        let unused = 64 - *bits;
        let value = if *is_signed { value << unused >> unused } else { value };
        values.push(value as f64);
    }
    Some(Palette { columns, values })
}
