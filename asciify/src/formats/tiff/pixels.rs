//! Turns the samples of a page into pixels: what samples mean.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::ops::{ControlFlow, Range};

use super::band_names::BandNames;
use super::codes::{Photometric, SampleFormat};
use super::ifd::{FORMAT, Tiff};
use super::levels::Level;
use super::page::Page;
use super::rows::RowReader;
use super::samples;
use crate::color_profile::Lut;
use crate::error::Error;
use crate::light::{from_lab, from_ycbcr};
use crate::sample::band_numbers::{BandDirectory, BandNumbers};
use crate::sample::view::View;
use crate::spec::bands::Stretch;
use crate::spec::region::PixelRect;

/// A pixel in the units of the file's samples.
pub(super) struct Pixel {
    /// Red, green and blue.
    pub(super) color: [f64; 3],
    /// Infinite for pages without alpha; 0 where there is no data.
    pub(super) alpha: f64,
}

/// The wanted samples of a row of a window of a level. Pixels are counted from the window's left.
pub(super) struct SampleRow<'a> {
    page: &'a Page,
    bands: BandNumbers,
    /// Pixel by pixel, `per_pixel` each.
    values: &'a [f64],
    per_pixel: usize,
    /// The mask: 0 where there is no data.
    mask: &'a [f64],
    /// The pixels that may differ from those of the last row.
    pub(super) changed: &'a [Range<usize>],
}

impl SampleRow<'_> {
    pub(super) fn samples(&self, x: usize) -> &[f64] {
        &self.values[x * self.per_pixel..(x + 1) * self.per_pixel]
    }

    /// Whether there is data.
    pub(super) fn is_shown(&self, x: usize) -> bool {
        self.mask[x] > 0.0
    }

    /// Whether a pixel, which is not the first, has the samples of the one to the left.
    #[inline]
    pub(super) fn equals_left(&self, x: usize) -> bool {
        // bits, since NaN is no different value
        let pairs = self.samples(x).iter().zip(self.samples(x - 1));
        pairs.fold(0, |bits, (it, left)| bits | (it.to_bits() ^ left.to_bits())) == 0
    }

    /// The number of changed pixels that differ from the one to the left.
    pub(super) fn different_pixels(&self) -> u64 {
        let differs = |x: &usize| !self.equals_left(*x);
        self.changed.iter().map(|it| (it.start + 1..it.end).filter(differs).count() as u64).sum()
    }

    /// Whether alpha or a mask hides a pixel.
    pub(super) fn is_hidden(&self, x: usize) -> bool {
        let has_alpha = self.page.alpha_sample().is_some();
        !self.is_shown(x) || has_alpha && self.samples(x).last() == Some(&0.0)
    }

    /// Whether a sample is "no data": NaN, or the value `missing`, or else the page's own.
    pub(super) fn is_missing(&self, sample: f64, missing: Option<f64>) -> bool {
        let missing = missing.or(self.page.nodata);
        sample.is_nan() || missing.is_some_and(|missing| self.page.equals(sample, missing))
    }

    pub(super) fn pixel(&self, x: usize) -> Pixel {
        self.page.pixel(self.samples(x), self.bands, self.is_shown(x), None)
    }
}

/// Calls `take` with the samples of each row of a window of a level, until it breaks.
///
/// # Errors
/// A strip or a tile is damaged, there is no such band, or what `take` returns.
pub(super) fn for_each_sample_row(
    tiff: &RefCell<Tiff<'_>>,
    level: &Level,
    bands: BandNumbers,
    window: &PixelRect,
    take: impl FnMut(&SampleRow<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    let wanted = level.page.wanted_samples(bands)?;
    for_each_row_of(tiff, level, &wanted, bands, window, take)
}

/// The same for samples of these indices; the last one is alpha, if there is alpha.
///
/// # Errors
/// A strip or a tile is damaged, or what `take` returns.
pub(super) fn for_each_row_of(
    tiff: &RefCell<Tiff<'_>>,
    level: &Level,
    wanted: &[usize],
    bands: BandNumbers,
    window: &PixelRect,
    mut take: impl FnMut(&SampleRow<'_>) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    let page = &level.page;
    let (width, per_pixel) = (window.sides().0 as usize, wanted.len());
    let mut rows = RowReader::new(tiff, page, wanted, window);
    let mask_rows = |mask| (mask, RowReader::new(tiff, mask, &[0], window));
    let mut mask_rows = level.mask.as_ref().map(mask_rows);
    let (mut values, mut mask) = (vec![0.0; width * per_pixel], vec![1.0; width]);
    let mut changed: Vec<Range<usize>> = Vec::new();
    let missing = page.nodata.unwrap_or(0.0);
    for _ in window.y.clone() {
        changed.clear();
        rows.next(|first, plane, bytes| {
            let (outside, pixels) = page.shown_pixels(first, window);
            let row = &mut values[pixels.start * per_pixel..pixels.end * per_pixel];
            for (index, sample) in wanted.iter().enumerate() {
                let slots = row.iter_mut().skip(index).step_by(per_pixel);
                let samples = page.samples_per_pixel as usize;
                let interleaved = (outside * samples + *sample, samples);
                match (page.is_planar, bytes) {
                    (true, _) if index != plane => {}
                    (_, []) => slots.for_each(|slot| *slot = missing),
                    (true, _) => samples::read(bytes, page, (outside, 1), slots),
                    _ => samples::read(bytes, page, interleaved, slots),
                }
            }
            // another plane may have changed the same pixels
            if changed.last() != Some(&pixels) {
                changed.push(pixels);
            }
        })
        .map_err(damaged)?;
        if let Some((page, rows)) = &mut mask_rows {
            let read = rows.next(|first, _, bytes| {
                let (outside, pixels) = page.shown_pixels(first, window);
                let slots = mask[pixels.clone()].iter_mut();
                let samples = page.samples_per_pixel as usize;
                samples::read(bytes, page, (outside * samples, samples), slots);
                if !changed.contains(&pixels) {
                    changed.push(pixels);
                }
            });
            read.map_err(damaged)?;
        }
        let row =
            SampleRow { page, bands, values: &values, per_pixel, mask: &mask, changed: &changed };
        if take(&row)?.is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn too_many_pixels() -> Error {
    Error::malformed(FORMAT, "it has more different pixels than its length can hold")
}

pub(super) fn damaged(err: io::Error) -> Error {
    match err.kind() {
        ErrorKind::UnexpectedEof => Error::cut_off(FORMAT, "its last strip or tile"),
        _ => Error::malformed(FORMAT, "a strip or a tile of it is damaged"),
    }
}

impl Page {
    /// How many pixels of a chunk that begins at the column `first` lie left of a window, and those
    /// inside, counted from the window's left.
    pub(super) fn shown_pixels(&self, first: usize, window: &PixelRect) -> (usize, Range<usize>) {
        let shown = window.x.start as usize..window.x.end as usize;
        let (start, end) =
            (first.max(shown.start), (first + self.chunk_size.0 as usize).min(shown.end));
        (start - first, start - shown.start..end - shown.start)
    }

    /// What the page says about its bands.
    pub(super) fn band_directory(self) -> BandDirectory {
        let count = self.bands();
        let alpha = if self.has_bands() { self.alpha_sample() } else { Some(3) };
        let is_interleaved = !self.is_planar;
        let BandNames { names, colors, rgb, .. } = self.band_names;
        let has_any_number = true;
        // they may also be those of the coordinate reference system
        let units_m = Vec::new();
        BandDirectory { count, names, colors, rgb, alpha, units_m, has_any_number, is_interleaved }
    }

    /// A view with the bands that are shown by default, if the page says which are red, green and
    /// blue.
    pub(super) fn resolved(&self, view: View) -> View {
        match (view.bands, self.band_names.rgb) {
            (BandNumbers::Auto, Some(rgb)) if rgb != [0, 1, 2] => {
                View { bands: BandNumbers::Rgb(rgb.map(|band| band as u16 + 1)), ..view }
            }
            _ => view,
        }
    }

    /// Whether values are shown as they are, if they use enough of their range.
    pub(super) fn is_displayable(&self) -> bool {
        self.bits_per_sample <= 8 || !self.has_bands()
    }

    /// The stretch that shows these fractions of the way from black to white as black and white.
    pub(super) fn stretch(&self, (low, high): (f64, f64)) -> Stretch {
        let (min, max) = self.value_range();
        let value = |fraction: f64| match self.photometric {
            Photometric::WhiteIsZero => max - fraction * (max - min),
            _ => min + fraction * (max - min),
        };
        let (low, high) = (value(low), value(high));
        Stretch::Range(low.min(high), low.max(high))
    }

    /// Whether samples are bands, not colours of a colour space.
    pub(super) fn has_bands(&self) -> bool {
        matches!(self.photometric, Photometric::Bands | Photometric::WhiteIsZero)
    }

    /// Samples per pixel of a page whose bytes are coded colours as they are: grey or RGB, with or
    /// without unassociated alpha.
    pub(super) fn coded_samples(&self) -> Option<usize> {
        let has_coded_samples = match self.alpha {
            Some(alpha) => {
                alpha.sample + 1 == self.samples_per_pixel as usize && !alpha.is_associated
            }
            None => matches!(self.samples_per_pixel, 1 | 3),
        };
        let is_coded = self.bits_per_sample == 8
            && self.sample_format == SampleFormat::Uint
            && self.photometric == Photometric::Bands
            && self.samples_per_pixel <= 4
            && !self.is_planar
            && self.nodata.is_none()
            && has_coded_samples;
        is_coded.then_some(self.samples_per_pixel as usize)
    }

    /// The lowest and the highest value of a colour of [`Pixel`], or of a band.
    pub(super) fn value_range(&self) -> (f64, f64) {
        match self.photometric {
            Photometric::Palette | Photometric::CieLab => (0.0, 65_535.0),
            _ => self.sample_range(),
        }
    }

    /// The lowest and the highest value of a sample. The highest is opaque alpha.
    pub(super) fn sample_range(&self) -> (f64, f64) {
        let bits = self.bits_per_sample as i32;
        let max = |bits| libm::ldexp(1.0, bits) - 1.0;
        match self.sample_format {
            SampleFormat::Uint => (0.0, max(bits)),
            SampleFormat::Int => (-libm::ldexp(1.0, bits - 1), max(bits - 1)),
            SampleFormat::ComplexInt => (0.0, max(bits / 2 - 1)),
            SampleFormat::Float | SampleFormat::ComplexFloat => (0.0, 1.0),
        }
    }

    /// Whether one band is shown, as grey.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such band.
    pub(super) fn shows_one_band(&self, bands: BandNumbers) -> Result<bool, Error> {
        let alpha = usize::from(self.alpha_sample().is_some());
        Ok(self.has_bands() && self.wanted_samples(bands)?.len() == 1 + alpha)
    }

    /// The indices of the samples that make the colours, then that of alpha.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such band.
    pub(super) fn wanted_samples(&self, bands: BandNumbers) -> Result<Vec<usize>, Error> {
        let samples = self.samples_per_pixel as usize;
        let alpha = self.alpha_sample();
        let mut wanted: Vec<usize> = match (self.photometric, bands.chosen()) {
            (Photometric::Bands | Photometric::WhiteIsZero, Some([red, green, blue])) => {
                if [red, green, blue].iter().any(|band| *band >= samples) {
                    return Err(Error::no_band(self.samples_per_pixel));
                }
                if (red, green) == (green, blue) { vec![red] } else { vec![red, green, blue] }
            }
            (Photometric::Bands | Photometric::WhiteIsZero, None) => {
                let colors = (0..samples).filter(|sample| Some(*sample) != alpha);
                let count = if colors.clone().count() < 3 { 1 } else { 3 };
                colors.take(count).collect()
            }
            (Photometric::Palette, _) => vec![0],
            (Photometric::Separated, _) => vec![0, 1, 2, 3],
            (Photometric::YCbCr | Photometric::CieLab, _) => vec![0, 1, 2],
        };
        wanted.extend(alpha);
        Ok(wanted)
    }

    /// The indices of the samples of bands, then that of alpha.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such band.
    pub(super) fn samples_of(&self, mut bands: Vec<usize>) -> Result<Vec<usize>, Error> {
        if bands.iter().any(|band| *band >= self.samples_per_pixel as usize) {
            return Err(Error::no_band(self.samples_per_pixel));
        }
        bands.extend(self.alpha_sample());
        Ok(bands)
    }

    /// The index in a pixel of the sample that is alpha.
    pub(super) fn alpha_sample(&self) -> Option<usize> {
        let samples = self.samples_per_pixel as usize;
        self.alpha.map(|alpha| alpha.sample).filter(|sample| *sample < samples)
    }

    /// A pixel of the samples of [`Page::wanted_samples`].
    pub(super) fn pixel(
        &self,
        values: &[f64],
        bands: BandNumbers,
        is_shown: bool,
        cmyk: Option<&Lut>,
    ) -> Pixel {
        let (samples, alpha) = match (self.alpha_sample(), values) {
            (Some(_), [samples @ .., last]) => (samples, *last),
            _ => (values, f64::INFINITY),
        };
        let color = self.color(samples, cmyk);
        let color = match bands.chosen() {
            Some(chosen) if !self.has_bands() => {
                chosen.map(|band| color.get(band).copied().unwrap_or(alpha))
            }
            _ => color,
        };
        let is_missing = |value: &f64| value.is_nan() || self.is_nodata(*value);
        let is_hidden = !is_shown || samples.iter().all(is_missing);
        Pixel { color, alpha: if is_hidden { 0.0 } else { alpha } }
    }

    /// Red, green and blue of the samples that make the colours.
    fn color(&self, samples: &[f64], cmyk: Option<&Lut>) -> [f64; 3] {
        match (self.photometric, samples) {
            (Photometric::Palette, [index, ..]) => {
                self.color_map.get(*index as usize).map_or([0.0; 3], |color| color.map(f64::from))
            }
            (Photometric::YCbCr, [y, cb, cr, ..]) => {
                from_ycbcr(*y as u8, *cb as u8, *cr as u8).map(f64::from)
            }
            (Photometric::Separated, [c, m, y, k, ..]) => {
                let (_, max) = self.value_range();
                if let Some(cmyk) = cmyk {
                    let rgb = cmyk.srgb(&[c, m, y, k].map(|ink| ink / max));
                    return rgb.map(|value| f64::from(value) / 65_535.0 * max);
                }
                [c, m, y].map(|ink| (max - ink) * (max - k) / max)
            }
            (Photometric::CieLab, [l, a, b, ..]) => {
                let signed = |it: &f64| f64::from(*it as u8 as i8);
                from_lab(l / 2.55, signed(a), signed(b)).map(|level| level * 65_535.0)
            }
            (_, [r, g, b, ..]) => [*r, *g, *b],
            (_, [grey, ..]) => [*grey; 3],
            (_, []) => [0.0; 3],
        }
    }

    fn is_nodata(&self, value: f64) -> bool {
        self.nodata.is_some_and(|nodata| self.equals(value, nodata))
    }

    /// Whether a sample is a number that was written as text, which may have more digits than samples
    /// of 32 bits.
    fn equals(&self, sample: f64, number: f64) -> bool {
        match (self.sample_format, self.bits_per_sample) {
            (SampleFormat::Float, 32) => number as f32 == sample as f32,
            _ => number == sample,
        }
    }
}
