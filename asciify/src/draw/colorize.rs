//! Gives cells their colours: to the symbols alone, or to the ground behind them, too.

use std::array;

use crate::draw::color_pair::{self, Duo};
use crate::draw::error_diffusion::ErrorDiffusion;
use crate::draw::ramp::means;
use crate::glyphs::{Drawn, Glyphs};
use crate::grid::Cell;
use crate::grid::color::Color;
use crate::light::WHITE;
use crate::spec::Spec;
use crate::spec::values::{Background, Palette};

/// What a sample may ask for above the densest symbol: colours that need more are beyond reach.
const MOST_COVER: f32 = 1.25;

/// Ink by sample: how much, and how much of it in red, green and blue.
pub(crate) struct Inks {
    pub(crate) cover: Vec<f32>,
    channels: [Vec<f32>; 3],
}

impl Inks {
    /// `ink` is what the luminance of each sample asks for. The purest channel decides how much has
    /// to be covered, so that colours keep their hue: blue needs much ink for little luminance.
    pub(crate) fn new(
        ink: Vec<f32>,
        luminance: &[u32],
        channels: &[Vec<u32>; 3],
        spec: &Spec,
        most_ink: f32,
    ) -> Self {
        let inks_bright = spec.inks_bright();
        let part = |light: u32| {
            let light = if inks_bright { light } else { WHITE - light.min(WHITE) };
            light as f32 / WHITE as f32
        };
        let factors: Vec<f32> = ink
            .iter()
            .zip(luminance)
            .map(|(ink, light)| ink / part(*light).max(f32::MIN_POSITIVE))
            .collect();
        let most = MOST_COVER * most_ink;
        let channels = channels.each_ref().map(|channel| -> Vec<f32> {
            let inks = channel.iter().zip(&factors);
            inks.map(|(light, factor)| (part(*light) * factor).min(most)).collect()
        });
        let [red, green, blue] = &channels;
        let cover = red.iter().zip(green).zip(blue).map(|((r, g), b)| r.max(*g).max(*b));
        Self { cover: cover.collect(), channels }
    }

    /// Colours the symbols so that each cell has its mean light.
    pub(crate) fn paint(&self, drawn: Vec<Drawn>, columns: usize, spec: &Spec) -> Vec<Cell> {
        let [red, green, blue] = self.channels.each_ref().map(|channel| means(channel, columns));
        let wanted = red.into_iter().zip(green).zip(blue).map(|((r, g), b)| [r, g, b]);
        let mut carry = ErrorDiffusion::<3>::new(columns);
        let paint = |(drawn, own): (Drawn, [f32; 3])| {
            let owed = carry.owed();
            let wanted: [f32; 3] = array::from_fn(|channel| own[channel] + owed[channel]);
            let seen =
                |part: f32| if spec.background() == Background::Dark { part } else { 1.0 - part };
            let parts = wanted.map(|ink| (ink / drawn.ink.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0));
            let color = Color::nearest(parts.map(seen), spec.color());
            if spec.color() != Palette::Full {
                let shown = color.light().map(|light| seen(light) * drawn.ink);
                carry.owe(array::from_fn(|channel| wanted[channel] - shown[channel]));
            }
            Cell::new(drawn.symbol, Some(color), None)
        };
        drawn.into_iter().zip(wanted).map(paint).collect()
    }
}

/// Draws with two colours a cell.
pub(crate) fn both(
    channels: &[Vec<u32>; 3],
    columns: usize,
    spec: &Spec,
    glyphs: &Glyphs,
) -> Vec<Cell> {
    let part = |light: &u32| {
        let part = *light as f32 / WHITE as f32;
        if spec.invert() { 1.0 - part } else { part }
    };
    let light: [Vec<f32>; 3] =
        array::from_fn(|channel| channels[channel].iter().map(part).collect());
    let cell = |Duo { glyph, ink, ground }| match glyph {
        Some(glyph) if ink != ground => Cell::new(glyphs.symbols[glyph], Some(ink), Some(ground)),
        _ => Cell::new(' ', None, Some(ground)),
    };
    color_pair::draw(&light, columns, glyphs, spec.color()).into_iter().map(cell).collect()
}
