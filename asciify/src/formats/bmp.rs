//! BMP: a file header, an information header that begins with its own length, pixels.

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Driver, Probed};
use crate::formats::fallback::Whole;
use crate::formats::reader::ByteReader;

const FORMAT: Format = Format::new("BMP", "image/bmp", "bmp");

pub(super) const DRIVER: Driver = Driver { format: FORMAT, identify, probe };

/// Two letters prove little: the size of the header that follows must be one that exists.
fn identify(start: &[u8]) -> bool {
    start.starts_with(b"BM")
        && matches!(start.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    reader.skip(10)?;
    let pixels_at = u64::from(reader.u32_le()?);
    let info = BitmapInfo::read(&mut reader)?;
    reader.awaited = "its last row";
    let row = u64::from(info.width).saturating_mul(info.bits.into()).div_ceil(32).saturating_mul(4);
    let pixels = row.saturating_mul(info.height.into());
    if info.is_plain && pixels_at.saturating_add(pixels) > reader.end {
        return Err(reader.cut_off());
    }
    Ok(Probed::still(FORMAT, (info.width, info.height), 3, 4, Whole(ImageFormat::Bmp)))
}

/// The information header: BITMAPCOREHEADER, or BITMAPINFOHEADER and its successors.
pub(super) struct BitmapInfo {
    pub(super) width: u32,
    pub(super) height: u32,
    bits: u16,
    /// Rows are stored as they are, so that their length is known.
    is_plain: bool,
}

impl BitmapInfo {
    pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        if reader.u32_le()? == 12 {
            let (width, height) = (reader.u16_le()?, reader.u16_le()?);
            let [_planes, bits] = [reader.u16_le()?, reader.u16_le()?];
            return Ok(Self { width: width.into(), height: height.into(), bits, is_plain: true });
        }
        let (width, height) =
            (reader.array().map(i32::from_le_bytes)?, reader.array().map(i32::from_le_bytes)?);
        let [_planes, bits] = [reader.u16_le()?, reader.u16_le()?];
        let compression = reader.u32_le()?;
        // A negative height says that rows go from the top; a negative width says nothing.
        let Ok(width) = u32::try_from(width) else {
            return Err(reader.malformed("its width is negative"));
        };
        Ok(Self {
            width,
            height: height.unsigned_abs(),
            bits,
            is_plain: matches!(compression, 0 | 3),
        })
    }
}
