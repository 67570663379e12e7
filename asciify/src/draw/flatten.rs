//! Flattening: composites a transparent picture onto an opaque backdrop.

use crate::cancellation::{Cancellation, Cancelled};
use crate::draw::tone::lightness_of;
use crate::light::{self, WHITE};
use crate::spec::Spec;
use crate::spec::alpha::Alpha;

/// Pixels whose lightness differs less than this from the backdrop's do not stand out.
const MIN_DIFFERENCE: f64 = 0.25;
/// A picture of which less than this fraction stands out counts as invisible.
const MIN_VISIBLE: f64 = 0.1;

/// The colour behind a transparent picture, as light: 0 to [`WHITE`].
pub(crate) struct Backdrop {
    pub(crate) luminance: u32,
    /// Red, green and blue.
    pub(crate) channels: [u32; 3],
}

/// The backdrop that `spec` wants for samples of that luminance, premultiplied by opacity; both are
/// 0 to [`WHITE`] and parallel by index.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn backdrop(
    luminance: &[u32],
    opacity: &[u32],
    spec: &Spec,
    cancellation: &Cancellation<'_>,
) -> Result<Backdrop, Cancelled> {
    let grey = |luminance| Backdrop { luminance, channels: [luminance; 3] };
    Ok(match spec.alpha() {
        Alpha::Dark => grey(0),
        Alpha::Light => grey(WHITE),
        Alpha::Auto => grey(visible_backdrop(luminance, opacity, spec, cancellation)?),
        Alpha::Color(rgb) => {
            Backdrop { luminance: light::rgb8(&rgb), channels: rgb.map(light::grey8) }
        }
    })
}

/// Adds the backdrop to samples of light, premultiplied by opacity: the operator "over" of Porter
/// and Duff, "Compositing digital images" (1984). All are 0 to [`WHITE`].
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn flatten(
    light: &mut [u32],
    opacity: &[u32],
    backdrop: u32,
    cancellation: &Cancellation<'_>,
) -> Result<(), Cancelled> {
    cancellation.for_each(light.iter_mut().zip(opacity), |(light, opacity)| {
        let through = u64::from(backdrop) * u64::from(WHITE - opacity) / u64::from(WHITE);
        *light = (*light + through as u32).min(WHITE);
    })
}

/// Black or white: the one that is drawn as bare background, unless the picture would be invisible
/// on it.
fn visible_backdrop(
    luminance: &[u32],
    opacity: &[u32],
    spec: &Spec,
    cancellation: &Cancellation<'_>,
) -> Result<u32, Cancelled> {
    let bare = if spec.bright_is_foreground() { 0 } else { WHITE };
    let bare_lightness = lightness_of(bare);
    let (mut visible, mut all) = (0.0, 0.0);
    cancellation.for_each(luminance.iter().zip(opacity), |(light, opacity)| {
        if *opacity == 0 {
            return;
        }
        let own = u64::from(*light) * u64::from(WHITE) / u64::from(*opacity);
        let own = lightness_of(own.min(u64::from(WHITE)) as u32);
        let opacity = f64::from(*opacity);
        visible += if (own - bare_lightness).abs() < MIN_DIFFERENCE { 0.0 } else { opacity };
        all += opacity;
    })?;
    Ok(if visible < all * MIN_VISIBLE { WHITE - bare } else { bare })
}
