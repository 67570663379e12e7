//! Ramps: chooses each cell's character alone, the one whose mean coverage looks as light as the
//! cell should.

use crate::cancellation::{Cancellation, Cancelled};
use crate::draw::dither;
use crate::draw::tone::{coverage_for, lightness_difference};
use crate::glyphs::mask::{ACROSS, CELL_SAMPLES};
use crate::glyphs::symbol_set::SymbolSet;
use crate::glyphs::{Glyph, GlyphSet};
use crate::spec::Spec;
use crate::spec::symbols::Symbols;
use crate::spec::values::Dither;

/// ASCII characters of rising coverage, centred and even, in about equal steps of lightness. More
/// would give no finer tones, only visible noise.
const RAMP: &str = " .:;!*+=cxuoaS#$&Q@";

/// The glyphs of a ramp, by rising coverage.
fn ramp(symbols: &Symbols, glyphs: &GlyphSet, spec: &Spec) -> Vec<Glyph> {
    if let Symbols::Ramp(ramp) = symbols {
        // The characters' shapes are unknown: they count as equal steps of lightness.
        let max = lightness_difference(spec.background(), glyphs.max_coverage.into());
        let steps = ramp.chars().count() - 1;
        let difference = |step: usize| max * step as f64 / steps as f64;
        let coverage = |step| coverage_for(spec.background(), difference(step)) as f32;
        let glyphs = ramp.chars().enumerate();
        return glyphs.map(|(step, symbol)| Glyph { symbol, coverage: coverage(step) }).collect();
    }
    let chosen = |symbol: char| match symbols {
        Symbols::Set(SymbolSet::Ascii) => RAMP.contains(symbol),
        _ => true,
    };
    let all = (0..glyphs.symbols.len()).map(|index| glyphs.glyph(index));
    let mut ramp: Vec<Glyph> = all.filter(|glyph| chosen(glyph.symbol)).collect();
    ramp.sort_by(|a, b| a.coverage.total_cmp(&b.coverage));
    ramp.dedup_by(|next, before| next.coverage - before.coverage < 1e-4);
    ramp
}

/// Draws wanted coverage, 0 to 1, by sample: row-major, `columns` × [`ACROSS`] samples a row. A
/// glyph a cell, row-major.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn draw(
    coverage: &[f32],
    columns: usize,
    spec: &Spec,
    glyphs: &GlyphSet,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<Glyph>, Cancelled> {
    let ramp = ramp(spec.symbols(), glyphs, spec);
    // A single cell is seen as a lightness; dithered cells are seen together, and their light adds
    // up.
    let scale = |coverage: f32| match spec.dither() {
        Dither::None => {
            lightness_difference(spec.background(), f64::from(coverage).min(1.0)) as f32
        }
        _ => coverage,
    };
    let levels: Vec<f32> = ramp.iter().map(|glyph| scale(glyph.coverage)).collect();
    let means = cell_means(coverage, columns, cancellation)?;
    let wanted = cancellation.collect(means.into_iter().map(scale))?;
    let chosen = dither::choose(&wanted, columns, &levels, spec.dither(), cancellation)?;
    Ok(chosen.into_iter().map(|level| ramp[level]).collect())
}

/// Mean of each cell, row-major, over samples that are row-major, `columns` × [`ACROSS`] a row.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn cell_means(
    samples: &[f32],
    columns: usize,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<f32>, Cancelled> {
    let mut means = Vec::with_capacity(samples.len() / CELL_SAMPLES);
    for cells in samples.chunks_exact(columns * CELL_SAMPLES) {
        cancellation.check()?;
        let mut sums = vec![0.0; columns];
        for row in cells.chunks_exact(columns * ACROSS) {
            for (sum, samples) in sums.iter_mut().zip(row.chunks_exact(ACROSS)) {
                *sum += samples.iter().sum::<f32>();
            }
        }
        means.extend(sums.iter().map(|sum| sum / CELL_SAMPLES as f32));
    }
    Ok(means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::ASCII;

    #[test]
    fn coverage_rises_and_the_ends_are_reached() {
        assert!(RAMP.chars().map(|it| ASCII.coverage[ASCII.index(it)]).is_sorted());
        for (symbols, sparsest, densest) in [
            ("ascii", ' ', '@'),
            ("half", ' ', '█'),
            ("chars:.#", '.', '#'),
            ("ramp:abc", 'a', 'c'),
        ] {
            let symbols: Symbols = symbols.parse().expect("symbols");
            let glyphs = symbols.glyphs();
            for background in ["dark", "light"] {
                let spec = format!("symbols={symbols}&background={background}");
                let spec: Spec = spec.parse().expect("a spec");
                let never = Cancellation::never();
                let drawn = |coverage| {
                    let drawn = draw(&[coverage; CELL_SAMPLES], 1, &spec, &glyphs, &never);
                    drawn.expect("nothing cancels")[0].symbol
                };
                assert_eq!((drawn(0.0), drawn(glyphs.max_coverage)), (sparsest, densest));
            }
        }
    }
}
