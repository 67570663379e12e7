//! The values of one pixel.

use std::ops::ControlFlow;

use super::bands::{self, BandLabel};
use super::computation::Computation;
use super::file::with_input;
use crate::error::{Error, Limits};
use crate::formats::decoder::Input;
use crate::formats::value_rows::{ANY_FORMAT_BANDS, TakeValues, ValueSource};
use crate::source::ReadSeek;
use crate::spec::Spec;
use crate::spec::bands::Band;
use crate::spec::region::PixelRect;

/// The values of a pixel of the upright picture, at its full resolution: of the expression of `spec`, of
/// `bands`, or without any of all but alpha. `None` is "no data". Of a file in tiles or strips, only
/// those of the pixel are decoded. Options of `spec` that are about drawing have no effect.
///
/// # Errors
/// What is wrong with the file; [`Error::Missing`] where it has no such pixel, band or frame;
/// [`Error::Cancelled`] when `is_cancelled` returned true.
pub fn pixel_values(
    source: impl ReadSeek,
    (spec, bands): (&Spec, &[Band]),
    (x, y): (u32, u32),
    limits: &Limits,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<(BandLabel, Option<f64>)>, Error> {
    let spec = spec.for_pixel(x, y);
    with_input(source, &spec, limits, is_cancelled, |input| values(input, &spec, bands))
}

fn values(
    input: &mut Input<'_, '_>,
    spec: &Spec,
    bands: &[Band],
) -> Result<Vec<(BandLabel, Option<f64>)>, Error> {
    let directory = bands::directory(input, spec)?;
    let read = |input: &mut Input<'_, '_>, computation: Computation<'_>| {
        let mut pixel = Pixel { spec, values: Vec::new() };
        computation.read(input, spec, &mut pixel)?;
        let values = pixel.values.into_iter().map(|it| Some(it).filter(|it| it.is_finite()));
        Ok(computation.labels(&directory).into_iter().zip(values))
    };
    if let Some(expression) = spec.expression() {
        let computation = Computation::of_expression(&directory, expression)?;
        return read(input, computation).map(Iterator::collect);
    }
    let wanted = bands::wanted(&directory, bands)?;
    let together = if directory.is_interleaved { wanted.len() } else { ANY_FORMAT_BANDS };
    let mut values = Vec::new();
    for bands in wanted.chunks(together.max(1)) {
        values.extend(read(input, Computation::of_bands(bands))?);
    }
    Ok(values)
}

/// Takes the first pixel of the region.
struct Pixel<'a> {
    spec: &'a Spec,
    values: Vec<f64>,
}

impl TakeValues for Pixel<'_> {
    fn begin(&mut self, source: &ValueSource) -> PixelRect {
        self.values.clear();
        let PixelRect { x, y } = source.geometry.window(self.spec.region());
        PixelRect { x: x.start..x.start + 1, y: y.start..y.start + 1 }
    }

    fn push(&mut self, row: &[f64]) -> ControlFlow<()> {
        self.values.extend(row);
        ControlFlow::Break(())
    }
}
