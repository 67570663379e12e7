//! Tone: how much ink stands for which light.
//!
//! A screen full of `@` is still only a quarter lit. So the picture's lightness (CIE L*, here from
//! 0 to 1) is mapped in equal steps to the lightness that characters can reach, from bare ground to
//! the densest ink.

use std::array;
use std::sync::LazyLock;

use crate::light::WHITE;
use crate::spec::Spec;
use crate::spec::values::{Background, Match, Tone};

/// Light is told apart by its square root, about as finely as the eye does.
const STEPS: usize = WHITE.isqrt() as usize + 1;

/// So many of a picture's samples may be nearer to the ground than what counts as bare ground…
const GROUND_CROP: f64 = 0.05;
/// …and so many beyond what counts as full ink.
const INK_CROP: f64 = 0.01;
/// The least range of lightness that is stretched to the whole, so that the noise of a flat picture
/// stays faint.
const LEAST_RANGE: f64 = 0.25;
/// So many samples may ask for more ink than there is, for the contrast of all others…
const OVERINKED: f64 = 0.1;
/// …which gain no more than this.
const MOST_STRETCH: f64 = 1.12;
/// Black on paper is drawn as if it were that light, before the root is taken, where shapes match.
const PAPER_LIFT: f64 = 0.15;

static LIGHTNESS: LazyLock<[f64; STEPS]> = LazyLock::new(|| {
    array::from_fn(|step| {
        let root = step as f64 / (STEPS - 1) as f64;
        lightness(root * root)
    })
});

/// CIE L* of a light, 0 to 1.
pub(crate) fn lightness_of(light: u32) -> f64 {
    LIGHTNESS[step(light)]
}

/// The part of each sample that ink should cover; more than any ink can where that serves contrast.
///
/// `most_ink` is how much of a cell the densest symbol covers.
pub(crate) fn ink(samples: &[u32], spec: &Spec, most_ink: f32) -> Vec<f32> {
    let inks = Curve::new(samples, spec).inks(most_ink.into());
    samples.iter().map(|light| inks[step(*light)]).collect()
}

/// The lightness that stands out from the ground by a part of 0 to 1.
pub(crate) fn drawn_lightness(background: Background, ink: f64) -> f64 {
    match background {
        Background::Dark => lightness(ink),
        Background::Light => 1.0 - lightness(1.0 - ink),
    }
}

/// The ink that makes something stand out from the ground by that lightness.
pub(crate) fn drawn_ink(background: Background, lightness: f64) -> f64 {
    match background {
        Background::Dark => light(lightness),
        Background::Light => 1.0 - light(1.0 - lightness),
    }
}

/// Gives the samples of each channel the adjusted lightness, and leaves them their hue.
pub(crate) fn adjust(luminance: &[u32], channels: &mut [Vec<u32>; 3], spec: &Spec) {
    let adjust = Adjust::of(spec);
    if adjust.is_none() {
        return;
    }
    let lights: Vec<f64> = LIGHTNESS
        .iter()
        .map(|lightness| light(adjust.applied(*lightness)) * f64::from(WHITE))
        .collect();
    for channel in channels {
        for (sample, luminance) in channel.iter_mut().zip(luminance) {
            let adjusted = lights[step(*luminance)];
            *sample = match *luminance {
                0 => adjusted,
                own => f64::from(*sample) * (adjusted / f64::from(own)),
            } as u32;
            *sample = (*sample).min(WHITE);
        }
    }
}

/// What the reader wants changed of the picture's lightness.
struct Adjust {
    brightness: f64,
    contrast: f64,
    gamma: f64,
}

impl Adjust {
    fn of(spec: &Spec) -> Self {
        Self { brightness: spec.brightness(), contrast: spec.contrast(), gamma: spec.gamma() }
    }

    fn is_none(&self) -> bool {
        (self.brightness, self.contrast, self.gamma) == (0.0, 1.0, 1.0)
    }

    /// Of and to a lightness of 0 to 1.
    fn applied(&self, lightness: f64) -> f64 {
        if self.is_none() {
            return lightness;
        }
        let lifted = libm::pow(lightness, 1.0 / self.gamma);
        ((lifted - 0.5) * self.contrast + 0.5 + self.brightness).clamp(0.0, 1.0)
    }
}

struct Curve {
    tone: Tone,
    background: Background,
    /// How far all tones are lifted, if they are.
    lift: Option<f64>,
    /// Whether bright parts take the ink, or dark ones.
    inks_bright: bool,
    /// The picture's lightness that counts as black, and as white.
    low: f64,
    high: f64,
    stretch: f64,
    adjust: Adjust,
}

impl Curve {
    fn new(samples: &[u32], spec: &Spec) -> Self {
        let mut curve = Self {
            tone: spec.tone(),
            background: spec.background(),
            lift: None,
            inks_bright: spec.inks_bright(),
            low: 0.0,
            high: 1.0,
            stretch: 1.0,
            adjust: Adjust::of(spec),
        };
        if curve.tone == Tone::Auto {
            // Dense symbols look alike, and on paper even middle tones would need them: all tones
            // are lifted, so that lighter ones, of many shapes, are left to draw with.
            let lifted = spec.background() == Background::Light && spec.matching() == Match::Shape;
            curve.lift = lifted.then_some(PAPER_LIFT);
            let histogram = histogram(samples);
            let quantile = |part| quantile(&histogram, samples.len(), part);
            let (below, above, part) = match curve.inks_bright {
                true => (GROUND_CROP, INK_CROP, 1.0 - OVERINKED),
                false => (INK_CROP, GROUND_CROP, OVERINKED),
            };
            (curve.low, curve.high) = widened(quantile(below), quantile(1.0 - above));
            curve.stretch = curve.standing_out(quantile(part)).recip().clamp(1.0, MOST_STRETCH);
        }
        curve
    }

    /// How far a lightness stands out from the ground, 0 to 1.
    fn standing_out(&self, lightness: f64) -> f64 {
        let part = ((lightness - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let part = self.adjust.applied(part);
        let part = if self.inks_bright { part } else { 1.0 - part };
        match self.lift {
            Some(lift) => 1.0 - (lift + (1.0 - lift) * (1.0 - part)).sqrt(),
            None => part,
        }
    }

    fn inks(&self, most: f64) -> Vec<f32> {
        let reach = drawn_lightness(self.background, most) * self.stretch;
        let ink = |lightness| match self.tone {
            Tone::Linear => most * self.standing_out(light(lightness)),
            _ => drawn_ink(self.background, reach * self.standing_out(lightness)),
        };
        LIGHTNESS.iter().map(|lightness| ink(*lightness) as f32).collect()
    }
}

fn step(light: u32) -> usize {
    // a square root is rounded alike on every machine: IEEE 754, 5.4.1
    (light as f32).sqrt() as usize
}

fn histogram(samples: &[u32]) -> Vec<usize> {
    let mut histogram = vec![0; STEPS];
    samples.iter().for_each(|light| histogram[step(*light)] += 1);
    histogram
}

/// The lightness that `part` of the samples do not exceed.
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

/// A range no smaller than [`LEAST_RANGE`], in which the middle of a flat picture stays as far from
/// black and white as it is.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let range = high - low;
    if range >= LEAST_RANGE {
        return (low, high);
    }
    let low = low * (1.0 - LEAST_RANGE) / (1.0 - range);
    (low, low + LEAST_RANGE)
}

/// CIE 1976 L*, here 0 to 1, of linear light, 0 to 1: CIE 15, 8.2.1.
fn lightness(light: f64) -> f64 {
    if light > 216.0 / 24_389.0 {
        1.16 * libm::cbrt(light) - 0.16
    } else {
        light * 24_389.0 / 2700.0
    }
}

/// The other way round.
fn light(lightness: f64) -> f64 {
    let root = (lightness + 0.16) / 1.16;
    if lightness > 0.08 { root * root * root } else { lightness * 2700.0 / 24_389.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: f32 = 0.25;

    #[test]
    fn lightness_and_light_undo_each_other() {
        for step in 0..=100 {
            let it = f64::from(step) / 100.0;
            assert!((lightness(light(it)) - it).abs() < 1e-9, "{step}");
        }
    }

    #[test]
    fn more_light_never_takes_less_ink_on_a_dark_ground() {
        for spec in ["", "tone=natural", "tone=linear", "gamma=2&contrast=3&brightness=-0.1"] {
            let spec: Spec = spec.parse().expect("a valid spec");
            let samples: Vec<u32> = (0..=WHITE).step_by(997).collect();
            assert!(ink(&samples, &spec, MOST).is_sorted());
            let mut negative = spec.clone();
            negative.set("invert", "true").expect("a valid value");
            assert!(ink(&samples, &negative, MOST).iter().rev().is_sorted());
        }
    }

    #[test]
    fn flat_pictures_keep_their_brightness() {
        let spec = Spec::default();
        let inks = [0, WHITE / 5, WHITE].map(|light| ink(&[light; 9], &spec, MOST)[0]);
        assert_eq!(inks[0], 0.0);
        assert!(inks[1] > 0.02 && inks[1] < 0.2, "{inks:?}");
        assert!(inks[2] >= MOST - 1e-6, "{inks:?}");
    }
}
