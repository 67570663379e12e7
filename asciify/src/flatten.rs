//! Puts a transparent picture on the ground that shows through.

use crate::keywords::Alpha;
use crate::light::WHITE;
use crate::spec::Spec;
use crate::tone::lightness_of;

/// A picture whose mean lightness is as near to the ground as this would vanish on it.
const TOO_NEAR: f64 = 0.25;

/// The light of the ground that shows through.
pub(crate) fn ground(light: &[u32], opacity: &[u32], spec: &Spec) -> u32 {
    match spec.alpha() {
        Alpha::Dark => 0,
        Alpha::Light => WHITE,
        Alpha::Auto => visible_ground(light, opacity, spec),
    }
}

/// Adds the ground to samples of `light`, which are as dark as they are transparent.
pub(crate) fn flatten(light: &mut [u32], opacity: &[u32], ground: u32) {
    for (light, opacity) in light.iter_mut().zip(opacity) {
        let through = u64::from(ground) * u64::from(WHITE - opacity) / u64::from(WHITE);
        *light = (*light + through as u32).min(WHITE);
    }
}

/// The ground that takes no ink, unless the picture would vanish on it.
fn visible_ground(light: &[u32], opacity: &[u32], spec: &Spec) -> u32 {
    let bare = if spec.inks_bright() { 0 } else { WHITE };
    let (mut sum, mut weight) = (0.0, 0.0);
    for (light, opacity) in light.iter().zip(opacity).filter(|(_, opacity)| **opacity > 0) {
        let own = u64::from(*light) * u64::from(WHITE) / u64::from(*opacity);
        let opacity = f64::from(*opacity);
        sum += opacity * lightness_of(own.min(u64::from(WHITE)) as u32);
        weight += opacity;
    }
    let near = (sum / weight - lightness_of(bare)).abs() < TOO_NEAR;
    if near { WHITE - bare } else { bare }
}
