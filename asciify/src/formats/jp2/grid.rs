//! The reference grid with its tiles (ISO/IEC 15444-1, B.2 and B.3), and how samples of reduced
//! resolution lie in the picture.

/// A rectangle on a grid; `x1` and `y1` are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x0: u32,
    pub(super) y0: u32,
    pub(super) x1: u32,
    pub(super) y1: u32,
}

impl Rect {
    /// The rectangle on a grid that has a point for so many, across and down (equation B-12).
    pub(super) fn divided(self, (across, down): (u32, u32)) -> Self {
        Self {
            x0: self.x0.div_ceil(across),
            y0: self.y0.div_ceil(down),
            x1: self.x1.div_ceil(across),
            y1: self.y1.div_ceil(down),
        }
    }

    /// The rectangle after its sides are halved so many times (equation B-14).
    pub(super) fn reduced(self, reduction: u32) -> Self {
        let halved = |it: u32| u64::from(it).div_ceil(1 << reduction) as u32;
        let Self { x0, y0, x1, y1 } = self;
        Self { x0: halved(x0), y0: halved(y0), x1: halved(x1), y1: halved(y1) }
    }

    pub(super) fn width(self) -> u32 {
        self.x1.saturating_sub(self.x0)
    }

    pub(super) fn height(self) -> u32 {
        self.y1.saturating_sub(self.y0)
    }

    pub(super) fn pixels(self) -> u64 {
        u64::from(self.width()) * u64::from(self.height())
    }
}

/// The image area and its tiles, on the reference grid.
pub(super) struct Grid {
    area: Rect,
    /// XTOsiz and YTOsiz.
    tile_origin: (u32, u32),
    /// XTsiz and YTsiz.
    tile_sides: (u32, u32),
    /// Points per pixel of the picture: those of a sample, if all components have as many, else 1.
    pub(super) step: (u32, u32),
}

impl Grid {
    /// `steps` are the points per sample of each component. `None` if the standard excludes these
    /// sizes (A.5.1 and B.3).
    pub(super) fn new(
        area: Rect,
        tile_origin: (u32, u32),
        tile_sides: (u32, u32),
        steps: &[(u32, u32)],
    ) -> Option<Self> {
        let (x, y) = tile_origin;
        let first_tile = (x.checked_add(tile_sides.0)?, y.checked_add(tile_sides.1)?);
        let is_valid = area.width() > 0
            && area.height() > 0
            && (x <= area.x0 && area.x0 < first_tile.0)
            && (y <= area.y0 && area.y0 < first_tile.1)
            && !steps.is_empty()
            && steps.iter().all(|(across, down)| *across > 0 && *down > 0);
        if !is_valid {
            return None;
        }
        let is_uniform = steps.iter().all(|it| *it == steps[0]);
        let step = if is_uniform { steps[0] } else { (1, 1) };
        Some(Self { area, tile_origin, tile_sides, step })
    }

    /// The picture, in pixels.
    pub(super) fn picture(&self) -> Rect {
        self.area.divided(self.step)
    }

    /// Tiles in a row, and rows of them.
    pub(super) fn tile_counts(&self) -> (u32, u32) {
        let count = |end: u32, origin: u32, side: u32| (end - origin).div_ceil(side);
        let ((x, y), (width, height)) = (self.tile_origin, self.tile_sides);
        (count(self.area.x1, x, width), count(self.area.y1, y, height))
    }

    pub(super) fn tile_count(&self) -> u64 {
        let (columns, rows) = self.tile_counts();
        u64::from(columns) * u64::from(rows)
    }

    /// The number of tiles, which the headers have checked.
    pub(super) fn tiles(&self) -> u32 {
        self.tile_count() as u32
    }

    /// The area of a tile, on the reference grid (equations B-7 to B-10).
    pub(super) fn tile(&self, index: u32) -> Rect {
        let (columns, _) = self.tile_counts();
        let span = |start: u32, end: u32, origin: u32, side: u32, at: u32| {
            let first = u64::from(origin) + u64::from(at) * u64::from(side);
            let last = first + u64::from(side);
            (first.max(start.into()) as u32, last.min(end.into()) as u32)
        };
        let ((x, y), (width, height)) = (self.tile_origin, self.tile_sides);
        let (x0, x1) = span(self.area.x0, self.area.x1, x, width, index % columns);
        let (y0, y1) = span(self.area.y0, self.area.y1, y, height, index / columns);
        Rect { x0, y0, x1, y1 }
    }

    /// The pixels of a tile, in the picture's coordinates.
    pub(super) fn tile_pixels(&self, index: u32) -> Rect {
        self.tile(index).divided(self.step)
    }

    /// The columns and rows of the tiles that a part of the picture touches, after its sides are halved
    /// so many times, and the area of those tiles.
    pub(super) fn tiles_under(&self, part: Rect, reduction: u32) -> (Rect, Rect) {
        let (columns, rows) = self.tile_counts();
        let area = |index: u32| self.tile_pixels(index).reduced(reduction);
        let touched = |count: u32, touches: &dyn Fn(u32) -> bool| {
            let first = (0..count).find(|it| touches(*it)).unwrap_or(0);
            let behind = (first..count).find(|it| !touches(*it)).unwrap_or(count);
            (first, behind.max(first + 1))
        };
        let (x0, x1) = touched(columns, &|column| {
            let Rect { x0, x1, .. } = area(column);
            x0 < part.x1 && part.x0 < x1
        });
        let (y0, y1) = touched(rows, &|row| {
            let Rect { y0, y1, .. } = area(row * columns);
            y0 < part.y1 && part.y0 < y1
        });
        let (first, last) = (area(y0 * columns + x0), area((y1 - 1) * columns + x1 - 1));
        let covered = Rect { x0: first.x0, y0: first.y0, x1: last.x1, y1: last.y1 };
        (Rect { x0, y0, x1, y1 }, covered)
    }

    /// The sides of the largest tile, in pixels.
    pub(super) fn largest_tile(&self) -> (u32, u32) {
        let (width, height) = (self.area.width(), self.area.height());
        let side = |area: u32, tile: u32, step: u32| area.min(tile).div_ceil(step);
        (side(width, self.tile_sides.0, self.step.0), side(height, self.tile_sides.1, self.step.1))
    }
}

/// How often each sample of a side at reduced resolution is repeated, so that the repetitions are
/// cells of half a reduced pixel from the picture's edge.
///
/// Sample `i` of the wavelet's low band at 1/k is centred on pixel `k·i`, not on the middle of `k`
/// pixels (annex F: the filters are symmetric about the even samples). A cell takes the sample that
/// is nearest to its middle. `start` and `end` are the side in pixels.
pub(super) fn repetitions(start: u32, end: u32, reduction: u32) -> Vec<u32> {
    let samples = |at: u32| u64::from(at).div_ceil(1 << reduction);
    let mut repetitions = vec![0_u32; (samples(end) - samples(start)) as usize];
    if reduction == 0 || repetitions.is_empty() {
        repetitions.fill(1);
        return repetitions;
    }
    let k = 1_i64 << reduction;
    // of the first sample, in pixels from the edge
    let first = samples(start) as i64 * k - i64::from(start);
    let cells = i64::from((end - start).div_ceil(1 << (reduction - 1)));
    let last = repetitions.len() as i64 - 1;
    for cell in 0..cells {
        // both in quarters of a pixel
        let (middle, first) = ((2 * cell + 1) * k, 4 * first + 2);
        let nearest = (middle - first + 2 * k).div_euclid(4 * k).clamp(0, last);
        repetitions[nearest as usize] += 1;
    }
    repetitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_cover_a_side_and_are_centred_on_their_samples() {
        assert_eq!(repetitions(0, 10, 0), [1; 10]);
        // cells of 4 pixels, and samples at pixels 0, 8, 16 and 24
        assert_eq!(repetitions(0, 32, 3), [1, 2, 2, 3]);
        for (start, end, reduction) in [(0, 100, 1), (0, 101, 4), (13, 213, 3), (7, 9, 2)] {
            let (repetitions, k) = (repetitions(start, end, reduction), 1_u32 << reduction);
            let cell = f64::from(k / 2);
            assert_eq!(repetitions.iter().sum::<u32>(), (end - start).div_ceil(k / 2));
            let mut edge = 0.0;
            for (times, sample) in repetitions.iter().zip(start.div_ceil(k)..) {
                let middle = edge + f64::from(*times) * cell / 2.0;
                edge += f64::from(*times) * cell;
                let centre = f64::from(sample * k - start) + 0.5;
                let is_inner = edge < f64::from(end - start) - cell && edge > 2.0 * cell;
                assert!(!is_inner || (middle - centre).abs() <= cell / 2.0, "{middle}, {centre}");
            }
        }
    }

    #[test]
    fn tiles_cover_the_picture_once() {
        let area = Rect { x0: 13, y0: 7, x1: 213, y1: 127 };
        let grid = Grid::new(area, (5, 3), (64, 64), &[(1, 1)]).expect("valid sizes");
        assert_eq!(grid.tile_counts(), (4, 2));
        for reduction in 0..4 {
            let pixels = |tile| grid.tile_pixels(tile).reduced(reduction).pixels();
            let all = (0..grid.tiles()).map(pixels).sum::<u64>();
            assert_eq!(all, grid.picture().reduced(reduction).pixels());
        }
        assert!(Grid::new(area, (14, 3), (64, 64), &[(1, 1)]).is_none(), "no tile at the corner");
        assert!(Grid::new(area, (5, 3), (8, 64), &[(1, 1)]).is_none(), "an empty first tile");
        assert!(Grid::new(area, (5, 3), (64, 64), &[(1, 0)]).is_none(), "no step");
    }
}
