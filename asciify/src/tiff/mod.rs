//! TIFF, as cameras, scanners and satellites write it: read row by row, from the smallest copy of the
//! picture that will do.
//!
//! Sources: TIFF 6.0 (Adobe, 1992) with its Technical Notes; BigTIFF; OGC GeoTIFF and Cloud Optimized
//! GeoTIFF for copies, masks and missing values.

mod directory;
mod page;
mod rows;
mod unpack;
mod values;

pub(crate) use directory::Tiff;
pub(crate) use page::Page;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, BufRead, ErrorKind, Seek};

use image::metadata::Orientation;

use directory::tag;
use page::{Color, Kind};
use rows::Rows;

use crate::light::{Row, from_lab, from_ycbcr};
use crate::selection::{Bands, Stretch};
use crate::{Error, Format, Limits};

/// The part of all values that is darker than black, and brighter than white.
const CROP: f64 = 0.02;
/// About so many pixels are looked at to find those.
const LOOKED_AT: u64 = 1 << 16;
/// Bytes of a picture's pieces for each pixel that the limits allow: four bands of 32 bits.
const MOST_BYTES_PER_PX: u64 = 16;
/// Strips or tiles of which it is looked whether they begin inside the file.
const MOST_CHECKED: u64 = 1 << 16;
/// Memory that a mask may take more than its page, in bytes.
const MOST_MASK_BYTES: u64 = 1 << 20;
/// Smaller copies and masks of a page: each halves the sides.
const MOST_COPIES: usize = 64;

/// A page or a smaller copy of it, and where it has data if it has not everywhere.
pub(crate) struct Level {
    pub(crate) page: Page,
    mask: Option<Page>,
}

impl<R: BufRead + Seek> Tiff<'_, R> {
    /// The first page, how many there are (smaller copies and masks are none), and the most memory that
    /// decoding the first takes, in bytes.
    pub(crate) fn pages(&mut self, limits: &Limits) -> Result<(Page, u32, u64), Error> {
        let list = self.list(limits)?;
        let directory = self.directory(self.first)?;
        let page = Page::read(self, &directory)?;
        page.check()?;
        if let Some(offsets) = page.offsets {
            let offsets = self.values(offsets, 0, offsets.count.min(MOST_CHECKED))?;
            if offsets.into_iter().any(|at| at > self.walk.length()) {
                return Err(Error::cut_off(Format::Tiff, "its last strip or tile"));
            }
        }
        let pages = list.iter().filter(|(_, is_page)| *is_page).count() as u32;
        let mut bytes = page.decoded_bytes();
        if pages < list.len() as u32 {
            // one of the others may be a mask
            bytes = bytes.saturating_mul(2).saturating_add(MOST_MASK_BYTES);
        }
        Ok((page, pages, bytes))
    }

    /// The page of that index, then its smaller copies.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such page.
    pub(crate) fn levels(&mut self, index: u32, limits: &Limits) -> Result<Vec<Level>, Error> {
        let list = self.list(limits)?;
        let starts: Vec<usize> = (0..list.len()).filter(|place| list[*place].1).collect();
        let index = index as usize;
        let start = *starts.get(index).ok_or_else(|| Error::no_frame(starts.len() as u32))?;
        let end = starts.get(index + 1).copied().unwrap_or(list.len());

        let directory = self.directory(list[start].0)?;
        let page = Page::read(self, &directory)?;
        page.check()?;
        let behind = list[start + 1..end].iter().map(|(at, _)| *at);
        let places: Vec<u64> = behind.chain(page.sub_directories.iter().copied()).collect();
        let (mut masks, mut levels) = (Vec::new(), vec![Level { page, mask: None }]);
        for at in places.into_iter().take(MOST_COPIES) {
            // the picture can be drawn without what is damaged here
            let copy = self.directory(at).and_then(|directory| Page::read(self, &directory));
            let Some(copy) = copy.ok().filter(|copy| copy.check().is_ok()) else { continue };
            match copy.is_mask {
                true => masks.push(copy),
                false if copy.is_copy && levels[0].page.is_like(&copy, limits) => {
                    levels.push(Level { page: copy, mask: None });
                }
                false => {}
            }
        }
        for mask in masks.into_iter().filter(|mask| mask.takes_no_more_than(limits)) {
            let is_of = |level: &&mut Level| {
                level.page.sides() == mask.sides()
                    && mask.decoded_bytes() <= level.page.decoded_bytes() + MOST_MASK_BYTES
            };
            if let Some(level) = levels.iter_mut().find(is_of) {
                level.mask = Some(mask);
            }
        }
        // what has lost its mask would show what should be hidden
        if levels[0].mask.is_some() {
            levels.retain(|level| level.mask.is_some());
        }
        levels.sort_by_key(|level| std::cmp::Reverse(level.page.sides()));
        Ok(levels)
    }

    /// Where each directory stands, and whether it is a page of its own, in the file's order.
    fn list(&mut self, limits: &Limits) -> Result<Vec<(u64, bool)>, Error> {
        let mut list = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = self.first;
        while next != 0 {
            if !seen.insert(next) {
                return Err(self.walk.malformed("its pages form a circle"));
            }
            Error::over("frames", seen.len() as u64, limits.max_frames.into())?;
            let directory = match self.directory(next) {
                // a link that leads nowhere ends the list
                Err(Error::Malformed(_)) if !list.is_empty() => break,
                directory => directory?,
            };
            const COPY_OR_MASK: u32 = 1 | 4;
            let kind = self.number(&directory, tag::SUBFILE, 0)?;
            list.push((next, list.is_empty() || kind & COPY_OR_MASK == 0));
            next = directory.next;
        }
        match list.is_empty() {
            true => Err(self.walk.malformed("it holds no picture")),
            false => Ok(list),
        }
    }
}

/// Which values are black and white.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
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
    pub(crate) fn of<R: BufRead + Seek>(
        tiff: &RefCell<Tiff<'_, R>>,
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
pub(crate) fn rows<R: BufRead + Seek>(
    tiff: &RefCell<Tiff<'_, R>>,
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
fn pixels<R: BufRead + Seek>(
    tiff: &RefCell<Tiff<'_, R>>,
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
        ErrorKind::UnexpectedEof => Error::cut_off(Format::Tiff, "its last strip or tile"),
        _ => Error::malformed(Format::Tiff, "a strip or a tile of it is damaged"),
    }
}

impl Page {
    /// How it is turned upright: not at all where that makes no sense.
    pub(crate) fn orientation(&self) -> Orientation {
        let orientation = u8::try_from(self.orientation).ok().and_then(Orientation::from_exif);
        orientation.unwrap_or(Orientation::NoTransforms)
    }

    pub(crate) fn sides(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Whether the other is a smaller copy of it.
    fn is_like(&self, copy: &Self, limits: &Limits) -> bool {
        let of = |page: &Self| (page.bits, page.samples, page.kind, page.color);
        of(self) == of(copy)
            && copy.width <= self.width
            && copy.height <= self.height
            && copy.takes_no_more_than(limits)
    }

    fn takes_no_more_than(&self, limits: &Limits) -> bool {
        self.admit(limits).is_ok()
    }

    /// Holds the memory and the time that it takes against the limits.
    ///
    /// # Errors
    /// [`Error::OverLimit`].
    pub(crate) fn admit(&self, limits: &Limits) -> Result<(), Error> {
        limits.admit(Format::Tiff, self.sides(), self.decoded_bytes())?;
        let most = limits.max_pixels.saturating_mul(MOST_BYTES_PER_PX);
        Error::over("bytes when unpacked", self.unpacked_bytes(), most)
    }

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
