//! BMP: BITMAPFILEHEADER, an information header that begins with its own size, and pixels (Windows
//! GDI's "Bitmap Storage").

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Driver, Probed, area};
use crate::formats::reader::ByteReader;
use crate::formats::whole_image::WholeImage;

const FORMAT: Format = Format::new("BMP", "image/bmp", "bmp");

pub(super) const DRIVER: Driver = Driver { format: FORMAT, identify, probe };

/// The size of BITMAPCOREHEADER in bytes.
const CORE_HEADER_BYTES: u32 = 12;
/// Values of `biCompression` with which rows are not compressed.
const BI_RGB: u32 = 0;
const BI_BITFIELDS: u32 = 3;

/// "BM" alone is too short to identify a file: the size of the information header must be a known
/// one, too.
fn identify(start: &[u8]) -> bool {
    start.starts_with(b"BM")
        && matches!(start.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    reader.skip(10)?; // bfType, bfSize, two reserved words
    let pixels_offset = u64::from(reader.u32_le()?);
    let info = InfoHeader::read(&mut reader)?;
    reader.awaited = "its last row";
    // rows are padded to 4 bytes
    let row_bits = u64::from(info.width).saturating_mul(info.bit_count.into());
    let row_bytes = row_bits.div_ceil(32).saturating_mul(4);
    let pixel_bytes = row_bytes.saturating_mul(info.height.into());
    if !info.is_compressed && pixels_offset.saturating_add(pixel_bytes) > reader.end {
        return Err(reader.cut_off());
    }
    if info.is_compressed {
        // a run of two bytes has up to 255 pixels
        reader.can_hold(area(info.width, info.height), 255_u64.div_ceil(2))?;
    }
    Ok(Probed::still(FORMAT, (info.width, info.height), 3, 4, WholeImage(ImageFormat::Bmp)))
}

/// BITMAPCOREHEADER, or BITMAPINFOHEADER and its successors. ICO files have it, too.
pub(super) struct InfoHeader {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits of a pixel.
    bit_count: u16,
    /// The length of rows is unknown.
    is_compressed: bool,
}

impl InfoHeader {
    /// Reads it from its size on.
    ///
    /// # Errors
    /// It is cut off, or its width is negative.
    pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        if reader.u32_le()? == CORE_HEADER_BYTES {
            let (width, height) = (reader.u16_le()?, reader.u16_le()?);
            let [_planes, bit_count] = [reader.u16_le()?, reader.u16_le()?];
            return Ok(Self {
                width: width.into(),
                height: height.into(),
                bit_count,
                is_compressed: false,
            });
        }
        let (width, height) =
            (reader.array().map(i32::from_le_bytes)?, reader.array().map(i32::from_le_bytes)?);
        let [_planes, bit_count] = [reader.u16_le()?, reader.u16_le()?];
        let compression = reader.u32_le()?;
        // a negative height means that rows are stored from the top; a negative width is invalid
        let Ok(width) = u32::try_from(width) else {
            return Err(reader.malformed("its width is negative"));
        };
        Ok(Self {
            width,
            height: height.unsigned_abs(),
            bit_count,
            is_compressed: !matches!(compression, BI_RGB | BI_BITFIELDS),
        })
    }
}
