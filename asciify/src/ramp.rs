//! Chooses each cell's character alone: the one whose ink looks as light as the cell should.

use crate::glyphs::{ACROSS, DOWN, Drawn, Glyphs};
use crate::keywords::{Background, Shapes};
use crate::symbols::Symbols;
use crate::tone::drawn_lightness;

/// Characters of rising ink, centred and even, spaced about evenly in lightness: more would give no
/// finer tones, only restless surfaces.
const RAMP: &str = " .:;!*+=cxuoaX$&#Q@";

/// Symbols of rising lightness, and where one ends and the next begins.
struct Ramp {
    /// With the ink of those whose shape we know.
    symbols: Vec<(char, Option<f32>)>,
    edges: Vec<f64>,
}

impl Ramp {
    fn new(symbols: &Symbols, glyphs: &Glyphs, lightness: impl Fn(f32) -> f64) -> Self {
        if let Symbols::Ramp(ramp) = symbols {
            let symbols: Vec<_> = ramp.chars().map(|symbol| (symbol, None)).collect();
            let step = lightness(glyphs.most_ink) / symbols.len() as f64;
            let edges = (1..symbols.len()).map(|edge| step * edge as f64).collect();
            return Self { symbols, edges };
        }
        let chosen = |symbol: char| match symbols {
            Symbols::Shapes(Shapes::Ascii) => RAMP.contains(symbol),
            _ => true,
        };
        let inks = glyphs.symbols.iter().zip(&glyphs.ink).filter(|(symbol, _)| chosen(**symbol));
        let mut ramp: Vec<(char, f32)> = inks.map(|(symbol, ink)| (*symbol, *ink)).collect();
        ramp.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        ramp.dedup_by(|(_, next), (_, ink)| *next - *ink < 1e-4);
        let middle = |pair: &[(char, f32)]| (lightness(pair[0].1) + lightness(pair[1].1)) / 2.0;
        Self {
            edges: ramp.windows(2).map(middle).collect(),
            symbols: ramp.into_iter().map(|(symbol, ink)| (symbol, Some(ink))).collect(),
        }
    }
}

/// Draws ink of [`ACROSS`] × [`DOWN`] samples a cell.
pub(crate) fn draw(
    ink: &[f32],
    columns: usize,
    background: Background,
    symbols: &Symbols,
    glyphs: &Glyphs,
) -> Vec<Drawn> {
    let lightness = |ink: f32| drawn_lightness(background, f64::from(ink).min(1.0));
    let ramp = Ramp::new(symbols, glyphs, lightness);
    let choose = |ink: f32| {
        let lightness = lightness(ink);
        let (symbol, own) = ramp.symbols[ramp.edges.partition_point(|edge| *edge <= lightness)];
        Drawn { symbol, ink: own.unwrap_or(ink) }
    };
    means(ink, columns).into_iter().map(choose).collect()
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
    use crate::glyphs::{self, ASCII};

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
            let glyphs = glyphs::of(&symbols);
            for background in [Background::Dark, Background::Light] {
                let drawn = |ink| {
                    let cell = [ink; ACROSS * DOWN];
                    draw(&cell, 1, background, &symbols, &glyphs)[0].symbol
                };
                assert_eq!((drawn(0.0), drawn(glyphs.most_ink)), (barest, densest));
            }
        }
    }
}
