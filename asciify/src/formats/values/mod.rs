//! Pictures of measured values, as instruments write them: numbers of any kind, by bands and frames.
//! Values that mean "no data" are transparent; the others are stretched as those of a TIFF.

pub(super) mod layout;
pub(super) mod sample_type;

use std::ops::ControlFlow;

use image::metadata::Orientation;

use crate::color_profile::ColorProfile;
use crate::error::Error;
use crate::format::Format;
use crate::formats::decoder::{Decoder, Input, Probed, area};
use crate::formats::stretch::{
    SAMPLED_PIXELS, SAMPLED_VALUE_BYTES, not_empty, of_values, part_of, to_16_bits,
};
use crate::formats::value_rows::{TakeValues, ValueQuery, ValueSource};
use crate::kept::Question;
use crate::light::{LastRow, Row};
use crate::sample::area::SourceGeometry;
use crate::sample::band_numbers::{BandDirectory, BandNumbers};
use crate::sample::used_range::UsedRange;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::spec::Spec;
use crate::spec::bands::Stretch;
use crate::spec::region::PixelRect;

use sample_type::SampleType;

/// Bands that are read together: red, green and blue.
const MAX_BANDS_READ: u32 = 3;

/// Reads the values of a picture as they are stored.
pub(super) trait StoredRows {
    /// Calls `take` with each row of the window of a frame, in the order in which the file has them,
    /// until it breaks: the samples of `bands`, pixel by pixel. What the file does not have is NaN.
    /// Fails between rows when the caller has cancelled.
    ///
    /// # Errors
    /// The stored values are damaged.
    fn for_each_row(
        &self,
        input: &mut Input<'_, '_>,
        frame: u32,
        bands: &[usize],
        window: &PixelRect,
        take: &mut dyn FnMut(&[f64]) -> ControlFlow<()>,
    ) -> Result<(), Error>;

    /// An upper estimate of the memory that reading `bands` bands takes, in bytes. Saturates.
    fn working_bytes(&self, bands: u32) -> u64;
}

/// A picture of values.
pub(super) struct Values<S> {
    pub(super) format: Format,
    /// Width and height in pixels.
    pub(super) sides: (u32, u32),
    pub(super) bands: u32,
    pub(super) frames: u32,
    pub(super) sample_type: SampleType,
    /// A value is a stored number times `scale`, plus `zero`.
    pub(super) scale: f64,
    pub(super) zero: f64,
    /// Stored numbers that mean "no data", as NaN always does.
    pub(super) missing: Vec<f64>,
    /// Whether the first row that is stored is the lowest one.
    pub(super) is_bottom_up: bool,
    /// Whether the file has all rows. Missing ones are transparent.
    pub(super) is_whole: bool,
    pub(super) rows: S,
}

impl<S: StoredRows + 'static> Values<S> {
    /// What a driver returns.
    pub(super) fn probed(self) -> Probed {
        let (width, height) = self.sides;
        let bands = self.bands.min(MAX_BANDS_READ);
        // values, pixels, and a copy of the last row
        let row = u64::from(width).saturating_mul(u64::from(bands) * 8 + 2 * 8);
        let sampled =
            area(width, height).min(SAMPLED_PIXELS) * u64::from(bands) * SAMPLED_VALUE_BYTES;
        let decoded_bytes = self.rows.working_bytes(bands).saturating_add(row + sampled);
        Probed {
            frames: self.frames,
            bits: self.sample_type.bits(),
            is_whole: self.is_whole,
            decoded_bytes,
            ..Probed::still(self.format, self.sides, self.bands, 0, self)
        }
    }
}

impl<S: StoredRows> Decoder for Values<S> {
    fn bands(&self, _input: &mut Input<'_, '_>, _frame: u32) -> Result<BandDirectory, Error> {
        Ok(BandDirectory { count: self.bands, ..BandDirectory::default() })
    }

    fn read_values(
        &self,
        input: &mut Input<'_, '_>,
        query: ValueQuery<'_>,
        take: &mut dyn TakeValues,
    ) -> Result<(), Error> {
        let window = take.begin(&ValueSource {
            geometry: self.geometry(),
            bits: self.sample_type.bits(),
            ranges: vec![self.full_range(); query.bands.len()],
            is_inverted: false,
        });
        let missing = query.spec.nodata().value();
        let mut values = Vec::new();
        self.for_each_row(input, query.spec.frame(), query.bands, &window, &mut |row| {
            values.clear();
            let is_missing = |value: &f64| missing == Some(*value);
            values.extend(row.iter().map(|it| if is_missing(it) { f64::NAN } else { *it }));
            take.push(&values)
        })
    }

    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let bands = self.chosen_bands(view.bands)?;
        let answers = input.source.answers();
        let mut find = || self.black_and_white(input, view, &bands).map(Some);
        let ranges = match specs.first() {
            // all specs of a view have the same
            Some(spec) => answers.get(Question::Ranges, spec, find)?,
            None => find()?,
        };
        let mut colours = Colours {
            ranges: ranges.unwrap_or_default(),
            has_alpha: self.has_alpha(),
            samples: Vec::new(),
        };
        let geometry = self.geometry();
        let cancellation = input.source.cancellation();
        if view.stretch == Stretch::Auto && self.sample_type.bits() <= 8 {
            let fractions = self.small_range(input, view.frame, &bands, &mut colours)?;
            fractions.into_iter().for_each(|fractions| colours.narrow(fractions));
        }
        let mut picture =
            Picture::new(specs, &geometry, ColorProfile::default(), cancellation).cut_to_window();
        self.push_rows(input, view.frame, &bands, &mut colours, &mut picture)?;
        Ok(picture.finish().collect())
    }
}

impl<S: StoredRows> Values<S> {
    /// The indices of the bands to show: one as grey, or three as red, green and blue.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such band.
    fn chosen_bands(&self, bands: BandNumbers) -> Result<Vec<usize>, Error> {
        let chosen = match bands.chosen() {
            Some(chosen) => chosen,
            None if self.bands < 3 => [0; 3],
            None => [0, 1, 2],
        };
        if chosen.iter().any(|band| *band >= self.bands as usize) {
            return Err(Error::no_band(self.bands));
        }
        let [red, green, blue] = chosen;
        Ok(if (red, green) == (green, blue) { vec![red] } else { vec![red, green, blue] })
    }

    fn geometry(&self) -> SourceGeometry {
        let orientation = match self.is_bottom_up {
            true => Orientation::FlipVertical,
            false => Orientation::NoTransforms,
        };
        SourceGeometry { full: self.sides, held: self.sides, scale: 1, orientation }
    }

    /// The least and the greatest value that can be stored.
    fn full_range(&self) -> (f64, f64) {
        let (min, max) = self.sample_type.value_range();
        let (min, max) = (self.value(min), self.value(max));
        (min.min(max), min.max(max))
    }

    /// The values to show as black and as white, of each band.
    fn black_and_white(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        bands: &[usize],
    ) -> Result<Vec<(f64, f64)>, Error> {
        let ranges = match view.stretch.ranges() {
            Some(ranges) => ranges[..bands.len()].to_vec(),
            None if view.stretch.is_chosen()
                || view.stretch == Stretch::Auto && self.sample_type.bits() > 8 =>
            {
                let mut values = self.some_values(input, view.frame, bands)?;
                return Ok(of_values(&mut values, view.stretch));
            }
            None => vec![self.full_range(); bands.len()],
        };
        Ok(ranges.into_iter().map(not_empty).collect())
    }

    /// The values of each band of about [`SAMPLED_PIXELS`] pixels.
    fn some_values(
        &self,
        input: &mut Input<'_, '_>,
        frame: u32,
        bands: &[usize],
    ) -> Result<Vec<Vec<f64>>, Error> {
        let pixels = area(self.sides.0, self.sides.1);
        let every = pixels.div_ceil(SAMPLED_PIXELS);
        let width = u64::from(self.sides.0);
        let capacity = pixels.div_ceil(every.max(1)) as usize;
        let mut values: Vec<_> = bands.iter().map(|_| Vec::with_capacity(capacity)).collect();
        // indices in the picture of the row's first pixel and of the next pixel to take
        let (mut row_start, mut next) = (0, 0);
        let whole = PixelRect::whole(self.sides);
        self.for_each_row(input, frame, bands, &whole, &mut |row| {
            let pixels = row.chunks_exact(bands.len());
            for pixel in pixels.skip((next - row_start) as usize).step_by(every as usize) {
                values.iter_mut().zip(pixel).for_each(|(values, value)| values.push(*value));
                next += every;
            }
            row_start += width;
            ControlFlow::Continue(())
        })?;
        Ok(values)
    }

    /// The range of values that a frame uses, if it is small.
    fn small_range(
        &self,
        input: &mut Input<'_, '_>,
        frame: u32,
        bands: &[usize],
        colours: &mut Colours,
    ) -> Result<Option<(f64, f64)>, Error> {
        let mut used_range = UsedRange::new(self.sides, self.sample_type.bits(), None);
        let whole = PixelRect::whole(self.sides);
        self.for_each_row(input, frame, bands, &whole, &mut |values| {
            used_range.push(colours.of(values));
            match used_range.is_open() {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(used_range.small())
    }

    /// Passes the rows of the window of `picture`.
    fn push_rows(
        &self,
        input: &mut Input<'_, '_>,
        frame: u32,
        bands: &[usize],
        colours: &mut Colours,
        picture: &mut Picture<'_>,
    ) -> Result<(), Error> {
        let mut last = LastRow::default();
        let window = picture.window().clone();
        self.for_each_row(input, frame, bands, &window, &mut |values| {
            let row = colours.of(values);
            match last.is_repeated_by(row) {
                true => picture.repeat(1),
                false => picture.push(row),
            }
            ControlFlow::Continue(())
        })
    }

    /// Calls `take` with each row of a window, until it breaks. Missing values are NaN.
    fn for_each_row(
        &self,
        input: &mut Input<'_, '_>,
        frame: u32,
        bands: &[usize],
        window: &PixelRect,
        take: &mut dyn FnMut(&[f64]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let is_plain = self.missing.is_empty() && (self.scale, self.zero) == (1.0, 0.0);
        let mut values = Vec::new();
        self.rows.for_each_row(input, frame, bands, window, &mut |stored| {
            if is_plain {
                return take(stored);
            }
            values.clear();
            values.extend(stored.iter().map(|stored| match self.missing.contains(stored) {
                true => f64::NAN,
                false => self.value(*stored),
            }));
            take(&values)
        })
    }

    fn value(&self, stored: f64) -> f64 {
        stored * self.scale + self.zero
    }

    /// Whether pixels may be transparent.
    fn has_alpha(&self) -> bool {
        !self.is_whole || !self.missing.is_empty() || !self.sample_type.is_integer()
    }
}

/// Turns values into colours.
struct Colours {
    /// Black and white of each band: of one, or of three.
    ranges: Vec<(f64, f64)>,
    has_alpha: bool,
    /// The row that was converted last: kept for its memory.
    samples: Vec<u16>,
}

impl Colours {
    /// Makes these fractions of the way from black to white black and white.
    fn narrow(&mut self, fractions: (f64, f64)) {
        self.ranges.iter_mut().for_each(|range| *range = part_of(*range, fractions));
    }

    /// The colours of a row of values. A pixel without any value is transparent.
    fn of(&mut self, values: &[f64]) -> Row<'_> {
        let level =
            |(value, (low, high)): (&f64, &(f64, f64))| to_16_bits((value - low) / (high - low));
        self.samples.clear();
        if self.has_alpha {
            for pixel in values.chunks_exact(self.ranges.len()) {
                self.samples.extend(pixel.iter().zip(&self.ranges).map(level));
                let is_shown = pixel.iter().any(|value| !value.is_nan());
                self.samples.push(if is_shown { u16::MAX } else { 0 });
            }
        } else {
            self.samples.extend(values.iter().zip(self.ranges.iter().cycle()).map(level));
        }
        match (self.ranges.len(), self.has_alpha) {
            (1, false) => Row::Grey16(self.samples.as_chunks().0),
            (1, true) => Row::GreyAlpha16(self.samples.as_chunks().0),
            (_, false) => Row::Rgb16(self.samples.as_chunks().0),
            (_, true) => Row::Rgba16(self.samples.as_chunks().0),
        }
    }
}
