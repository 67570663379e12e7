//! Chooses a symbol and two colours for each cell: ink and ground.
//!
//! For each symbol the best two colours follow by least squares over the cell's samples, in linear
//! light, since that is what the eye adds up; the symbol that leaves the least error wins.

use std::array;

use crate::draw::error_diffusion::ErrorDiffusion;
use crate::glyphs::{ACROSS, DOWN, Glyphs, Mask, PARTS, mean};
use crate::grid::color::Color;
use crate::spec::values::Palette;

/// What an error in red, green or blue counts, about as the eye has it.
const WEIGHTS: [f32; 3] = [0.3, 0.55, 0.15];
/// What a shape has to gain over the bare ground, so that flat parts of a picture stay calm.
const LEAST_GAIN: f32 = 1e-5;

/// A symbol's index, if it is not bare ground, and its colours.
pub(crate) struct Duo {
    pub(crate) glyph: Option<usize>,
    pub(crate) ink: Color,
    pub(crate) ground: Color,
}

/// The same with the light of ink and ground: red, green and blue, 0 to 1.
struct Fit {
    glyph: Option<usize>,
    ink: [f32; 3],
    ground: [f32; 3],
}

/// Sums over a symbol's mask g that every cell needs.
struct Sums {
    /// Σg²
    ink: f32,
    /// Σ(1 − g)²
    ground: f32,
    /// Σg(1 − g)
    both: f32,
    /// Σg² − (Σg)² / n
    spread: f32,
    /// Mean of g.
    mean: f32,
}

impl Sums {
    fn of(mask: &Mask) -> Self {
        let sum = |part: fn(f32) -> f32| mask.iter().map(|g| part(*g)).sum::<f32>();
        let (all, ink) = (sum(|g| g), sum(|g| g * g));
        Self {
            ink,
            ground: sum(|g| (1.0 - g) * (1.0 - g)),
            both: sum(|g| g * (1.0 - g)),
            spread: ink - all * all / PARTS as f32,
            mean: all / PARTS as f32,
        }
    }
}

/// Draws samples of linear light, 0 to 1, by channel; a choice a cell. What a palette lacks is made
/// up for by the neighbours.
pub(crate) fn draw(
    light: &[Vec<f32>; 3],
    columns: usize,
    glyphs: &Glyphs,
    palette: Palette,
) -> Vec<Duo> {
    let sums: Vec<Sums> = glyphs.masks.iter().map(Sums::of).collect();
    let rows = light[0].len() / PARTS / columns;
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
    let mut carry = ErrorDiffusion::<3>::new(columns);
    let choose = |(column, row)| {
        let owed: [f32; 3] = carry.owed();
        let cell: [Mask; 3] = array::from_fn(|channel| {
            cell(&light[channel], columns, column, row).map(|light| light + owed[channel])
        });
        let Fit { glyph, ink, ground } = best(&cell, glyphs, &sums);
        let (ink, ground) = (Color::nearest(ink, palette), Color::nearest(ground, palette));
        if palette != Palette::Full {
            let part = glyph.map_or(0.0, |glyph| sums[glyph].mean);
            let (inked, bare) = (ink.light(), ground.light());
            carry.owe(array::from_fn(|channel| {
                mean(&cell[channel]) - inked[channel] * part - bare[channel] * (1.0 - part)
            }));
        }
        Duo { glyph, ink, ground }
    };
    cells.map(choose).collect()
}

fn cell(light: &[f32], columns: usize, column: usize, row: usize) -> Mask {
    let width = columns * ACROSS;
    let start = row * DOWN * width + column * ACROSS;
    std::array::from_fn(|part| light[start + part / ACROSS * width + part % ACROSS])
}

fn best(cell: &[Mask; 3], glyphs: &Glyphs, sums: &[Sums]) -> Fit {
    let means = cell.each_ref().map(mean);
    let bare = means.map(|light| light.clamp(0.0, 1.0));
    let mut best = Fit { glyph: None, ink: bare, ground: bare };
    // against the bare ground, whose error is the variance
    let mut least = -LEAST_GAIN;
    for (glyph, (mask, sums)) in glyphs.masks.iter().zip(sums).enumerate() {
        if sums.spread < 1e-6 {
            continue;
        }
        let (mut ink, mut ground, mut error) = ([0.0; 3], [0.0; 3], 0.0);
        for channel in 0..3 {
            let product: f32 = mask.iter().zip(&cell[channel]).map(|(g, s)| g * s).sum();
            let (fitted, change) = fit(product, means[channel], sums);
            (ink[channel], ground[channel]) = fitted;
            error += WEIGHTS[channel] * change;
        }
        if error < least {
            least = error;
            best = Fit { glyph: Some(glyph), ink, ground };
        }
    }
    best
}

/// The best ink and ground of one channel, 0 to 1, and how much more error they leave than the bare
/// mean does. `product` is Σgs.
fn fit(product: f32, mean: f32, sums: &Sums) -> ((f32, f32), f32) {
    let n = PARTS as f32;
    let slope = (product - n * sums.mean * mean) / sums.spread;
    let (mut ground, rest) = (mean - sums.mean * slope, n * mean - product);
    let mut ink = ground + slope;
    // one that is out of reach stays at its bound, and the other does what it can
    if !(0.0..=1.0).contains(&ink) {
        ink = ink.clamp(0.0, 1.0);
        ground = ((rest - ink * sums.both) / sums.ground).clamp(0.0, 1.0);
    } else if !(0.0..=1.0).contains(&ground) {
        ground = ground.clamp(0.0, 1.0);
        ink = ((product - ground * sums.both) / sums.ink).clamp(0.0, 1.0);
    }
    let drawn =
        ink * ink * sums.ink + 2.0 * ink * ground * sums.both + ground * ground * sums.ground;
    let change = drawn - 2.0 * ink * product - 2.0 * ground * rest + n * mean * mean;
    ((ink, ground), change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::ASCII;
    use crate::spec::symbols::Symbols;

    /// A cell that is that symbol in those two lights.
    fn light(mask: &Mask, ink: [f32; 3], ground: [f32; 3]) -> [Vec<f32>; 3] {
        let mixed = |channel: usize, g: &f32| g * ink[channel] + (1.0 - g) * ground[channel];
        [0, 1, 2].map(|channel| mask.iter().map(|g| mixed(channel, g)).collect())
    }

    #[test]
    fn a_symbol_in_two_colours_is_drawn_as_itself() {
        let (ink, ground) = ([0.9, 0.5, 0.1], [0.0, 0.2, 0.6]);
        for set in ["ascii", "blocks", "sextant"] {
            let glyphs = set.parse::<Symbols>().expect("a set").glyphs();
            for mask in &glyphs.masks {
                let light = light(mask, ink, ground);
                let drawn = &draw(&light, 1, &glyphs, Palette::Full)[0];
                let mask = drawn.glyph.map_or([0.0; PARTS], |glyph| glyphs.masks[glyph]);
                let again = super::tests::light(&mask, drawn.ink.light(), drawn.ground.light());
                for (is, wanted) in again.iter().flatten().zip(light.iter().flatten()) {
                    assert!((is - wanted).abs() < 2e-2, "{set}");
                }
            }
        }
    }

    #[test]
    fn flat_cells_stay_bare() {
        let light = [0.2, 0.4, 0.6];
        let drawn = &draw(&light.map(|it| vec![it; PARTS]), 1, &ASCII, Palette::Full)[0];
        assert_eq!((drawn.glyph, drawn.ground), (None, Color::nearest(light, Palette::Full)));
    }

    #[test]
    fn what_a_palette_lacks_is_made_up_for_by_the_neighbours() {
        let (light, columns, rows) = ([0.2, 0.3, 0.12], 20, 10);
        let samples = light.map(|it| vec![it; columns * rows * PARTS]);
        for palette in [Palette::Of16, Palette::Of256] {
            let cells = draw(&samples, columns, &ASCII, palette);
            for (channel, wanted) in light.into_iter().enumerate() {
                let drawn = |duo: &Duo| {
                    let part = duo.glyph.map_or(0.0, |glyph| ASCII.ink[glyph]);
                    part * duo.ink.light()[channel] + (1.0 - part) * duo.ground.light()[channel]
                };
                let mean = cells.iter().map(drawn).sum::<f32>() / (columns * rows) as f32;
                assert!((mean - wanted).abs() < 0.05, "{palette}: {mean} for {wanted}");
            }
        }
    }
}
