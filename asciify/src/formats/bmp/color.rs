//! The colour space that a bitmap's header states: BITMAPV4HEADER and BITMAPV5HEADER.

use crate::color_profile::{ColorModel, ColorProfile, MAX_ICC_BYTES, Primaries};
use crate::error::Error;
use crate::formats::reader::ByteReader;

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
pub(super) fn profile(reader: &mut ByteReader<'_>) -> Result<Option<ColorProfile>, Error> {
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
