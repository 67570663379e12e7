//! Drawing: samples of light become cells.
//!
//! ```text
//! samples ── flatten ──▶ no transparency ── sharpen ── tone ──▶ coverage by sample
//!                                                                  │
//!        cells ◀── colorize ◀── dbs: all cells together, or ramp: each cell alone
//!          ▲
//!          └── color_pair: a glyph and two colours for each cell ◀── light of red, green and blue
//! ```

mod color_pair;
mod colorize;
mod dbs;
mod dither;
mod error_diffusion;
mod flatten;
mod ramp;
mod sharpen;
mod tone;

use std::iter;

use colorize::ColorCoverage;

use crate::cancellation::{Cancellation, Cancelled};
use crate::glyphs::mask::ACROSS;
use crate::grid::Grid;
use crate::sample::Sampled;
use crate::spec::Spec;
use crate::spec::values::{ColorOn, Match};

/// Draws what was sampled for `spec`: a grid of `sampled.columns` columns.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn draw(
    spec: &Spec,
    sampled: Sampled,
    cancellation: &Cancellation<'_>,
) -> Result<Grid, Cancelled> {
    let Sampled { columns, mut luminance, opacity, mut channels } = sampled;
    if let Some(opacity) = opacity {
        let backdrop = flatten::backdrop(&luminance, &opacity, spec, cancellation)?;
        flatten::flatten(&mut luminance, &opacity, backdrop.luminance, cancellation)?;
        for (channel, backdrop) in channels.iter_mut().flatten().zip(backdrop.channels) {
            flatten::flatten(channel, &opacity, backdrop, cancellation)?;
        }
    }
    for light in iter::once(&mut luminance).chain(channels.iter_mut().flatten()) {
        sharpen::sharpen(light, columns * ACROSS, spec.sharpen(), cancellation)?;
    }
    let glyphs = spec.symbols().glyphs();
    let choose = |coverage: Vec<f32>| match spec.matching() {
        Match::Shape => dbs::draw(coverage, columns, glyphs.clone(), cancellation),
        Match::Ramp => ramp::draw(&coverage, columns, spec, &glyphs, cancellation),
    };
    let cells = match channels {
        Some(mut channels) if spec.color_on() == ColorOn::Both => {
            tone::adjust(&luminance, &mut channels, spec, cancellation)?;
            colorize::both(&channels, columns, spec, &glyphs, cancellation)?
        }
        Some(channels) => {
            let coverage = tone::coverage(&luminance, spec, glyphs.max_coverage, cancellation)?;
            let max = glyphs.max_coverage;
            let light = (luminance.as_slice(), &channels);
            let mut wanted = ColorCoverage::new(coverage, light, spec, max, cancellation)?;
            let chosen = choose(std::mem::take(&mut wanted.total))?;
            wanted.colorize(chosen, columns, spec, cancellation)?
        }
        None => {
            let coverage = tone::coverage(&luminance, spec, glyphs.max_coverage, cancellation)?;
            drop(luminance);
            choose(coverage)?.into_iter().map(|glyph| glyph.symbol.into()).collect()
        }
    };
    Ok(Grid::new(columns, cells))
}
