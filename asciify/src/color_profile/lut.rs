//! Profiles that are tables of colours: a curve for each channel, a grid of colours, and what
//! follows it (ICC.1:2022, 10.10 to 10.12). CMYK always has one, RGB and grey may.

use std::cell::OnceCell;

use crate::light::{Row, Transfer};

/// Positions of a channel that its curve is tabulated for.
const CURVE_STEPS: usize = 1 << 12;
/// Positions between two points of the grid.
const UNIT: u32 = 1 << 16;
/// Points of a grid in each direction, where the profile has none.
pub(super) const DEFAULT_GRID: usize = 33;
/// Channels of CMYK.
const MAX_CHANNELS: usize = 4;

/// The profile's own description.
pub(super) struct Pipeline {
    /// From the value of each channel to its position in the grid, 0 to 1.
    pub(super) curves: Vec<Transfer>,
    /// Points of the grid in the direction of each channel: two at least. The last channel is the
    /// one that varies fastest.
    pub(super) grid: Vec<usize>,
    /// Three values of each point, 0 to 1. `None` where they are the point's position.
    pub(super) values: Option<Vec<u16>>,
    /// From these to coded sRGB, 0 to 1.
    pub(super) to_srgb: Box<dyn Fn([f64; 3]) -> [f64; 3]>,
}

/// Converts coded values to sRGB.
pub(crate) struct Lut {
    pipeline: Pipeline,
    /// Made at first use.
    table: OnceCell<Table>,
}

struct Table {
    channels: Vec<Channel>,
    /// sRGB of each point, 0 to 65535.
    colors: Vec<[u16; 3]>,
}

struct Channel {
    /// The position in the grid by value, in units of a point's distance / [`UNIT`].
    positions: Vec<u32>,
    /// The distance in `colors` of two neighbours.
    stride: usize,
    /// The last point that has a next one.
    last: u32,
}

impl Lut {
    pub(super) fn new(pipeline: Pipeline) -> Self {
        Self { pipeline, table: OnceCell::new() }
    }

    /// Values of a pixel: 1, 3 or 4.
    pub(super) fn channels(&self) -> usize {
        self.pipeline.curves.len()
    }

    /// An upper estimate of the memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let points = self.pipeline.grid.iter().product::<usize>() as u64;
        let values = self.pipeline.values.as_ref().map_or(0, Vec::len) as u64;
        points * 6 + values * 2 + (MAX_CHANNELS * 4 * CURVE_STEPS) as u64
    }

    /// Red, green and blue of sRGB, 0 to 65535, of a pixel whose values are 0 to 1. Those beyond the
    /// profile's channels are ignored; of ink, 1 is the most.
    pub(crate) fn srgb(&self, values: &[f64]) -> [u16; 3] {
        let Table { channels, colors } = self.table.get_or_init(|| self.pipeline.table());
        // the cell of the grid, and the position in it for each channel
        let (mut at, mut parts) = (0, [(0, 0); MAX_CHANNELS]);
        for ((channel, value), part) in channels.iter().zip(values).zip(&mut parts) {
            let step = (value.clamp(0.0, 1.0) * CURVE_STEPS as f64 + 0.5) as usize;
            let position = channel.positions.get(step).copied().unwrap_or(0);
            let point = (position / UNIT).min(channel.last);
            at += point as usize * channel.stride;
            *part = (position - point * UNIT, channel.stride);
        }
        // the cell is divided into simplices: one corner, then a step in the direction of each
        // channel, the farthest first
        let parts = &mut parts[..channels.len()];
        parts.sort_unstable_by_key(|(part, _)| std::cmp::Reverse(*part));
        let (mut sum, mut left) = ([u64::from(UNIT / 2); 3], UNIT);
        let mut add = |at: usize, weight: u32| {
            let color = colors.get(at).copied().unwrap_or_default();
            for (sum, value) in sum.iter_mut().zip(color) {
                *sum += u64::from(value) * u64::from(weight);
            }
        };
        for (part, stride) in parts.iter() {
            add(at, left - part);
            left = *part;
            at += stride;
        }
        add(at, left);
        sum.map(|sum| (sum / u64::from(UNIT)) as u16)
    }

    /// A row as sRGB, in `converted`, which is replaced. A profile of one channel takes the first.
    pub(super) fn convert<'a>(&self, row: Row<'_>, converted: &'a mut Vec<u16>) -> Row<'a> {
        converted.clear();
        let has_alpha = row.has_alpha();
        row.values(|[r, g, b, a]| {
            converted.extend(self.srgb(&[r, g, b]));
            converted.extend(has_alpha.then_some((a * 65_535.0 + 0.5) as u16));
        });
        match has_alpha {
            true => Row::Rgba16(converted.as_chunks().0),
            false => Row::Rgb16(converted.as_chunks().0),
        }
    }
}

impl Pipeline {
    fn table(&self) -> Table {
        let mut stride = 1;
        let mut channels = Vec::new();
        for (curve, points) in self.curves.iter().zip(&self.grid).rev() {
            let last = points.saturating_sub(2) as u32;
            let position = |step: usize| {
                let position = curve(step as f64 / CURVE_STEPS as f64).clamp(0.0, 1.0);
                libm::round(position * f64::from(last + 1) * f64::from(UNIT)) as u32
            };
            channels.push(Channel {
                positions: (0..=CURVE_STEPS).map(position).collect(),
                stride,
                last,
            });
            stride *= points;
        }
        channels.reverse();
        let color = |point: usize| {
            let value = |channel: usize| match &self.values {
                Some(values) => {
                    values.get(3 * point + channel).map_or(0.0, |it| f64::from(*it) / 65_535.0)
                }
                None => {
                    let Channel { stride, last, .. } = &channels[channel];
                    (point / stride % (*last as usize + 2)) as f64 / f64::from(last + 1)
                }
            };
            (self.to_srgb)([0, 1, 2].map(value))
                .map(|value| libm::round(value.clamp(0.0, 1.0) * 65_535.0) as u16)
        };
        let colors = (0..stride).map(color).collect();
        Table { channels, colors }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn straight(channels: usize, grid: usize, values: Option<Vec<u16>>) -> Lut {
        let curve: Transfer = Arc::new(|value| value);
        Lut::new(Pipeline {
            curves: vec![curve; channels],
            grid: vec![grid; channels],
            values,
            to_srgb: Box::new(|values| values),
        })
    }

    #[test]
    fn points_are_exact_and_what_is_between_lies_on_a_line() {
        let lut = straight(3, 5, None);
        for rgb in [[0.0, 0.25, 1.0], [0.1, 0.2, 0.3], [0.9, 0.9, 0.05], [1.0, 1.0, 1.0]] {
            for (found, wanted) in lut.srgb(&rgb).into_iter().zip(rgb) {
                assert!((f64::from(found) / 65_535.0 - wanted).abs() < 0.000_2, "{rgb:?}");
            }
        }
    }

    #[test]
    fn the_last_channel_varies_fastest() {
        // black ink alone makes it dark
        let values = (0..16_u16).flat_map(|point| [if point % 2 == 1 { 0 } else { 65_535 }; 3]);
        let lut = straight(4, 2, Some(values.collect()));
        assert_eq!(lut.srgb(&[1.0, 1.0, 1.0, 0.0]), [65_535; 3]);
        assert_eq!(lut.srgb(&[0.0, 0.0, 0.0, 1.0]), [0; 3]);
        assert_eq!(lut.srgb(&[0.3, 0.7, 0.1, 0.5]), [32_768; 3]);
    }
}
