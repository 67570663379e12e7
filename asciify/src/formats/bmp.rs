//! BMP: BITMAPFILEHEADER, an information header that begins with its own size, and pixels (Windows
//! GDI's "Bitmap Storage").

use image::ImageFormat;

use crate::color_profile::{ColorModel, ColorProfile, MAX_ICC_BYTES, Primaries};
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
    let profile = profile(&mut reader)?.unwrap_or_default();
    let sides = (info.width, info.height);
    Ok(Probed { profile, ..Probed::still(FORMAT, sides, 3, 4, WholeImage(ImageFormat::Bmp)) })
}

/// Where the information header begins, in bytes.
const INFO_HEADER: u64 = 14;
/// Where BITMAPV4HEADER has `bV4CSType`, in bytes, and the values of it that are read.
const COLOR_SPACE: u64 = 56;
const LCS_CALIBRATED_RGB: u32 = 0;
const PROFILE_EMBEDDED: u32 = u32::from_be_bytes(*b"MBED");
/// Where BITMAPV5HEADER has `bV5ProfileData`, in bytes.
const PROFILE_DATA: u64 = 112;
/// The sizes of both headers.
const V4_HEADER_BYTES: u32 = 108;
const V5_HEADER_BYTES: u32 = 124;

/// The colour profile of BITMAPV4HEADER and BITMAPV5HEADER. `None` if there is none that can be used.
///
/// # Errors
/// The header is cut off.
fn profile(reader: &mut ByteReader<'_>) -> Result<Option<ColorProfile>, Error> {
    reader.seek_to(INFO_HEADER)?;
    let header_bytes = reader.u32_le()?;
    if header_bytes < V4_HEADER_BYTES {
        return Ok(None);
    }
    reader.seek_to(INFO_HEADER + COLOR_SPACE)?;
    match (reader.u32_le()?, header_bytes) {
        (LCS_CALIBRATED_RGB, _) => {
            let mut endpoints = [[0.0; 3]; 3];
            for value in endpoints.as_flattened_mut() {
                // FXPT2DOT30
                *value = f64::from(reader.u32_le()?) / f64::from(1 << 30);
            }
            let mut exponents = [0.0; 3];
            for exponent in &mut exponents {
                *exponent = f64::from(reader.u32_le()?) / 65_536.0;
            }
            let exponents = Some(exponents).filter(|it| it.iter().all(|it| *it > 0.0));
            Ok(ColorProfile::from_powers(exponents, primaries(endpoints)))
        }
        (PROFILE_EMBEDDED, V5_HEADER_BYTES) => {
            reader.seek_to(INFO_HEADER + PROFILE_DATA)?;
            let [offset, length] = [reader.u32_le()?, reader.u32_le()?];
            let profile = reader.seek_to(INFO_HEADER + u64::from(offset));
            let profile = profile.and_then(|()| reader.bytes(length.into(), MAX_ICC_BYTES + 1));
            Ok(profile.ok().and_then(|it| ColorProfile::from_icc(&it, ColorModel::Rgb)))
        }
        _ => Ok(None),
    }
}

/// The primaries that `bV4Endpoints` state, as XYZ of each, whose sum is white, or as chromaticities,
/// with a white of D65. `None` where they are missing.
fn primaries(endpoints: [[f64; 3]; 3]) -> Option<Primaries> {
    let sum = |[x, y, z]: [f64; 3]| x + y + z;
    let chromaticity = |xyz: [f64; 3]| [xyz[0] / sum(xyz), xyz[1] / sum(xyz)];
    let [red, green, blue] = endpoints;
    if endpoints.into_iter().any(|xyz| sum(xyz) <= 0.0) {
        return None;
    }
    let are_chromaticities = endpoints.into_iter().all(|xyz| (sum(xyz) - 1.0).abs() < 0.001);
    let white = match are_chromaticities {
        true => Primaries::BT709.white,
        false => chromaticity([0, 1, 2].map(|it| red[it] + green[it] + blue[it])),
    };
    let [red, green, blue] = endpoints.map(chromaticity);
    Some(Primaries { red, green, blue, white })
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
