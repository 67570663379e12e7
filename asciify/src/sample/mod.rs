//! Sampling: reduces rows of pixels to the mean light of each sample of a grid, for several specs
//! at once.

pub(crate) mod area;
pub(crate) mod band_numbers;
pub(crate) mod used_range;
pub(crate) mod view;

use std::ops::ControlFlow;

use area::{Sampler, Samples, SourceGeometry};
use used_range::UsedRange;

use crate::cancellation::Cancellation;
use crate::color_profile::ColorProfile;
use crate::light::{Component, Row};
use crate::spec::Spec;
use crate::spec::region::PixelRect;
use crate::spec::values::Palette;

/// The samples that a grid is drawn from, upright. Each buffer is row-major, `columns` ×
/// [`ACROSS`](crate::glyphs::mask::ACROSS) samples a row, of light from 0 to
/// [`WHITE`](crate::light::WHITE).
#[derive(Default)]
pub(crate) struct Sampled {
    /// Cells in a row of the grid.
    pub(crate) columns: usize,
    /// Premultiplied by opacity.
    pub(crate) luminance: Vec<u32>,
    /// `None` if the picture has no alpha.
    pub(crate) opacity: Option<Vec<u32>>,
    /// Red, green and blue, premultiplied by opacity; `None` if the spec wants no colours.
    pub(crate) channels: Option<[Vec<u32>; 3]>,
}

/// Samples the rows of one picture for several specs. Samplers are in the order of the specs. When
/// the caller has cancelled, rows are ignored, and samples are wrong or missing.
pub(crate) struct Picture<'a> {
    luminance: Vec<Sampler>,
    opacity: Vec<Sampler>,
    /// Red, green and blue; `None` for specs that want no colours.
    channels: [Vec<Option<Sampler>>; 3],
    profile: ColorProfile,
    /// A row that the profile has converted: kept for its memory.
    converted: Vec<u16>,
    /// Whether any row had alpha.
    has_alpha: bool,
    /// One component of the current row of pixels, 0 to [`WHITE`](crate::light::WHITE): kept for
    /// its memory.
    light: Vec<u32>,
    /// `None` where it is not asked for.
    used_range: Option<UsedRange>,
    /// The pixels that are sampled.
    window: PixelRect,
    /// Whether rows are pushed that have only the pixels of the window.
    is_cut: bool,
    /// The index of the next row that is pushed.
    next_row: u32,
    cancellation: &'a Cancellation<'a>,
}

impl<'a> Picture<'a> {
    /// For pixels that lie as `geometry` says, and mean what `profile` says. All specs have the same
    /// region.
    pub(crate) fn new(
        specs: &[&Spec],
        geometry: &SourceGeometry,
        profile: ColorProfile,
        cancellation: &'a Cancellation<'a>,
    ) -> Self {
        let region = specs.first().map(|spec| spec.region()).unwrap_or_default();
        let window = geometry.window(region);
        let sampler = |spec: &Spec| Sampler::new(spec, geometry, &window);
        let samplers = || specs.iter().map(|spec| sampler(spec)).collect();
        let coloured = |spec: &Spec| (spec.color() != Palette::None).then(|| sampler(spec));
        Self {
            luminance: samplers(),
            opacity: samplers(),
            channels: [0; 3].map(|_| specs.iter().map(|spec| coloured(spec)).collect()),
            profile,
            converted: Vec::new(),
            has_alpha: false,
            light: Vec::new(),
            used_range: None,
            window,
            is_cut: false,
            next_row: 0,
            cancellation,
        }
    }

    /// Takes only the rows of the window, with only its pixels.
    pub(crate) fn cut_to_window(mut self) -> Self {
        (self.is_cut, self.next_row) = (true, self.window.y.start);
        self
    }

    /// The pixels that are sampled.
    pub(crate) fn window(&self) -> &PixelRect {
        &self.window
    }

    /// Collects the range of values of the rows that follow.
    pub(crate) fn with_used_range(self, used_range: Option<UsedRange>) -> Self {
        Self { used_range, ..self }
    }

    /// See [`UsedRange::small`].
    pub(crate) fn small_range(&self) -> Option<(f64, f64)> {
        self.used_range.as_ref()?.small()
    }

    /// Breaks when nothing depends on further rows. Without specs, only values are counted.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        let is_sampled = self.luminance.is_empty() || self.next_row >= self.window.y.end;
        match is_sampled && !self.counts_values() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Whether the next row lies above those that are sampled.
    pub(crate) fn is_above_window(&self) -> bool {
        self.next_row < self.window.y.start
    }

    /// Whether the range of values that the picture uses depends on further rows.
    pub(crate) fn counts_values(&self) -> bool {
        self.used_range.as_ref().is_some_and(UsedRange::is_open)
    }

    /// Passes over the next row, on which nothing depends.
    pub(crate) fn skip(&mut self) {
        self.next_row = self.next_row.saturating_add(1);
    }

    /// Takes the next row, from the top. All rows of a picture are of the same variant.
    pub(crate) fn push(&mut self, row: Row<'_>) {
        if let Some(used_range) = &mut self.used_range {
            used_range.push(row);
        }
        let index = self.next_row;
        self.next_row = index.saturating_add(1);
        if !self.window.y.contains(&index) {
            return;
        }
        let row = if self.is_cut { row } else { row.part(&self.window.x) };
        let (row, tables) = self.profile.apply(row, &mut self.converted);
        let mut pass = |component: Component, samplers: &mut dyn Iterator<Item = &mut Sampler>| {
            let mut samplers = samplers.peekable();
            if samplers.peek().is_some() && !self.cancellation.is_cancelled() {
                row.read(component, tables, &mut self.light);
                samplers.for_each(|sampler| sampler.push(&self.light, self.cancellation));
            }
        };
        pass(Component::Luminance, &mut self.luminance.iter_mut());
        for (channel, samplers) in self.channels.iter_mut().enumerate() {
            pass(Component::Channel(channel), &mut samplers.iter_mut().flatten());
        }
        if row.has_alpha() {
            self.has_alpha = true;
            pass(Component::Opacity, &mut self.opacity.iter_mut());
        }
    }

    /// Takes `count` more rows that equal the last one, which is not above the window.
    pub(crate) fn repeat(&mut self, count: u32) {
        self.next_row = self.next_row.saturating_add(count);
        if let Some(used_range) = &mut self.used_range {
            used_range.repeat(count);
        }
        let opacity = self.opacity.iter_mut().filter(|_| self.has_alpha);
        let channels = self.channels.iter_mut().flatten().flatten();
        let samplers = self.luminance.iter_mut().chain(channels).chain(opacity);
        samplers.for_each(|sampler| sampler.repeat(count, self.cancellation));
    }

    /// The samples for each spec, in their order.
    pub(crate) fn finish(self) -> impl Iterator<Item = Sampled> {
        let cancellation = self.cancellation;
        let finish = move |sampler: Option<Sampler>| {
            sampler.map(|sampler| sampler.finish(cancellation).light)
        };
        let [mut red, mut green, mut blue] = self.channels.map(Vec::into_iter);
        let mut channel = move || -> Option<[Vec<u32>; 3]> {
            let next = [red.next()?, green.next()?, blue.next()?].map(finish);
            let [Some(red), Some(green), Some(blue)] = next else { return None };
            Some([red, green, blue])
        };
        let samplers = self.luminance.into_iter().zip(self.opacity);
        samplers.map(move |(luminance, opacity)| {
            let Samples { columns, light: mut luminance } = luminance.finish(cancellation);
            let opacity = self.has_alpha.then(|| opacity.finish(cancellation).light);
            let mut channels = channel();
            self.profile.finish(&mut luminance, channels.as_mut(), opacity.as_deref());
            Sampled { columns, luminance, opacity, channels }
        })
    }
}
