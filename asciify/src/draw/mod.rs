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

use crate::glyphs::mask::ACROSS;
use crate::grid::Grid;
use crate::sample::Sampled;
use crate::spec::Spec;
use crate::spec::values::{ColorOn, Match};

/// Draws what was sampled for `spec`: a grid of `sampled.columns` columns.
pub(crate) fn draw(spec: &Spec, sampled: Sampled) -> Grid {
    let Sampled { columns, mut luminance, opacity, mut channels } = sampled;
    if let Some(opacity) = opacity {
        let backdrop = flatten::backdrop(&luminance, &opacity, spec);
        flatten::flatten(&mut luminance, &opacity, backdrop.luminance);
        for (channel, backdrop) in channels.iter_mut().flatten().zip(backdrop.channels) {
            flatten::flatten(channel, &opacity, backdrop);
        }
    }
    for light in iter::once(&mut luminance).chain(channels.iter_mut().flatten()) {
        sharpen::sharpen(light, columns * ACROSS, spec.sharpen());
    }
    let glyphs = spec.symbols().glyphs();
    let choose = |coverage: Vec<f32>| match spec.matching() {
        Match::Shape => dbs::draw(coverage, columns, glyphs.clone()),
        Match::Ramp => ramp::draw(&coverage, columns, spec, &glyphs),
    };
    let cells = match channels {
        Some(mut channels) if spec.color_on() == ColorOn::Both => {
            tone::adjust(&luminance, &mut channels, spec);
            colorize::both(&channels, columns, spec, &glyphs)
        }
        Some(channels) => {
            let coverage = tone::coverage(&luminance, spec, glyphs.max_coverage);
            let mut wanted =
                ColorCoverage::new(coverage, &luminance, &channels, spec, glyphs.max_coverage);
            let chosen = choose(std::mem::take(&mut wanted.total));
            wanted.colorize(chosen, columns, spec)
        }
        None => {
            let coverage = tone::coverage(&luminance, spec, glyphs.max_coverage);
            drop(luminance);
            choose(coverage).into_iter().map(|glyph| glyph.symbol.into()).collect()
        }
    };
    Grid::new(columns, cells)
}
