//! Where a page lies on the Earth: the tags of OGC GeoTIFF 1.1 (OGC 19-008r4) and of GDAL.

use image::metadata::Orientation;

use super::band_names::{FOOT_M, SURVEY_FOOT_M};
use super::codes::SampleFormat;
use super::ifd::{IfdEntry, Tiff};
use super::levels::Level;
use super::page::Page;
use crate::error::Error;
use crate::geo::Geo;

/// Values of a key directory and of a tag of numbers that are read; real ones have fewer.
const MAX_KEY_VALUES: u64 = 4 * 256;
const MAX_NUMBERS: u64 = 16;

/// GeoKeys (OGC GeoTIFF 1.1, 7.1 to 7.4).
mod key {
    pub(super) const MODEL_TYPE: u64 = 1024;
    pub(super) const RASTER_TYPE: u64 = 1025;
    pub(super) const GEODETIC_CRS: u64 = 2048;
    pub(super) const PROJECTED_CRS: u64 = 3072;
    pub(super) const VERTICAL_UNITS: u64 = 4099;
}

/// Values of these keys.
const MODEL_TYPE_PROJECTED: u64 = 1;
const RASTER_PIXEL_IS_POINT: u64 = 2;
/// EPSG codes; what is above means "defined by the user".
const EPSG_CODES: std::ops::Range<u64> = 1024..32_767;

/// Where the first page of a file lies, and what its values are. `None` where it does not say it, and
/// for a page that is not stored upright.
///
/// # Errors
/// The file ends before the tags' values, or they are no numbers.
pub(super) fn read(tiff: &mut Tiff<'_>, levels: &[Level]) -> Result<Option<Geo>, Error> {
    let page = &levels[0].page;
    let keys = Keys::read(tiff, page)?;
    let transform = transform(tiff, page, &keys)?;
    let transform = transform.filter(|it| it.iter().all(|number| number.is_finite()));
    let transform = transform.filter(|_| page.orientation() == Orientation::NoTransforms);
    let (scales, offsets) = (page.band_names.scales.clone(), page.band_names.offsets.clone());
    let factor = |level: &Level| (page.width + level.page.width / 2) / level.page.width.max(1);
    Ok(transform.map(|transform| Geo {
        crs: keys.epsg_code(),
        transform,
        dtype: data_type(page),
        nodata: page.nodata.filter(|it| it.is_finite()),
        scales,
        offsets,
        overviews: levels[1..].iter().map(factor).collect(),
    }))
}

/// The unit of elevations in metres, by the coordinate reference system. `None` where it states none that
/// is known.
///
/// # Errors
/// The file ends before the keys.
pub(super) fn vertical_unit_m(tiff: &mut Tiff<'_>, page: &Page) -> Result<Option<f64>, Error> {
    // codes of EPSG
    Ok(match Keys::read(tiff, page)?.value(key::VERTICAL_UNITS) {
        Some(9001) => Some(1.0),
        Some(9002) => Some(FOOT_M),
        Some(9003) => Some(SURVEY_FOOT_M),
        _ => None,
    })
}

/// The GeoKeyDirectory: a header of four values, then four of each key.
struct Keys(Vec<u64>);

impl Keys {
    /// # Errors
    /// The file ends before them.
    fn read(tiff: &mut Tiff<'_>, page: &Page) -> Result<Self, Error> {
        let [_, _, _, keys] = page.geo_tags;
        let values = keys.map(|keys| tiff.values(keys, 0, keys.count.min(MAX_KEY_VALUES)));
        Ok(Self(values.transpose()?.unwrap_or_default()))
    }

    /// The value of a key that is stored in the directory itself.
    fn value(&self, key: u64) -> Option<u64> {
        let (entries, _) = self.0.get(4..)?.as_chunks();
        entries
            .iter()
            .find_map(|[id, location, _, value]| (*id == key && *location == 0).then_some(*value))
    }

    /// The EPSG code of the coordinate reference system.
    fn epsg_code(&self) -> Option<u32> {
        let key = match self.value(key::MODEL_TYPE)? {
            MODEL_TYPE_PROJECTED => key::PROJECTED_CRS,
            _ => key::GEODETIC_CRS,
        };
        self.value(key).filter(|code| EPSG_CODES.contains(code)).map(|code| code as u32)
    }
}

/// The affine transform from pixels to coordinates: that of ModelTransformation, or that of
/// ModelPixelScale and the first of ModelTiepoint (annex B.6).
fn transform(tiff: &mut Tiff<'_>, page: &Page, keys: &Keys) -> Result<Option<[f64; 6]>, Error> {
    let mut numbers = |entry: Option<IfdEntry>| match entry {
        Some(entry) => tiff.doubles(entry, MAX_NUMBERS),
        None => Ok(Vec::new()),
    };
    let [scale, tie_point, matrix, _] = page.geo_tags;
    let (scale, tie_point, matrix) = (numbers(scale)?, numbers(tie_point)?, numbers(matrix)?);
    let transform = match (&matrix[..], &scale[..], &tie_point[..]) {
        ([a, b, _, c, d, e, _, f, ..], _, _) => [*a, *b, *c, *d, *e, *f],
        (_, [across, down, ..], [i, j, _, x, y, ..]) => {
            [*across, 0.0, x - i * across, 0.0, -down, y + j * down]
        }
        _ => return Ok(None),
    };
    let [a, b, c, d, e, f] = transform;
    Ok(Some(match keys.value(key::RASTER_TYPE) {
        // coordinates are those of the middle of a pixel
        Some(RASTER_PIXEL_IS_POINT) => [a, b, c - (a + b) / 2.0, d, e, f - (d + e) / 2.0],
        _ => transform,
    }))
}

/// The type of samples, as NumPy calls it.
fn data_type(page: &Page) -> String {
    let name = match page.sample_format {
        SampleFormat::Uint => "uint",
        SampleFormat::Int => "int",
        SampleFormat::Float => "float",
        SampleFormat::ComplexInt => "complex_int",
        SampleFormat::ComplexFloat => "complex",
    };
    format!("{name}{}", page.bits_per_sample)
}
