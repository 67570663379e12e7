//! The values of a file row by row, for what is computed from them instead of from colours.

use std::ops::ControlFlow;

use crate::light::Row;
use crate::sample::area::SourceGeometry;
use crate::sample::band_numbers::BandNumbers;
use crate::sample::view::View;
use crate::spec::Spec;
use crate::spec::bands::Stretch;
use crate::spec::region::PixelRect;

/// Which values are read.
#[derive(Clone, Copy)]
pub(crate) struct ValueQuery<'a> {
    /// The frame, the region, and what "no data" is. Its size says at which resolution: as for a
    /// drawing, the lowest one that has a pixel for each sample.
    pub(crate) spec: &'a Spec,
    /// The bands, counted from 0, which the file has: at most [`ANY_FORMAT_BANDS`], unless its
    /// [`BandDirectory`](crate::sample::band_numbers::BandDirectory) says that more can be read.
    pub(crate) bands: &'a [usize],
}

/// How many bands can be read together, whatever the format.
pub(crate) const ANY_FORMAT_BANDS: usize = 3;

/// What is known of values before they are read.
pub(crate) struct ValueSource {
    /// How the pixels lie in the picture.
    pub(crate) geometry: SourceGeometry,
    /// Bits of a stored value.
    pub(crate) bits: u32,
    /// The lowest and the highest value of each band that the type allows; 0 and 1 for floating
    /// point.
    pub(crate) ranges: Vec<(f64, f64)>,
    /// Whether high values are black.
    pub(crate) is_inverted: bool,
}

/// Takes values.
pub(crate) trait TakeValues {
    /// Called before the first row, and again if a decoder begins once more. Returns the pixels that
    /// are wanted, of those that the geometry has.
    fn begin(&mut self, source: &ValueSource) -> PixelRect;

    /// Takes the next row of the wanted pixels, from the top as they are stored: the values of the
    /// bands, pixel by pixel. NaN is "no data".
    fn push(&mut self, row: &[f64]) -> ControlFlow<()>;
}

impl ValueQuery<'_> {
    /// The view that decoders of colours are asked for.
    pub(crate) fn view(self) -> View {
        let number = |at: usize| {
            let band = self.bands.get(at).or(self.bands.last()).copied().unwrap_or(0);
            band as u16 + 1
        };
        let bands = match self.bands {
            [_] => BandNumbers::Grey(number(0)),
            _ => BandNumbers::Rgb([number(0), number(1), number(2)]),
        };
        let (frame, region) = (self.spec.frame(), self.spec.region());
        View { frame, bands, stretch: Stretch::None, region }
    }
}

/// Turns rows of colours into values.
pub(crate) struct ColorValues {
    /// Which channel each band is: red, green, blue or alpha.
    channels: Vec<usize>,
    /// The value of a level of 0 and of 1, by band.
    ranges: Vec<(f64, f64)>,
    missing: Option<f64>,
    row: Vec<f64>,
}

impl ColorValues {
    /// For these channels of the rows, with the values that are black and white in each.
    pub(crate) fn new(
        query: ValueQuery<'_>,
        channels: Vec<usize>,
        ranges: Vec<(f64, f64)>,
    ) -> Self {
        let missing = query.spec.nodata().value();
        Self { channels, ranges, missing, row: Vec::new() }
    }

    /// What is known of them.
    pub(crate) fn source(&self, geometry: &SourceGeometry, bits: u32) -> ValueSource {
        let ranges = self.ranges.clone();
        ValueSource { geometry: *geometry, bits, ranges, is_inverted: false }
    }

    /// The values of a row, whole numbers as they were before they became levels.
    pub(crate) fn of(&mut self, row: Row<'_>) -> &[f64] {
        let Self { channels, ranges, missing, row: values } = self;
        values.clear();
        row.values(|pixel| {
            values.extend(channels.iter().zip(&*ranges).map(|(channel, (low, high))| {
                let value = libm::round(low + pixel[*channel] * (high - low));
                let is_missing = pixel[3] == 0.0 || *missing == Some(value);
                if is_missing { f64::NAN } else { value }
            }));
        });
        values
    }
}
