//! Color pairs: chooses a glyph, a foreground and a background color for each cell.
//!
//! A glyph of mask g, in foreground f and background b, draws the sample g f + (1 − g) b. For each
//! glyph and channel, linear least squares gives the f and b that minimise Σ(s − g f − (1 − g) b)²
//! over the cell's samples s; the glyph of the least error wins. Light is linear, since that is
//! what the eye adds up where it does not resolve a cell.

use std::array;

use crate::draw::error_diffusion::ErrorDiffusion;
use crate::glyphs::GlyphSet;
use crate::glyphs::mask::{ACROSS, CELL_SAMPLES, DOWN, Mask, mean};
use crate::grid::color::Color;
use crate::spec::values::Palette;

/// Weights of an error in red, green and blue. They lie between those of luminance (BT.709) and equal
/// ones: with luminance's, errors in blue would count for almost nothing.
const WEIGHTS: [f32; 3] = [0.3, 0.55, 0.15];
/// How much error a glyph must remove, compared to none, so that flat parts of a picture do not
/// flicker.
const MIN_GAIN: f32 = 1e-5;
/// Glyphs of a smaller [`variation`](MaskSums::variation) are as good as flat.
const MIN_VARIATION: f32 = 1e-6;

/// A glyph and its two colours: linear light, 0 to 1, or what the palette has for it.
pub(crate) struct ColorPair<C> {
    /// Index in the set; `None` draws the background alone.
    pub(crate) glyph: Option<usize>,
    pub(crate) foreground: C,
    pub(crate) background: C,
}

/// Sums over a glyph's mask g of n samples, the same for every cell.
struct MaskSums {
    /// Σg²
    foreground: f32,
    /// Σ(1 − g)²
    background: f32,
    /// Σg(1 − g)
    cross: f32,
    /// Σg² − (Σg)² / n
    variation: f32,
    /// Σg / n
    mean: f32,
}

impl MaskSums {
    fn of(mask: &Mask) -> Self {
        let sum = |part: fn(f32) -> f32| mask.iter().map(|g| part(*g)).sum::<f32>();
        let (all, foreground) = (sum(|g| g), sum(|g| g * g));
        Self {
            foreground,
            background: sum(|g| (1.0 - g) * (1.0 - g)),
            cross: sum(|g| g * (1.0 - g)),
            variation: foreground - all * all / CELL_SAMPLES as f32,
            mean: all / CELL_SAMPLES as f32,
        }
    }
}

/// Draws samples of linear light, 0 to 1, of red, green and blue: row-major, `columns` × [`ACROSS`]
/// samples a row. A pair a cell, row-major. Error diffusion makes up for what the palette lacks.
pub(crate) fn draw(
    light: &[Vec<f32>; 3],
    columns: usize,
    glyphs: &GlyphSet,
    palette: Palette,
) -> Vec<ColorPair<Color>> {
    let sums: Vec<MaskSums> = glyphs.masks.iter().map(MaskSums::of).collect();
    let rows = light[0].len() / CELL_SAMPLES / columns;
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
    let mut diffusion = ErrorDiffusion::<3>::new(columns);
    let choose = |(column, row)| {
        let pending: [f32; 3] = diffusion.pending();
        let cell: [Mask; 3] = array::from_fn(|channel| {
            cell(&light[channel], columns, column, row).map(|light| light + pending[channel])
        });
        let ColorPair { glyph, foreground, background } = best(&cell, glyphs, &sums);
        let foreground = Color::nearest(foreground, palette);
        let background = Color::nearest(background, palette);
        if palette != Palette::Full {
            let part = glyph.map_or(0.0, |glyph| sums[glyph].mean);
            let (front, back) = (foreground.light(), background.light());
            diffusion.spread(array::from_fn(|channel| {
                mean(&cell[channel]) - front[channel] * part - back[channel] * (1.0 - part)
            }));
        }
        ColorPair { glyph, foreground, background }
    };
    cells.map(choose).collect()
}

/// The samples of one cell.
fn cell(light: &[f32], columns: usize, column: usize, row: usize) -> Mask {
    let width = columns * ACROSS;
    let start = row * DOWN * width + column * ACROSS;
    array::from_fn(|sample| light[start + sample / ACROSS * width + sample % ACROSS])
}

/// The glyph and the light of its colours, 0 to 1, that leave the least error.
fn best(cell: &[Mask; 3], glyphs: &GlyphSet, sums: &[MaskSums]) -> ColorPair<[f32; 3]> {
    let means = cell.each_ref().map(mean);
    let flat = means.map(|light| light.clamp(0.0, 1.0));
    let mut best = ColorPair { glyph: None, foreground: flat, background: flat };
    // Errors are relative to that of the flat mean, which is the variance.
    let mut least = -MIN_GAIN;
    for (glyph, (mask, sums)) in glyphs.masks.iter().zip(sums).enumerate() {
        if sums.variation < MIN_VARIATION {
            continue;
        }
        let (mut foreground, mut background, mut error) = ([0.0; 3], [0.0; 3], 0.0);
        for channel in 0..3 {
            let product: f32 = mask.iter().zip(&cell[channel]).map(|(g, s)| g * s).sum();
            let (fitted, change) = least_squares(product, means[channel], sums);
            (foreground[channel], background[channel]) = fitted;
            error += WEIGHTS[channel] * change;
        }
        if error < least {
            least = error;
            best = ColorPair { glyph: Some(glyph), foreground, background };
        }
    }
    best
}

/// The best foreground and background of one channel, 0 to 1, and how much more error they leave
/// than the flat mean. `product` is Σgs, `mean` is Σs / n.
fn least_squares(product: f32, mean: f32, sums: &MaskSums) -> ((f32, f32), f32) {
    let n = CELL_SAMPLES as f32;
    let slope = (product - n * sums.mean * mean) / sums.variation;
    let (mut background, rest) = (mean - sums.mean * slope, n * mean - product);
    let mut foreground = background + slope;
    // One that is out of range stays at its bound, and the other is the best for that.
    if !(0.0..=1.0).contains(&foreground) {
        foreground = foreground.clamp(0.0, 1.0);
        background = ((rest - foreground * sums.cross) / sums.background).clamp(0.0, 1.0);
    } else if !(0.0..=1.0).contains(&background) {
        background = background.clamp(0.0, 1.0);
        foreground = ((product - background * sums.cross) / sums.foreground).clamp(0.0, 1.0);
    }
    let drawn = foreground * foreground * sums.foreground
        + 2.0 * foreground * background * sums.cross
        + background * background * sums.background;
    let change = drawn - 2.0 * foreground * product - 2.0 * background * rest + n * mean * mean;
    ((foreground, background), change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::ASCII;
    use crate::spec::symbols::Symbols;

    /// The samples of a cell that shows a mask in two colours.
    fn samples(mask: &Mask, foreground: [f32; 3], background: [f32; 3]) -> [Vec<f32>; 3] {
        let mixed =
            |channel: usize, g: &f32| g * foreground[channel] + (1.0 - g) * background[channel];
        [0, 1, 2].map(|channel| mask.iter().map(|g| mixed(channel, g)).collect())
    }

    #[test]
    fn a_symbol_in_two_colours_is_drawn_as_itself() {
        let (foreground, background) = ([0.9, 0.5, 0.1], [0.0, 0.2, 0.6]);
        for set in ["ascii", "blocks", "sextant"] {
            let glyphs = set.parse::<Symbols>().expect("a set").glyphs();
            for mask in &glyphs.masks {
                let light = samples(mask, foreground, background);
                let drawn = &draw(&light, 1, &glyphs, Palette::Full)[0];
                let mask = drawn.glyph.map_or([0.0; CELL_SAMPLES], |glyph| glyphs.masks[glyph]);
                let again = samples(&mask, drawn.foreground.light(), drawn.background.light());
                for (is, wanted) in again.iter().flatten().zip(light.iter().flatten()) {
                    assert!((is - wanted).abs() < 2e-2, "{set}");
                }
            }
        }
    }

    #[test]
    fn flat_cells_stay_bare() {
        let light = [0.2, 0.4, 0.6];
        let drawn = &draw(&light.map(|it| vec![it; CELL_SAMPLES]), 1, &ASCII, Palette::Full)[0];
        assert_eq!((drawn.glyph, drawn.background), (None, Color::nearest(light, Palette::Full)));
    }

    #[test]
    fn what_a_palette_lacks_is_made_up_for_by_the_neighbours() {
        let (light, columns, rows) = ([0.2, 0.3, 0.12], 20, 10);
        let samples = light.map(|it| vec![it; columns * rows * CELL_SAMPLES]);
        for palette in [Palette::Of16, Palette::Of256] {
            let cells = draw(&samples, columns, &ASCII, palette);
            for (channel, wanted) in light.into_iter().enumerate() {
                let drawn = |pair: &ColorPair<Color>| {
                    let part = pair.glyph.map_or(0.0, |glyph| ASCII.coverage[glyph]);
                    part * pair.foreground.light()[channel]
                        + (1.0 - part) * pair.background.light()[channel]
                };
                let mean = cells.iter().map(drawn).sum::<f32>() / (columns * rows) as f32;
                assert!((mean - wanted).abs() < 0.05, "{palette}: {mean} for {wanted}");
            }
        }
    }
}
