//! Coordinate reference systems on WGS 84: longitude and latitude, Web Mercator and UTM.
//!
//! Sources: IOGP Guidance Note 7-2, 3.2.1.2 (Popular Visualisation Pseudo-Mercator); for UTM, the
//! series of Krüger in the third flattening, to its fourth power (Karney, Transverse Mercator with an
//! accuracy of a few nanometers, 2011, equations 7 to 12, 35 and 36). Errors are below a millimetre
//! within a zone.

/// The EPSG code of longitude and latitude on WGS 84.
pub const WGS_84: u32 = 4326;
/// The semi-major axis and the flattening of WGS 84, in metres and as a fraction.
const SEMI_MAJOR_AXIS: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// The latitude of the edge of Web Mercator, in degrees.
const MAX_MERCATOR_LATITUDE: f64 = 85.06;
/// Scale on the central meridian of a UTM zone, and the false easting and northing, in metres.
const UTM_SCALE: f64 = 0.9996;
const UTM_EASTING: f64 = 500_000.0;
const UTM_SOUTHERN_NORTHING: f64 = 10_000_000.0;
/// The farthest that points may be from the central meridian, in degrees: the series diverges beyond.
const MAX_UTM_DISTANCE: f64 = 30.0;
/// Steps of the iteration for a latitude. Each adds more than two digits.
const LATITUDE_STEPS: u32 = 8;

/// A coordinate reference system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Crs {
    /// Longitude and latitude in degrees.
    Geographic,
    WebMercator,
    Utm {
        /// The central meridian, in degrees.
        meridian: f64,
        is_southern: bool,
    },
}

impl Crs {
    /// That of an EPSG code; `None` for those that are not converted.
    pub(super) fn of(code: u32) -> Option<Self> {
        let utm = |zone: u32, is_southern| {
            let meridian = f64::from(zone) * 6.0 - 183.0;
            (1..=60).contains(&zone).then_some(Self::Utm { meridian, is_southern })
        };
        match code {
            WGS_84 => Some(Self::Geographic),
            3857 => Some(Self::WebMercator),
            32_600..32_700 => utm(code - 32_600, false),
            32_700..32_800 => utm(code - 32_700, true),
            _ => None,
        }
    }

    /// The system of the same kind on WGS 84, whose distances are nearly the same. Of degrees, those of
    /// the most common datums.
    pub(super) fn of_any_datum(code: u32) -> Option<Self> {
        // from 4001 on, EPSG has geographic systems; NAD83(2011), JGD2011 and GDA2020 came later
        match code {
            4001..4900 | 6318 | 6668 | 7844 => Some(Self::Geographic),
            _ => Self::of(code),
        }
    }

    /// How many metres on the ground a unit of x and of y is, at a point.
    pub(super) fn unit(self, (_, y): (f64, f64)) -> [f64; 2] {
        match self {
            Self::Geographic => {
                // the radii of curvature of the ellipsoid
                let (sine, cosine) = libm::sincos(y.to_radians());
                let squared = FLATTENING * (2.0 - FLATTENING);
                let part = 1.0 - squared * sine * sine;
                let normal = SEMI_MAJOR_AXIS / libm::sqrt(part);
                let meridian = normal * (1.0 - squared) / part;
                [(normal * cosine).to_radians(), meridian.to_radians()]
            }
            Self::WebMercator => [1.0 / libm::cosh(y / SEMI_MAJOR_AXIS); 2],
            Self::Utm { .. } => [1.0; 2],
        }
    }

    /// The coordinates of a longitude and a latitude in degrees. `None` where there are none.
    pub(super) fn project(self, (longitude, latitude): (f64, f64)) -> Option<(f64, f64)> {
        let is_on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 360.0;
        let point = match self {
            _ if !is_on_earth => return None,
            Self::Geographic => (longitude, latitude),
            Self::WebMercator => {
                let latitude = latitude.clamp(-MAX_MERCATOR_LATITUDE, MAX_MERCATOR_LATITUDE);
                let y = libm::asinh(libm::tan(latitude.to_radians()));
                (SEMI_MAJOR_AXIS * longitude.to_radians(), SEMI_MAJOR_AXIS * y)
            }
            Self::Utm { meridian, is_southern } => {
                // the difference of longitudes from -180 to 180
                let distance = libm::remainder(longitude - meridian, 360.0);
                if distance.abs() > MAX_UTM_DISTANCE {
                    return None;
                }
                utm((distance, latitude), is_southern)
            }
        };
        (point.0.is_finite() && point.1.is_finite()).then_some(point)
    }

    /// The longitude and the latitude of coordinates, in degrees. `None` where there are none.
    pub(super) fn unproject(self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let (longitude, latitude) = match self {
            Self::Geographic => (x, y),
            Self::WebMercator => {
                let latitude = libm::atan(libm::sinh(y / SEMI_MAJOR_AXIS));
                ((x / SEMI_MAJOR_AXIS).to_degrees(), latitude.to_degrees())
            }
            Self::Utm { meridian, is_southern } => {
                let (distance, latitude) = from_utm((x, y), is_southern);
                (meridian + distance, latitude)
            }
        };
        let is_on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 360.0;
        is_on_earth.then_some((longitude, latitude))
    }
}

/// The series of Krüger for WGS 84.
struct Series {
    /// The radius of the sphere of conformal coordinates, scaled, in metres.
    radius: f64,
    /// The coefficients of the terms 2, 4, 6 and 8, to project and back.
    alpha: [f64; 4],
    beta: [f64; 4],
    eccentricity: f64,
}

impl Series {
    fn new() -> Self {
        let n = FLATTENING / (2.0 - FLATTENING);
        let (n2, n3, n4) = (n * n, n * n * n, n * n * n * n);
        Self {
            radius: UTM_SCALE * SEMI_MAJOR_AXIS / (1.0 + n) * (1.0 + n2 / 4.0 + n4 / 64.0),
            alpha: [
                n / 2.0 - 2.0 / 3.0 * n2 + 5.0 / 16.0 * n3 + 41.0 / 180.0 * n4,
                13.0 / 48.0 * n2 - 3.0 / 5.0 * n3 + 557.0 / 1440.0 * n4,
                61.0 / 240.0 * n3 - 103.0 / 140.0 * n4,
                49_561.0 / 161_280.0 * n4,
            ],
            beta: [
                n / 2.0 - 2.0 / 3.0 * n2 + 37.0 / 96.0 * n3 - n4 / 360.0,
                n2 / 48.0 + n3 / 15.0 - 437.0 / 1440.0 * n4,
                17.0 / 480.0 * n3 - 37.0 / 840.0 * n4,
                4_397.0 / 161_280.0 * n4,
            ],
            eccentricity: libm::sqrt(FLATTENING * (2.0 - FLATTENING)),
        }
    }

    /// The sums of the terms for the northing and the easting.
    fn terms(coefficients: [f64; 4], xi: f64, eta: f64) -> (f64, f64) {
        let terms = coefficients.iter().zip([2.0, 4.0, 6.0, 8.0]);
        terms.fold((0.0, 0.0), |(north, east), (coefficient, k)| {
            (
                north + coefficient * libm::sin(k * xi) * libm::cosh(k * eta),
                east + coefficient * libm::cos(k * xi) * libm::sinh(k * eta),
            )
        })
    }
}

/// Easting and northing of a distance from the central meridian and a latitude, in degrees.
fn utm((distance, latitude): (f64, f64), is_southern: bool) -> (f64, f64) {
    let series = Series::new();
    let (distance, latitude) = (distance.to_radians(), latitude.to_radians());
    let sine = libm::sin(latitude);
    let e = series.eccentricity;
    // the tangent of the conformal latitude
    let tangent = libm::sinh(libm::atanh(sine) - e * libm::atanh(e * sine));
    let xi = libm::atan2(tangent, libm::cos(distance));
    let eta = libm::asinh(libm::sin(distance) / libm::hypot(tangent, libm::cos(distance)));
    let (north, east) = Series::terms(series.alpha, xi, eta);
    let northing = if is_southern { UTM_SOUTHERN_NORTHING } else { 0.0 };
    (UTM_EASTING + series.radius * (eta + east), northing + series.radius * (xi + north))
}

/// The distance from the central meridian and the latitude of an easting and a northing, in degrees.
fn from_utm((easting, northing): (f64, f64), is_southern: bool) -> (f64, f64) {
    let series = Series::new();
    let northing = northing - if is_southern { UTM_SOUTHERN_NORTHING } else { 0.0 };
    let (xi, eta) = (northing / series.radius, (easting - UTM_EASTING) / series.radius);
    let (north, east) = Series::terms(series.beta, xi, eta);
    let (xi, eta) = (xi - north, eta - east);
    let conformal = libm::sin(xi) / libm::hypot(libm::sinh(eta), libm::cos(xi));
    let distance = libm::atan2(libm::sinh(eta), libm::cos(xi));
    let (isometric, e) = (libm::asinh(conformal), series.eccentricity);
    let mut sine = libm::tanh(isometric);
    for _ in 0..LATITUDE_STEPS {
        sine = libm::tanh(isometric + e * libm::atanh(e * sine));
    }
    (distance.to_degrees(), libm::asin(sine).to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Point = (f64, f64);

    /// Points in degrees, with the coordinates that PROJ 9.5 gives.
    const POINTS: [(u32, Point, Point); 7] = [
        (32_633, (15.0, 50.0), (500_000.0, 5_538_630.702867)),
        (32_633, (12.3456, 48.8566), (305_303.012593, 5_414_912.318325)),
        (32_601, (-179.5, 71.25), (410_332.571057, 7_907_132.364295)),
        (32_733, (17.9, -33.75), (768_634.946209, 6_261_784.023698)),
        (32_660, (178.2, -0.5), (633_534.732366, -55_277.241449)),
        (3857, (2.3522, 48.8566), (261_845.706244, 6_250_564.349543)),
        (3857, (-122.5, -85.0), (-13_636_637.622176, -19_971_868.880409)),
    ];

    #[test]
    fn coordinates_are_those_of_proj() {
        for (code, degrees, wanted) in POINTS {
            let crs = Crs::of(code).expect("a system that is converted");
            let found = crs.project(degrees).expect("on the Earth");
            let off = libm::hypot(found.0 - wanted.0, found.1 - wanted.1);
            assert!(off < 1e-3, "EPSG:{code}: {found:?} is not {wanted:?}");
            let back = crs.unproject(wanted).expect("on the Earth");
            let off = libm::hypot(back.0 - degrees.0, back.1 - degrees.1);
            assert!(off < 1e-8, "EPSG:{code}: {back:?} is not {degrees:?}");
        }
        for code in [0, 4258, 32_600, 32_661, 32_700, 32_761, 25_833] {
            assert_eq!(Crs::of(code), None, "{code}");
        }
    }

    #[test]
    fn points_without_coordinates_have_none() {
        let utm = Crs::of(32_633).expect("a zone");
        assert_eq!(utm.project((100.0, 0.0)), None);
        assert_eq!(utm.project((15.0, 91.0)), None);
        assert!(utm.unproject((f64::NAN, 0.0)).is_none());
    }
}
