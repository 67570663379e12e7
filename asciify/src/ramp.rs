//! Chooses each cell's character alone: the one whose ink looks as light as the cell should.

use crate::Grid;
use crate::glyphs::{ACROSS, DOWN, GLYPH, character, index};
use crate::keywords::Background;
use crate::tone::drawn_lightness;

/// Characters of rising ink, centred and even, spaced about evenly in lightness: more would give no
/// finer tones, only restless surfaces.
const RAMP: &[u8] = b" .:;!*+=cxuoaX$&#Q@";

/// Draws ink of [`ACROSS`] × [`DOWN`] samples a cell.
pub(crate) fn draw(ink: &[f32], columns: usize, background: Background) -> Grid {
    let ramp: Vec<usize> = RAMP.iter().map(|byte| index(char::from(*byte))).collect();
    let lightness = |ink: f32| drawn_lightness(background, f64::from(ink).min(1.0));
    let edges: Vec<f64> = ramp
        .windows(2)
        .map(|pair| pair.iter().map(|glyph| lightness(GLYPH.ink[*glyph])).sum::<f64>() / 2.0)
        .collect();
    let choose = |ink: f32| {
        let lightness = lightness(ink);
        character(ramp[edges.partition_point(|edge| *edge <= lightness)])
    };
    Grid::new(columns, means(ink, columns).into_iter().map(choose).collect())
}

/// Mean ink of each cell.
fn means(ink: &[f32], columns: usize) -> Vec<f32> {
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

    #[test]
    fn ink_rises_and_the_ends_are_reached() {
        assert!(RAMP.iter().map(|byte| GLYPH.ink[index(char::from(*byte))]).is_sorted());
        for background in [Background::Dark, Background::Light] {
            let drawn = |ink| draw(&[ink; ACROSS * DOWN], 1, background).cell(0, 0);
            assert_eq!((drawn(0.0), drawn(GLYPH.most_ink)), (Some(' '), Some('@')));
        }
    }
}
