//! The part of a picture that is in view, and where its cells are on the screen.

/// Samples across a cell: so many pixels are in a column where each pixel is a sample.
const SAMPLES_ACROSS: f64 = 4.0;
/// The fewest pixels in a column: then a pixel is eight columns wide.
const MIN_SCALE: f64 = 0.125;

/// The part of a picture that is in view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    /// Width and height of the picture, in pixels.
    picture: (u32, u32),
    /// Columns and rows of the screen that pictures may have.
    cells: (u32, u32),
    /// Width of a cell divided by its height.
    cell: f64,
    /// The middle, in pixels from the top left.
    center: (f64, f64),
    /// Pixels in a column.
    scale: f64,
}

impl View {
    /// All of a picture of that many pixels, in so many columns and rows.
    pub(crate) fn whole(picture: (u32, u32), cells: (u32, u32), cell: f64) -> Self {
        Self { picture, cells, cell, center: (0.0, 0.0), scale: f64::INFINITY }.fitted(None)
    }

    /// The same columns and rows with a part of the picture: left, top, width and height in pixels.
    pub(crate) fn with_region(self, [x, y, width, height]: [u32; 4]) -> Self {
        let middle = |start: u32, length: u32| f64::from(start) + f64::from(length) / 2.0;
        let center = (middle(x, width), middle(y, height));
        Self { center, scale: self.scale_of((width, height)), ..self }.limited()
    }

    /// The scale at which so many pixels fit.
    fn scale_of(&self, (width, height): (u32, u32)) -> f64 {
        let (columns, rows) = self.cells;
        let across = f64::from(width) / f64::from(columns);
        across.max(f64::from(height) * self.cell / f64::from(rows))
    }

    /// All of the picture, or a scale.
    fn fitted(self, scale: Option<f64>) -> Self {
        let scale = scale.unwrap_or_else(|| self.scale_of(self.picture));
        Self { scale, ..self }.limited()
    }

    /// Within the limits of scale, and with as much of the picture as fits.
    fn limited(self) -> Self {
        let whole = self.scale_of(self.picture);
        let scale = self.scale.clamp(whole.min(MIN_SCALE), whole.max(SAMPLES_ACROSS));
        let (columns, rows) = self.cells;
        let middle = |center: f64, side: u32, shown: f64| {
            let (side, half) = (f64::from(side), shown / 2.0);
            if shown >= side { side / 2.0 } else { center.clamp(half, side - half) }
        };
        let center = (
            middle(self.center.0, self.picture.0, f64::from(columns) * scale),
            middle(self.center.1, self.picture.1, f64::from(rows) * scale / self.cell),
        );
        Self { center, scale, ..self }
    }

    /// All of the picture.
    pub(crate) fn all(self) -> Self {
        self.fitted(None)
    }

    /// At the scale at which each pixel is a sample of a cell.
    pub(crate) fn at_full_resolution(self) -> Self {
        self.fitted(Some(SAMPLES_ACROSS))
    }

    /// Moved by columns and rows.
    pub(crate) fn panned(self, columns: f64, rows: f64) -> Self {
        let (x, y) = self.center;
        let center = (x + columns * self.scale, y + rows * self.scale / self.cell);
        Self { center, ..self }.limited()
    }

    /// Enlarged by a factor. The point at a distance from the middle, in columns and rows, stays where it
    /// is.
    pub(crate) fn zoomed(self, factor: f64, (columns, rows): (f64, f64)) -> Self {
        let zoomed = Self { scale: self.scale / factor, ..self }.limited();
        let difference = self.scale - zoomed.scale;
        let (x, y) = self.center;
        let center = (x + columns * difference, y + rows * difference / self.cell);
        Self { center, ..zoomed }.limited()
    }

    /// On a screen of other columns and rows. All of a picture stays all of it.
    pub(crate) fn resized(self, cells: (u32, u32)) -> Self {
        let is_whole = self.scale == self.scale_of(self.picture);
        let resized = Self { cells, ..self };
        resized.fitted(Some(self.scale).filter(|_| !is_whole))
    }

    /// Left, top, width and height in pixels.
    pub(crate) fn region(&self) -> [u32; 4] {
        let (columns, rows) = self.cells;
        let part = |center: f64, shown: f64, side: u32| {
            let length = (shown.round().max(1.0) as u32).min(side);
            let start = (center - f64::from(length) / 2.0).round().max(0.0) as u32;
            (start.min(side - length), length)
        };
        let (x, width) = part(self.center.0, f64::from(columns) * self.scale, self.picture.0);
        let shown = f64::from(rows) * self.scale / self.cell;
        let (y, height) = part(self.center.1, shown, self.picture.1);
        [x, y, width, height]
    }

    /// Columns and rows of the screen that pictures may have.
    pub(crate) fn cells(&self) -> (u32, u32) {
        self.cells
    }

    /// The most columns and rows that the region has: fewer than there are for a small picture.
    pub(crate) fn size(&self) -> (u32, u32) {
        let [_, _, width, height] = self.region();
        let cells = |length: u32, scale: f64, most: u32| {
            ((f64::from(length) / scale).round().max(1.0) as u32).min(most)
        };
        let (columns, rows) = self.cells;
        (cells(width, self.scale, columns), cells(height, self.scale / self.cell, rows))
    }

    /// The middle, in whole pixels.
    pub(crate) fn middle(&self) -> (u32, u32) {
        let [x, y, width, height] = self.region();
        (x + width / 2, y + height / 2)
    }

    /// Pixels in a column.
    pub(crate) fn scale(&self) -> f64 {
        self.scale
    }
}

/// Where the cells of a picture are on the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    /// Left, top, width and height in pixels.
    pub(crate) region: [u32; 4],
    /// The first column and row.
    pub(crate) corner: (u32, u32),
    /// Columns and rows.
    pub(crate) size: (u32, u32),
}

impl Placement {
    /// In the middle of so many columns and rows.
    pub(crate) fn centered(region: [u32; 4], size: (u32, u32), cells: (u32, u32)) -> Self {
        let margin = |most: u32, length: u32| most.saturating_sub(length) / 2;
        Self { region, corner: (margin(cells.0, size.0), margin(cells.1, size.1)), size }
    }

    /// The point of the picture in the middle of a cell, in pixels. `None` outside of the region.
    pub(crate) fn point(&self, (column, row): (u32, u32)) -> Option<(f64, f64)> {
        let [x, y, width, height] = self.region;
        let along = |at: u32, corner: u32, count: u32, start: u32, length: u32| {
            let index = at.checked_sub(corner).filter(|index| *index < count)?;
            let part = (f64::from(index) + 0.5) / f64::from(count);
            Some(f64::from(start) + part * f64::from(length))
        };
        let x = along(column, self.corner.0, self.size.0, x, width)?;
        Some((x, along(row, self.corner.1, self.size.1, y, height)?))
    }

    /// The cell in which a point of the picture lies, from the first column and row of the picture.
    /// `None` outside.
    pub(crate) fn cell(&self, (x, y): (f64, f64)) -> Option<(usize, usize)> {
        let [left, top, width, height] = self.region;
        let along = |at: f64, start: u32, length: u32, count: u32| {
            let index = (at - f64::from(start)) / f64::from(length) * f64::from(count);
            (0.0..f64::from(count)).contains(&index).then_some(index as usize)
        };
        Some((along(x, left, width, self.size.0)?, along(y, top, height, self.size.1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 80 columns and 20 rows, twice as high as wide.
    fn whole(picture: (u32, u32)) -> View {
        View::whole(picture, (80, 20), 0.5)
    }

    #[test]
    fn a_whole_picture_fits_the_screen() {
        for (picture, size) in [
            ((8000, 4000), (80, 20)),
            ((8000, 1000), (80, 5)),
            ((1000, 8000), (5, 20)),
            ((4, 2), (80, 20)),
            ((1, 1), (40, 20)),
            ((u32::MAX, 1), (80, 1)),
        ] {
            let view = whole(picture);
            assert_eq!(view.region(), [0, 0, picture.0, picture.1], "{picture:?}");
            assert_eq!(view.size(), size, "{picture:?}");
        }
    }

    #[test]
    fn the_point_under_the_pointer_stays_there() {
        let view = whole((8000, 4000)).zoomed(2.0, (0.0, 0.0));
        assert_eq!(view.region(), [2000, 1000, 4000, 2000]);
        // 20 columns of 50 pixels to the right, 5 rows of 100 above the middle
        let zoomed = view.zoomed(2.0, (20.0, -5.0));
        assert_eq!(zoomed.region(), [3500, 1250, 2000, 1000]);
        assert_eq!(zoomed.zoomed(0.5, (20.0, -5.0)), view);
        // at the edges there is no more
        assert_eq!(zoomed.zoomed(0.001, (20.0, -5.0)), whole((8000, 4000)));
        let corner = whole((8000, 4000)).zoomed(4.0, (-40.0, -10.0));
        assert_eq!(corner.region(), [0, 0, 2000, 1000]);
    }

    #[test]
    fn a_view_stays_within_the_picture() {
        let view = whole((8000, 4000)).zoomed(4.0, (0.0, 0.0));
        assert_eq!(view.panned(8.0, 0.0).region(), [3200, 1500, 2000, 1000]);
        assert_eq!(view.panned(0.0, -2.0).region(), [3000, 1400, 2000, 1000]);
        assert_eq!(view.panned(1e9, 1e9).region(), [6000, 3000, 2000, 1000]);
        // what lies beyond the edge need not be made up for
        assert_eq!(view.panned(1e9, 0.0).panned(-8.0, 0.0).region(), [5800, 1500, 2000, 1000]);
        assert_eq!(whole((8000, 4000)).panned(5.0, 5.0), whole((8000, 4000)));
    }

    #[test]
    fn a_pixel_is_a_sample_at_full_resolution() {
        let view = whole((8000, 4000)).at_full_resolution();
        assert_eq!((view.region(), view.size()), ([3840, 1920, 320, 160], (80, 20)));
        // a picture with fewer pixels than there are samples becomes smaller
        let small = whole((40, 16)).at_full_resolution();
        assert_eq!((small.region(), small.size()), ([0, 0, 40, 16], (10, 2)));
    }

    #[test]
    fn pixels_are_enlarged_up_to_a_limit() {
        let closest = whole((8000, 4000)).zoomed(1e9, (0.0, 0.0));
        assert_eq!(closest.region(), [3995, 1998, 10, 5]);
        assert_eq!(closest.size(), (80, 20));
        let single = View::whole((8000, 4000), (1, 1), 0.5).zoomed(1e9, (0.0, 0.0));
        assert_eq!((single.region(), single.size()), ([4000, 2000, 1, 1], (1, 1)));
    }

    #[test]
    fn a_resized_screen_shows_the_same_place() {
        let view = whole((8000, 4000));
        assert_eq!(view.resized((40, 40)).region(), [0, 0, 8000, 4000]);
        let part = view.zoomed(4.0, (0.0, 0.0));
        assert_eq!(part.resized((160, 20)).region(), [2000, 1500, 4000, 1000]);
        assert_eq!(part.resized((160, 20)).resized((80, 20)), part);
    }

    #[test]
    fn a_region_is_shown_as_large_as_fits() {
        let view = whole((8000, 4000)).with_region([1000, 500, 400, 200]);
        assert_eq!(view.region(), [1000, 500, 400, 200]);
        let wide = whole((8000, 4000)).with_region([1000, 500, 400, 10]);
        assert_eq!(wide.region(), [1000, 405, 400, 200]);
    }

    #[test]
    fn cells_and_points_correspond() {
        let placed = Placement::centered([100, 200, 40, 20], (20, 5), (80, 20));
        assert_eq!(placed.corner, (30, 7));
        assert_eq!(placed.point((30, 7)), Some((101.0, 202.0)));
        assert_eq!(placed.point((49, 11)), Some((139.0, 218.0)));
        assert_eq!((placed.point((50, 7)), placed.point((29, 7))), (None, None));
        assert_eq!(placed.cell((101.0, 202.0)), Some((0, 0)));
        assert_eq!(placed.cell((139.9, 219.9)), Some((19, 4)));
        assert_eq!((placed.cell((140.0, 202.0)), placed.cell((99.9, 202.0))), (None, None));
    }
}
