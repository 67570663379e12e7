//! Puts a transparent picture on the ground that shows through.

use crate::draw::tone::lightness_of;
use crate::light::{self, WHITE};
use crate::spec::Spec;
use crate::spec::alpha::Alpha;

/// What is as near to the ground's lightness as this does not stand out from it…
const TOO_NEAR: f64 = 0.25;
/// …and a picture of which less than this part stands out would vanish.
const LEAST_SEEN: f64 = 0.1;

/// The light of the ground that shows through.
pub(crate) struct Ground {
    pub(crate) luminance: u32,
    pub(crate) channels: [u32; 3],
}

/// The ground that the spec wants for samples of that luminance.
pub(crate) fn ground(light: &[u32], opacity: &[u32], spec: &Spec) -> Ground {
    let grey = |luminance| Ground { luminance, channels: [luminance; 3] };
    match spec.alpha() {
        Alpha::Dark => grey(0),
        Alpha::Light => grey(WHITE),
        Alpha::Auto => grey(visible_ground(light, opacity, spec)),
        Alpha::Color(rgb) => {
            Ground { luminance: light::rgb8(&rgb), channels: rgb.map(light::grey8) }
        }
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
    let bare_lightness = lightness_of(bare);
    let (mut seen, mut all) = (0.0, 0.0);
    for (light, opacity) in light.iter().zip(opacity).filter(|(_, opacity)| **opacity > 0) {
        let own = u64::from(*light) * u64::from(WHITE) / u64::from(*opacity);
        let own = lightness_of(own.min(u64::from(WHITE)) as u32);
        let opacity = f64::from(*opacity);
        seen += if (own - bare_lightness).abs() < TOO_NEAR { 0.0 } else { opacity };
        all += opacity;
    }
    if seen < all * LEAST_SEEN { WHITE - bare } else { bare }
}
