//! The colour space of a PNG: cICP, iCCP, sRGB, or gAMA and cHRM, the first of these that is there and
//! valid (W3C PNG, third edition, 11.3.2 and 4.3).

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::color_profile::{ColorModel, ColorProfile, MAX_ICC_BYTES, Primaries};
use crate::error::Error;
use crate::formats::reader::ByteReader;

/// gAMA of the power function that is next to sRGB. Encoders write it for sRGB.
const SRGB_GAMMA: u32 = 45_455;
/// How much other values may differ from it.
const MAX_GAMMA_ERROR: u32 = 100;
/// The unit of gAMA and cHRM.
const UNIT: f64 = 100_000.0;
/// cICP: MatrixCoefficients of RGB, and VideoFullRangeFlag.
const RGB_OF_FULL_RANGE: [u8; 2] = [0, 1];

/// The data of the chunks that describe the colour space.
#[derive(Default)]
pub(super) struct ColorChunks {
    cicp: Option<[u8; 4]>,
    iccp: Option<Vec<u8>>,
    has_srgb: bool,
    gamma: Option<u32>,
    /// x and y of white, red, green and blue.
    chromaticities: Option<[[u32; 2]; 4]>,
}

impl ColorChunks {
    /// Reads the data of a chunk, or skips it if it is of another kind.
    ///
    /// # Errors
    /// The file ends before its end.
    pub(super) fn read(
        &mut self,
        kind: &[u8; 4],
        length: u64,
        reader: &mut ByteReader<'_>,
    ) -> Result<(), Error> {
        match (kind, length) {
            (b"cICP", 4) => self.cicp = Some(reader.array()?),
            (b"iCCP", _) => self.iccp = Some(reader.bytes(length, MAX_ICC_BYTES)?),
            (b"sRGB", 1) => {
                self.has_srgb = true;
                reader.skip(length)?;
            }
            (b"gAMA", 4) => self.gamma = Some(reader.u32_be()?),
            (b"cHRM", 32) => {
                let mut values = [[0; 2]; 4];
                for value in values.as_flattened_mut() {
                    *value = reader.u32_be()?;
                }
                self.chromaticities = Some(values);
            }
            _ => reader.skip(length)?,
        }
        Ok(())
    }

    /// The profile of pixels of that model.
    pub(super) fn profile(&self, model: ColorModel) -> ColorProfile {
        let cicp = self.cicp.and_then(|[primaries, transfer, rest @ ..]| {
            let is_valid = rest == RGB_OF_FULL_RANGE;
            is_valid.then(|| ColorProfile::from_cicp(primaries.into(), transfer.into()))?
        });
        let icc = || {
            let profile = inflated(self.iccp.as_deref()?)?;
            ColorProfile::from_icc(&profile, model)
        };
        let by_numbers = || (!self.has_srgb).then(|| self.by_gamma_and_chromaticities())?;
        cicp.or_else(icc).or_else(by_numbers).unwrap_or_default()
    }

    fn by_gamma_and_chromaticities(&self) -> Option<ColorProfile> {
        let is_srgb = |gamma: &u32| gamma.abs_diff(SRGB_GAMMA) <= MAX_GAMMA_ERROR;
        let gamma = self.gamma.filter(|gamma| *gamma > 0 && !is_srgb(gamma));
        let exponents = gamma.map(|gamma| [UNIT / f64::from(gamma); 3]);
        let primaries = self.chromaticities.map(|values| {
            let [white, red, green, blue] = values.map(|xy| xy.map(|it| f64::from(it) / UNIT));
            Primaries { red, green, blue, white }
        });
        ColorProfile::from_powers(exponents, primaries)
            .or_else(|| ColorProfile::from_powers(exponents, None))
    }
}

/// The profile of an iCCP chunk: a name that ends with 0, the compression method 0, and a zlib
/// stream. `None` if it is damaged or too long.
fn inflated(iccp: &[u8]) -> Option<Vec<u8>> {
    let name_end = memchr::memchr(0, iccp)?;
    let [0, zlib @ ..] = iccp.get(name_end + 1..)? else { return None };
    let mut profile = Vec::new();
    ZlibDecoder::new(zlib).take(MAX_ICC_BYTES + 1).read_to_end(&mut profile).ok()?;
    Some(profile)
}
