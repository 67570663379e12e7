//! Chooses each cell's character alone: the one whose ink looks as light as the cell should.

use crate::draw::dither;
use crate::draw::tone::{drawn_ink, drawn_lightness};
use crate::glyphs::shapes::Shapes;
use crate::glyphs::{ACROSS, DOWN, Drawn, Glyphs};
use crate::spec::Spec;
use crate::spec::symbols::Symbols;
use crate::spec::values::Dither;

/// Characters of rising ink, centred and even, spaced about evenly in lightness: more would give no
/// finer tones, only restless surfaces.
const RAMP: &str = " .:;!*+=cxuoaS#$&Q@";

/// Symbols and their ink, which rises.
fn ramp(symbols: &Symbols, glyphs: &Glyphs, spec: &Spec) -> Vec<(char, f32)> {
    if let Symbols::Ramp(ramp) = symbols {
        // their shapes are unknown: equal steps of lightness
        let most = drawn_lightness(spec.background(), glyphs.most_ink.into());
        let steps = ramp.chars().count() - 1;
        let lightness = |step: usize| most * step as f64 / steps as f64;
        let ink = |step| drawn_ink(spec.background(), lightness(step)) as f32;
        return ramp.chars().enumerate().map(|(step, symbol)| (symbol, ink(step))).collect();
    }
    let chosen = |symbol: char| match symbols {
        Symbols::Shapes(Shapes::Ascii) => RAMP.contains(symbol),
        _ => true,
    };
    let inks = glyphs.symbols.iter().zip(&glyphs.ink).filter(|(symbol, _)| chosen(**symbol));
    let mut ramp: Vec<(char, f32)> = inks.map(|(symbol, ink)| (*symbol, *ink)).collect();
    ramp.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    ramp.dedup_by(|(_, next), (_, ink)| *next - *ink < 1e-4);
    ramp
}

/// Draws ink of [`ACROSS`] × [`DOWN`] samples a cell.
pub(crate) fn draw(ink: &[f32], columns: usize, spec: &Spec, glyphs: &Glyphs) -> Vec<Drawn> {
    let ramp = ramp(spec.symbols(), glyphs, spec);
    // a single cell shows a lightness; together they show light
    let scale = |ink: f32| match spec.dither() {
        Dither::None => drawn_lightness(spec.background(), f64::from(ink).min(1.0)) as f32,
        _ => ink,
    };
    let levels: Vec<f32> = ramp.iter().map(|(_, ink)| scale(*ink)).collect();
    let wanted: Vec<f32> = means(ink, columns).into_iter().map(scale).collect();
    let chosen = dither::choose(&wanted, columns, &levels, spec.dither());
    let drawn = |level: usize| Drawn { symbol: ramp[level].0, ink: ramp[level].1 };
    chosen.into_iter().map(drawn).collect()
}

/// Mean ink of each cell.
pub(crate) fn means(ink: &[f32], columns: usize) -> Vec<f32> {
    let row_of_cells = columns * ACROSS * DOWN;
    let mut means = Vec::with_capacity(ink.len() / (ACROSS * DOWN));
    for band in ink.chunks_exact(row_of_cells) {
        let mut sums = vec![0.0; columns];
        for row in band.chunks_exact(columns * ACROSS) {
            for (sum, samples) in sums.iter_mut().zip(row.chunks_exact(ACROSS)) {
                *sum += samples.iter().sum::<f32>();
            }
        }
        means.extend(sums.iter().map(|sum| sum / (ACROSS * DOWN) as f32));
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::ASCII;

    #[test]
    fn ink_rises_and_the_ends_are_reached() {
        assert!(RAMP.chars().map(|it| ASCII.ink[ASCII.index(it)]).is_sorted());
        for (symbols, barest, densest) in [
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
                let drawn = |ink| draw(&[ink; ACROSS * DOWN], 1, &spec, &glyphs)[0].symbol;
                assert_eq!((drawn(0.0), drawn(glyphs.most_ink)), (barest, densest));
            }
        }
    }
}
