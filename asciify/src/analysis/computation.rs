//! What is shown or counted of each pixel: values of bands, or what an expression and an algorithm make
//! of them.

use std::ops::ControlFlow;

use super::bands::{self, BandLabel};
use super::hillshade::{Hillshade, Light};
use crate::error::Error;
use crate::formats::decoder::{Input, area};
#[cfg(feature = "isolation")]
use crate::formats::isolated;
use crate::formats::value_rows::{ANY_FORMAT_BANDS, TakeValues, ValueQuery, ValueSource};
use crate::sample::band_numbers::BandDirectory;
use crate::spec::Spec;
use crate::spec::expression::Expression;
use crate::spec::region::PixelRect;
use crate::spec::values::Algorithm;

/// The most operations of an expression on all pixels that are read. For percentiles, they are read
/// twice: the most expensive that are allowed take 5 s.
const MAX_OPERATIONS: u64 = 2_000_000_000;

/// The bands that are read together, and what is computed from them.
pub(super) struct Computation<'a> {
    /// Counted from 0.
    bands: Vec<usize>,
    expression: Option<&'a Expression>,
    light: Option<Light>,
}

impl<'a> Computation<'a> {
    /// The values of bands, counted from 0.
    pub(super) fn of_bands(bands: &[usize]) -> Self {
        Self { bands: bands.to_vec(), expression: None, light: None }
    }

    /// An expression.
    ///
    /// # Errors
    /// [`Error::Missing`] where it names a band that there is not, or more than can be read together.
    pub(super) fn of_expression(
        directory: &BandDirectory,
        expression: &'a Expression,
    ) -> Result<Self, Error> {
        let index = |band| bands::index(directory, band);
        let bands = expression.bands().iter().map(index).collect::<Result<Vec<_>, _>>()?;
        if bands.len() > ANY_FORMAT_BANDS && !directory.has_any_number {
            let accepts = format!("of at most {ANY_FORMAT_BANDS} bands of a file in this format");
            return Err(Error::Missing { option: "expression", accepts });
        }
        Ok(Self { bands, expression: Some(expression), light: None })
    }

    /// What a drawing shows: one value, or three.
    ///
    /// # Errors
    /// [`Error::Missing`] where the file does not have the bands, or where what needs one value has
    /// three.
    pub(super) fn of_drawing(directory: &BandDirectory, spec: &'a Spec) -> Result<Self, Error> {
        let computation = match spec.expression() {
            Some(expression) => Self::of_expression(directory, expression)?,
            None => {
                let chosen = bands::chosen(directory, spec.bands())?;
                Self::of_bands(&chosen.unwrap_or_else(|| directory.shown_by_default()))
            }
        };
        let needs_one_value = match (spec.algorithm(), spec.color_map().is_none()) {
            (Algorithm::None, true) => None,
            (Algorithm::None, false) => Some("colormap_name"),
            _ => Some("algorithm"),
        };
        if let Some(option) = needs_one_value.filter(|_| computation.count() != 1) {
            let accepts = "none, as three values are shown; it needs one: choose it with bands, as \
                           in bands=1, or expression";
            return Err(Error::Missing { option, accepts: accepts.to_owned() });
        }
        let light = match spec.algorithm() {
            Algorithm::None => None,
            Algorithm::Hillshade => {
                // an expression may have another unit than its bands
                let band = computation.bands.first().filter(|_| spec.expression().is_none());
                let unit_m = band.and_then(|band| directory.units_m.get(*band)).unwrap_or(&1.0);
                Some(Light::new(spec.light_angles(), spec.z_exaggeration() * unit_m))
            }
        };
        Ok(Self { light, ..computation })
    }

    /// How many values a pixel has.
    pub(super) fn count(&self) -> usize {
        self.expression.map_or(self.bands.len(), Expression::count)
    }

    /// Whether black and white are known without the values.
    pub(super) fn has_own_range(&self) -> bool {
        self.light.is_some()
    }

    /// What the values are called.
    pub(super) fn labels(&self, directory: &BandDirectory) -> Vec<BandLabel> {
        match self.expression {
            None => self.bands.iter().map(|band| bands::label(directory, *band)).collect(),
            Some(expression) => expression.texts().map(BandLabel::of_text).collect(),
        }
    }

    /// Passes the values, at the resolution that a spec asks for.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn read(
        &self,
        input: &mut Input<'_, '_>,
        spec: &Spec,
        take: &mut dyn TakeValues,
    ) -> Result<(), Error> {
        let probed = input.probed;
        // the place is that of the first page
        let geo = probed.geo.as_ref().filter(|_| spec.frame() == 0);
        match &self.light {
            None => self.evaluate(input, spec, take),
            Some(light) => self.evaluate(input, spec, &mut Hillshade::new(light, geo, take)),
        }
    }

    fn evaluate(
        &self,
        input: &mut Input<'_, '_>,
        spec: &Spec,
        take: &mut dyn TakeValues,
    ) -> Result<(), Error> {
        let Self { bands, expression, .. } = self;
        let query = ValueQuery { spec, bands };
        match expression {
            None => read_values(input, query, take),
            Some(expression) => {
                let mut evaluated = Evaluated { expression, row: Vec::new(), take, too_many: None };
                let read = read_values(input, query, &mut evaluated);
                evaluated.too_many.map_or(read, |pixels| Err(too_many(expression, pixels)))
            }
        }
    }
}

/// Passes values. A decoder that must not run in this process runs in another one.
fn read_values(
    input: &mut Input<'_, '_>,
    query: ValueQuery<'_>,
    take: &mut dyn TakeValues,
) -> Result<(), Error> {
    let read = input.probed.decoder.read_values(input, query, take);
    #[cfg(feature = "isolation")]
    if input.source.cancellation().take_need_of_process_only() {
        return isolated::read_values(input, query, take);
    }
    read
}

/// Bits of a number that is computed.
const COMPUTED_BITS: u32 = f64::MANTISSA_DIGITS;

/// Passes the values of an expression.
struct Evaluated<'a> {
    expression: &'a Expression,
    /// The values of a row: kept for its memory.
    row: Vec<f64>,
    take: &'a mut dyn TakeValues,
    /// How many pixels there are, if they take too many operations.
    too_many: Option<u64>,
}

fn too_many(expression: &Expression, pixels: u64) -> Error {
    let (most, operations) = (MAX_OPERATIONS / 1_000_000, expression.operations());
    let accepts = format!(
        "of at most {most} million operations on all pixels that are read; this one has {operations} \
         on each of {pixels}: shorten it, or choose a smaller region"
    );
    Error::Missing { option: "expression", accepts }
}

impl TakeValues for Evaluated<'_> {
    fn begin(&mut self, source: &ValueSource) -> PixelRect {
        let ranges = vec![(0.0, 1.0); self.expression.count()];
        let geometry = source.geometry;
        let source = ValueSource { geometry, bits: COMPUTED_BITS, ranges, is_inverted: false };
        let window = self.take.begin(&source);
        let (width, height) = window.sides();
        let pixels = area(width, height);
        let operations = pixels.saturating_mul(self.expression.operations());
        self.too_many = (operations > MAX_OPERATIONS).then_some(pixels);
        window
    }

    fn push(&mut self, row: &[f64]) -> ControlFlow<()> {
        if self.too_many.is_some() {
            return ControlFlow::Break(());
        }
        self.row.clear();
        self.expression.put(row, &mut self.row);
        self.take.push(&self.row)
    }
}
