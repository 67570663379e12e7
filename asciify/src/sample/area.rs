//! Area averaging: the mean light over each sample of a grid, exactly, in integers.
//!
//! The edges of samples and pixels rarely coincide, so every pixel counts by the fraction of it
//! that lies in a sample. Each direction has a lattice on which all edges lie: in lattice units, a
//! pixel is `samples` × [`CROP_STEPS`] long, and a sample is as long as the visible side in 64ths
//! of a pixel. Therefore the sums are exact: they are the same on every machine, in any order of
//! addition, and mirrored pictures give mirrored samples.

use std::ops::Range;

use image::metadata::Orientation;

use crate::cancellation::Cancellation;
use crate::glyphs::mask::{ACROSS, DOWN};
use crate::light::WHITE;
use crate::spec::Spec;
use crate::spec::region::{PixelRect, Region};
use crate::spec::values::Fit;

/// The samples of one component, upright.
pub(crate) struct Samples {
    /// Cells in a row, each [`ACROSS`] samples wide and [`DOWN`] high.
    pub(crate) columns: usize,
    /// Mean light of each sample, 0 to [`WHITE`]: row-major, `columns` × [`ACROSS`] samples a row.
    pub(crate) light: Vec<u32>,
}

/// Samples one component of a picture. Takes rows of pixels from the top, and holds one row of
/// sums. Its samples lie as the picture is stored, until [`finish`](Self::finish) turns them
/// upright.
pub(crate) struct Sampler {
    across: Axis,
    down: Axis,
    /// The pixels under each sample of a row.
    spans: Vec<Span>,
    orientation: Orientation,
    /// Index of the next row of pixels.
    next_row: u64,
    /// The sums of the light of a row of pixels up to each of them: kept for its memory.
    prefix_sums: Vec<u64>,
    /// Sums of one row of pixels over each sample of a row: light times lattice units.
    row: Vec<u64>,
    /// Sums over the rows of pixels so far under the current row of samples: light times area.
    sums: AreaSums,
    /// The mean light of the finished samples, row-major, `across.samples` a row.
    means: Vec<u32>,
}

/// How the pixels that a sampler will get lie in the picture. Sides are width and height in pixels,
/// as stored, before the picture is turned upright.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceGeometry {
    /// Sides of the picture, which determine those of the grid.
    pub(crate) full: (u32, u32),
    /// Sides of the picture or overview that is read.
    pub(crate) held: (u32, u32),
    /// Each pixel that will be pushed stands for `scale` × `scale` pixels of `held`; the last ones
    /// may exceed its sides.
    pub(crate) scale: u32,
    pub(crate) orientation: Orientation,
}

impl SourceGeometry {
    /// Whether the pixels have enough resolution for `spec`: none is larger than a sample.
    pub(crate) fn suffices(&self, spec: &Spec) -> bool {
        let (across, down) = self.axes(spec);
        across.pixel <= across.step && down.pixel <= down.step
    }

    /// Width and height of the picture in pixels that will be pushed.
    pub(crate) fn pushed(&self) -> (u32, u32) {
        (self.held.0.div_ceil(self.scale), self.held.1.div_ceil(self.scale))
    }

    /// Width and height of the picture in pixels, upright.
    pub(crate) fn upright(&self) -> (u32, u32) {
        self.turned(self.full)
    }

    /// What a step to the next pixel of a row that will be pushed, and to the next row, is in the
    /// upright picture: its columns and rows.
    pub(crate) fn steps(&self) -> [[f64; 2]; 2] {
        let (mirrors_x, mirrors_y) = mirrors(self.orientation);
        let sign = |is_mirrored: bool| if is_mirrored { -1.0 } else { 1.0 };
        let (x, y) = (sign(mirrors_x), sign(mirrors_y));
        let step =
            |full: u32, held: u32| f64::from(full) / f64::from(held.max(1)) * f64::from(self.scale);
        let across = step(self.full.0, self.held.0);
        let down = step(self.full.1, self.held.1);
        match is_sideways(self.orientation) {
            true => [[0.0, y * across], [x * down, 0.0]],
            false => [[x * across, 0.0], [0.0, y * down]],
        }
    }

    /// The pixels of those that will be pushed which a region needs.
    pub(crate) fn window(&self, region: Region) -> PixelRect {
        let (x, y) = self.turned(self.parts(region));
        let (width, height) = self.pushed();
        let pixel = CROP_STEPS * u64::from(self.scale);
        let within = |part: Range<u64>, side: u32| {
            let bounded = |at: u64| u32::try_from(at).unwrap_or(u32::MAX).min(side);
            bounded(part.start / pixel)..bounded(part.end.div_ceil(pixel))
        };
        PixelRect { x: within(x, width), y: within(y, height) }
    }

    /// Swaps what belongs to the width and to the height, if the picture lies on its side.
    fn turned<T>(&self, (across, down): (T, T)) -> (T, T) {
        if is_sideways(self.orientation) { (down, across) } else { (across, down) }
    }

    /// The parts of the width and of the height that a region shows of the upright picture, in
    /// [`CROP_STEPS`] of a pixel of `held`. Each begins where the side that is stored begins.
    fn parts(&self, region: Region) -> (Range<u64>, Range<u64>) {
        let (full, held) = (self.upright(), self.turned(self.held));
        let shown = region.of(full).unwrap_or_else(|| PixelRect::whole(full));
        let part = |shown: Range<u32>, full: u32, held: u32, is_mirrored: bool| {
            // an even number, so that crops are the same at both ends
            let place = |at: u32| {
                let steps = u128::from(at) * u128::from(whole(held) / 2);
                2 * ((2 * steps + u128::from(full)) / (2 * u128::from(full.max(1)))) as u64
            };
            let start = place(shown.start).min(whole(held).saturating_sub(2));
            let end = place(shown.end).max(start + 2);
            if is_mirrored { whole(held) - end..whole(held) - start } else { start..end }
        };
        let (mirrors_x, mirrors_y) = mirrors(self.orientation);
        (part(shown.x, full.0, held.0, mirrors_x), part(shown.y, full.1, held.1, mirrors_y))
    }

    /// The axes across and down, as the picture is stored.
    fn axes(&self, spec: &Spec) -> (Axis, Axis) {
        let (width, height) = self.upright();
        let (columns, rows) = spec.size(width, height);
        let (x, y) = self.parts(spec.region());
        let sides = (x.end - x.start, y.end - y.start);
        let visible = match spec.fit() {
            Fit::Contain | Fit::Stretch => sides,
            Fit::Cover => crop(sides, (columns, rows), spec.cell_thousandths()),
        };
        let x = Axis::new(x, columns * ACROSS as u32, visible.0, self.scale);
        let y = Axis::new(y, rows * DOWN as u32, visible.1, self.scale);
        self.turned((x, y))
    }
}

impl Sampler {
    /// For the grid of `spec`. The rows that it takes begin at the corner of `window`, which is the
    /// geometry's for the region of the spec.
    pub(crate) fn new(spec: &Spec, geometry: &SourceGeometry, window: &PixelRect) -> Self {
        let (across, down) = geometry.axes(spec);
        let span = |sample: usize| across.span(sample, window.x.start as usize);
        Self {
            spans: (0..across.samples).map(span).collect(),
            prefix_sums: Vec::new(),
            row: vec![0; across.samples],
            sums: AreaSums::new(across.samples, u128::from(across.step) * u128::from(down.step)),
            means: Vec::with_capacity(across.samples * down.samples),
            across,
            down,
            orientation: geometry.orientation,
            next_row: window.y.start.into(),
        }
    }

    /// Takes the next row of pixels: light, 0 to [`WHITE`].
    pub(crate) fn push(&mut self, light: &[u32], cancellation: &Cancellation<'_>) {
        if self.is_done() {
            return;
        }
        if light.len() < LONG_SPAN * self.spans.len() {
            self.prefix_sums.clear();
            let mut sum = 0;
            self.prefix_sums.extend(light.iter().map(|light| {
                sum += u64::from(*light);
                sum
            }));
            for (span, sum) in self.spans.iter().zip(&mut self.row) {
                *sum = span.sum_by_prefixes(light, &self.prefix_sums, &self.across);
            }
        } else {
            for (span, sum) in self.spans.iter().zip(&mut self.row) {
                *sum = span.sum(light, &self.across);
            }
        }
        self.repeat(1, cancellation);
    }

    /// Takes `count` more rows of pixels that equal the last one. Takes no time for each of them.
    pub(crate) fn repeat(&mut self, count: u32, cancellation: &Cancellation<'_>) {
        if count == 0 {
            return;
        }
        let first = self.next_row;
        self.next_row += u64::from(count);
        let covered = self.down.pixel(first).start..self.down.pixel(self.next_row - 1).end;
        if covered.end <= self.down.start {
            return;
        }
        // The rows can finish a part of a row of samples, or several. Those under equal rows of
        // pixels alone are equal, too.
        let mut has_equal_means = false;
        while !self.is_done() && !cancellation.is_cancelled() {
            let sample = self.down.sample(self.means.len() / self.across.samples);
            let is_inside = covered.start <= sample.start && sample.end <= covered.end;
            if is_inside && has_equal_means {
                self.means.extend_from_within(self.means.len() - self.across.samples..);
                continue;
            }
            let shared =
                covered.end.min(sample.end).saturating_sub(covered.start.max(sample.start));
            self.sums.add(&self.row, shared);
            if sample.end > covered.end {
                break;
            }
            self.sums.finish(&mut self.means);
            has_equal_means = is_inside;
        }
    }

    /// The samples, turned upright. Rows that were not pushed count as black.
    pub(crate) fn finish(mut self, cancellation: &Cancellation<'_>) -> Samples {
        let (stored_width, stored_height) = (self.across.samples, self.down.samples);
        self.means.resize(stored_width * stored_height, 0);
        let (width, height) = if is_sideways(self.orientation) {
            (stored_height, stored_width)
        } else {
            (stored_width, stored_height)
        };
        let columns = width / ACROSS;
        if self.orientation == Orientation::NoTransforms {
            return Samples { columns, light: self.means };
        }
        let mut light = Vec::with_capacity(self.means.len());
        for y in (0..height).take_while(|_| !cancellation.is_cancelled()) {
            for x in 0..width {
                let (mirrored_x, mirrored_y) = (width - 1 - x, height - 1 - y);
                let (column, row) = match self.orientation {
                    Orientation::NoTransforms => (x, y),
                    Orientation::FlipHorizontal => (mirrored_x, y),
                    Orientation::Rotate180 => (mirrored_x, mirrored_y),
                    Orientation::FlipVertical => (x, mirrored_y),
                    Orientation::Rotate90FlipH => (y, x),
                    Orientation::Rotate90 => (y, mirrored_x),
                    Orientation::Rotate270FlipH => (mirrored_y, mirrored_x),
                    Orientation::Rotate270 => (mirrored_y, x),
                };
                light.push(self.means[row * stored_width + column]);
            }
        }
        Samples { columns, light }
    }

    fn is_done(&self) -> bool {
        self.means.len() >= self.across.samples * self.down.samples
    }
}

/// Sums of light times area, by sample of a row, and the area of a sample in square lattice units.
/// Most fit 64 bits, which are much faster to divide.
enum AreaSums {
    Small(Vec<u64>, u64),
    Large(Vec<u128>, u128),
}

impl AreaSums {
    fn new(samples: usize, area: u128) -> Self {
        // half an area is added for rounding; twice the area is more than enough
        match u64::try_from(area.saturating_mul(2 * u128::from(WHITE))) {
            Ok(_) => Self::Small(vec![0; samples], area as u64),
            Err(_) => Self::Large(vec![0; samples], area),
        }
    }

    /// Adds a row of sums that is `length` lattice units high.
    fn add(&mut self, row: &[u64], length: u64) {
        match self {
            Self::Small(sums, _) => {
                sums.iter_mut().zip(row).for_each(|(sum, row)| *sum += row * length);
            }
            Self::Large(sums, _) => sums
                .iter_mut()
                .zip(row)
                .for_each(|(sum, row)| *sum += u128::from(*row) * u128::from(length)),
        }
    }

    /// Appends the means to `means`, rounded, and resets the sums.
    fn finish(&mut self, means: &mut Vec<u32>) {
        match self {
            Self::Small(sums, area) => {
                let per_area = 1.0 / *area as f64;
                means.extend(sums.iter().map(|sum| quotient(sum + *area / 2, *area, per_area)));
                sums.fill(0);
            }
            Self::Large(sums, area) => {
                means.extend(sums.iter().map(|sum| ((sum + *area / 2) / *area) as u32));
                sums.fill(0);
            }
        }
    }
}

/// `sum` / `area`, rounded down, of a sum below 2^63 and a quotient of at most 2^24. `per_area` is
/// 1 / `area`: a multiplication is faster than a division, and exact after it is corrected by one.
#[inline(always)]
fn quotient(sum: u64, area: u64, per_area: f64) -> u32 {
    let estimate = (sum as f64 * per_area) as u64;
    let rest = sum.wrapping_sub(estimate.wrapping_mul(area)) as i64;
    (estimate as u32) + u32::from(rest >= area as i64) - u32::from(rest < 0)
}

/// Crops are exact to one of so many parts of a pixel.
const CROP_STEPS: u64 = 64;

/// A side in pixels, in [`CROP_STEPS`] of a pixel.
fn whole(side: u32) -> u64 {
    u64::from(side) * CROP_STEPS
}

/// How much of each side a grid of other proportions shows. All sides are in [`CROP_STEPS`] of a
/// pixel. `cell` is in thousandths.
fn crop((full_x, full_y): (u64, u64), (columns, rows): (u32, u32), cell: u32) -> (u64, u64) {
    // Sides of the grid, in thousandths of a cell's height.
    let (grid_x, grid_y) = (u128::from(columns) * u128::from(cell), u128::from(rows) * 1000);
    // An even number crops the same at both ends.
    let even = |side: u64, part: u128, whole: u128| {
        let half = u128::from(side) * part / (2 * whole);
        u64::try_from(half).unwrap_or(u64::MAX).saturating_mul(2).max(2)
    };
    let visible_x = even(full_y, grid_x, grid_y);
    if visible_x <= full_x {
        (visible_x, full_y)
    } else {
        (full_x, even(full_x, grid_y, grid_x).min(full_y))
    }
}

/// One direction: equal samples over the visible part of a side. Lengths are in lattice units.
struct Axis {
    /// Number of samples.
    samples: usize,
    /// Length of a sample.
    step: u64,
    /// Length of a pixel that is pushed.
    pixel: u64,
    /// Start of the first sample; the first pixel starts at 0.
    start: u64,
}

impl Axis {
    /// `part` is the part of the side that is shown, and `visible` so much of its middle, in
    /// [`CROP_STEPS`] of a pixel. `scale` is that of [`SourceGeometry`].
    fn new(part: Range<u64>, samples: u32, visible: u64, scale: u32) -> Self {
        Self {
            samples: samples as usize,
            step: visible,
            pixel: u64::from(samples) * CROP_STEPS * u64::from(scale),
            start: (part.start + (part.end - part.start).saturating_sub(visible) / 2)
                * u64::from(samples),
        }
    }

    /// Start and end of a sample.
    fn sample(&self, index: usize) -> Range<u64> {
        let start = self.start + index as u64 * self.step;
        start..start + self.step
    }

    /// Start and end of a pixel.
    fn pixel(&self, index: u64) -> Range<u64> {
        index * self.pixel..(index + 1) * self.pixel
    }

    /// The pixels under a sample, in a row that begins at pixel `origin`.
    fn span(&self, sample: usize, origin: usize) -> Span {
        let Range { start, end } = self.sample(sample);
        let (first, last) = (start / self.pixel, (end - 1) / self.pixel);
        Span {
            first: first as usize - origin,
            last: last as usize - origin,
            of_first: self.pixel(first).end - start,
            of_last: end - self.pixel(last).start,
        }
    }
}

/// The pixels of a span that are faster to add than to subtract prefix sums.
const LONG_SPAN: usize = 16;

/// The pixels under a sample.
struct Span {
    /// Indices in a row of the first and the last.
    first: usize,
    last: usize,
    /// Lattice units of the first and of the last that lie in the sample, if they differ.
    of_first: u64,
    of_last: u64,
}

impl Span {
    /// [`sum`](Self::sum), by the sums of light up to each pixel.
    fn sum_by_prefixes(&self, light: &[u32], prefix_sums: &[u64], axis: &Axis) -> u64 {
        if self.first == self.last || self.last >= light.len() {
            return self.sum(light, axis);
        }
        let inner = prefix_sums[self.last - 1] - prefix_sums[self.first];
        u64::from(light[self.first]) * self.of_first
            + inner * axis.pixel
            + u64::from(light[self.last]) * self.of_last
    }

    /// The sum of the pixels' light, each times its length in the sample in lattice units.
    fn sum(&self, light: &[u32], axis: &Axis) -> u64 {
        match light.get(self.first..light.len().min(self.last + 1)).unwrap_or_default() {
            [] => 0,
            [only] => u64::from(*only) * axis.step,
            [first, inner @ .., last] => {
                u64::from(*first) * self.of_first
                    + inner.iter().map(|light| u64::from(*light)).sum::<u64>() * axis.pixel
                    + u64::from(*last) * self.of_last
            }
        }
    }
}

/// Whether turning a picture upright swaps its sides.
pub(crate) fn is_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// Whether turning a picture upright mirrors what becomes its width, and what becomes its height.
fn mirrors(orientation: Orientation) -> (bool, bool) {
    match orientation {
        Orientation::NoTransforms | Orientation::Rotate90FlipH => (false, false),
        Orientation::FlipHorizontal | Orientation::Rotate90 => (true, false),
        Orientation::FlipVertical | Orientation::Rotate270 => (false, true),
        Orientation::Rotate180 | Orientation::Rotate270FlipH => (true, true),
    }
}

#[cfg(test)]
mod tests;
