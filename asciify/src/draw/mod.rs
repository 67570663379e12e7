//! Drawing: samples of light become cells.
//!
//! ```text
//! samples ── flatten ──▶ no transparency ── sharpen ── tone ──▶ ink by sample
//!                                                                  │
//!        cells ◀── colorize ◀── dbs: all cells together, or ramp: each alone
//!          ▲
//!          └── color_pair: a symbol and two colours for each cell ◀── light of red, green and blue
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

use colorize::Inks;

use crate::glyphs::ACROSS;
use crate::grid::Grid;
use crate::sample::Sampled;
use crate::spec::Spec;
use crate::spec::values::{ColorOn, Match};

/// Draws what was sampled for `spec`.
pub(crate) fn draw(spec: &Spec, sampled: Sampled) -> Grid {
    let Sampled { columns, mut luminance, opacity, mut channels } = sampled;
    if let Some(opacity) = opacity {
        let ground = flatten::ground(&luminance, &opacity, spec);
        flatten::flatten(&mut luminance, &opacity, ground.luminance);
        for (channel, ground) in channels.iter_mut().flatten().zip(ground.channels) {
            flatten::flatten(channel, &opacity, ground);
        }
    }
    for light in iter::once(&mut luminance).chain(channels.iter_mut().flatten()) {
        sharpen::sharpen(light, columns * ACROSS, spec.sharpen());
    }
    let glyphs = spec.symbols().glyphs();
    let choose = |ink: Vec<f32>| match spec.matching() {
        Match::Shape => dbs::draw(ink, columns, glyphs.clone()),
        Match::Ramp => ramp::draw(&ink, columns, spec, &glyphs),
    };
    let cells = match channels {
        Some(mut channels) if spec.color_on() == ColorOn::Both => {
            tone::adjust(&luminance, &mut channels, spec);
            colorize::both(&channels, columns, spec, &glyphs)
        }
        Some(channels) => {
            let ink = tone::ink(&luminance, spec, glyphs.most_ink);
            let mut inks = Inks::new(ink, &luminance, &channels, spec, glyphs.most_ink);
            let drawn = choose(std::mem::take(&mut inks.cover));
            inks.paint(drawn, columns, spec)
        }
        None => {
            let ink = tone::ink(&luminance, spec, glyphs.most_ink);
            drop(luminance);
            choose(ink).into_iter().map(|drawn| drawn.symbol.into()).collect()
        }
    };
    Grid::new(columns, cells)
}
