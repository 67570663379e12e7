//! The values of a page, or of an overview of it: of bands, or of the colours that samples mean.

use std::cell::RefCell;

use super::codes::Photometric;
use super::ifd::Tiff;
use super::levels::Level;
use super::pixels::{SampleRow, for_each_row_of};
use crate::error::{Error, Limits};
use crate::formats::value_rows::{TakeValues, ValueQuery, ValueSource};
use crate::sample::area::SourceGeometry;
use crate::sample::band_numbers::BandNumbers;
use crate::spec::region::PixelRect;

/// The index of alpha among the colours of a pixel.
const ALPHA: usize = 3;

/// Which numbers of a row are the values, and what they mean.
struct Bands<'a> {
    query: ValueQuery<'a>,
    /// What values are multiplied by, and what is added then, of each band.
    scales: Vec<(f64, f64)>,
    /// Whether samples are colours of a colour space.
    are_colors: bool,
}

/// Passes the values of a level. `first` is the page itself.
///
/// # Errors
/// A strip or a tile is damaged, there is no such band, or the level exceeds the limits.
pub(super) fn read(
    tiff: &RefCell<Tiff<'_>>,
    (first, level): (&Level, &Level),
    geometry: SourceGeometry,
    query: ValueQuery<'_>,
    limits: &Limits,
    take: &mut dyn TakeValues,
) -> Result<(), Error> {
    let page = &level.page;
    let names = &first.page.band_names;
    let factor = |of: &[f64], band: usize, default| of.get(band).copied().unwrap_or(default);
    let scale = |band: &usize| match query.spec.unscale() {
        true => (factor(&names.scales, *band, 1.0), factor(&names.offsets, *band, 0.0)),
        false => (1.0, 0.0),
    };
    let bands = Bands {
        query,
        scales: query.bands.iter().map(scale).collect(),
        are_colors: !page.has_bands(),
    };
    let (low, high) = page.value_range();
    let range = |(scale, offset): &(f64, f64)| {
        let (low, high) = (low * scale + offset, high * scale + offset);
        (low.min(high), low.max(high))
    };
    let window = take.begin(&ValueSource {
        geometry,
        bits: page.bits_per_sample,
        ranges: bands.scales.iter().map(range).collect(),
        is_inverted: page.photometric == Photometric::WhiteIsZero,
    });
    page.check_limits_of(&window, limits)?;
    bands.check_memory(level, &window, limits)?;
    let wanted = match bands.are_colors {
        true => page.wanted_samples(BandNumbers::Auto)?,
        false => page.samples_of(query.bands.to_vec())?,
    };
    let mut values = vec![f64::NAN; window.sides().0 as usize * query.bands.len()];
    for_each_row_of(tiff, level, &wanted, BandNumbers::Auto, &window, |row| {
        let count = query.bands.len();
        for x in row.changed.iter().cloned().flatten() {
            bands.put(row, x, &mut values[x * count..(x + 1) * count]);
        }
        Ok(take.push(&values))
    })
}

impl Bands<'_> {
    /// Planes are read side by side: more than the header's estimate counts take more memory.
    ///
    /// # Errors
    /// [`Error::OverLimit`].
    fn check_memory(
        &self,
        level: &Level,
        window: &PixelRect,
        limits: &Limits,
    ) -> Result<(), Error> {
        let bytes = level.page.decoded_bytes_of(window);
        let groups = match level.page.is_planar {
            true => self.query.bands.len().div_ceil(ALPHA) as u64,
            false => 1,
        };
        Error::over("bytes when decoded", bytes.saturating_mul(groups), limits.max_decoded_bytes)
    }

    /// Puts the values of a pixel into `values`.
    fn put(&self, row: &SampleRow<'_>, x: usize, values: &mut [f64]) {
        let is_hidden = row.is_hidden(x);
        let (samples, pixel) = (row.samples(x), self.are_colors.then(|| row.pixel(x)));
        for (index, value) in values.iter_mut().enumerate() {
            let band = self.query.bands[index];
            let stored = match &pixel {
                Some(pixel) => pixel.color.get(band).copied().unwrap_or(pixel.alpha),
                None => samples[index],
            };
            let is_missing = row.is_missing(stored, self.query.spec.nodata().value());
            let (scale, offset) = self.scales[index];
            *value = match is_hidden || is_missing {
                true => f64::NAN,
                false => stored * scale + offset,
            };
        }
    }
}
