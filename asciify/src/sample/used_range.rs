//! The range of values that a picture uses. One that uses a small part of what its file can hold, as
//! measurements of instruments and very dark pictures do, is stretched.

use std::collections::BTreeMap;

use crate::light::Row;

/// White in a row of 16 bits.
const WHITE: f64 = 65_535.0;
/// A range is small if it is at most this fraction of the way from black to white.
const SMALL_FRACTION: f64 = 1.0 / 8.0;
/// A range of fewer steps of the file's values is the noise of a flat picture.
const MIN_STEPS: f64 = 8.0;
/// The fraction of all values that stretching makes black, and the fraction it makes white: as in
/// TIFF.
const CLIPPED_FRACTION: f64 = 0.02;
/// About how many pixels percentiles are taken of.
const SAMPLED_PIXELS: u64 = 1 << 16;

/// Collects coded values of a picture, 0 to 65535, as long as their range is small. Those of
/// transparent pixels do not count.
pub(crate) struct UsedRange {
    /// Bits of a value in the file.
    bits: u32,
    /// The highest value that the file says it uses, if that is less than its bits can hold.
    stated_max: Option<u16>,
    /// The lowest and the highest red, green and blue so far. The first exceed the second before there
    /// is any.
    min: [u16; 3],
    max: [u16; 3],
    /// One of so many columns and rows is counted.
    step: usize,
    /// The index of the next row.
    row: usize,
    /// The values of the last row that are counted.
    sampled: Vec<u16>,
    /// How often each value was counted. `None` once the range is not small.
    counts: Option<BTreeMap<u16, u64>>,
}

impl UsedRange {
    /// For a picture of `width` × `height` pixels. The file has `bits` for each value, and says that
    /// it uses `significant_bits` of them.
    pub(crate) fn new(
        (width, height): (u32, u32),
        bits: u32,
        significant_bits: Option<u32>,
    ) -> Self {
        let every = (u64::from(width) * u64::from(height)).div_ceil(SAMPLED_PIXELS);
        let max = |bits: u32| libm::ldexp(1.0, bits.min(16) as i32) - 1.0;
        let stated_max = significant_bits.filter(|it| *it < bits);
        Self {
            bits,
            stated_max: stated_max.map(|it| libm::round(max(it) / max(bits) * WHITE) as u16),
            min: [u16::MAX; 3],
            max: [0; 3],
            step: every.isqrt().max(1) as usize,
            row: 0,
            sampled: Vec::new(),
            counts: Some(BTreeMap::new()),
        }
    }

    /// Takes the next row.
    pub(crate) fn push(&mut self, row: Row<'_>) {
        if self.counts.is_none() {
            return;
        }
        self.sampled.clear();
        let mut column = 0;
        row.values16(|[r, g, b, alpha]| {
            if alpha > 0 {
                for (nth, value) in [r, g, b].into_iter().enumerate() {
                    self.min[nth] = self.min[nth].min(value);
                    self.max[nth] = self.max[nth].max(value);
                }
                if column % self.step == 0 {
                    self.sampled.extend([r, g, b]);
                }
            }
            column += 1;
        });
        match self.is_small() {
            true => self.repeat(1),
            false => self.counts = None,
        }
    }

    /// Whether the range of the values so far is small, so that further rows count.
    pub(crate) fn is_open(&self) -> bool {
        self.counts.is_some()
    }

    /// Counts so many rows that have the values of the last one.
    pub(crate) fn repeat(&mut self, count: u32) {
        let Some(counts) = &mut self.counts else { return };
        let counted = |rows: usize| rows.div_ceil(self.step);
        let rows = counted(self.row + count as usize) - counted(self.row);
        self.row += count as usize;
        if rows > 0 {
            self.sampled.iter().for_each(|it| *counts.entry(*it).or_default() += rows as u64);
        }
    }

    /// The values to show as black and white, 0 to 1, if the picture uses a small range.
    pub(crate) fn small(&self) -> Option<(f64, f64)> {
        let (min, max) = (f64::from(self.lowest()), f64::from(self.highest()));
        let step = WHITE / (libm::ldexp(1.0, self.bits.min(16) as i32) - 1.0);
        // one colour is flat, however much its channels differ
        let differs =
            |(min, max): (&u16, &u16)| f64::from(*max) - f64::from(*min) >= MIN_STEPS * step;
        let is_flat = !self.min.iter().zip(&self.max).any(differs);
        let counts = self.counts.as_ref().filter(|_| !is_flat)?;
        let quantile = |part: f64| quantile(counts, part);
        let white = f64::from(self.stated_max.unwrap_or(u16::MAX));
        let is_small_part = max - min <= white * SMALL_FRACTION;
        let (low, high) = match is_small_part || self.stated_max.is_none() {
            true => (quantile(CLIPPED_FRACTION), quantile(1.0 - CLIPPED_FRACTION)),
            false => (0.0, white),
        };
        let (low, high) = if low < high { (low, high) } else { (min, max) };
        Some((low / WHITE, high / WHITE))
    }

    fn lowest(&self) -> u16 {
        self.min.into_iter().fold(u16::MAX, u16::min)
    }

    fn highest(&self) -> u16 {
        self.max.into_iter().fold(0, u16::max)
    }

    /// Of 8 bits, dark pictures are small; of more, all that use a small range.
    fn is_small(&self) -> bool {
        let black = if self.bits > 8 { f64::from(self.lowest()) } else { 0.0 };
        f64::from(self.highest()) - black <= WHITE * SMALL_FRACTION
            || self.stated_max.is_some_and(|max| self.highest() <= max)
    }
}

/// The value that the fraction `part` of the counted ones does not exceed.
fn quantile(counts: &BTreeMap<u16, u64>, part: f64) -> f64 {
    let mut left = (counts.values().sum::<u64>() as f64 * part) as u64;
    for (value, count) in counts {
        if left < *count {
            return f64::from(*value);
        }
        left -= count;
    }
    WHITE
}
