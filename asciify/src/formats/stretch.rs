//! Stretching of values: which ones are black and white by themselves, and the levels between.

use crate::spec::bands::Stretch;

/// The fraction of all values that automatic stretching makes black, and the fraction it makes
/// white.
const CLIPPED_FRACTION: f64 = 0.02;
/// About how many pixels automatic stretching takes percentiles of.
pub(crate) const SAMPLED_PIXELS: u64 = 1 << 16;
/// Memory of each of their values while [`automatic`] runs, in bytes.
pub(crate) const SAMPLED_VALUE_BYTES: u64 = 2 * 8;
/// A range that is so many times as wide as another one is of another unit.
const MAX_WIDTH_RATIO: f64 = 16.0;

/// Black and white of each band, from the finite ones of its values: the percentiles of all bands
/// together, which keeps their proportions, or of each where they cannot be of one unit. White is
/// above black.
fn automatic(values: &mut [Vec<f64>]) -> Vec<(f64, f64)> {
    values.iter_mut().for_each(|values| values.retain(|value| value.is_finite()));
    let each: Option<Vec<(f64, f64)>> = values.iter_mut().map(|it| percentiles(it)).collect();
    let ranges = each.filter(|each| have_different_units(each)).unwrap_or_else(|| {
        let common = percentiles(&mut values.concat()).unwrap_or((0.0, 1.0));
        vec![common; values.len()]
    });
    ranges.into_iter().map(not_empty).collect()
}

/// Black and white of each band, from its values, where a stretch asks for percentiles of each; else
/// as [`automatic`] says.
pub(crate) fn of_values(values: &mut [Vec<f64>], stretch: Stretch) -> Vec<(f64, f64)> {
    let Stretch::Percentiles(parts) = stretch else { return automatic(values) };
    let bands = values.iter_mut().zip(parts);
    let ranges = bands.map(|(values, (low, high))| {
        values.retain(|value| value.is_finite());
        let count = values.len();
        let mut percentile = |percent: f64| {
            let place = (count as f64 * percent / 100.0) as usize;
            nth(values, place.min(count.saturating_sub(1)))
        };
        percentile(low).zip(percentile(high)).unwrap_or((0.0, 1.0))
    });
    ranges.map(not_empty).collect()
}

/// A range whose white is above its black.
pub(crate) fn not_empty((low, high): (f64, f64)) -> (f64, f64) {
    (low, if high > low { high } else { low + 1.0 })
}

/// The part of a range between two fractions of the way from its black to its white.
pub(crate) fn part_of((low, high): (f64, f64), (from, to): (f64, f64)) -> (f64, f64) {
    (low + from * (high - low), low + to * (high - low))
}

/// The 2nd and the 98th percentile; `None` where there is no value. Changes their order.
fn percentiles(values: &mut [f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let mut quantile = |q: f64| nth(values, (count * q) as usize);
    quantile(CLIPPED_FRACTION).zip(quantile(1.0 - CLIPPED_FRACTION))
}

/// The value that has this place once all are sorted; `None` where there are fewer. Changes their order.
fn nth(values: &mut [f64], place: usize) -> Option<f64> {
    (place < values.len()).then(|| *values.select_nth_unstable_by(place, f64::total_cmp).1)
}

/// Whether the values of two bands lie apart, or those of one extend far beyond those of another.
/// A band of one value has no unit.
fn have_different_units(ranges: &[(f64, f64)]) -> bool {
    let are_apart = |a: &(f64, f64), b: &(f64, f64)| a.1 < b.0;
    let is_far_wider = |a: &(f64, f64), b: &(f64, f64)| a.1 - a.0 > MAX_WIDTH_RATIO * (b.1 - b.0);
    ranges.iter().all(|(low, high)| low < high)
        && ranges.iter().any(|a| ranges.iter().any(|b| are_apart(a, b) || is_far_wider(a, b)))
}

/// A level, 0 to 1, in 65535ths, rounded as [`libm::round`] does. Clamps; NaN becomes 0.
pub(crate) fn to_16_bits(level: f64) -> u16 {
    let exact = level.clamp(0.0, 1.0) * 65_535.0;
    let floor = exact as u16;
    floor + u16::from(exact - f64::from(floor) >= 0.5)
}
