//! Hillshade: the light on a surface of elevations (B. K. P. Horn, Hill Shading and the Reflectance
//! Map, Proceedings of the IEEE 69(1), 1981).

use std::ops::ControlFlow;

use crate::formats::value_rows::{TakeValues, ValueSource};
use crate::geo::Geo;
use crate::sample::area::SourceGeometry;
use crate::spec::region::PixelRect;

/// The value of a pixel in full light. One in full shadow has [`DARK`], as GDAL's.
const BRIGHT: f64 = 255.0;
const DARK: f64 = 1.0;
/// Bits of such a value.
const BITS: u32 = 8;

/// Where the light comes from, and how steep it finds the surface.
pub(super) struct Light {
    /// The unit vector to it: east, north and up.
    direction: [f64; 3],
    /// Factor on elevations.
    exaggeration: f64,
}

impl Light {
    /// From degrees clockwise from north, and degrees above the horizon.
    pub(super) fn new(angles: [f64; 2], exaggeration: f64) -> Self {
        let [azimuth, altitude] = angles.map(f64::to_radians);
        let (across, up) = (libm::cos(altitude), libm::sin(altitude));
        let direction = [across * libm::sin(azimuth), across * libm::cos(azimuth), up];
        Self { direction, exaggeration }
    }

    /// The light on a surface that rises by so much per metre to the east and to the north.
    fn on(&self, slope: [f64; 2]) -> f64 {
        let [x, y, up] = self.direction;
        let [east, north] = slope.map(|it| it * self.exaggeration);
        let cosine = (up - x * east - y * north) / libm::sqrt(1.0 + east * east + north * north);
        DARK + cosine.max(0.0) * (BRIGHT - DARK)
    }
}

/// Passes the light on each pixel of rows of elevations.
pub(super) struct Hillshade<'a> {
    light: &'a Light,
    geo: Option<&'a Geo>,
    take: &'a mut dyn TakeValues,
    /// `None` before the first row.
    source: Option<Windows>,
    above: Vec<f64>,
    here: Vec<f64>,
    /// The index of the next row.
    y: u32,
    /// The values of a row: kept for its memory.
    shades: Vec<f64>,
}

/// The pixels that are shaded, those that this needs, and how they lie.
struct Windows {
    geometry: SourceGeometry,
    shaded: PixelRect,
    read: PixelRect,
}

impl<'a> Hillshade<'a> {
    /// Without `geo`, a pixel of the full picture is one metre wide and high.
    pub(super) fn new(
        light: &'a Light,
        geo: Option<&'a Geo>,
        take: &'a mut dyn TakeValues,
    ) -> Self {
        let (above, here, shades) = (Vec::new(), Vec::new(), Vec::new());
        Self { light, geo, take, source: None, above, here, y: 0, shades }
    }
}

impl TakeValues for Hillshade<'_> {
    fn begin(&mut self, source: &ValueSource) -> PixelRect {
        let geometry = source.geometry;
        let ranges = vec![(0.0, BRIGHT)];
        let source = ValueSource { geometry, bits: BITS, ranges, is_inverted: false };
        let shaded = self.take.begin(&source);
        let (width, height) = geometry.pushed();
        let with_neighbours = |range: &std::ops::Range<u32>, side: u32| {
            range.start.saturating_sub(1)..range.end.saturating_add(1).min(side)
        };
        let read = PixelRect {
            x: with_neighbours(&shaded.x, width),
            y: with_neighbours(&shaded.y, height),
        };
        self.above.clear();
        self.here.clear();
        self.y = read.y.start;
        self.source = Some(Windows { geometry, shaded, read: read.clone() });
        read
    }

    fn push(&mut self, row: &[f64]) -> ControlFlow<()> {
        let Some(windows) = &self.source else { return ControlFlow::Break(()) };
        let (y, last) = (self.y, windows.read.y.end - 1);
        self.y += 1;
        if !self.here.is_empty() {
            self.shade(y - 1, row)?;
        }
        std::mem::swap(&mut self.above, &mut self.here);
        self.here.clear();
        self.here.extend(row);
        if y == last { self.shade(y, row) } else { ControlFlow::Continue(()) }
    }
}

impl Hillshade<'_> {
    /// Passes the light on the row `here`, whose index is `y`, if it is wanted. `below` is the next
    /// row.
    ///
    /// Beside what is no data, the surface has the elevation of the pixel itself.
    fn shade(&mut self, y: u32, below: &[f64]) -> ControlFlow<()> {
        let Self { light, geo, take, source, above, here, shades, .. } = self;
        let Some(Windows { geometry, shaded, read }) = source else {
            return ControlFlow::Break(());
        };
        if !shaded.y.contains(&y) {
            return ControlFlow::Continue(());
        }
        let above = if above.is_empty() { &*here } else { &*above };
        // from the row above to the one below
        let rows = u32::from(y > read.y.start) + u32::from(y + 1 < read.y.end);
        let steps = Steps::of(geometry, *geo, y);
        let first = (shaded.x.start - read.x.start) as usize;
        let columns = first..first + shaded.sides().0 as usize;
        shades.clear();
        shades.extend(columns.map(|x| {
            let center = here[x];
            if !center.is_finite() {
                return f64::NAN;
            }
            let (left, right) = (x.saturating_sub(1), (x + 1).min(here.len() - 1));
            let known = |value: f64| if value.is_finite() { value } else { center };
            let column = |x: usize| known(above[x]) + 2.0 * known(here[x]) + known(below[x]);
            let row = |row: &[f64]| known(row[left]) + 2.0 * known(row[x]) + known(row[right]);
            // the weights of a column or row are 4 together
            let across = (column(right) - column(left)) / (4.0 * (right - left).max(1) as f64);
            let down = (row(below) - row(above)) / (4.0 * f64::from(rows.max(1)));
            light.on(steps.slope(across, down))
        }));
        take.push(shades)
    }
}

/// What a step to the next pixel of a row, and to the next row, is on the ground: metres east and north.
struct Steps {
    across: [f64; 2],
    down: [f64; 2],
}

impl Steps {
    /// In the row of index `y`.
    fn of(geometry: &SourceGeometry, geo: Option<&Geo>, y: u32) -> Self {
        let [across, down] = geometry.steps();
        // only pictures that are stored upright have coordinates
        let middle = (f64::from(geometry.full.0) / 2.0, (f64::from(y) + 0.5) * down[1]);
        let of_pixels = |[right, below]: [[f64; 2]; 2]| {
            let on_ground =
                |[x, y]: [f64; 2]| [x * right[0] + y * below[0], x * right[1] + y * below[1]];
            Self { across: on_ground(across), down: on_ground(down) }
        };
        let on_earth = geo.map(|geo| of_pixels(geo.ground_steps(middle)));
        let is_plane = |steps: &Self| steps.determinant().is_normal();
        on_earth.filter(is_plane).unwrap_or_else(|| of_pixels([[1.0, 0.0], [0.0, -1.0]]))
    }

    fn determinant(&self) -> f64 {
        self.across[0] * self.down[1] - self.across[1] * self.down[0]
    }

    /// How much a surface rises per metre to the east and to the north that rises by `across` to the
    /// next pixel and by `down` to the next row.
    fn slope(&self, across: f64, down: f64) -> [f64; 2] {
        let Self { across: [a, b], down: [c, d] } = self;
        [across * d - down * b, down * a - across * c].map(|it| it / self.determinant())
    }
}

#[cfg(test)]
mod tests {
    use image::metadata::Orientation;

    use super::*;

    /// Takes all rows, or those of a window.
    struct Rows {
        window: Option<PixelRect>,
        rows: Vec<Vec<f64>>,
    }

    impl TakeValues for Rows {
        fn begin(&mut self, source: &ValueSource) -> PixelRect {
            let window = self.window.clone();
            window.unwrap_or_else(|| PixelRect::whole(source.geometry.pushed()))
        }

        fn push(&mut self, row: &[f64]) -> ControlFlow<()> {
            self.rows.push(row.to_vec());
            ControlFlow::Continue(())
        }
    }

    /// The sides of the surfaces.
    const SIDE: u32 = 5;

    fn geometry(orientation: Orientation) -> SourceGeometry {
        SourceGeometry { full: (SIDE, SIDE), held: (SIDE, SIDE), scale: 1, orientation }
    }

    fn shades_of(
        angles: [f64; 2],
        (geometry, geo): (SourceGeometry, Option<&Geo>),
        window: Option<PixelRect>,
        height: impl Fn(u32, u32) -> f64,
    ) -> Vec<Vec<f64>> {
        let (light, mut rows) = (Light::new(angles, 1.0), Rows { window, rows: Vec::new() });
        let mut hillshade = Hillshade::new(&light, geo, &mut rows);
        let source = ValueSource { geometry, bits: 32, ranges: Vec::new(), is_inverted: false };
        let read = hillshade.begin(&source);
        for y in read.y {
            let row: Vec<f64> = read.x.clone().map(|x| height(x, y)).collect();
            let _more = hillshade.push(&row);
        }
        rows.rows
    }

    fn shades(angles: [f64; 2], height: impl Fn(u32, u32) -> f64) -> Vec<Vec<f64>> {
        shades_of(angles, (geometry(Orientation::NoTransforms), None), None, height)
    }

    fn is_near(shade: f64, expected: f64) -> bool {
        (shade - expected).abs() < 1e-6
    }

    /// The shade of level ground in light from half-way up.
    fn level() -> f64 {
        DARK + (BRIGHT - DARK) * libm::sqrt(0.5)
    }

    #[test]
    fn a_slope_towards_the_light_is_bright() {
        let (north, west) = ([0.0, 45.0], [270.0, 45.0]);
        let all = |rows: Vec<Vec<f64>>, expected: f64| {
            assert_eq!((rows.len(), rows[0].len()), (SIDE as usize, SIDE as usize));
            rows.iter().flatten().all(|shade| is_near(*shade, expected))
        };
        assert!(all(shades(west, |_, _| 100.0), level()));
        // it rises to the east by 45 degrees: it faces west; also at the edges
        assert!(all(shades(west, |x, _| f64::from(x)), BRIGHT));
        assert!(all(shades(west, |x, _| -f64::from(x)), DARK));
        // rows are counted from the north
        assert!(all(shades(north, |_, y| f64::from(y)), BRIGHT));
        assert!(all(shades([180.0, 45.0], |_, y| f64::from(y)), DARK));
        assert!(all(shades([123.0, 90.0], |_, _| 0.0), BRIGHT));
        assert!(all(shades([123.0, -10.0], |_, _| 0.0), DARK));
        let hole = shades(west, |x, y| if (x, y) == (2, 2) { f64::NAN } else { 5.0 });
        assert!(hole[2][2].is_nan() && is_near(hole[2][1], level()), "{hole:?}");
    }

    #[test]
    fn a_window_is_shaded_as_the_whole() {
        let bumps = |x: u32, y: u32| f64::from((x * 7 + y * y * 3) % 5);
        let whole = shades([45.0, 45.0], bumps);
        for (x, y) in [(1..3, 2..4), (0..5, 0..1), (4..5, 4..5)] {
            let window = PixelRect { x: x.clone(), y: y.clone() };
            let upright = geometry(Orientation::NoTransforms);
            let part = shades_of([45.0, 45.0], (upright, None), Some(window), bumps);
            let columns = |row: &Vec<f64>| row[x.start as usize..x.end as usize].to_vec();
            let expected: Vec<_> =
                whole[y.start as usize..y.end as usize].iter().map(columns).collect();
            assert_eq!(part, expected);
        }
    }

    #[test]
    fn the_size_of_pixels_on_the_ground_decides() {
        let geo = |crs, transform| Geo {
            crs: Some(crs),
            transform,
            dtype: "int16".to_owned(),
            nodata: None,
            scales: Vec::new(),
            offsets: Vec::new(),
            overviews: Vec::new(),
        };
        let shade = |geo: &Geo, geometry: SourceGeometry, per_column: f64| {
            let height = |x, _| per_column * f64::from(x);
            shades_of([270.0, 45.0], (geometry, Some(geo)), None, height)[2][2]
        };
        let upright = geometry(Orientation::NoTransforms);
        let utm = geo(32_633, [30.0, 0.0, 3e5, 0.0, -30.0, 5e6]);
        assert!(is_near(shade(&utm, upright, 30.0), BRIGHT));
        // of an overview, a pixel is twice as wide
        let overview = SourceGeometry { full: (2 * SIDE, 2 * SIDE), ..upright };
        assert!(is_near(shade(&utm, overview, 60.0), BRIGHT));
        // an arc second at 60 degrees north is about 15.5 metres
        let second = 1.0 / 3600.0;
        for code in [4326, 4269] {
            let degrees = geo(code, [second, 0.0, 10.0, 0.0, -second, 60.0]);
            assert!((shade(&degrees, upright, 15.5) - BRIGHT).abs() < 1e-2);
        }
        // in Web Mercator, a unit at 60 degrees north is half a metre
        let mercator = geo(3857, [40.0, 0.0, 0.0, 0.0, -40.0, 8_399_738.0]);
        assert!((shade(&mercator, upright, 20.0) - BRIGHT).abs() < 1e-2);
        // rows from the south
        let flipped = geo(32_633, [30.0, 0.0, 3e5, 0.0, 30.0, 5e6]);
        let north =
            shades_of([0.0, 45.0], (upright, Some(&flipped)), None, |_, y| -30.0 * f64::from(y));
        assert!(is_near(north[2][2], BRIGHT));
        // no plane
        assert!(is_near(shade(&geo(32_633, [0.0; 6]), upright, 1.0), BRIGHT));
    }

    #[test]
    fn light_falls_on_the_upright_picture() {
        for (orientation, rises_in_rows, sign) in [
            (Orientation::FlipHorizontal, false, -1.0),
            (Orientation::Rotate180, false, -1.0),
            (Orientation::FlipVertical, false, 1.0),
            // rows from the left of the upright picture
            (Orientation::Rotate90FlipH, true, 1.0),
            (Orientation::Rotate90, true, -1.0),
        ] {
            let height = |x, y| sign * f64::from(if rises_in_rows { y } else { x });
            let rows = shades_of([270.0, 45.0], (geometry(orientation), None), None, height);
            assert!(is_near(rows[2][2], BRIGHT), "{orientation:?}: {rows:?}");
        }
    }
}
