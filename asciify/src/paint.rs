//! Gives cells their colours: to the symbols alone, or to the ground behind them, too.

use std::array;

use crate::color::Color;
use crate::duo;
use crate::glyphs::{Drawn, Glyphs};
use crate::grid::Cell;
use crate::keywords::Background;
use crate::light::WHITE;
use crate::ramp::means;
use crate::spec::Spec;

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
        let paint = |(drawn, wanted): (Drawn, [f32; 3])| {
            let light = wanted.map(|ink| {
                let part = (ink / drawn.ink.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
                if spec.background() == Background::Dark { part } else { 1.0 - part }
            });
            Cell::new(drawn.symbol, Some(Color::nearest(light, spec.color())), None)
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
    let color = |light| Some(Color::nearest(light, spec.color()));
    let cell = |duo: duo::Duo| {
        if duo.ink == duo.ground {
            return Cell::new(' ', None, color(duo.ground));
        }
        Cell::new(glyphs.symbols[duo.glyph], color(duo.ink), color(duo.ground))
    };
    duo::draw(&light, columns, glyphs).into_iter().map(cell).collect()
}
