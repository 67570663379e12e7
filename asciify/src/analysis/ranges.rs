//! The values that are shown as black and white.

use std::ops::ControlFlow;

use super::computation::Computation;
use crate::error::Error;
use crate::formats::decoder::{Input, area};
use crate::formats::stretch::{SAMPLED_PIXELS, not_empty, of_values};
use crate::formats::value_rows::{TakeValues, ValueSource};
use crate::kept::Question;
use crate::spec::Spec;
use crate::spec::bands::Stretch;
use crate::spec::region::PixelRect;

/// A picture of 8 bits whose highest value is at most this part of white is stretched.
const DARK_FRACTION: f64 = 1.0 / 8.0;

/// Black and white of each value, if the spec does not show the whole range of the type.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn black_and_white(
    input: &mut Input<'_, '_>,
    spec: &Spec,
    computation: &Computation<'_>,
) -> Result<Option<Vec<(f64, f64)>>, Error> {
    let count = computation.count();
    match spec.stretch() {
        Stretch::None => return Ok(None),
        Stretch::Auto if computation.has_own_range() => return Ok(None),
        stretch => {
            if let Some(ranges) = stretch.ranges() {
                return Ok(Some(ranges[..count].to_vec()));
            }
        }
    }
    let answers = input.source.answers();
    answers.get(Question::Ranges, spec, || of_whole(input, spec, computation))
}

/// Black and white by the values of the whole picture.
///
/// # Errors
/// What is wrong with the file.
fn of_whole(
    input: &mut Input<'_, '_>,
    spec: &Spec,
    computation: &Computation<'_>,
) -> Result<Option<Vec<(f64, f64)>>, Error> {
    let count = computation.count();
    let whole = spec.for_percentiles();
    let mut sampled = SampledValues::new(count);
    computation.read(input, &whole, &mut sampled)?;
    let SampledValues { mut values, source, .. } = sampled;
    let is_measurement = source.as_ref().is_none_or(|(bits, _)| *bits > 8);
    let is_dark = source.is_some_and(|(_, ranges)| {
        let values = values.iter().zip(&ranges);
        values
            .flat_map(|(values, range)| values.iter().map(move |value| (value, range)))
            .all(|(value, (low, high))| (value - low) / (high - low) <= DARK_FRACTION)
    });
    Ok(match spec.stretch() {
        Stretch::Percentiles(parts) => {
            let parts = if count == 1 { [parts[0]; 3] } else { parts };
            Some(of_values(&mut values, Stretch::Percentiles(parts)))
        }
        _ if is_measurement || is_dark => Some(of_values(&mut values, Stretch::Auto)),
        _ => None,
    }
    .map(|ranges| ranges.into_iter().map(not_empty).collect()))
}

/// Takes the values of about [`SAMPLED_PIXELS`] pixels.
struct SampledValues {
    values: Vec<Vec<f64>>,
    /// Bits of a value, and the range of each band.
    source: Option<(u32, Vec<(f64, f64)>)>,
    /// Which pixels are taken: each `every`th. `next` is the number of pixels to leave out first.
    every: usize,
    next: usize,
}

impl SampledValues {
    fn new(count: usize) -> Self {
        Self { values: vec![Vec::new(); count], source: None, every: 1, next: 0 }
    }
}

impl TakeValues for SampledValues {
    fn begin(&mut self, source: &ValueSource) -> PixelRect {
        let (width, height) = source.geometry.pushed();
        *self = Self::new(self.values.len());
        self.every = area(width, height).div_ceil(SAMPLED_PIXELS).max(1) as usize;
        self.source = Some((source.bits, source.ranges.clone()));
        PixelRect::whole((width, height))
    }

    fn push(&mut self, row: &[f64]) -> ControlFlow<()> {
        let pixels = row.chunks_exact(self.values.len().max(1));
        let count = pixels.len();
        for pixel in pixels.skip(self.next).step_by(self.every) {
            let values = self.values.iter_mut().zip(pixel).filter(|(_, value)| value.is_finite());
            values.for_each(|(values, value)| values.push(*value));
        }
        let taken = count.saturating_sub(self.next).div_ceil(self.every);
        self.next = self.next + taken * self.every - count;
        ControlFlow::Continue(())
    }
}
