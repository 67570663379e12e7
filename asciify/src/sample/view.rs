//! Views: the frame, bands and range of values that a spec shows, applied to rows of pixels.

use crate::light::Row;
use crate::sample::band_numbers::BandNumbers;
use crate::spec::bands::Stretch;

/// The part of a file that a spec shows. Specs of the same view are sampled together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    pub(crate) frame: u32,
    pub(crate) bands: BandNumbers,
    pub(crate) stretch: Stretch,
}

impl View {
    /// Whether the file's colours are shown as they are.
    pub(crate) fn has_colors(self) -> bool {
        self.bands == BandNumbers::Auto && self.stretch.ranges().is_none()
    }

    /// Calls `take` with the row itself, or with its chosen bands and values. `white` is the value
    /// that white has in the file.
    pub(crate) fn apply(self, row: Row<'_>, white: f64, mut take: impl FnMut(Row<'_>)) {
        let ranges = match self.stretch.ranges() {
            Some(ranges) => ranges.map(|(low, high)| (low / white, high / white)),
            None if self.bands == BandNumbers::Auto => return take(row),
            None => [(0.0, 1.0); 3],
        };
        let is_grey_row = matches!(
            row,
            Row::Grey8(_) | Row::Grey16(_) | Row::GreyAlpha8(_) | Row::GreyAlpha16(_)
        );
        // a single band has the first range
        let ranges = if is_grey_row { [ranges[0]; 3] } else { ranges };
        let chosen = self.bands.chosen().unwrap_or([0, 1, 2]);
        // the second band of grey and alpha is alpha
        let is_grey = matches!(row, Row::GreyAlpha8(_) | Row::GreyAlpha16(_));
        let mut pixels = Vec::new();
        row.values(|values| {
            let channel = |(band, (low, high)): (usize, (f64, f64))| match band {
                1 if is_grey && self.bands != BandNumbers::Auto => values[3],
                band => values
                    .get(band)
                    .map_or(0.0, |value| ((value - low) / (high - low)).clamp(0.0, 1.0)),
            };
            let [r, g, b] = [0, 1, 2].map(|at| channel((chosen[at], ranges[at])));
            pixels.push([r, g, b, values[3]].map(|value| libm::round(value * 65_535.0) as u16));
        });
        match row.has_alpha() {
            true => take(Row::Rgba16(&pixels)),
            false => {
                let opaque: Vec<[u16; 3]> =
                    pixels.iter().map(|[r, g, b, _]| [*r, *g, *b]).collect();
                take(Row::Rgb16(&opaque));
            }
        }
    }
}
