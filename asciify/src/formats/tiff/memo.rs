//! Remembers the colours of samples, since most rows have few different ones. Their conversion takes
//! most of the time, so that its length is bounded by that of the file.

use super::codes::{Photometric, Predictor, SampleFormat};
use super::page::Page;

/// Red, green, blue and alpha of a pixel, 0 to 65535.
type Color = [u16; 4];

/// The colours of samples.
pub(super) struct Memo<F> {
    kind: Kind,
    convert: F,
    /// Colours that may still be converted.
    conversions_left: u64,
}

enum Kind {
    /// By value, less the lowest one: of pages of one integer of few bits.
    Table { colors: Vec<Color>, lowest: i32 },
    /// By hash: of pages of bytes whose colours take long to convert.
    Cache(Vec<Option<(u32, Color)>>),
    /// The last pixel.
    Last(Option<([u64; MAX_SAMPLES], Color)>),
}

/// Pixels whose colours are converted, of pages with a predictor: so many, and so many per byte of the
/// file. Only ramps that a predictor makes of almost no data have more different ones.
const FREE_CONVERSIONS: u64 = 1 << 24;
const CONVERSIONS_PER_BYTE: u64 = 16;
/// The same of CMYK and YCbCr, whose conversion takes five times as long.
const FREE_INK_CONVERSIONS: u64 = 1 << 22;
const INK_CONVERSIONS_PER_BYTE: u64 = 8;
/// The same of L\*a\*b\*, whose conversion takes ten times as long.
const FREE_LAB_CONVERSIONS: u64 = 1 << 21;
const LAB_CONVERSIONS_PER_BYTE: u64 = 4;

/// Samples of a pixel that are compared: ink has four, and there may be alpha.
const MAX_SAMPLES: usize = 5;
/// Entries of a cache: the values of 12 bits.
const CACHE_LEN: usize = 1 << 12;
/// A table has at most a quarter as many entries as the page has pixels.
const PIXELS_PER_ENTRY: u64 = 4;

impl<F: Fn(&[f64]) -> Color> Memo<F> {
    /// `convert` turns the samples of a pixel of `page` into its colour.
    pub(super) fn new(page: &Page, file_bytes: u64, convert: F) -> Self {
        let kind = match lowest_value(page) {
            Some(lowest) => Kind::Table {
                colors: (0..1 << page.bits_per_sample)
                    .map(|at: i32| convert(&[f64::from(lowest + at)]))
                    .collect(),
                lowest,
            },
            None if page.photometric == Photometric::CieLab => Kind::Cache(vec![None; CACHE_LEN]),
            None => Kind::Last(None),
        };
        Self { kind, convert, conversions_left: max_conversions(page, file_bytes) }
    }

    /// The colour of a pixel; transparent black where too many were converted.
    #[inline]
    pub(super) fn color(&mut self, samples: &[f64], is_shown: bool) -> Color {
        if !is_shown {
            return [0; 4];
        }
        let Self { kind, convert, conversions_left } = self;
        let mut convert = |samples: &[f64]| match conversions_left.checked_sub(1) {
            Some(left) => {
                *conversions_left = left;
                convert(samples)
            }
            None => [0; 4],
        };
        // a sparse chunk has the value of GDAL_NODATA, which other samples may not be able to have
        match kind {
            Kind::Table { colors, lowest } => {
                let value = samples[0] as i32;
                let known = usize::try_from(i64::from(value) - i64::from(*lowest)).ok();
                let known = known.filter(|_| f64::from(value) == samples[0]);
                known.and_then(|at| colors.get(at).copied()).unwrap_or_else(|| convert(samples))
            }
            Kind::Cache(_) if samples.iter().any(|it| f64::from(*it as u8) != *it) => {
                convert(samples)
            }
            Kind::Cache(slots) => {
                let key = samples.iter().fold(0, |key, sample| key << 8 | *sample as u32);
                let slot = &mut slots[(key.wrapping_mul(0x9e37_79b1) >> 20) as usize];
                color_in(slot, key, || convert(samples))
            }
            Kind::Last(slot) => {
                let mut key = [0; MAX_SAMPLES];
                key.iter_mut().zip(samples).for_each(|(key, sample)| *key = sample.to_bits());
                color_in(slot, key, || convert(samples))
            }
        }
    }

    /// Whether so many colours were converted that the file's length does not justify more.
    pub(super) fn is_spent(&self) -> bool {
        self.conversions_left == 0
    }
}

/// The lowest value of a page that has so few different ones that a table of them pays.
fn lowest_value(page: &Page) -> Option<i32> {
    let bits = page.bits_per_sample;
    match page.sample_format {
        _ if !(1..=16).contains(&bits) || page.samples_per_pixel != 1 => None,
        _ if page.pixels() < PIXELS_PER_ENTRY << bits => None,
        SampleFormat::Uint => Some(0),
        SampleFormat::Int => Some(-(1 << (bits - 1))),
        _ => None,
    }
}

/// How many pixels that differ from the last one a page in a file of that length may have.
pub(super) fn max_conversions(page: &Page, file_bytes: u64) -> u64 {
    let (free, per_byte) = match (page.photometric, page.predictor) {
        (Photometric::CieLab, _) => (FREE_LAB_CONVERSIONS, LAB_CONVERSIONS_PER_BYTE),
        (_, Predictor::None) => return u64::MAX,
        (Photometric::Separated | Photometric::YCbCr, _) => {
            (FREE_INK_CONVERSIONS, INK_CONVERSIONS_PER_BYTE)
        }
        _ => (FREE_CONVERSIONS, CONVERSIONS_PER_BYTE),
    };
    file_bytes.saturating_mul(per_byte).saturating_add(free)
}

/// The colour of `key` in a slot, which gets that of `convert` where it has another key.
#[inline(always)]
fn color_in<K: PartialEq>(
    slot: &mut Option<(K, Color)>,
    key: K,
    convert: impl FnOnce() -> Color,
) -> Color {
    match slot {
        Some((known, color)) if *known == key => *color,
        _ => {
            let color = convert();
            *slot = Some((key, color));
            color
        }
    }
}
