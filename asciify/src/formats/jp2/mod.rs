//! JPEG 2000 (ISO/IEC 15444-1 | ITU-T T.800): codestreams, alone and in the boxes of JP2 and JPX.
//! Sections and equations named in this folder are T.800's, if nothing else is said.
//!
//! Headers are read and checked by ourselves before the decoder gets anything. Pictures are decoded
//! a tile at a time, at the lowest resolution that suffices.

mod boxes;
mod channels;
mod codestream;
mod coding;
pub(super) mod embedded;
mod grid;
mod tile;

use std::ops::{ControlFlow, Range};

use crate::error::{Error, Limits};
use crate::formats::decoder::{Decoder, Driver, Input, Probed, area, in_groups, process_bytes_for};
use crate::formats::reader::ByteReader;
use crate::formats::stretch::{SAMPLED_PIXELS, SAMPLED_VALUE_BYTES};
use crate::formats::value_rows::{ColorValues, TakeValues, ValueQuery};
use crate::light::Row;
use crate::sample::area::SourceGeometry;
use crate::sample::band_numbers::BandDirectory;
use crate::sample::used_range::UsedRange;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::spec::Spec;
use crate::spec::bands::Stretch;
use crate::spec::region::{PixelRect, Region};

use boxes::{Boxes, SIGNATURE};
use channels::{Channels, Converter, row_of};
use codestream::{Codestream, FORMAT, SOC_SIZ};
use grid::{Rect, repetitions};

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| start.starts_with(SIGNATURE) || start.starts_with(&SOC_SIZ),
    probe,
};

/// Memory for headers and rows, in bytes.
const BASE_BYTES: u64 = 1 << 20;
/// Bytes of memory per sample of a component, and per pixel of a tile: coefficients, and two buffers
/// of the inverse wavelet transformation.
const SAMPLE_BYTES: u64 = 4;
const WORKING_BYTES_PER_PX: u64 = 10;
/// Sides at which any grid has enough samples, in pixels: 1000 × 1000 cells of 4 × 8 samples.
const SUFFICIENT_SIDES: (u32, u32) = (4_000, 8_000);
/// A flat picture takes next to no bytes, and each sample takes time: so many samples may have any
/// length, and others need a byte for so many. Where a file has fewer, a lower resolution is read.
const FREE_SAMPLES: u64 = 1 << 22;
const SAMPLES_PER_BYTE: u64 = 64;
/// Pictures of fewer bits are never reduced: the reversible wavelet rounds means to whole values.
const MIN_REDUCIBLE_BITS: u32 = 6;

struct Jp2 {
    codestream: Codestream,
    channels: Channels,
    /// How often sides are halved for the largest grids.
    least_reduction: u32,
    /// The length of the file in bytes.
    file_bytes: u64,
}

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let boxes = Boxes::read(&mut reader)?;
    let format = boxes.format;
    let codestream = Codestream::read(&mut reader, &boxes.codestream)?;
    let channels =
        Channels::new(boxes, &codestream.components).map_err(|reason| reader.malformed(reason))?;
    let mut jp2 = Jp2 { codestream, channels, least_reduction: 0, file_bytes: reader.end };
    while jp2.can_halve(jp2.least_reduction) && !jp2.is_least(jp2.least_reduction, limits) {
        jp2.least_reduction += 1;
    }
    let reduction = jp2.least_reduction;
    let free = jp2.samples(reduction).saturating_sub(FREE_SAMPLES);
    reader.can_hold_in(jp2.codestream.bytes(), free, SAMPLES_PER_BYTE)?;
    let (picture, reduced) = (jp2.reduced(0), jp2.reduced(reduction));
    Ok(Probed {
        decodable: (reduced.width(), reduced.height()),
        bits: jp2.channels.bits(),
        profile: jp2.channels.profile(),
        decoded_bytes: jp2.decoded_bytes(reduction),
        region_bytes: Some(jp2.decoded_bytes(0).min(limits.max_decoded_bytes)),
        ..Probed::still(
            format,
            (picture.width(), picture.height()),
            jp2.channels.count() as u32,
            0,
            jp2,
        )
    })
}

impl Jp2 {
    /// The picture after its sides are halved so many times.
    fn reduced(&self, reduction: u32) -> Rect {
        self.codestream.grid.picture().reduced(reduction)
    }

    /// Whether the sides can be halved once more.
    fn can_halve(&self, reduction: u32) -> bool {
        !self.channels.are_indexed()
            && self.channels.bits() >= MIN_REDUCIBLE_BITS
            && reduction < self.codestream.levels
            && self.reduced(reduction + 1).pixels() > 0
    }

    /// Whether this resolution is within the limits, and no grid needs a higher one.
    fn is_least(&self, reduction: u32, limits: &Limits) -> bool {
        let (reduced, next) = (self.reduced(reduction), self.reduced(reduction + 1));
        let is_needed = next.width() < SUFFICIENT_SIDES.0 || next.height() < SUFFICIENT_SIDES.1;
        let sides = (reduced.width(), reduced.height());
        let free = self.samples(reduction).saturating_sub(FREE_SAMPLES);
        is_needed
            && limits.check(FORMAT, sides, self.decoded_bytes(reduction)).is_ok()
            && free <= self.codestream.bytes().saturating_mul(SAMPLES_PER_BYTE)
    }

    /// Samples of all components.
    fn samples(&self, reduction: u32) -> u64 {
        self.samples_of(self.reduced(reduction))
    }

    /// The samples of all components in a part of the picture.
    fn samples_of(&self, part: Rect) -> u64 {
        part.pixels().saturating_mul(self.codestream.components.len() as u64)
    }

    /// Whether the tiles under a part of the picture at a reduction may be decoded.
    fn is_within(&self, part: Rect, reduction: u32, limits: &Limits) -> bool {
        let tiles = self.codestream.grid.tiles_under(part, reduction).1;
        let sides = (tiles.width(), tiles.height());
        let free = self.samples_of(tiles).saturating_sub(FREE_SAMPLES);
        limits.check(FORMAT, sides, self.decoded_bytes_of(reduction, tiles.width())).is_ok()
            && free <= self.codestream.bytes().saturating_mul(SAMPLES_PER_BYTE)
    }

    /// An upper estimate of the memory that decoding takes, in bytes: a tile with its data, and a
    /// row of tiles. Saturates.
    fn decoded_bytes(&self, reduction: u32) -> u64 {
        self.decoded_bytes_of(reduction, self.reduced(reduction).width())
    }

    /// The same where rows of tiles have so many samples of a component across.
    fn decoded_bytes_of(&self, reduction: u32, width_of_row: u32) -> u64 {
        let codestream = &self.codestream;
        let (width, height) = codestream.grid.largest_tile();
        // the decoder does not reduce a tile to less than a sample
        let of_tile = reduction.min(width.ilog2()).min(height.ilog2());
        let side = |side: u32, reduction: u32| side.div_ceil(1 << reduction) + 1;
        let tile = area(side(width, of_tile), side(height, of_tile));
        let components = codestream.components.len() as u64;
        let row = match codestream.grid.tile_counts() {
            (1, _) => 0,
            _ => area(width_of_row, side(height, reduction)),
        };
        let pixels = tile
            .saturating_mul(components * SAMPLE_BYTES + WORKING_BYTES_PER_PX)
            .saturating_add(row.saturating_mul(2 * self.channels.count().min(4) as u64));
        let data = codestream.longest_tile_bytes.saturating_add(codestream.header.len() as u64);
        let sampled = SAMPLED_PIXELS * components.min(3) * SAMPLED_VALUE_BYTES;
        let process =
            process_bytes_for(tile::work(tile.saturating_mul(components)), self.file_bytes);
        [BASE_BYTES, pixels, sampled, data, codestream.structure_bytes, process]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Reductions that can be drawn, the least first.
    fn reductions(&self) -> impl DoubleEndedIterator<Item = u32> {
        self.reductions_from(self.least_reduction)
    }

    fn reductions_from(&self, least: u32) -> impl DoubleEndedIterator<Item = u32> {
        let halvings = (least..).take_while(|it| self.can_halve(*it)).count() as u32;
        least..=least + halvings
    }

    /// The reduction whose percentiles are taken: the smallest picture that has enough pixels.
    fn reduction_for_percentiles(&self) -> u32 {
        let has_enough = |it: &u32| self.reduced(*it).pixels() >= SAMPLED_PIXELS;
        self.reductions().rfind(has_enough).unwrap_or(self.least_reduction)
    }

    /// Decodes the tiles under a part of the picture at a reduction, and passes each row of them, from
    /// the top, with its coordinate, until `take` breaks.
    fn for_each_row(
        &self,
        input: &mut Input<'_, '_>,
        reduction: u32,
        converter: &Converter<'_>,
        part: Rect,
        mut take: impl FnMut(u32, &[u16]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let grid = &self.codestream.grid;
        let (columns, _) = grid.tile_counts();
        let (tiles, area) = grid.tiles_under(part, reduction);
        let per_px = converter.values_per_px();
        let row_len = area.width() as usize * per_px;
        let mut band = Vec::new();
        let mut flow = ControlFlow::Continue(());
        for first in (tiles.y0..tiles.y1).map(|row| row * columns + tiles.x0) {
            if flow.is_break() {
                break;
            }
            let Rect { y0, y1, .. } = grid.tile_pixels(first).reduced(reduction);
            if tiles.width() == 1 {
                tile::decode(input, &self.codestream, first, reduction, |samples| {
                    band.resize(row_len, 0);
                    flow = (y0..y1).try_for_each(|y| {
                        converter.row(samples, y, &mut band);
                        take(y, &band)
                    });
                    Ok(())
                })?;
                continue;
            }
            band.resize(row_len * y1.saturating_sub(y0) as usize, 0);
            for index in first..first + tiles.width() {
                tile::decode(input, &self.codestream, index, reduction, |samples| {
                    let rect = samples.rect;
                    let start = (rect.x0 - area.x0) as usize * per_px;
                    let end = start + rect.width() as usize * per_px;
                    for (y, row) in (y0..y1).zip(band.chunks_exact_mut(row_len)) {
                        converter.row(samples, y, &mut row[start..end]);
                    }
                    Ok(())
                })?;
            }
            let rows = band.chunks_exact(row_len.max(1));
            flow = (y0..y1).zip(rows).try_for_each(|(y, row)| take(y, row));
        }
        Ok(())
    }
}

impl Decoder for Jp2 {
    fn bands(&self, input: &mut Input<'_, '_>, _frame: u32) -> Result<BandDirectory, Error> {
        let rgb = self.channels.red_green_blue();
        let (count, alpha) = (input.probed.bands, self.channels.alpha_band());
        Ok(BandDirectory { count, rgb, alpha, ..BandDirectory::default() })
    }

    /// Samples each spec at the lowest resolution that suffices for it.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let mut converter = Converter::new(&self.channels, view.bands, view.stretch)?;
        if let Some((query, take)) = input.values.take() {
            self.pass_values(input, &converter, query, take)?;
            return Ok(vec![Sampled::default()]);
        }
        if self.channels.needs_percentiles(view.stretch) {
            converter.stretch_to(self.values(input, &converter)?);
        }
        // chosen bands, and values of a chosen range, are no colours
        let profile = if view.has_colors() { self.channels.profile() } else { Default::default() };
        let full = input.geometry();
        let suffices = |reduction: &u32, spec: &Spec| {
            SourceGeometry { scale: 1 << reduction, ..full }.suffices(spec)
        };
        let is_full = view.region == Region::Full;
        let least = self.least_reduction_of(full, view.region, input.limits);
        let reduction_for = |spec: &Spec| {
            self.reductions_from(least).rfind(|it| suffices(it, spec)).unwrap_or(least)
        };
        let cancellation = input.source.cancellation();
        // values with a profile are no measurements
        let counts = view.stretch == Stretch::Auto && profile.is_srgb();
        in_groups(specs, reduction_for, |reduction, specs| {
            let mut push = |specs, reduction, converter: &Converter<'_>, counts: bool| {
                let geometry = self.geometry(full, reduction);
                let used_range =
                    counts.then(|| UsedRange::new(geometry.pushed(), self.channels.bits(), None));
                let mut picture = Picture::new(specs, &geometry, profile.clone(), cancellation)
                    .cut_to_window()
                    .with_used_range(used_range);
                self.push_rows(input, reduction, converter, &mut picture)?;
                Ok::<_, Error>(picture)
            };
            // the whole picture says whether it uses a small range
            let counted = match is_full {
                true => push(specs, reduction, &converter, counts)?,
                false => push(&[], self.reduction_for_percentiles(), &converter, counts)?,
            };
            let picture = match counted.small_range() {
                Some(fractions) => push(specs, reduction, &converter.narrowed(fractions), false)?,
                None if is_full => counted,
                None => push(specs, reduction, &converter, false)?,
            };
            Ok(picture.finish().collect())
        })
    }
}

/// How a window of pixels that are pushed lies in the samples of a reduction.
struct Parts {
    /// The samples under the window.
    samples: Rect,
    /// How often each of them is repeated inside the window, across and down.
    across: Vec<u32>,
    down: Vec<u32>,
}

impl Parts {
    /// For a picture in pixels of the reference grid.
    fn new(picture: Rect, reduction: u32, window: &PixelRect) -> Self {
        let reduced = picture.reduced(reduction);
        let across = repetitions(picture.x0, picture.x1, reduction);
        let down = repetitions(picture.y0, picture.y1, reduction);
        let (x, across) = part_of(reduced.x0, &across, &window.x);
        let (y, down) = part_of(reduced.y0, &down, &window.y);
        let samples = Rect { x0: x.start, y0: y.start, x1: x.end, y1: y.end };
        Self { samples, across, down }
    }
}

/// The samples whose repetitions lie in a window, the first of the side being `start`, and how many
/// of them do.
fn part_of(start: u32, repetitions: &[u32], window: &Range<u32>) -> (Range<u32>, Vec<u32>) {
    let mut place = 0;
    let inside = repetitions.iter().map(|times| {
        let cells = place..place + times;
        place = cells.end;
        cells.end.min(window.end).saturating_sub(cells.start.max(window.start))
    });
    let inside: Vec<u32> = inside.collect();
    let first = inside.iter().position(|times| *times > 0).unwrap_or(0);
    let end = inside.iter().rposition(|times| *times > 0).map_or(first, |last| last + 1);
    (start + first as u32..start + end as u32, inside[first..end].to_vec())
}

impl Jp2 {
    /// The largest resolution of a region that is within the limits, by how often sides are halved: of
    /// a region, more may be than of the whole.
    fn least_reduction_of(&self, full: SourceGeometry, region: Region, limits: &Limits) -> u32 {
        let is_within = |reduction: &u32| {
            let window = self.geometry(full, *reduction).window(region);
            let parts = Parts::new(self.codestream.grid.picture(), *reduction, &window);
            self.is_within(parts.samples, *reduction, limits)
        };
        match region {
            Region::Full => self.least_reduction,
            _ => (0..self.least_reduction).find(is_within).unwrap_or(self.least_reduction),
        }
    }

    /// Passes the values of the channels of a converter without a stretch.
    fn pass_values(
        &self,
        input: &mut Input<'_, '_>,
        converter: &Converter<'_>,
        query: ValueQuery<'_>,
        take: &mut dyn TakeValues,
    ) -> Result<(), Error> {
        let full = input.geometry();
        let least = self.least_reduction_of(full, query.spec.region(), input.limits);
        let suffices =
            |reduction: &u32| SourceGeometry { scale: 1 << reduction, ..full }.suffices(query.spec);
        let reduction = self.reductions_from(least).rfind(suffices).unwrap_or(least);
        let channels = (0..query.bands.len()).collect();
        let mut values = ColorValues::new(query, channels, converter.value_ranges());
        let geometry = self.geometry(full, reduction);
        let window = take.begin(&values.source(&geometry, self.channels.bits()));
        self.for_each_px_row(input, reduction, converter, &window, |row, count| {
            let row = values.of(row);
            (0..count).try_for_each(|_| take.push(row))
        })
    }

    /// The geometry of the pixels that are pushed: they are repeated so that they lie where their
    /// samples are centred.
    fn geometry(&self, full: SourceGeometry, reduction: u32) -> SourceGeometry {
        SourceGeometry { scale: 1 << reduction.saturating_sub(1), ..full }
    }

    /// Pushes the rows of the window of `picture` at a reduction, until it is done.
    fn push_rows(
        &self,
        input: &mut Input<'_, '_>,
        reduction: u32,
        converter: &Converter<'_>,
        picture: &mut Picture<'_>,
    ) -> Result<(), Error> {
        let window = picture.window().clone();
        self.for_each_px_row(input, reduction, converter, &window, |row, count| {
            picture.push(row);
            picture.repeat(count - 1);
            picture.flow()
        })
    }

    /// Calls `take` with the rows of a window at a reduction, and how often each is repeated, until it
    /// breaks.
    fn for_each_px_row(
        &self,
        input: &mut Input<'_, '_>,
        reduction: u32,
        converter: &Converter<'_>,
        window: &PixelRect,
        mut take: impl FnMut(Row<'_>, u32) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let grid = &self.codestream.grid;
        let Parts { samples, across, down } = Parts::new(grid.picture(), reduction, window);
        let left = samples.x0 - grid.tiles_under(samples, reduction).1.x0;
        let per_px = converter.values_per_px();
        let mut row = Vec::new();
        self.for_each_row(input, reduction, converter, samples, |y, pixels| {
            let count = y.checked_sub(samples.y0).and_then(|y| down.get(y as usize));
            let Some(count) = count.copied().filter(|it| *it > 0) else {
                return ControlFlow::Continue(());
            };
            row.clear();
            for (pixel, times) in pixels.chunks_exact(per_px).skip(left as usize).zip(&across) {
                (0..*times).for_each(|_| row.extend_from_slice(pixel));
            }
            take(row_of(per_px, &row), count)
        })
    }

    /// The values of each wanted channel of about [`SAMPLED_PIXELS`] pixels.
    fn values(
        &self,
        input: &mut Input<'_, '_>,
        converter: &Converter<'_>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let reduction = self.reduction_for_percentiles();
        let every = self.reduced(reduction).pixels().div_ceil(SAMPLED_PIXELS);
        let (mut values, mut next) = (vec![Vec::new(); converter.wanted()], 0);
        for index in 0..self.codestream.grid.tiles() {
            tile::decode(input, &self.codestream, index, reduction, |samples| {
                converter.values(samples, every, &mut next, &mut values);
                Ok(())
            })?;
        }
        Ok(values)
    }
}
