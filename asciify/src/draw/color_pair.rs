//! Color pairs: chooses a glyph, a foreground and a background color for each cell.
//!
//! A glyph of mask g, in foreground f and background b, draws the sample g f + (1 − g) b. For each
//! glyph and channel, linear least squares gives the f and b that minimise Σ(s − g f − (1 − g) b)²
//! over the cell's samples s; the glyph of the least error wins. Light is linear, since that is
//! what the eye adds up where it does not resolve a cell.

use std::array;

use multiversion::multiversion;

use crate::cancellation::{Cancellation, Cancelled};
use crate::draw::error_diffusion::ErrorDiffusion;
use crate::glyphs::GlyphSet;
use crate::glyphs::mask::{ACROSS, CELL_SAMPLES, DOWN, Mask, mean};
use crate::grid::color::Color;
use crate::lanes::{LANES, Lanes, MaskLanes, first_up_to, least_of, mask_lanes, products};
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
#[derive(Clone, Copy)]
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

/// [`LANES`] glyphs that are compared at once.
struct GlyphLanes {
    masks: MaskLanes,
    /// By field of [`MaskSums`], so that registers are filled without gathering.
    foreground: Lanes,
    background: Lanes,
    cross: Lanes,
    variation: Lanes,
    mean: Lanes,
    /// 0, or infinite for lanes without a glyph and for flat glyphs, which are not chosen.
    handicap: Lanes,
}

impl GlyphLanes {
    /// All glyphs of a set, in blocks.
    fn blocks(sums: &[MaskSums], glyphs: &GlyphSet) -> Vec<Self> {
        let block = |(masks, sums): (MaskLanes, &[MaskSums])| {
            let chosen = |lane: usize| sums.get(lane).filter(|it| it.variation >= MIN_VARIATION);
            // the sums of lanes that are not chosen are any that divide without a NaN
            let by_lane = |field: fn(&MaskSums) -> f32| {
                array::from_fn(|lane| chosen(lane).map_or(1.0, field))
            };
            Self {
                masks,
                foreground: by_lane(|it| it.foreground),
                background: by_lane(|it| it.background),
                cross: by_lane(|it| it.cross),
                variation: by_lane(|it| it.variation),
                mean: by_lane(|it| it.mean),
                handicap: array::from_fn(|lane| match chosen(lane) {
                    Some(_) => 0.0,
                    None => f32::INFINITY,
                }),
            }
        };
        mask_lanes(&glyphs.masks).into_iter().zip(sums.chunks(LANES)).map(block).collect()
    }

    #[inline(always)]
    fn sums(&self, lane: usize) -> MaskSums {
        MaskSums {
            foreground: self.foreground[lane],
            background: self.background[lane],
            cross: self.cross[lane],
            variation: self.variation[lane],
            mean: self.mean[lane],
        }
    }
}

/// Draws samples of linear light, 0 to 1, of red, green and blue: row-major, `columns` × [`ACROSS`]
/// samples a row. A pair a cell, row-major. Error diffusion makes up for what the palette lacks.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn draw(
    light: &[Vec<f32>; 3],
    columns: usize,
    glyphs: &GlyphSet,
    palette: Palette,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<ColorPair<Color>>, Cancelled> {
    let sums: Vec<MaskSums> = glyphs.masks.iter().map(MaskSums::of).collect();
    let blocks = GlyphLanes::blocks(&sums, glyphs);
    let mut diffusion = ErrorDiffusion::<3>::new(columns);
    let choose = |index: usize| {
        let pending: [f32; 3] = diffusion.pending();
        let cell: [Mask; 3] = array::from_fn(|channel| {
            cell(&light[channel], columns, index).map(|light| light + pending[channel])
        });
        let ColorPair { glyph, foreground, background } = best(&cell, &blocks, &sums);
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
    cancellation.collect((0..light[0].len() / CELL_SAMPLES).map(choose))
}

/// The samples of the cell at `index`.
fn cell(light: &[f32], columns: usize, index: usize) -> Mask {
    let (column, row) = (index % columns, index / columns);
    let width = columns * ACROSS;
    let start = row * DOWN * width + column * ACROSS;
    array::from_fn(|sample| light[start + sample / ACROSS * width + sample % ACROSS])
}

/// The glyph and the light of its colours, 0 to 1, that leave the least error.
fn best(cell: &[Mask; 3], blocks: &[GlyphLanes], sums: &[MaskSums]) -> ColorPair<[f32; 3]> {
    let means = cell.each_ref().map(mean);
    match best_glyph_wide(cell, means, blocks) {
        Some((glyph, products)) => {
            let fits: [Fit; 3] = array::from_fn(|channel| {
                let (product, mean, sums) = (products[channel], means[channel], &sums[glyph]);
                Fit::unbounded(product, mean, sums).bounded(product, mean, sums)
            });
            ColorPair {
                glyph: Some(glyph),
                foreground: fits.map(|it| it.foreground),
                background: fits.map(|it| it.background),
            }
        }
        None => {
            let flat = means.map(|light| light.clamp(0.0, 1.0));
            ColorPair { glyph: None, foreground: flat, background: flat }
        }
    }
}

/// [`best_glyph`], compiled for the widest registers that the processor has.
#[multiversion(targets("x86_64+avx2"))]
fn best_glyph_wide(
    cell: &[Mask; 3],
    means: [f32; 3],
    blocks: &[GlyphLanes],
) -> Option<(usize, [f32; 3])> {
    best_glyph(cell, means, blocks)
}

/// The glyph that leaves the least error, and Σgs of each channel. `None` if none is enough better
/// than the flat mean. `means` is Σs / n.
#[inline(always)]
fn best_glyph(
    cell: &[Mask; 3],
    means: [f32; 3],
    blocks: &[GlyphLanes],
) -> Option<(usize, [f32; 3])> {
    let mut best = None;
    // Errors are relative to that of the flat mean, which is the variance.
    let mut least = -MIN_GAIN;
    for (index, block) in blocks.iter().enumerate() {
        let products = cell.each_ref().map(|channel| products(channel, &block.masks));
        let mut errors = block.handicap;
        for channel in 0..3 {
            add_changes(&mut errors, WEIGHTS[channel], &products[channel], means[channel], block);
        }
        let least_here = least_of(&errors);
        if least_here < least {
            least = least_here;
            let lane = first_up_to(&errors, least);
            best = Some((index * LANES + lane, products.map(|products| products[lane])));
        }
    }
    best
}

/// Adds to the error of each glyph of a block its weighted error in one channel.
#[inline(always)]
fn add_changes(errors: &mut Lanes, weight: f32, products: &Lanes, mean: f32, block: &GlyphLanes) {
    let fit = |lane: usize| Fit::unbounded(products[lane], mean, &block.sums(lane));
    let mut fits: [Fit; LANES] = array::from_fn(fit);
    // rarely needed, and slow to divide
    if !fits.iter().fold(true, |all, fit| all & fit.is_in_range()) {
        for (lane, fit) in fits.iter_mut().enumerate() {
            *fit = fit.bounded(products[lane], mean, &block.sums(lane));
        }
    }
    for (lane, (error, fit)) in errors.iter_mut().zip(&fits).enumerate() {
        *error += weight * fit.change(products[lane], mean, &block.sums(lane));
    }
}

/// The light of a glyph's colours in one channel.
///
/// Of the arguments of its functions, `product` is Σgs, and `mean` is Σs / n.
#[derive(Clone, Copy)]
struct Fit {
    foreground: f32,
    background: f32,
}

impl Fit {
    /// The least squares, which may lie beyond 0 to 1.
    #[inline(always)]
    fn unbounded(product: f32, mean: f32, sums: &MaskSums) -> Self {
        let slope = (product - CELL_SAMPLES as f32 * sums.mean * mean) / sums.variation;
        let background = mean - sums.mean * slope;
        Self { foreground: background + slope, background }
    }

    #[inline(always)]
    fn is_in_range(&self) -> bool {
        let range = 0.0..=1.0;
        range.contains(&self.foreground) & range.contains(&self.background)
    }

    /// The least squares within 0 to 1: a colour that is out of range stays at its bound, and the
    /// other is the best for that. Both are computed, so that lanes need no branches.
    #[inline(always)]
    fn bounded(self, product: f32, mean: f32, sums: &MaskSums) -> Self {
        let rest = CELL_SAMPLES as f32 * mean - product;
        let (foreground, background) =
            (self.foreground.clamp(0.0, 1.0), self.background.clamp(0.0, 1.0));
        let for_foreground = ((rest - foreground * sums.cross) / sums.background).clamp(0.0, 1.0);
        let for_background =
            ((product - background * sums.cross) / sums.foreground).clamp(0.0, 1.0);
        if foreground != self.foreground {
            Self { foreground, background: for_foreground }
        } else if background != self.background {
            Self { foreground: for_background, background }
        } else {
            self
        }
    }

    /// How much more error it leaves than the flat mean.
    #[inline(always)]
    fn change(&self, product: f32, mean: f32, sums: &MaskSums) -> f32 {
        let Self { foreground, background } = *self;
        let n = CELL_SAMPLES as f32;
        let rest = n * mean - product;
        let drawn = foreground * foreground * sums.foreground
            + 2.0 * foreground * background * sums.cross
            + background * background * sums.background;
        drawn - 2.0 * foreground * product - 2.0 * background * rest + n * mean * mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::ASCII;
    use crate::spec::symbols::Symbols;

    fn drawn(
        light: &[Vec<f32>; 3],
        columns: usize,
        glyphs: &GlyphSet,
        palette: Palette,
    ) -> Vec<ColorPair<Color>> {
        let never = Cancellation::never();
        draw(light, columns, glyphs, palette, &never).expect("nothing cancels")
    }

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
                let drawn = &drawn(&light, 1, &glyphs, Palette::Full)[0];
                let mask = drawn.glyph.map_or([0.0; CELL_SAMPLES], |glyph| glyphs.masks[glyph]);
                let again = samples(&mask, drawn.foreground.light(), drawn.background.light());
                for (is, wanted) in again.iter().flatten().zip(light.iter().flatten()) {
                    assert!((is - wanted).abs() < 2e-2, "{set}");
                }
            }
        }
    }

    /// The glyph and its colours by definition: one glyph after the other, one channel after the
    /// other.
    fn best_by_definition(cell: &[Mask; 3], glyphs: &GlyphSet) -> ColorPair<[f32; 3]> {
        let n = CELL_SAMPLES as f32;
        let means = cell.each_ref().map(mean);
        let flat = means.map(|light| light.clamp(0.0, 1.0));
        let mut best = ColorPair { glyph: None, foreground: flat, background: flat };
        let mut least = -MIN_GAIN;
        for (glyph, mask) in glyphs.masks.iter().enumerate() {
            let sums = MaskSums::of(mask);
            if sums.variation < MIN_VARIATION {
                continue;
            }
            let (mut foreground, mut background, mut error) = ([0.0; 3], [0.0; 3], 0.0);
            for channel in 0..3 {
                let product: f32 = mask.iter().zip(&cell[channel]).map(|(g, s)| g * s).sum();
                let mean = means[channel];
                let rest = n * mean - product;
                let slope = (product - n * sums.mean * mean) / sums.variation;
                let (mut f, mut b) = (mean - sums.mean * slope + slope, mean - sums.mean * slope);
                if !(0.0..=1.0).contains(&f) {
                    f = f.clamp(0.0, 1.0);
                    b = ((rest - f * sums.cross) / sums.background).clamp(0.0, 1.0);
                } else if !(0.0..=1.0).contains(&b) {
                    b = b.clamp(0.0, 1.0);
                    f = ((product - b * sums.cross) / sums.foreground).clamp(0.0, 1.0);
                }
                let drawn =
                    f * f * sums.foreground + 2.0 * f * b * sums.cross + b * b * sums.background;
                let change = drawn - 2.0 * f * product - 2.0 * b * rest + n * mean * mean;
                (foreground[channel], background[channel]) = (f, b);
                error += WEIGHTS[channel] * change;
            }
            if error < least {
                least = error;
                best = ColorPair { glyph: Some(glyph), foreground, background };
            }
        }
        best
    }

    #[test]
    fn lanes_choose_exactly_as_the_definition() {
        let mut random = 1_u64;
        let mut random = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 40) as f32 / (1 << 24) as f32
        };
        for set in ["ascii", "blocks", "half", "quad", "sextant", "octant", "braille", "chars:.@"] {
            let glyphs = set.parse::<Symbols>().expect("a set").glyphs();
            let sums: Vec<MaskSums> = glyphs.masks.iter().map(MaskSums::of).collect();
            let blocks = GlyphLanes::blocks(&sums, &glyphs);
            for n in 0..400 {
                // flat, faint and strong cells, noise and edges, within the range of light or, as
                // with pending errors, beyond it
                let contrast = [0.0, 1e-4, 0.1, 1.0, 2.0][n % 5];
                let middle = random();
                let edge = random() * CELL_SAMPLES as f32;
                let mut sample = |at: usize| {
                    let side = if (at as f32) < edge { 0.5 } else { -0.5 };
                    middle + contrast * if n % 2 == 0 { side } else { random() - 0.5 }
                };
                let cell: [Mask; 3] = array::from_fn(|_| array::from_fn(&mut sample));
                let (fast, slow) =
                    (best(&cell, &blocks, &sums), best_by_definition(&cell, &glyphs));
                let bits = |pair: &ColorPair<[f32; 3]>| {
                    let light = [pair.foreground, pair.background];
                    (pair.glyph, light.map(|light| light.map(f32::to_bits)))
                };
                assert_eq!(bits(&fast), bits(&slow), "{set}, cell {n}");
                let means = cell.each_ref().map(mean);
                let narrow = best_glyph(&cell, means, &blocks).map(|(glyph, _)| glyph);
                assert_eq!(narrow, fast.glyph, "{set}, cell {n}: registers of any width");
            }
        }
    }

    #[test]
    fn flat_cells_stay_bare() {
        let light = [0.2, 0.4, 0.6];
        let drawn = &drawn(&light.map(|it| vec![it; CELL_SAMPLES]), 1, &ASCII, Palette::Full)[0];
        assert_eq!((drawn.glyph, drawn.background), (None, Color::nearest(light, Palette::Full)));
    }

    #[test]
    fn what_a_palette_lacks_is_made_up_for_by_the_neighbours() {
        let (light, columns, rows) = ([0.2, 0.3, 0.12], 20, 10);
        let samples = light.map(|it| vec![it; columns * rows * CELL_SAMPLES]);
        for palette in [Palette::Of16, Palette::Of256] {
            let cells = drawn(&samples, columns, &ASCII, palette);
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
