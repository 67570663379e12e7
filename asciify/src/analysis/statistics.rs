//! Statistics of the values of bands.

use std::ops::ControlFlow;

use super::bands::{self, BandLabel};
use super::computation::Computation;
use super::file::with_input;
use super::histogram::Histogram;
use crate::error::{Error, Limits};
use crate::formats::decoder::Input;
use crate::formats::value_rows::{ANY_FORMAT_BANDS, TakeValues, ValueSource};
use crate::sample::area::is_sideways;
use crate::source::ReadSeek;
use crate::spec::Spec;
use crate::spec::bands::Band;
use crate::spec::region::PixelRect;

/// What is computed, and from how many pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct StatisticsOptions {
    /// Frame, region, expression, and what "no data" is; other options have no effect.
    pub spec: Spec,
    /// The bands; without any, all but alpha. They have no effect beside an expression.
    pub bands: Vec<Band>,
    /// The longest side in pixels that is read: of a larger picture, so many columns or rows at equal
    /// distances, from the smallest overview that has them. From 1 to 4000.
    pub max_size_px: u32,
    /// Which percentiles, in percent from 0 to 100.
    pub percentiles: Vec<f64>,
    /// Bins of the histogram, at least 1.
    pub bins: u32,
    /// The values of the ends of the histogram; `None` for the least and the greatest one.
    pub histogram_range: Option<(f64, f64)>,
}

/// Statistics of the values of a band. Without any value, those that need one are NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct BandStatistics {
    /// What the band is called.
    pub label: BandLabel,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The sum.
    pub sum: f64,
    /// The standard deviation of the population.
    pub std: f64,
    /// The lowest value that at least half of all do not exceed.
    pub median: f64,
    /// The most frequent value; of several, the lowest.
    pub majority: f64,
    /// The least frequent value; of several, the lowest.
    pub minority: f64,
    /// How many different values there are.
    pub unique: u64,
    /// The percentiles that were asked for: the lowest value that so many percent do not exceed.
    pub percentiles: Vec<f64>,
    /// The frequency of values.
    pub histogram: Histogram,
    /// Pixels that have a value.
    pub valid_pixels: u64,
    /// Pixels without data.
    pub masked_pixels: u64,
}

/// Memory that statistics take beside what decoding does, in bytes.
pub(crate) fn working_bytes(max_size_px: u32) -> u64 {
    let pixels = u64::from(max_size_px).saturating_mul(max_size_px.into());
    pixels.saturating_mul((ANY_FORMAT_BANDS * size_of::<f64>()) as u64)
}

impl StatisticsOptions {
    /// An upper estimate of the memory that statistics take beside decoding, in bytes.
    pub fn working_bytes(&self) -> u64 {
        working_bytes(self.max_size_px)
    }
}

/// Statistics of each band, or of an expression.
///
/// # Errors
/// What is wrong with the file; [`Error::Missing`] where it has no such region, band or frame;
/// [`Error::Cancelled`] when `is_cancelled` returned true.
pub fn statistics(
    source: impl ReadSeek,
    options: &StatisticsOptions,
    limits: &Limits,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<BandStatistics>, Error> {
    let spec = &options.spec;
    with_input(source, spec, limits, is_cancelled, |input| of_bands(input, options))
}

fn of_bands(
    input: &mut Input<'_, '_>,
    options: &StatisticsOptions,
) -> Result<Vec<BandStatistics>, Error> {
    let directory = bands::directory(input, &options.spec)?;
    let computations = match options.spec.expression() {
        Some(expression) => vec![Computation::of_expression(&directory, expression)?],
        None => {
            let wanted = bands::wanted(&directory, &options.bands)?;
            wanted.chunks(ANY_FORMAT_BANDS).map(Computation::of_bands).collect()
        }
    };
    let spec = options.spec.for_pixels(options.max_size_px);
    let mut statistics = Vec::new();
    for computation in computations {
        let mut values = ReducedValues::new(&spec, options.max_size_px, computation.count());
        computation.read(input, &spec, &mut values)?;
        for (label, values) in computation.labels(&directory).into_iter().zip(values.values) {
            input.source.cancellation().check()?;
            statistics.push(of_values(label, values, options));
        }
    }
    Ok(statistics)
}

/// Takes the values of at most so many columns and rows at equal distances.
struct ReducedValues<'a> {
    spec: &'a Spec,
    max_side: u32,
    values: Vec<Vec<f64>>,
    /// The columns and rows that are taken, counted from the corner of the window.
    columns: Vec<usize>,
    rows: Vec<usize>,
    /// The index of the next row.
    y: usize,
}

impl<'a> ReducedValues<'a> {
    fn new(spec: &'a Spec, max_side: u32, count: usize) -> Self {
        let values = vec![Vec::new(); count];
        Self { spec, max_side, values, columns: Vec::new(), rows: Vec::new(), y: 0 }
    }
}

/// The indices of `count` of `side` pixels, each in the middle of its part.
fn places(count: u32, side: u32) -> Vec<usize> {
    let count = count.min(side);
    let place = |at: u32| (2 * u64::from(at) + 1) * u64::from(side) / (2 * u64::from(count.max(1)));
    (0..count).map(|at| place(at) as usize).collect()
}

impl TakeValues for ReducedValues<'_> {
    fn begin(&mut self, source: &ValueSource) -> PixelRect {
        *self = Self::new(self.spec, self.max_side, self.values.len());
        let (region, window) = (self.spec.region(), source.geometry.window(self.spec.region()));
        let upright = source.geometry.upright();
        let full = region.of(upright).map_or(upright, |region| region.sides());
        let (width, height) = match is_sideways(source.geometry.orientation) {
            true => (full.1, full.0),
            false => full,
        };
        let longest = width.max(height);
        let reduced = |side: u32| match longest > self.max_side {
            true => (u64::from(side) * u64::from(self.max_side)).div_ceil(longest.into()) as u32,
            false => side,
        };
        let (across, down) = window.sides();
        self.columns = places(reduced(width), across);
        self.rows = places(reduced(height), down);
        window
    }

    fn push(&mut self, row: &[f64]) -> ControlFlow<()> {
        let count = self.values.len();
        if self.rows.binary_search(&self.y).is_ok() {
            for column in &self.columns {
                let pixel = &row[column * count..(column + 1) * count];
                self.values.iter_mut().zip(pixel).for_each(|(values, value)| values.push(*value));
            }
        }
        self.y += 1;
        match self.rows.last().is_some_and(|last| self.y <= *last) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

fn of_values(
    label: BandLabel,
    mut values: Vec<f64>,
    options: &StatisticsOptions,
) -> BandStatistics {
    let pixels = values.len() as u64;
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len();
    let mean_of = |sum: f64| sum / count as f64;
    let sum: f64 = values.iter().sum();
    let mean = mean_of(sum);
    let variance = mean_of(values.iter().map(|value| (value - mean) * (value - mean)).sum());
    // the lowest value that so many of 100 do not exceed
    let percentile = |percent: f64| {
        let rank = libm::ceil(percent / 100.0 * count as f64) as usize;
        values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    // runs of equal values
    let (mut unique, mut most, mut least) = (0, (0, f64::NAN), (usize::MAX, f64::NAN));
    for run in values.chunk_by(|a, b| a == b) {
        unique += 1;
        if run.len() > most.0 {
            most = (run.len(), run[0]);
        }
        if run.len() < least.0 {
            least = (run.len(), run[0]);
        }
    }
    BandStatistics {
        label,
        min: values.first().copied().unwrap_or(f64::NAN),
        max: values.last().copied().unwrap_or(f64::NAN),
        mean,
        sum,
        std: libm::sqrt(variance),
        median: percentile(50.0),
        majority: most.1,
        minority: least.1,
        unique,
        percentiles: options.percentiles.iter().map(|it| percentile(*it)).collect(),
        histogram: Histogram::of(&values, options.bins, options.histogram_range),
        valid_pixels: count as u64,
        masked_pixels: pixels - count as u64,
    }
}
