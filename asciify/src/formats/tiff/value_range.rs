//! Which values of a page are black, white and opaque.

use std::cell::RefCell;
use std::ops::ControlFlow;

use super::ifd::Tiff;
use super::levels::Level;
use super::memo::max_conversions;
use super::pixels::{Pixel, for_each_sample_row, too_many_pixels};
use crate::error::{Error, Limits};
use crate::formats::stretch::{SAMPLED_PIXELS, not_empty, of_values, to_16_bits};
use crate::sample::view::View;
use crate::spec::bands::Stretch;
use crate::spec::region::PixelRect;

/// Which values are black, white and opaque.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueRange {
    /// Black and white of red, green and blue.
    colors: [(f64, f64); 3],
    /// The alpha of opaque pixels.
    opaque: f64,
}

/// The smallest overview that has enough pixels for percentiles.
pub(super) fn level_with_enough_pixels<'a>(levels: &[&'a Level]) -> &'a Level {
    let has_enough = |level: &&&Level| level.page.pixels() >= SAMPLED_PIXELS;
    levels.iter().rev().find(has_enough).unwrap_or(&levels[0])
}

impl ValueRange {
    /// The range for a page and its overviews. Percentiles are taken from the smallest overview
    /// that has enough pixels. Values with a colour profile are no measurements: they are not
    /// stretched.
    ///
    /// # Errors
    /// A strip or a tile is damaged, or the level exceeds the limits.
    pub(super) fn of(
        tiff: &RefCell<Tiff<'_>>,
        levels: &[&Level],
        view: View,
        has_profile: bool,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let page = &levels[0].page;
        let (min, max) = page.value_range();
        let is_grey = page.shows_one_band(view.bands)?;
        let is_displayable = page.bits_per_sample <= 8 || !page.has_bands() || has_profile;
        let fixed = match view.stretch {
            Stretch::Range(..) | Stretch::Ranges(_) => view.stretch.ranges(),
            Stretch::Percentiles(_) => None,
            Stretch::Auto if !is_displayable => None,
            Stretch::Auto | Stretch::None => Some([(min, max); 3]),
        };
        // a single band has the first range
        let fixed = fixed.map(|ranges| if is_grey { [ranges[0]; 3] } else { ranges });
        if let Some(colors) = fixed.filter(|_| is_displayable || page.alpha.is_none()) {
            return Ok(Self { colors, opaque: page.sample_range().1 });
        }
        let level = level_with_enough_pixels(levels);
        level.page.check_limits(limits)?;
        let every = level.page.pixels().div_ceil(SAMPLED_PIXELS);
        let width = u64::from(level.page.width);
        let has_alpha = level.page.alpha_sample().is_some();
        let mut opaque = if has_alpha { 0.0_f64 } else { f64::INFINITY };
        // indices in the page of the row's first pixel and of the next pixel to take
        let (mut values, mut row_start, mut next) = ([const { Vec::new() }; 3], 0, 0);
        let mut conversions_left = max_conversions(&level.page, tiff.borrow().reader.end);
        let is_bounded = conversions_left < u64::MAX;
        let whole = PixelRect::whole(level.page.sides());
        for_each_sample_row(tiff, level, view.bands, &whole, |row| {
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
                    let colors = values.iter_mut().zip(pixel.color);
                    colors.for_each(|(values, value): (&mut Vec<f64>, f64)| values.push(value));
                }
                next += every;
            }
            row_start += width;
            Ok(ControlFlow::Continue(()))
        })?;
        // a single band has the first percentiles
        let stretch = match view.stretch {
            Stretch::Percentiles(parts) if is_grey => Stretch::Percentiles([parts[0]; 3]),
            stretch => stretch,
        };
        let colors = fixed.map_or_else(
            || of_values(&mut values, stretch).try_into().expect("as many as bands"),
            |ranges| ranges.map(not_empty),
        );
        Ok(Self { colors, opaque })
    }

    /// As pairs of numbers that [`from_pairs`](Self::from_pairs) reads.
    pub(super) fn pairs(&self) -> Vec<(f64, f64)> {
        self.colors.into_iter().chain([(self.opaque, self.opaque)]).collect()
    }

    pub(super) fn from_pairs(pairs: &[(f64, f64)]) -> Option<Self> {
        let [red, green, blue, (opaque, _)] = *pairs else { return None };
        Some(Self { colors: [red, green, blue], opaque })
    }

    /// Red, green, blue and alpha of a pixel, 0 to 65535.
    pub(super) fn apply(&self, pixel: &Pixel, is_inverted: bool, is_associated: bool) -> [u16; 4] {
        let alpha = if pixel.alpha == f64::INFINITY { 1.0 } else { pixel.alpha / self.opaque };
        let full_scale = |channel: usize| {
            let (low, high) = self.colors[channel];
            let level = (pixel.color[channel] - low) / (high - low);
            to_16_bits(match (is_associated, is_inverted) {
                (true, _) => level / alpha,
                (_, true) => 1.0 - level,
                _ => level,
            })
        };
        let are_equal = |[red, green, blue]: [f64; 3]| red == green && green == blue;
        let is_grey = are_equal(pixel.color)
            && are_equal(self.colors.map(|range| range.0))
            && are_equal(self.colors.map(|range| range.1));
        let [r, g, b] = match is_grey {
            true => [full_scale(0); 3],
            false => [0, 1, 2].map(full_scale),
        };
        [r, g, b, to_16_bits(alpha)]
    }
}
