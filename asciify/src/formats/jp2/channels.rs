//! Turns samples into pixels: channels of components and of a palette, their colour space, and which
//! values are black and white.

use std::array;

use super::boxes::{Boxes, ColorSpace, Palette};
use super::codestream::Component;
use super::tile::TileSamples;
use crate::color_profile::{ColorModel, ColorProfile};
use crate::error::Error;
use crate::formats::stretch::{of_values, part_of, to_16_bits};
use crate::light::{Row, from_lab};
use crate::sample::band_numbers::BandNumbers;
use crate::spec::bands::Stretch;

/// The channels of a picture.
pub(super) struct Channels {
    channels: Vec<Channel>,
    /// The channels that are colours, in their order.
    colors: Vec<usize>,
    alpha: Option<Alpha>,
    model: Model,
    palette: Option<Palette>,
    /// What the colours mean. `None` without an ICC profile that can be used.
    profile: Option<ColorProfile>,
}

/// A channel (I.5.3.5): a component, or a column of the palette that a component has indices of.
struct Channel {
    component: usize,
    column: Option<usize>,
    bits: u32,
    is_signed: bool,
    /// The highest sample of the component, with the offset of signed samples.
    max_sample: f64,
}

struct Alpha {
    channel: usize,
    is_premultiplied: bool,
}

/// What colours are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Model {
    /// Grey, red, green and blue, or the bands of an instrument.
    Bands,
    /// Y, Cb and Cr of sYCC (IEC 61966-2-1, annex F).
    YCbCr,
    /// Cyan, magenta, yellow and black.
    Cmyk,
    /// L*, a* and b* with their default ranges (M.11.7.4.1 of part 2).
    Lab,
}

impl Channels {
    /// # Errors
    /// The boxes contradict each other or the codestream.
    pub(super) fn new(boxes: Boxes, components: &[Component]) -> Result<Self, &'static str> {
        let whole: Vec<(usize, Option<usize>)> = match &boxes.palette {
            // some files have no mapping
            Some(palette) if boxes.mapping.is_empty() => {
                (0..palette.columns.len()).map(|column| (0, Some(column))).collect()
            }
            Some(_) => boxes.mapping,
            None => (0..components.len()).map(|component| (component, None)).collect(),
        };
        let mut channels = Vec::new();
        for (component, column) in whole {
            let stored = components.get(component).ok_or("its palette is of no component")?;
            let (bits, is_signed) = match (column, &boxes.palette) {
                (Some(column), Some(palette)) => {
                    *palette.columns.get(column).ok_or("its palette has too few columns")?
                }
                _ => (stored.bits, stored.is_signed),
            };
            let max_sample = max_of(stored.bits);
            channels.push(Channel { component, column, bits, is_signed, max_sample });
        }
        let mut definitions = boxes.definitions;
        definitions.retain(|it| it.channel < channels.len());
        let alpha = definitions.iter().find(|it| matches!(it.kind, 1 | 2));
        let alpha = alpha.map(|it| Alpha { channel: it.channel, is_premultiplied: it.kind == 2 });
        let mut colors: Vec<usize> = (0..channels.len()).collect();
        colors.retain(|channel| alpha.as_ref().is_none_or(|alpha| alpha.channel != *channel));
        // channels without an association keep their place behind the others
        colors.sort_by_key(|channel| {
            let of_color = definitions.iter().find(|it| it.channel == *channel && it.kind == 0);
            of_color.map_or(u16::MAX, |it| it.association)
        });
        let (model, profile) = model(boxes.color_space, colors.len(), components);
        Ok(Self { channels, colors, alpha, model, palette: boxes.palette, profile })
    }

    /// The channels that are red, green and blue; `None` where there are fewer, or where colours are
    /// computed from the channels.
    pub(super) fn red_green_blue(&self) -> Option<[usize; 3]> {
        let colors = self.colors.first_chunk().filter(|_| self.model == Model::Bands);
        colors.copied()
    }

    /// The number of channels.
    pub(super) fn count(&self) -> usize {
        self.channels.len()
    }

    /// The most bits of a colour.
    pub(super) fn bits(&self) -> u32 {
        self.colors.iter().map(|color| self.channels[*color].bits).max().unwrap_or(1)
    }

    /// Whether samples are indices, of which no mean can be taken.
    pub(super) fn are_indexed(&self) -> bool {
        self.palette.is_some()
    }

    /// The band that is alpha, counted from 0.
    pub(super) fn alpha_band(&self) -> Option<usize> {
        let alpha = self.alpha.as_ref().map(|alpha| alpha.channel);
        if self.model == Model::Bands { alpha } else { alpha.map(|_| 3) }
    }

    /// What the colours mean.
    pub(super) fn profile(&self) -> ColorProfile {
        self.profile.clone().unwrap_or_default()
    }

    /// Whether a stretch needs [`Converter::values`] first, to know what is black and white. Values with a
    /// colour profile are no measurements.
    pub(super) fn needs_percentiles(&self, stretch: Stretch) -> bool {
        let is_measured = self.bits() > 8 && self.palette.is_none() && self.profile.is_none();
        let is_asked_for = match stretch {
            Stretch::Auto => is_measured,
            Stretch::Percentiles(_) => true,
            _ => false,
        };
        is_asked_for && self.model == Model::Bands
    }

    /// The values of a channel that are black and white, where nothing is stretched.
    fn range(&self, channel: &Channel) -> (f64, f64) {
        match channel.is_signed {
            true => (-libm::ldexp(1.0, channel.bits as i32 - 1), max_of(channel.bits - 1)),
            false => (0.0, max_of(channel.bits)),
        }
    }

    /// The value of a channel at a place of a tile.
    fn value(&self, channel: usize, tile: &TileSamples<'_>, x: u32, y: u32) -> f64 {
        let channel = &self.channels[channel];
        let sample = f64::from(tile.at(channel.component, x, y)).clamp(0.0, channel.max_sample);
        match (channel.column, &self.palette) {
            (Some(column), Some(palette)) => {
                let columns = palette.columns.len();
                let last = palette.values.len() / columns - 1;
                let entry = (libm::round(sample) as usize).min(last);
                palette.values[entry * columns + column]
            }
            _ if channel.is_signed => sample - libm::ldexp(1.0, channel.bits as i32 - 1),
            _ => sample,
        }
    }
}

/// 2^`bits` − 1.
fn max_of(bits: u32) -> f64 {
    libm::ldexp(1.0, bits as i32) - 1.0
}

/// What the colours are, by the Colour Specification box where there is one, and its profile.
fn model(
    color_space: Option<ColorSpace>,
    colors: usize,
    components: &[Component],
) -> (Model, Option<ColorProfile>) {
    let of_space = match &color_space {
        // YCbCr 1 to 3, sYCC, e-sYCC
        Some(ColorSpace::Enumerated(1 | 3 | 4 | 18 | 24)) if colors >= 3 => Model::YCbCr,
        Some(ColorSpace::Enumerated(12)) if colors >= 4 => Model::Cmyk,
        Some(ColorSpace::Enumerated(14)) if colors >= 3 => Model::Lab,
        // the data colour space in the header of the profile (ICC.1:2022, 7.2.6)
        Some(ColorSpace::Profile(icc)) if colors >= 4 && icc.get(16..20) == Some(b"CMYK") => {
            Model::Cmyk
        }
        Some(_) => Model::Bands,
        // only chroma has fewer samples than the first component
        None => match components {
            [y, cb, cr] if cb.step == cr.step && cb.step != y.step => Model::YCbCr,
            _ => Model::Bands,
        },
    };
    let of_profile = match of_space {
        Model::Cmyk => ColorModel::Cmyk,
        _ if colors < 3 => ColorModel::Grey,
        _ => ColorModel::Rgb,
    };
    let profile = match color_space {
        Some(ColorSpace::Profile(icc)) => ColorProfile::from_icc(&icc, of_profile),
        _ => None,
    };
    (of_space, profile)
}

/// Converts the samples of tiles for one view.
#[derive(Clone)]
pub(super) struct Converter<'a> {
    channels: &'a Channels,
    bands: BandNumbers,
    /// The channels that make a colour.
    wanted: Vec<usize>,
    /// The values that are black and white, by wanted channel.
    ranges: Vec<(f64, f64)>,
    stretch: Stretch,
}

impl<'a> Converter<'a> {
    /// # Errors
    /// [`Error::Missing`] where there is no such band.
    pub(super) fn new(
        channels: &'a Channels,
        bands: BandNumbers,
        stretch: Stretch,
    ) -> Result<Self, Error> {
        let count = channels.count();
        let wanted = match (channels.model, bands.chosen()) {
            (Model::Bands, Some(chosen)) => {
                if chosen.iter().any(|band| *band >= count) {
                    return Err(Error::no_band(count as u32));
                }
                let [red, green, blue] = chosen;
                if (red, green) == (green, blue) { vec![red] } else { vec![red, green, blue] }
            }
            (model, _) => {
                let taken = match (model, channels.colors.len()) {
                    (Model::Cmyk, _) => 4,
                    (Model::Bands, 0..3) => 1,
                    _ => 3,
                };
                channels.colors.iter().copied().take(taken).collect()
            }
        };
        let ranges = wanted.iter().map(|it| channels.range(&channels.channels[*it])).collect();
        let mut converter = Self { channels, bands, wanted, ranges, stretch };
        if let (Some(ranges), Model::Bands) = (stretch.ranges(), channels.model) {
            converter.ranges = ranges[..converter.wanted.len()].to_vec();
        }
        Ok(converter)
    }

    /// Values per pixel of a row: grey or three colours, and alpha.
    pub(super) fn values_per_px(&self) -> usize {
        let colors = if self.is_grey() { 1 } else { 3 };
        colors + usize::from(self.channels.alpha.is_some())
    }

    fn is_grey(&self) -> bool {
        self.wanted.len() < 3
    }

    /// Adds every `every`th pixel's values to `values`, of those that are not transparent; `next` is
    /// the number of pixels to leave out first.
    pub(super) fn values(
        &self,
        tile: &TileSamples<'_>,
        every: u64,
        next: &mut u64,
        values: &mut [Vec<f64>],
    ) {
        let (width, pixels) = (u64::from(tile.rect.width()), tile.rect.pixels());
        while *next < pixels {
            let (x, y) =
                (tile.rect.x0 + (*next % width) as u32, tile.rect.y0 + (*next / width) as u32);
            let alpha = self.channels.alpha.as_ref();
            if alpha.is_none_or(|it| self.channels.value(it.channel, tile, x, y) > 0.0) {
                for (channel, values) in self.wanted.iter().zip(&mut *values) {
                    values.push(self.channels.value(*channel, tile, x, y));
                }
            }
            *next += every;
        }
        *next -= pixels;
    }

    /// Stretches these values of each wanted channel as the options say.
    pub(super) fn stretch_to(&mut self, mut values: Vec<Vec<f64>>) {
        self.ranges = of_values(&mut values, self.stretch);
    }

    /// The same with these fractions of the way from black to white as black and white.
    pub(super) fn narrowed(&self, fractions: (f64, f64)) -> Self {
        let mut narrowed = self.clone();
        if self.channels.model == Model::Bands {
            narrowed.ranges.iter_mut().for_each(|range| *range = part_of(*range, fractions));
        } else {
            let (low, high) = part_of((0.0, max_of(self.channels.bits())), fractions);
            narrowed.stretch = Stretch::Range(low, high);
        }
        narrowed
    }

    /// The values that become 0 and 1, of each of the first three values per pixel.
    pub(super) fn value_ranges(&self) -> Vec<(f64, f64)> {
        match self.channels.model {
            Model::Bands => self.ranges.clone(),
            _ => vec![(0.0, max_of(self.channels.bits())); 3],
        }
    }

    /// How many channels make a colour.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.len()
    }

    /// Writes the pixels of row `y` of a tile to `row`, [`values_per_px`](Self::values_per_px) each,
    /// 0 to 65535.
    pub(super) fn row(&self, tile: &TileSamples<'_>, y: u32, row: &mut [u16]) {
        let pixels = row.chunks_exact_mut(self.values_per_px());
        for (pixel, x) in pixels.zip(tile.rect.x0..) {
            let alpha = self.channels.alpha.as_ref().map(|alpha| {
                let (_, opaque) = self.channels.range(&self.channels.channels[alpha.channel]);
                let level = self.channels.value(alpha.channel, tile, x, y) / opaque;
                if alpha.is_premultiplied { (level, level) } else { (level, 1.0) }
            });
            let (opacity, multiplied_by) = alpha.unwrap_or((1.0, 1.0));
            let color = self.color(tile, x, y, opacity);
            let levels = color.map(|level| to_16_bits(level / multiplied_by));
            match pixel {
                [grey] => *grey = levels[0],
                [grey, alpha] => (*grey, *alpha) = (levels[0], to_16_bits(opacity)),
                [red, green, blue] => [*red, *green, *blue] = levels,
                [red, green, blue, alpha, ..] => {
                    [*red, *green, *blue] = levels;
                    *alpha = to_16_bits(opacity);
                }
                [] => {}
            }
        }
    }

    /// Red, green and blue, 0 to 1.
    fn color(&self, tile: &TileSamples<'_>, x: u32, y: u32, opacity: f64) -> [f64; 3] {
        // black is 0, white 1
        let level = |nth: usize| {
            let (low, high) = self.ranges[nth];
            (self.channels.value(self.wanted[nth], tile, x, y) - low) / (high - low)
        };
        let color = match self.channels.model {
            Model::Bands if self.is_grey() => return [level(0); 3],
            Model::Bands => return [0, 1, 2].map(level),
            Model::YCbCr => {
                let chroma = |nth: usize| level(nth) - self.middle(nth);
                let (luma, blue, red) = (level(0), chroma(1), chroma(2));
                [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue]
            }
            Model::Cmyk => match self.channels.profile.as_ref().and_then(ColorProfile::cmyk) {
                Some(cmyk) => {
                    cmyk.srgb(&[0, 1, 2, 3].map(level)).map(|it| f64::from(it) / 65_535.0)
                }
                None => [0, 1, 2].map(|ink| (1.0 - level(ink)) * (1.0 - level(3))),
            },
            Model::Lab => {
                from_lab(100.0 * level(0), 170.0 * (level(1) - 0.5), 200.0 * (level(2) - 0.375))
            }
        };
        let white = max_of(self.channels.bits());
        let ranges = match self.stretch.ranges() {
            Some(ranges) => ranges.map(|(low, high)| (low / white, high / white)),
            None => [(0.0, 1.0); 3],
        };
        let chosen = match self.bands.chosen() {
            Some(chosen) => chosen.map(|band| color.get(band).map(|level| level.clamp(0.0, 1.0))),
            None => color.map(|level| Some(level.clamp(0.0, 1.0))),
        };
        array::from_fn(|nth| match (chosen[nth], ranges[nth]) {
            (Some(level), (low, high)) => (level - low) / (high - low),
            (None, _) => opacity,
        })
    }

    /// The level of a channel's middle value, which is no chroma.
    fn middle(&self, nth: usize) -> f64 {
        let channel = &self.channels.channels[self.wanted[nth]];
        let (low, high) = self.ranges[nth];
        let middle =
            if channel.is_signed { 0.0 } else { libm::ldexp(1.0, channel.bits as i32 - 1) };
        (middle - low) / (high - low)
    }
}

/// A row of pixels of so many values.
pub(super) fn row_of(values_per_px: usize, row: &[u16]) -> Row<'_> {
    match values_per_px {
        1 => Row::Grey16(row.as_chunks().0),
        2 => Row::GreyAlpha16(row.as_chunks().0),
        3 => Row::Rgb16(row.as_chunks().0),
        _ => Row::Rgba16(row.as_chunks().0),
    }
}
