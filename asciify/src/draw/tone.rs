//! Tone: how much of each sample the foreground should cover, by the picture's light.
//!
//! A screen full of `@` has only a quarter of the luminance of white. Therefore the picture's
//! lightness is mapped in equal steps to the lightness that characters can reach, from the bare
//! background to the densest glyph. Lightness is CIE L*, here from 0 to 1 throughout.

use std::array;
use std::sync::LazyLock;

use crate::cancellation::{Cancellation, Cancelled};
use crate::light::WHITE;
use crate::spec::Spec;
use crate::spec::values::{Background, Match, Tone};

/// Entries of tables by light. The index is the square root of the light, which distinguishes tones
/// about as finely as the eye does.
const STEPS: usize = WHITE.isqrt() as usize + 1;

/// With automatic tone, this fraction of the samples is clipped to the bare background…
const BACKGROUND_CLIP: f64 = 0.05;
/// …and this one to full coverage.
const FOREGROUND_CLIP: f64 = 0.01;
/// A smaller range of lightness is widened to this before it is stretched, so that the noise of a
/// flat picture stays faint.
const MIN_RANGE: f64 = 0.25;
/// This fraction of the samples may want more coverage than the densest glyph has, for the contrast
/// of all others…
const OVERSHOOT: f64 = 0.1;
/// …which grows at most by this factor.
const MAX_GAIN: f64 = 1.12;
/// Light that black is lifted to before the square root is taken, on a light background where
/// shapes are matched.
const LIGHT_BACKGROUND_LIFT: f64 = 0.15;

/// Lightness by [`step`].
static LIGHTNESS: LazyLock<[f64; STEPS]> = LazyLock::new(|| {
    array::from_fn(|step| {
        let root = step as f64 / (STEPS - 1) as f64;
        lightness(root * root)
    })
});

/// CIE L*, 0 to 1, of light, 0 to [`WHITE`].
pub(crate) fn lightness_of(light: u32) -> f64 {
    LIGHTNESS[step(light)]
}

/// The coverage that each sample wants, by its light, 0 to [`WHITE`]; parallel by index.
///
/// `max_coverage` is that of the densest glyph. Samples may want more where that serves contrast.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn coverage(
    light: &[u32],
    spec: &Spec,
    max_coverage: f32,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<f32>, Cancelled> {
    let coverages = Curve::new(light, spec, cancellation)?.coverages(max_coverage.into());
    cancellation.collect(light.iter().map(|light| coverages[step(*light)]))
}

/// How far, in lightness, something of that coverage stands out from the bare background.
pub(crate) fn lightness_difference(background: Background, coverage: f64) -> f64 {
    match background {
        Background::Dark => lightness(coverage),
        Background::Light => 1.0 - lightness(1.0 - coverage),
    }
}

/// The inverse of [`lightness_difference`].
pub(crate) fn coverage_for(background: Background, difference: f64) -> f64 {
    match background {
        Background::Dark => light(difference),
        Background::Light => 1.0 - light(1.0 - difference),
    }
}

/// Applies the spec's brightness, contrast and gamma to the light of red, green and blue, 0 to
/// [`WHITE`], by the samples' luminance, so that the hue stays. All are parallel by index.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn adjust(
    luminance: &[u32],
    channels: &mut [Vec<u32>; 3],
    spec: &Spec,
    cancellation: &Cancellation<'_>,
) -> Result<(), Cancelled> {
    let adjustment = Adjustment::of(spec);
    if adjustment.is_none() {
        return Ok(());
    }
    let lights: Vec<f64> = LIGHTNESS
        .iter()
        .map(|lightness| light(adjustment.applied(*lightness)) * f64::from(WHITE))
        .collect();
    for channel in channels {
        cancellation.for_each(channel.iter_mut().zip(luminance), |(sample, luminance)| {
            let adjusted = lights[step(*luminance)];
            *sample = match *luminance {
                0 => adjusted,
                own => f64::from(*sample) * (adjusted / f64::from(own)),
            } as u32;
            *sample = (*sample).min(WHITE);
        })?;
    }
    Ok(())
}

/// The adjustments of lightness that a spec asks for.
struct Adjustment {
    brightness: f64,
    contrast: f64,
    gamma: f64,
}

impl Adjustment {
    fn of(spec: &Spec) -> Self {
        Self { brightness: spec.brightness(), contrast: spec.contrast(), gamma: spec.gamma() }
    }

    fn is_none(&self) -> bool {
        (self.brightness, self.contrast, self.gamma) == (0.0, 1.0, 1.0)
    }

    /// From and to a lightness of 0 to 1.
    fn applied(&self, lightness: f64) -> f64 {
        if self.is_none() {
            return lightness;
        }
        let lifted = libm::pow(lightness, 1.0 / self.gamma);
        ((lifted - 0.5) * self.contrast + 0.5 + self.brightness).clamp(0.0, 1.0)
    }
}

/// The tone curve of one picture: from lightness to coverage.
struct Curve {
    tone: Tone,
    background: Background,
    /// [`LIGHT_BACKGROUND_LIFT`], where it applies.
    lift: Option<f64>,
    /// Whether the foreground draws bright parts, or dark ones.
    bright_is_foreground: bool,
    /// The picture's lightness that counts as black.
    low: f64,
    /// The picture's lightness that counts as white.
    high: f64,
    /// Factor on the lightness difference, 1 to [`MAX_GAIN`].
    gain: f64,
    adjustment: Adjustment,
}

impl Curve {
    fn new(light: &[u32], spec: &Spec, cancellation: &Cancellation<'_>) -> Result<Self, Cancelled> {
        let mut curve = Self {
            tone: spec.tone(),
            background: spec.background(),
            lift: None,
            bright_is_foreground: spec.bright_is_foreground(),
            low: 0.0,
            high: 1.0,
            gain: 1.0,
            adjustment: Adjustment::of(spec),
        };
        if curve.tone == Tone::Auto {
            // Dense glyphs look alike, and on a light background even middle tones would need them.
            // All tones are lifted there, so that lighter glyphs, of many shapes, can draw them.
            let lifted = spec.background() == Background::Light && spec.matching() == Match::Shape;
            curve.lift = lifted.then_some(LIGHT_BACKGROUND_LIFT);
            let histogram = histogram(light, cancellation)?;
            let quantile = |part| quantile(&histogram, light.len(), part);
            let (below, above, part) = match curve.bright_is_foreground {
                true => (BACKGROUND_CLIP, FOREGROUND_CLIP, 1.0 - OVERSHOOT),
                false => (FOREGROUND_CLIP, BACKGROUND_CLIP, OVERSHOOT),
            };
            (curve.low, curve.high) = widened(quantile(below), quantile(1.0 - above));
            curve.gain = curve.difference(quantile(part)).recip().clamp(1.0, MAX_GAIN);
        }
        Ok(curve)
    }

    /// How far a lightness should stand out from the bare background: 0 not at all, 1 as far as
    /// possible.
    fn difference(&self, lightness: f64) -> f64 {
        let part = ((lightness - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let part = self.adjustment.applied(part);
        let part = if self.bright_is_foreground { part } else { 1.0 - part };
        match self.lift {
            Some(lift) => 1.0 - (lift + (1.0 - lift) * (1.0 - part)).sqrt(),
            None => part,
        }
    }

    /// Coverage by [`step`]; `max` is that of the densest glyph.
    fn coverages(&self, max: f64) -> Vec<f32> {
        let reach = lightness_difference(self.background, max) * self.gain;
        let coverage = |lightness| match self.tone {
            Tone::Linear => max * self.difference(light(lightness)),
            _ => coverage_for(self.background, reach * self.difference(lightness)),
        };
        LIGHTNESS.iter().map(|lightness| coverage(*lightness) as f32).collect()
    }
}

/// Index of a light, 0 to [`WHITE`], in tables of [`STEPS`] entries.
fn step(light: u32) -> usize {
    // IEEE 754, 5.4.1, defines the rounding of a square root: it is the same on every machine.
    (light as f32).sqrt() as usize
}

/// Numbers of samples by [`step`].
fn histogram(light: &[u32], cancellation: &Cancellation<'_>) -> Result<Vec<usize>, Cancelled> {
    let mut histogram = vec![0; STEPS];
    cancellation.for_each(light.iter(), |light| histogram[step(*light)] += 1)?;
    Ok(histogram)
}

/// The lightness that the fraction `part` of the samples does not exceed.
fn quantile(histogram: &[usize], samples: usize, part: f64) -> f64 {
    let mut left = (samples as f64 * part) as usize;
    for (count, lightness) in histogram.iter().zip(&*LIGHTNESS) {
        if left < *count {
            return *lightness;
        }
        left -= count;
    }
    1.0
}

/// A range of at least [`MIN_RANGE`]. The middle of a narrower one keeps its place between black
/// and white.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let range = high - low;
    if range >= MIN_RANGE {
        return (low, high);
    }
    let low = low * (1.0 - MIN_RANGE) / (1.0 - range);
    (low, low + MIN_RANGE)
}

/// CIE 1976 L*, here 0 to 1, of linear light, 0 to 1: CIE 15, 8.2.1.
fn lightness(light: f64) -> f64 {
    if light > 216.0 / 24_389.0 {
        1.16 * libm::cbrt(light) - 0.16
    } else {
        light * 24_389.0 / 2700.0
    }
}

/// The inverse of [`lightness`].
fn light(lightness: f64) -> f64 {
    let root = (lightness + 0.16) / 1.16;
    if lightness > 0.08 { root * root * root } else { lightness * 2700.0 / 24_389.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_COVERAGE: f32 = 0.25;

    fn coverages(light: &[u32], spec: &Spec) -> Vec<f32> {
        let never = Cancellation::never();
        coverage(light, spec, MAX_COVERAGE, &never).expect("nothing cancels")
    }

    #[test]
    fn lightness_and_light_undo_each_other() {
        for step in 0..=100 {
            let it = f64::from(step) / 100.0;
            assert!((lightness(light(it)) - it).abs() < 1e-9, "{step}");
        }
    }

    #[test]
    fn more_light_never_takes_less_coverage_on_a_dark_background() {
        for spec in ["", "tone=natural", "tone=linear", "gamma=2&contrast=3&brightness=-0.1"] {
            let spec: Spec = spec.parse().expect("a valid spec");
            let light: Vec<u32> = (0..=WHITE).step_by(997).collect();
            assert!(coverages(&light, &spec).is_sorted());
            let mut negative = spec.clone();
            negative.set("invert", "true").expect("a valid value");
            assert!(coverages(&light, &negative).iter().rev().is_sorted());
        }
    }

    #[test]
    fn flat_pictures_keep_their_brightness() {
        let spec = Spec::default();
        let coverages = [0, WHITE / 5, WHITE].map(|light| coverages(&[light; 9], &spec)[0]);
        assert_eq!(coverages[0], 0.0);
        assert!(coverages[1] > 0.02 && coverages[1] < 0.2, "{coverages:?}");
        assert!(coverages[2] >= MAX_COVERAGE - 1e-6, "{coverages:?}");
    }
}
