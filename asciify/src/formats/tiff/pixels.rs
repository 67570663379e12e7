//! Pixels out of a page's rows: what samples mean, and which values are black and white.

use std::cell::RefCell;
use std::io::{self, ErrorKind};

use super::ifd::{FORMAT, Tiff};
use super::levels::Level;
use super::page::{Color, Kind, Page};
use super::rows::Rows;
use super::values;
use crate::error::{Error, Limits};
use crate::light::{Row, from_lab, from_ycbcr};
use crate::spec::bands::{Bands, Stretch};

/// The part of all values that is darker than black, and brighter than white.
const CROP: f64 = 0.02;
/// About so many pixels are looked at to find those.
const LOOKED_AT: u64 = 1 << 16;

/// Which values are black and white.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    /// The alpha that hides what is behind.
    opaque: f64,
}

impl Scale {
    /// Of a picture that has those levels. Percentiles are those of a small copy, if there is one.
    ///
    /// # Errors
    /// A strip or a tile is damaged.
    pub(super) fn of(
        tiff: &RefCell<Tiff<'_>>,
        levels: &[Level],
        (bands, stretch): (Bands, Stretch),
        limits: &Limits,
    ) -> Result<Self, Error> {
        let page = &levels[0].page;
        let (least, most) = page.range();
        let is_small = page.bits <= 8 || !matches!(page.color, Color::Bands | Color::Negative);
        let fixed = match stretch {
            Stretch::Range(low, high) => Some((low, high)),
            Stretch::None => Some((least, most)),
            Stretch::Auto => is_small.then_some((least, most)),
        };
        if let Some((low, high)) = fixed.filter(|_| is_small || page.alpha.is_none()) {
            return Ok(Self { low, high, opaque: most });
        }
        let has_enough = |level: &&Level| level.page.pixels() >= LOOKED_AT;
        let level = levels.iter().rev().find(has_enough).unwrap_or(&levels[0]);
        level.page.admit(limits)?;
        let every = level.page.pixels().div_ceil(LOOKED_AT);
        let (mut values, mut count, mut opaque) = (Vec::new(), 0_u64, 0.0_f64);
        pixels(tiff, level, bands, |row| {
            for pixel in row {
                opaque = opaque.max(pixel.alpha);
                if count.is_multiple_of(every) && pixel.alpha > 0.0 {
                    values.extend(pixel.color.iter().filter(|value| value.is_finite()));
                }
                count += 1;
            }
        })?;
        values.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| values.get((values.len() as f64 * part) as usize).copied();
        let crop = at(CROP).zip(at(1.0 - CROP)).unwrap_or((0.0, 1.0));
        let (low, high) = fixed.unwrap_or(crop);
        Ok(Self { low, high: if high > low { high } else { low + 1.0 }, opaque })
    }

    fn apply(&self, pixel: &Pixel, is_negative: bool, is_associated: bool) -> [u16; 4] {
        let alpha = if pixel.alpha == f64::INFINITY { 1.0 } else { pixel.alpha / self.opaque };
        let color = pixel.color.map(|value| {
            let part = (value - self.low) / (self.high - self.low);
            match (is_associated, is_negative) {
                (true, _) => part / alpha,
                (_, true) => 1.0 - part,
                _ => part,
            }
        });
        // what is no number becomes 0
        let [r, g, b] = color;
        [r, g, b, alpha].map(|part| libm::round(part.clamp(0.0, 1.0) * 65_535.0) as u16)
    }
}

/// Values as they are.
struct Pixel {
    color: [f64; 3],
    /// As it is; infinite where there is none, 0 where there is no data.
    alpha: f64,
}

/// Calls `take` with each row of a level. Alpha and pixels without data are transparent.
///
/// # Errors
/// A strip or a tile is damaged.
pub(super) fn rows(
    tiff: &RefCell<Tiff<'_>>,
    level: &Level,
    (bands, stretch): (Bands, Stretch),
    scale: &Scale,
    mut take: impl FnMut(Row<'_>),
) -> Result<(), Error> {
    let page = &level.page;
    let is_plain = bands == Bands::Auto && !matches!(stretch, Stretch::Range(..));
    if let Some(samples) = page.plain_samples().filter(|_| is_plain && level.mask.is_none()) {
        let (width, mut rows) = (page.width as usize * samples, Rows::new(tiff, page, &[]));
        let mut row = vec![0; width];
        for _ in 0..page.height {
            let done = rows.next(|first, _, bytes| {
                let slots = &mut row[first * samples..];
                let length = slots.len().min(page.piece.0 as usize * samples);
                match bytes.get(..length) {
                    Some(bytes) => slots[..length].copy_from_slice(bytes),
                    None => slots[..length].fill(0),
                }
            });
            done.map_err(damaged)?;
            take(match samples {
                1 => Row::Grey8(row.as_chunks().0),
                2 => Row::GreyAlpha8(row.as_chunks().0),
                3 => Row::Rgb8(row.as_chunks().0),
                _ => Row::Rgba8(row.as_chunks().0),
            });
        }
        return Ok(());
    }
    let is_negative = page.color == Color::Negative;
    let is_associated = page.alpha.is_some_and(|alpha| alpha.is_associated);
    let mut colors = Vec::with_capacity(page.width as usize);
    pixels(tiff, level, bands, |row| {
        colors.clear();
        colors.extend(row.iter().map(|pixel| scale.apply(pixel, is_negative, is_associated)));
        take(Row::Rgba16(&colors));
    })
}

/// Calls `take` with the pixels of each row of a level.
fn pixels(
    tiff: &RefCell<Tiff<'_>>,
    level: &Level,
    bands: Bands,
    mut take: impl FnMut(&[Pixel]),
) -> Result<(), Error> {
    let page = &level.page;
    let wanted = page.wanted(bands)?;
    let (width, per_pixel) = (page.width as usize, wanted.len());
    let mut rows = Rows::new(tiff, page, &wanted);
    let mut mask = level.mask.as_ref().map(|mask| (mask, Rows::new(tiff, mask, &[0])));
    let (mut values, mut shown) = (vec![0.0; width * per_pixel], vec![1.0; width]);
    let mut row = Vec::with_capacity(width);
    for _ in 0..page.height {
        let missing = page.no_data.unwrap_or(0.0);
        rows.next(|first, plane, bytes| {
            let start = first * per_pixel;
            let end = values.len().min(start + page.piece.0 as usize * per_pixel);
            for (place, sample) in wanted.iter().enumerate() {
                let slots = values[start..end].iter_mut().skip(place).step_by(per_pixel);
                match (page.is_planar, bytes) {
                    (true, _) if place != plane => {}
                    (_, []) => slots.for_each(|slot| *slot = missing),
                    (true, _) => values::read(bytes, page, (0, 1), slots),
                    _ => values::read(bytes, page, (*sample, page.samples as usize), slots),
                }
            }
        })
        .map_err(damaged)?;
        if let Some((mask, rows)) = &mut mask {
            let next = rows.next(|first, _, bytes| {
                let slots = shown[first..].iter_mut().take(mask.piece.0 as usize);
                values::read(bytes, mask, (0, mask.samples as usize), slots);
            });
            next.map_err(damaged)?;
        }
        row.clear();
        let all = values.chunks_exact(per_pixel).zip(&shown);
        row.extend(all.map(|(values, shown)| page.pixel(values, bands, *shown > 0.0)));
        take(&row);
    }
    Ok(())
}

fn damaged(err: io::Error) -> Error {
    match err.kind() {
        ErrorKind::UnexpectedEof => Error::cut_off(FORMAT, "its last strip or tile"),
        _ => Error::malformed(FORMAT, "a strip or a tile of it is damaged"),
    }
}

impl Page {
    /// Samples of a pixel where they are bytes that need no word, as screens have them.
    fn plain_samples(&self) -> Option<usize> {
        let has_alpha = match self.alpha {
            Some(alpha) => alpha.sample + 1 == self.samples as usize && !alpha.is_associated,
            None => matches!(self.samples, 1 | 3),
        };
        let is_plain = (self.bits, self.kind, self.color) == (8, Kind::Unsigned, Color::Bands)
            && self.samples <= 4
            && !self.is_planar
            && self.no_data.is_none();
        (is_plain && has_alpha).then_some(self.samples as usize)
    }

    /// The least and the most that a value can be.
    fn range(&self) -> (f64, f64) {
        let bits = self.bits as i32;
        let most = |bits| libm::ldexp(1.0, bits) - 1.0;
        match (self.color, self.kind) {
            (Color::Palette | Color::Lab, _) => (0.0, 65_535.0),
            (_, Kind::Unsigned) => (0.0, most(bits)),
            (_, Kind::Signed) => (-libm::ldexp(1.0, bits - 1), most(bits - 1)),
            (_, Kind::ComplexInteger) => (0.0, most(bits / 2 - 1)),
            (_, Kind::Float | Kind::ComplexFloat) => (0.0, 1.0),
        }
    }

    /// The samples that make the colours, and then the one that is alpha.
    fn wanted(&self, bands: Bands) -> Result<Vec<usize>, Error> {
        let samples = self.samples as usize;
        let alpha = self.alpha.map(|alpha| alpha.sample).filter(|sample| *sample < samples);
        let mut wanted: Vec<usize> = match (self.color, bands.chosen()) {
            (Color::Bands | Color::Negative, Some([grey, green, blue])) => {
                if [grey, green, blue].iter().any(|band| *band >= samples) {
                    return Err(Error::no_band(self.samples));
                }
                if (grey, green) == (green, blue) { vec![grey] } else { vec![grey, green, blue] }
            }
            (Color::Bands | Color::Negative, None) => {
                let colors = (0..samples).filter(|sample| Some(*sample) != alpha);
                let most = if colors.clone().count() < 3 { 1 } else { 3 };
                colors.take(most).collect()
            }
            (Color::Palette, _) => vec![0],
            (Color::Cmyk, _) => vec![0, 1, 2, 3],
            (Color::YCbCr | Color::Lab, _) => vec![0, 1, 2],
        };
        wanted.extend(alpha);
        Ok(wanted)
    }

    /// What the values of the samples wanted mean.
    fn pixel(&self, values: &[f64], bands: Bands, is_shown: bool) -> Pixel {
        let (colors, alpha) = match (self.alpha, values) {
            (Some(alpha), [colors @ .., last]) if (alpha.sample as u32) < self.samples => {
                (colors, *last)
            }
            _ => (values, f64::INFINITY),
        };
        let color = match (self.color, colors) {
            (Color::Palette, [index, ..]) => {
                self.palette.get(*index as usize).map_or([0.0; 3], |color| color.map(f64::from))
            }
            (Color::YCbCr, [y, cb, cr, ..]) => {
                from_ycbcr(*y as u8, *cb as u8, *cr as u8).map(f64::from)
            }
            (Color::Cmyk, [c, m, y, k, ..]) => {
                let (_, most) = self.range();
                [c, m, y].map(|ink| (most - ink) * (most - k) / most)
            }
            (Color::Lab, [l, a, b, ..]) => {
                let signed = |it: &f64| f64::from(*it as u8 as i8);
                from_lab(l / 2.55, signed(a), signed(b)).map(|part| part * 65_535.0)
            }
            (_, [r, g, b, ..]) => [*r, *g, *b],
            (_, [grey, ..]) => [*grey; 3],
            (_, []) => [0.0; 3],
        };
        let is_missing = |value: &f64| value.is_nan() || self.is_no_data(*value);
        let color = match (self.color, bands.chosen()) {
            (Color::Bands | Color::Negative, _) | (_, None) => color,
            (_, Some(chosen)) => chosen.map(|band| color.get(band).copied().unwrap_or(alpha)),
        };
        let is_hidden = !is_shown || colors.iter().all(is_missing);
        Pixel { color, alpha: if is_hidden { 0.0 } else { alpha } }
    }

    fn is_no_data(&self, value: f64) -> bool {
        // the text may have more digits than the values have bits
        self.no_data.is_some_and(|no_data| match (self.kind, self.bits) {
            (Kind::Float, 32) => no_data as f32 == value as f32,
            _ => no_data == value,
        })
    }
}
