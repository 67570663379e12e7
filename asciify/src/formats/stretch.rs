//! Stretching of values: which ones are black and white by themselves, and the levels between.

/// The fraction of all values that automatic stretching makes black, and the fraction it makes
/// white.
const CLIPPED_FRACTION: f64 = 0.02;
/// About how many pixels automatic stretching takes percentiles of.
pub(crate) const SAMPLED_PIXELS: u64 = 1 << 16;

/// The values that automatic stretching makes black and white: the 2nd and the 98th percentile of
/// the finite ones. `None` without any.
pub(crate) fn percentiles(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    let quantile = |q: f64| values.get((values.len() as f64 * q) as usize).copied();
    quantile(CLIPPED_FRACTION).zip(quantile(1.0 - CLIPPED_FRACTION))
}

/// A level, 0 to 1, in 65535ths, rounded as [`libm::round`] does. Clamps; NaN becomes 0.
pub(crate) fn to_16_bits(level: f64) -> u16 {
    let exact = level.clamp(0.0, 1.0) * 65_535.0;
    let floor = exact as u16;
    floor + u16::from(exact - f64::from(floor) >= 0.5)
}
