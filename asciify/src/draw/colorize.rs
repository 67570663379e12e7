//! Colours: of the foreground alone, or of foreground and background.

use std::array;

use crate::cancellation::{Cancellation, Cancelled};
use crate::draw::color_pair::{self, ColorPair};
use crate::draw::error_diffusion::ErrorDiffusion;
use crate::draw::ramp::cell_means;
use crate::glyphs::{Glyph, GlyphSet};
use crate::grid::Cell;
use crate::grid::color::Color;
use crate::light::WHITE;
use crate::spec::Spec;
use crate::spec::values::{Background, Palette};

/// A sample wants at most so many times the densest glyph's coverage. Colours that need more are
/// out of reach.
const MAX_OVERSHOOT: f32 = 1.25;

/// Wanted coverage where the foreground has colours. All buffers are by sample: row-major, as wide
/// as the grid.
pub(crate) struct ColorCoverage {
    /// How much of each sample the foreground should cover: the most that any channel wants.
    pub(crate) total: Vec<f32>,
    /// How much of it each of red, green and blue wants.
    channels: [Vec<f32>; 3],
}

impl ColorCoverage {
    /// Scales `coverage`, which the luminance of each sample wants, to each channel. The purest
    /// channel decides how much is covered, so that colours keep their hue: blue needs much
    /// coverage for little luminance.
    ///
    /// `luminance` and `channels` are light, 0 to [`WHITE`]; `max_coverage` is that of the densest
    /// glyph.
    ///
    /// # Errors
    /// The caller has cancelled.
    pub(crate) fn new(
        coverage: Vec<f32>,
        (luminance, channels): (&[u32], &[Vec<u32>; 3]),
        spec: &Spec,
        max_coverage: f32,
        cancellation: &Cancellation<'_>,
    ) -> Result<Self, Cancelled> {
        let bright_is_foreground = spec.bright_is_foreground();
        let part = |light: u32| {
            let light = if bright_is_foreground { light } else { WHITE - light.min(WHITE) };
            light as f32 / WHITE as f32
        };
        let factor =
            |(coverage, light): (&f32, &u32)| coverage / part(*light).max(f32::MIN_POSITIVE);
        let factors = cancellation.collect(coverage.iter().zip(luminance).map(factor))?;
        let max = MAX_OVERSHOOT * max_coverage;
        let scale = |(light, factor): (&u32, &f32)| (part(*light) * factor).min(max);
        let [red, green, blue] = channels
            .each_ref()
            .map(|channel| cancellation.collect(channel.iter().zip(&factors).map(scale)));
        let (red, green, blue) = (red?, green?, blue?);
        let total = red.iter().zip(&green).zip(&blue).map(|((r, g), b)| r.max(*g).max(*b));
        let total = cancellation.collect(total)?;
        Ok(Self { total, channels: [red, green, blue] })
    }

    /// Gives each glyph, a cell each and row-major, the colour of the palette with which its cell
    /// has the wanted mean light. Error diffusion makes up for what the palette lacks.
    ///
    /// # Errors
    /// The caller has cancelled.
    pub(crate) fn colorize(
        &self,
        glyphs: Vec<Glyph>,
        columns: usize,
        spec: &Spec,
        cancellation: &Cancellation<'_>,
    ) -> Result<Vec<Cell>, Cancelled> {
        let [red, green, blue] =
            self.channels.each_ref().map(|channel| cell_means(channel, columns, cancellation));
        let wanted = red?.into_iter().zip(green?).zip(blue?).map(|((r, g), b)| [r, g, b]);
        let mut diffusion = ErrorDiffusion::<3>::new(columns);
        let colorize = |(glyph, own): (Glyph, [f32; 3])| {
            let pending = diffusion.pending();
            let wanted: [f32; 3] = array::from_fn(|channel| own[channel] + pending[channel]);
            // coverage counts from the background's light: up from black, or down from white
            let light =
                |part: f32| if spec.background() == Background::Dark { part } else { 1.0 - part };
            let parts =
                wanted.map(|part| (part / glyph.coverage.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0));
            let color = Color::nearest(parts.map(light), spec.color());
            if spec.color() != Palette::Full {
                let drawn = color.light().map(|it| light(it) * glyph.coverage);
                diffusion.spread(array::from_fn(|channel| wanted[channel] - drawn[channel]));
            }
            Cell::new(glyph.symbol, Some(color), None)
        };
        cancellation.collect(glyphs.into_iter().zip(wanted).map(colorize))
    }
}

/// Draws with two colours a cell. `channels` are the light of red, green and blue, 0 to [`WHITE`]:
/// row-major, as wide as the grid. A cell each, row-major.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn both(
    channels: &[Vec<u32>; 3],
    columns: usize,
    spec: &Spec,
    glyphs: &GlyphSet,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<Cell>, Cancelled> {
    let part = |light: &u32| {
        let part = *light as f32 / WHITE as f32;
        if spec.invert() { 1.0 - part } else { part }
    };
    let [red, green, blue] =
        channels.each_ref().map(|channel| cancellation.collect(channel.iter().map(part)));
    let light = [red?, green?, blue?];
    let cell = |ColorPair { glyph, foreground, background }| match glyph {
        Some(glyph) if foreground != background => {
            Cell::new(glyphs.symbols[glyph], Some(foreground), Some(background))
        }
        _ => Cell::new(' ', None, Some(background)),
    };
    let pairs = color_pair::draw(&light, columns, glyphs, spec.color(), cancellation)?;
    Ok(pairs.into_iter().map(cell).collect())
}
