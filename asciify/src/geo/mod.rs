//! Where a picture lies on the Earth: the coordinates of its pixels, and the region under a bounding
//! box.

pub(crate) mod crs;

use std::fmt;
use std::str::FromStr;

use crs::Crs;

use crate::spec::region::Region;

/// Points of each side of a bounding box that are converted: its sides may be curves in other
/// coordinates.
const POINTS_PER_SIDE: u32 = 21;
/// The part of a pixel by which a bounding box may exceed it: numbers are rounded.
const TOLERANCE_PX: f64 = 1e-6;

/// Where a picture lies, and what its values are. All numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Geo {
    /// The EPSG code of the coordinate reference system; `None` where the file states none.
    pub crs: Option<u32>,
    /// `[a, b, c, d, e, f]`: the point at the column and row `(x, y)` has the coordinates
    /// `(a·x + b·y + c, d·x + e·y + f)`. The corner of the first pixel is `(0, 0)`.
    pub transform: [f64; 6],
    /// The type of the values, such as `uint16`.
    pub dtype: String,
    /// The value of missing samples; `None` where there is none, or NaN.
    pub nodata: Option<f64>,
    /// What the values of each band are multiplied by; empty where the file does not say it.
    pub scales: Vec<f64>,
    /// What is added to the values of each band then; empty where the file does not say it.
    pub offsets: Vec<f64>,
    /// How many pixels a pixel of each overview stands for, across, the largest overview first.
    pub overviews: Vec<u32>,
}

impl Eq for Geo {}

impl Geo {
    /// Left, bottom, right and top of a picture of that many pixels, in its own coordinates.
    pub fn bounds(&self, width_px: u32, height_px: u32) -> [f64; 4] {
        let (width, height) = (f64::from(width_px), f64::from(height_px));
        let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
        let [left, bottom, right, top] = extent(corners.map(|corner| self.coordinates(corner)));
        [left, bottom, right, top]
    }

    /// The coordinates of a point of the picture, in pixels.
    fn coordinates(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let [a, b, c, d, e, f] = self.transform;
        (a * x + b * y + c, d * x + e * y + f)
    }

    /// The point of the picture that has those coordinates, in pixels. `None` where the transform has
    /// no inverse.
    fn pixel(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let [a, b, c, d, e, f] = self.transform;
        let determinant = a * e - b * d;
        let (x, y) = (x - c, y - f);
        let pixel = ((e * x - b * y) / determinant, (a * y - d * x) / determinant);
        (pixel.0.is_finite() && pixel.1.is_finite()).then_some(pixel)
    }

    /// What a column to the right, and a row down, are on the ground at a point of the picture: metres
    /// to the east and to the north. Coordinates in a system that is not known count as metres.
    pub(crate) fn ground_steps(&self, point: (f64, f64)) -> [[f64; 2]; 2] {
        let [a, b, _, d, e, _] = self.transform;
        let crs = self.crs.and_then(Crs::of_any_datum);
        let [east, north] = crs.map_or([1.0; 2], |crs| crs.unit(self.coordinates(point)));
        [[a * east, d * north], [b * east, e * north]]
    }

    /// The smallest region of a picture of that many pixels that contains what it has of a bounding
    /// box. `crs` is the EPSG code of the coordinates of the box.
    ///
    /// Coordinates are converted between WGS 84 (4326), Web Mercator (3857) and UTM on WGS 84 (32601
    /// to 32660 and 32701 to 32760); those of the picture itself need no conversion.
    ///
    /// # Errors
    /// The coordinates cannot be converted, or the box lies outside the picture.
    pub fn region(
        &self,
        bbox: Bbox,
        crs: u32,
        (width_px, height_px): (u32, u32),
    ) -> Result<Region, GeoError> {
        let convert = self.conversion(crs)?;
        let outside = || GeoError::Outside { bounds: self.bounds(width_px, height_px) };
        let points = bbox.outline().map(|point| convert(point).and_then(|it| self.pixel(it)));
        let [left, top, right, bottom] = extent(points.flatten());
        if !(left < right && top < bottom) {
            return Err(outside());
        }
        let part = |start: f64, end: f64, side: u32| {
            let start = libm::floor(start + TOLERANCE_PX).clamp(0.0, f64::from(side)) as u32;
            let end = libm::ceil(end - TOLERANCE_PX).clamp(0.0, f64::from(side)) as u32;
            (start < end).then(|| (start, end - start))
        };
        let (x, y) = (part(left, right, width_px), part(top, bottom, height_px));
        let ((x, width), (y, height)) = x.zip(y).ok_or_else(outside)?;
        Ok(Region::Pixels([x, y, width, height]))
    }

    /// The pixel, of a picture of that many, in which a point lies: its column and row. `crs` is the EPSG
    /// code of the coordinates, which are converted as those of [`region`](Self::region).
    ///
    /// # Errors
    /// The coordinates cannot be converted, or the point lies outside the picture.
    pub fn pixel_at(
        &self,
        point: (f64, f64),
        crs: u32,
        (width_px, height_px): (u32, u32),
    ) -> Result<(u32, u32), GeoError> {
        let pixel = self.conversion(crs)?(point).and_then(|point| self.pixel(point));
        let index = |at: f64, side: u32| {
            let at = libm::floor(at + TOLERANCE_PX);
            (0.0..f64::from(side)).contains(&at).then_some(at as u32)
        };
        let pixel = pixel.and_then(|(x, y)| index(x, width_px).zip(index(y, height_px)));
        pixel.ok_or_else(|| GeoError::PointOutside {
            bounds: self.bounds(width_px, height_px),
            crs: self.crs,
        })
    }

    /// Converts coordinates of an EPSG code to those of the picture.
    fn conversion(&self, from: u32) -> Result<impl Fn(Point) -> Option<Point>, GeoError> {
        let known = |code| Crs::of(code).ok_or(GeoError::UnknownCrs { code, own: self.crs });
        let systems = match self.crs {
            Some(own) if own == from => None,
            Some(own) => Some((known(from)?, known(own)?)),
            None => return Err(GeoError::NoCrs),
        };
        Ok(move |point| match systems {
            None => Some(point),
            Some((from, to)) => to.project(from.unproject(point)?),
        })
    }
}

/// Coordinates, x and y.
type Point = (f64, f64);

/// The least and the greatest coordinates of points: of x and y, then of x and y. NaN without any
/// point.
fn extent(points: impl IntoIterator<Item = (f64, f64)>) -> [f64; 4] {
    points.into_iter().fold([f64::NAN; 4], |[left, low, right, high], (x, y)| {
        [left.min(x), low.min(y), right.max(x), high.max(y)]
    })
}

/// A bounding box: two intervals of coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bbox {
    min: (f64, f64),
    max: (f64, f64),
}

impl Bbox {
    /// Points on its sides.
    fn outline(self) -> impl Iterator<Item = (f64, f64)> {
        let Self { min, max } = self;
        (0..POINTS_PER_SIDE).flat_map(move |step| {
            let part = f64::from(step) / f64::from(POINTS_PER_SIDE - 1);
            let between = |from: f64, to: f64| from + part * (to - from);
            let (x, y) = (between(min.0, max.0), between(min.1, max.1));
            [(x, min.1), (x, max.1), (min.0, y), (max.0, y)]
        })
    }
}

/// `minx,miny,maxx,maxy`.
impl fmt::Display for Bbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min, max } = self;
        write!(f, "{},{},{},{}", min.0, min.1, max.0, max.1)
    }
}

/// Why there is no region for a bounding box.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GeoError {
    /// A text is no bounding box.
    #[error("bbox must be minx,miny,maxx,maxy: four numbers, the first two below the last two")]
    NoBbox,
    /// The file does not say where the picture lies.
    #[error("bbox cannot be used: the image has no coordinates; use region")]
    NoPlace,
    /// The file does not say what its coordinates are.
    #[error(
        "coordinates cannot be used: the image has no coordinate reference system with an EPSG code"
    )]
    NoCrs,
    /// Coordinates of that EPSG code are not converted.
    #[error(
        "coord_crs must be {}4326, 3857, 32601 to 32660 or 32701 to 32760, and so must the image's \
         own for a conversion: those of EPSG:{code} are not converted",
        own.map_or_else(String::new, |own| format!("{own} (the image's own), "))
    )]
    UnknownCrs {
        /// The code.
        code: u32,
        /// That of the image.
        own: Option<u32>,
    },
    /// A point lies outside the picture.
    #[error(
        "the point must lie in the image, whose bounds are {}{}",
        bounds.map(|it| it.to_string()).join(","),
        crs.map_or_else(String::new, |crs| format!(" (EPSG:{crs})"))
    )]
    PointOutside {
        /// Left, bottom, right and top of the picture.
        bounds: [f64; 4],
        /// The EPSG code of these coordinates.
        crs: Option<u32>,
    },
    /// The box lies outside the picture.
    #[error("bbox must overlap the image, whose own bounds are {}", bounds.map(|it| it.to_string()).join(","))]
    Outside {
        /// Left, bottom, right and top of the picture.
        bounds: [f64; 4],
    },
}

impl FromStr for Bbox {
    type Err = GeoError;

    fn from_str(text: &str) -> Result<Self, GeoError> {
        let number = |text: &str| text.parse::<f64>().ok().filter(|it| it.is_finite());
        let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
        match numbers.as_deref() {
            Some([left, low, right, high]) if left < right && low < high => {
                Ok(Self { min: (*left, *low), max: (*right, *high) })
            }
            _ => Err(GeoError::NoBbox),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::crs::WGS_84;
    use super::*;

    /// A picture of 10 m pixels in UTM zone 33 north, its left upper corner at (300000, 5000000).
    fn utm() -> Geo {
        Geo {
            crs: Some(32_633),
            transform: [10.0, 0.0, 300_000.0, 0.0, -10.0, 5_000_000.0],
            dtype: "uint16".to_owned(),
            nodata: None,
            scales: Vec::new(),
            offsets: Vec::new(),
            overviews: Vec::new(),
        }
    }

    fn region(geo: &Geo, bbox: &str, crs: u32) -> Result<String, GeoError> {
        geo.region(bbox.parse()?, crs, (1000, 500)).map(|region| region.to_string())
    }

    #[test]
    fn a_box_covers_the_pixels_that_it_touches() {
        let geo = utm();
        assert_eq!(geo.bounds(1000, 500), [300_000.0, 4_995_000.0, 310_000.0, 5_000_000.0]);
        let own = |bbox| region(&geo, bbox, 32_633);
        assert_eq!(own("300100,4999000,300200,4999500"), Ok("10,50,10,50".to_owned()));
        assert_eq!(own("300101,4999001,300199,4999499"), Ok("10,50,10,50".to_owned()));
        assert_eq!(own("0,0,1e7,1e7"), Ok("0,0,1000,500".to_owned()));
        assert!(matches!(own("0,0,1,1"), Err(GeoError::Outside { .. })));
        assert_eq!(own("1,1,0,2"), Err(GeoError::NoBbox));
        assert!(matches!(region(&geo, "0,0,1,1", 2154), Err(GeoError::UnknownCrs { .. })));
        assert_eq!(region(&Geo { crs: None, ..utm() }, "0,0,1,1", WGS_84), Err(GeoError::NoCrs));
        // a system that is not converted has its own coordinates
        let other = Geo { crs: Some(2154), ..utm() };
        assert_eq!(
            region(&other, "300100,4999000,300200,4999500", 2154),
            own("300100,4999000,300200,4999500")
        );
    }
}
