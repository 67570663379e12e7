//! Turns the samples of a page into pixels: what samples mean, and which values are black and
//! white.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::ops::Range;

use super::codes::{Photometric, SampleFormat};
use super::ifd::{FORMAT, Tiff};
use super::levels::Level;
use super::memo::{Memo, max_conversions};
use super::page::Page;
use super::rows::RowReader;
use super::samples;
use crate::error::{Error, Limits};
use crate::light::{Row, from_lab, from_ycbcr};
use crate::sample::Picture;
use crate::spec::bands::{Bands, Stretch};

/// The fraction of all values that automatic stretching makes black, and the fraction it makes
/// white.
const CLIPPED_FRACTION: f64 = 0.02;
/// About how many pixels automatic stretching takes percentiles of.
const SAMPLED_PIXELS: u64 = 1 << 16;

/// Which values are black, white and opaque.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueRange {
    /// Black.
    low: f64,
    /// White.
    high: f64,
    /// The alpha of opaque pixels.
    opaque: f64,
}

impl ValueRange {
    /// The range for a page and its overviews. Percentiles are taken from the smallest overview
    /// that has enough pixels.
    ///
    /// # Errors
    /// A strip or a tile is damaged, or the level exceeds the limits.
    pub(super) fn of(
        tiff: &RefCell<Tiff<'_>>,
        levels: &[Level],
        bands: Bands,
        stretch: Stretch,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let page = &levels[0].page;
        let (min, max) = page.value_range();
        let is_displayable = page.is_displayable();
        let fixed = match stretch {
            Stretch::Range(low, high) => Some((low, high)),
            Stretch::None => Some((min, max)),
            Stretch::Auto => is_displayable.then_some((min, max)),
        };
        if let Some((low, high)) = fixed.filter(|_| is_displayable || page.alpha.is_none()) {
            return Ok(Self { low, high, opaque: max });
        }
        let has_enough_pixels = |level: &&Level| level.page.pixels() >= SAMPLED_PIXELS;
        let level = levels.iter().rev().find(has_enough_pixels).unwrap_or(&levels[0]);
        level.page.check_limits(limits)?;
        let every = level.page.pixels().div_ceil(SAMPLED_PIXELS);
        let width = u64::from(level.page.width);
        let has_alpha = level.page.alpha_sample().is_some();
        let mut opaque = if has_alpha { 0.0_f64 } else { f64::INFINITY };
        // indices in the page of the row's first pixel and of the next pixel to take
        let (mut values, mut row_start, mut next) = (Vec::new(), 0, 0);
        let mut conversions_left = max_conversions(&level.page, tiff.borrow().reader.end);
        let is_bounded = conversions_left < u64::MAX;
        for_each_sample_row(tiff, level, bands, |row| {
            if is_bounded {
                let left = conversions_left.checked_sub(row.different_pixels());
                conversions_left = left.ok_or_else(too_many_pixels)?;
            }
            for x in row.changed.iter().cloned().flatten().filter(|_| has_alpha) {
                opaque = opaque.max(row.pixel(x).alpha);
            }
            while next < row_start + width {
                let pixel = row.pixel((next - row_start) as usize);
                if pixel.alpha > 0.0 {
                    values.extend(pixel.color.into_iter().filter(|value| value.is_finite()));
                }
                next += every;
            }
            row_start += width;
            Ok(())
        })?;
        values.sort_unstable_by(f64::total_cmp);
        let quantile = |q: f64| values.get((values.len() as f64 * q) as usize).copied();
        let percentiles = quantile(CLIPPED_FRACTION).zip(quantile(1.0 - CLIPPED_FRACTION));
        let (low, high) = fixed.or(percentiles).unwrap_or((0.0, 1.0));
        Ok(Self { low, high: if high > low { high } else { low + 1.0 }, opaque })
    }

    /// Red, green, blue and alpha of a pixel, 0 to 65535.
    fn apply(&self, pixel: &Pixel, is_inverted: bool, is_associated: bool) -> [u16; 4] {
        let alpha = if pixel.alpha == f64::INFINITY { 1.0 } else { pixel.alpha / self.opaque };
        let full_scale = |value: f64| {
            let level = (value - self.low) / (self.high - self.low);
            to_16_bits(match (is_associated, is_inverted) {
                (true, _) => level / alpha,
                (_, true) => 1.0 - level,
                _ => level,
            })
        };
        let [r, g, b] = pixel.color;
        let [r, g, b] = match r == g && g == b {
            true => [full_scale(r); 3],
            false => [r, g, b].map(full_scale),
        };
        [r, g, b, to_16_bits(alpha)]
    }
}

/// A level, 0 to 1, in 65535ths, rounded as [`libm::round`] does. Clamps; NaN becomes 0.
fn to_16_bits(level: f64) -> u16 {
    let exact = level.clamp(0.0, 1.0) * 65_535.0;
    let floor = exact as u16;
    floor + u16::from(exact - f64::from(floor) >= 0.5)
}

/// A pixel in the units of the file's samples.
struct Pixel {
    /// Red, green and blue.
    color: [f64; 3],
    /// Infinite for pages without alpha; 0 where there is no data.
    alpha: f64,
}

/// Passes each row of a level to `picture`, from the top. Pixels without data are transparent.
///
/// # Errors
/// A strip or a tile is damaged, or there is no such band.
pub(super) fn push_rows(
    tiff: &RefCell<Tiff<'_>>,
    level: &Level,
    bands: Bands,
    stretch: Stretch,
    range: &ValueRange,
    picture: &mut Picture,
) -> Result<(), Error> {
    let page = &level.page;
    let is_unchanged = bands == Bands::Auto && !matches!(stretch, Stretch::Range(..));
    if let Some(samples) = page.srgb_samples().filter(|_| is_unchanged && level.mask.is_none()) {
        return push_srgb_rows(tiff, page, samples, picture);
    }
    let is_inverted = page.photometric == Photometric::WhiteIsZero;
    let is_associated = page.alpha.is_some_and(|alpha| alpha.is_associated);
    let file_bytes = tiff.borrow().reader.end;
    let mut palette = Memo::new(page, file_bytes, |samples| {
        range.apply(&page.pixel(samples, bands, true), is_inverted, is_associated)
    });
    let mut colors = vec![[0; 4]; page.width as usize];
    for_each_sample_row(tiff, level, bands, |row| {
        if row.changed.is_empty() {
            picture.repeat(1);
            return Ok(());
        }
        for x in row.changed.iter().cloned().flatten() {
            colors[x] = palette.color(row.samples(x), row.is_shown(x));
        }
        if palette.is_spent() {
            return Err(too_many_pixels());
        }
        picture.push(Row::Rgba16(&colors));
        Ok(())
    })
}

/// [`push_rows`] for pages whose bytes can be used as they are: see [`Page::srgb_samples`].
fn push_srgb_rows(
    tiff: &RefCell<Tiff<'_>>,
    page: &Page,
    samples: usize,
    picture: &mut Picture,
) -> Result<(), Error> {
    let mut rows = RowReader::new(tiff, page, &[]);
    let mut row = vec![0; page.width as usize * samples];
    for _ in 0..page.height {
        let mut is_repeated = true;
        let read = rows.next(|first, _, bytes| {
            is_repeated = false;
            let slots = &mut row[first * samples..];
            let length = slots.len().min(page.chunk_size.0 as usize * samples);
            match bytes.get(..length) {
                Some(bytes) => slots[..length].copy_from_slice(bytes),
                None => slots[..length].fill(0),
            }
        });
        read.map_err(damaged)?;
        match samples {
            _ if is_repeated => picture.repeat(1),
            1 => picture.push(Row::Grey8(row.as_chunks().0)),
            2 => picture.push(Row::GreyAlpha8(row.as_chunks().0)),
            3 => picture.push(Row::Rgb8(row.as_chunks().0)),
            _ => picture.push(Row::Rgba8(row.as_chunks().0)),
        }
    }
    Ok(())
}

/// The wanted samples of a row of a level.
struct SampleRow<'a> {
    page: &'a Page,
    bands: Bands,
    /// Pixel by pixel, `per_pixel` each.
    values: &'a [f64],
    per_pixel: usize,
    /// The mask: 0 where there is no data.
    mask: &'a [f64],
    /// The pixels that may differ from those of the last row.
    changed: &'a [Range<usize>],
}

impl SampleRow<'_> {
    fn samples(&self, x: usize) -> &[f64] {
        &self.values[x * self.per_pixel..(x + 1) * self.per_pixel]
    }

    /// Whether there is data.
    fn is_shown(&self, x: usize) -> bool {
        self.mask[x] > 0.0
    }

    /// The number of changed pixels that differ from the one to the left.
    fn different_pixels(&self) -> u64 {
        // bits, since NaN is no different value
        let bits = |x: usize| self.samples(x).iter().map(|sample| sample.to_bits());
        let differs = |x: &usize| !bits(*x).eq(bits(*x - 1));
        self.changed.iter().map(|it| (it.start + 1..it.end).filter(differs).count() as u64).sum()
    }

    fn pixel(&self, x: usize) -> Pixel {
        self.page.pixel(self.samples(x), self.bands, self.is_shown(x))
    }
}

/// Calls `take` with the samples of each row of a level.
///
/// # Errors
/// A strip or a tile is damaged, there is no such band, or what `take` returns.
fn for_each_sample_row(
    tiff: &RefCell<Tiff<'_>>,
    level: &Level,
    bands: Bands,
    mut take: impl FnMut(&SampleRow<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let page = &level.page;
    let wanted = page.wanted_samples(bands)?;
    let (width, per_pixel) = (page.width as usize, wanted.len());
    let mut rows = RowReader::new(tiff, page, &wanted);
    let mut mask_rows = level.mask.as_ref().map(|mask| (mask, RowReader::new(tiff, mask, &[0])));
    let (mut values, mut mask) = (vec![0.0; width * per_pixel], vec![1.0; width]);
    let mut changed: Vec<Range<usize>> = Vec::new();
    let missing = page.nodata.unwrap_or(0.0);
    for _ in 0..page.height {
        changed.clear();
        rows.next(|first, plane, bytes| {
            let pixels = first..width.min(first + page.chunk_size.0 as usize);
            let row = &mut values[pixels.start * per_pixel..pixels.end * per_pixel];
            for (index, sample) in wanted.iter().enumerate() {
                let slots = row.iter_mut().skip(index).step_by(per_pixel);
                let interleaved = (*sample, page.samples_per_pixel as usize);
                match (page.is_planar, bytes) {
                    (true, _) if index != plane => {}
                    (_, []) => slots.for_each(|slot| *slot = missing),
                    (true, _) => samples::read(bytes, page, (0, 1), slots),
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
                let pixels = first..width.min(first + page.chunk_size.0 as usize);
                let slots = mask[pixels.clone()].iter_mut();
                samples::read(bytes, page, (0, page.samples_per_pixel as usize), slots);
                if !changed.contains(&pixels) {
                    changed.push(pixels);
                }
            });
            read.map_err(damaged)?;
        }
        take(&SampleRow {
            page,
            bands,
            values: &values,
            per_pixel,
            mask: &mask,
            changed: &changed,
        })?;
    }
    Ok(())
}

fn too_many_pixels() -> Error {
    Error::malformed(FORMAT, "it has more different pixels than its length can hold")
}

fn damaged(err: io::Error) -> Error {
    match err.kind() {
        ErrorKind::UnexpectedEof => Error::cut_off(FORMAT, "its last strip or tile"),
        _ => Error::malformed(FORMAT, "a strip or a tile of it is damaged"),
    }
}

impl Page {
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
    fn has_bands(&self) -> bool {
        matches!(self.photometric, Photometric::Bands | Photometric::WhiteIsZero)
    }

    /// Samples per pixel of a page whose bytes are sRGB as they are: grey or RGB, with or without
    /// unassociated alpha.
    fn srgb_samples(&self) -> Option<usize> {
        let has_srgb_samples = match self.alpha {
            Some(alpha) => {
                alpha.sample + 1 == self.samples_per_pixel as usize && !alpha.is_associated
            }
            None => matches!(self.samples_per_pixel, 1 | 3),
        };
        let is_srgb = self.bits_per_sample == 8
            && self.sample_format == SampleFormat::Uint
            && self.photometric == Photometric::Bands
            && self.samples_per_pixel <= 4
            && !self.is_planar
            && self.nodata.is_none()
            && has_srgb_samples;
        is_srgb.then_some(self.samples_per_pixel as usize)
    }

    /// The lowest and the highest value of a colour of [`Pixel`], or of a band.
    fn value_range(&self) -> (f64, f64) {
        let bits = self.bits_per_sample as i32;
        let max = |bits| libm::ldexp(1.0, bits) - 1.0;
        match (self.photometric, self.sample_format) {
            (Photometric::Palette | Photometric::CieLab, _) => (0.0, 65_535.0),
            (_, SampleFormat::Uint) => (0.0, max(bits)),
            (_, SampleFormat::Int) => (-libm::ldexp(1.0, bits - 1), max(bits - 1)),
            (_, SampleFormat::ComplexInt) => (0.0, max(bits / 2 - 1)),
            (_, SampleFormat::Float | SampleFormat::ComplexFloat) => (0.0, 1.0),
        }
    }

    /// The indices of the samples that make the colours, then that of alpha.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such band.
    fn wanted_samples(&self, bands: Bands) -> Result<Vec<usize>, Error> {
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

    /// The index in a pixel of the sample that is alpha.
    fn alpha_sample(&self) -> Option<usize> {
        let samples = self.samples_per_pixel as usize;
        self.alpha.map(|alpha| alpha.sample).filter(|sample| *sample < samples)
    }

    /// A pixel of the samples of [`Page::wanted_samples`].
    fn pixel(&self, values: &[f64], bands: Bands, is_shown: bool) -> Pixel {
        let (samples, alpha) = match (self.alpha_sample(), values) {
            (Some(_), [samples @ .., last]) => (samples, *last),
            _ => (values, f64::INFINITY),
        };
        let color = self.color(samples);
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
    fn color(&self, samples: &[f64]) -> [f64; 3] {
        match (self.photometric, samples) {
            (Photometric::Palette, [index, ..]) => {
                self.color_map.get(*index as usize).map_or([0.0; 3], |color| color.map(f64::from))
            }
            (Photometric::YCbCr, [y, cb, cr, ..]) => {
                from_ycbcr(*y as u8, *cb as u8, *cr as u8).map(f64::from)
            }
            (Photometric::Separated, [c, m, y, k, ..]) => {
                let (_, max) = self.value_range();
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
        // the text of the tag may have more digits than samples of 32 bits
        self.nodata.is_some_and(|nodata| match (self.sample_format, self.bits_per_sample) {
            (SampleFormat::Float, 32) => nodata as f32 == value as f32,
            _ => nodata == value,
        })
    }
}
