//! Draws values: of bands without those that are "no data", and what is computed from them.

use std::ops::ControlFlow;

use super::bands;
use super::color_map;
use super::computation::Computation;
use super::ranges::black_and_white;
use crate::cancellation::Cancellation;
use crate::color_profile::ColorProfile;
use crate::error::Error;
use crate::formats::decoder::Input;
use crate::formats::stretch::to_16_bits;
use crate::formats::value_rows::{TakeValues, ValueSource};
use crate::light::Row;
use crate::sample::{Picture, Sampled};
use crate::spec::Spec;
use crate::spec::color_map::ColorMap;
use crate::spec::region::PixelRect;

/// Samples the values that a spec shows.
///
/// # Errors
/// What is wrong with the file, or [`Error::Missing`].
pub(super) fn sample(input: &mut Input<'_, '_>, spec: &Spec) -> Result<Sampled, Error> {
    let directory = bands::directory(input, spec)?;
    let computation = Computation::of_drawing(&directory, spec)?;
    let ranges = black_and_white(input, spec, &computation)?;
    let cancellation = input.source.cancellation();
    let mut drawing = Drawing {
        spec,
        ranges,
        cancellation,
        colors: Colors {
            ranges: Vec::new(),
            is_inverted: false,
            map: spec.color_map(),
            samples: Vec::new(),
        },
        picture: None,
    };
    computation.read(input, spec, &mut drawing)?;
    let sampled = drawing.picture.into_iter().flat_map(Picture::finish).next();
    Ok(sampled.unwrap_or_default())
}

/// Passes values to a picture.
struct Drawing<'a> {
    spec: &'a Spec,
    /// Black and white of each value, if they are not those of the type.
    ranges: Option<Vec<(f64, f64)>>,
    cancellation: &'a Cancellation<'a>,
    colors: Colors,
    picture: Option<Picture<'a>>,
}

impl TakeValues for Drawing<'_> {
    fn begin(&mut self, source: &ValueSource) -> PixelRect {
        self.colors.ranges = self.ranges.clone().unwrap_or_else(|| source.ranges.clone());
        // a colour map is of values, whatever they mean
        self.colors.is_inverted = source.is_inverted && self.colors.map.is_none();
        let profile = ColorProfile::default();
        let picture = Picture::new(&[self.spec], &source.geometry, profile, self.cancellation);
        let picture = self.picture.insert(picture.cut_to_window());
        picture.window().clone()
    }

    fn push(&mut self, row: &[f64]) -> ControlFlow<()> {
        let Some(picture) = &mut self.picture else { return ControlFlow::Break(()) };
        picture.push(self.colors.of(row));
        picture.flow()
    }
}

/// Turns values into colours.
struct Colors {
    /// Black and white of each value: of one, or of three.
    ranges: Vec<(f64, f64)>,
    is_inverted: bool,
    /// The colours of a single value.
    map: ColorMap,
    /// The row that was converted last: kept for its memory.
    samples: Vec<u16>,
}

impl Colors {
    /// A pixel without any value is transparent.
    fn of(&mut self, values: &[f64]) -> Row<'_> {
        let Self { ranges, is_inverted, map, samples } = self;
        samples.clear();
        for pixel in values.chunks_exact(ranges.len().max(1)) {
            let levels = pixel.iter().zip(&*ranges).map(|(value, (low, high))| {
                let level = (value - low) / (high - low);
                if *is_inverted { 1.0 - level } else { level }
            });
            match map.is_none() {
                true => samples.extend(levels.map(to_16_bits)),
                false => levels.for_each(|level| samples.extend(color_map::color(*map, level))),
            }
            let is_shown = pixel.iter().any(|value| value.is_finite());
            samples.push(if is_shown { u16::MAX } else { 0 });
        }
        match (ranges.len(), map.is_none()) {
            (1, true) => Row::GreyAlpha16(samples.as_chunks().0),
            _ => Row::Rgba16(samples.as_chunks().0),
        }
    }
}
