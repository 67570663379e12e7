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

use crate::error::{Error, Limits};
use crate::formats::decoder::{Decoder, Driver, Input, Probed, area, in_groups};
use crate::formats::reader::ByteReader;
use crate::formats::stretch::{SAMPLED_PIXELS, SAMPLED_VALUE_BYTES};
use crate::sample::area::SourceGeometry;
use crate::sample::band_numbers::BandDirectory;
use crate::sample::used_range::UsedRange;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::spec::Spec;
use crate::spec::bands::Stretch;

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
}

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let boxes = Boxes::read(&mut reader)?;
    let format = boxes.format;
    let codestream = Codestream::read(&mut reader, &boxes.codestream)?;
    let channels =
        Channels::new(boxes, &codestream.components).map_err(|reason| reader.malformed(reason))?;
    let mut jp2 = Jp2 { codestream, channels, least_reduction: 0 };
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
        self.reduced(reduction).pixels().saturating_mul(self.codestream.components.len() as u64)
    }

    /// An upper estimate of the memory that decoding takes, in bytes: a tile with its data, and a
    /// row of tiles. Saturates.
    fn decoded_bytes(&self, reduction: u32) -> u64 {
        let codestream = &self.codestream;
        let (width, height) = codestream.grid.largest_tile();
        // the decoder does not reduce a tile to less than a sample
        let of_tile = reduction.min(width.ilog2()).min(height.ilog2());
        let side = |side: u32, reduction: u32| side.div_ceil(1 << reduction) + 1;
        let tile = area(side(width, of_tile), side(height, of_tile));
        let components = codestream.components.len() as u64;
        let row = match codestream.grid.tile_counts() {
            (1, _) => 0,
            _ => area(self.reduced(reduction).width(), side(height, reduction)),
        };
        let pixels = tile
            .saturating_mul(components * SAMPLE_BYTES + WORKING_BYTES_PER_PX)
            .saturating_add(row.saturating_mul(2 * self.channels.count().min(4) as u64));
        let data = codestream.longest_tile_bytes.saturating_add(codestream.header.len() as u64);
        let sampled = SAMPLED_PIXELS * components.min(3) * SAMPLED_VALUE_BYTES;
        [BASE_BYTES, pixels, sampled, data, codestream.structure_bytes]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Reductions that can be drawn, the least first.
    fn reductions(&self) -> impl DoubleEndedIterator<Item = u32> {
        let least = self.least_reduction;
        let halvings = (least..).take_while(|it| self.can_halve(*it)).count() as u32;
        least..=least + halvings
    }

    /// The reduction whose percentiles are taken: the smallest picture that has enough pixels.
    fn reduction_for_percentiles(&self) -> u32 {
        let has_enough = |it: &u32| self.reduced(*it).pixels() >= SAMPLED_PIXELS;
        self.reductions().rfind(has_enough).unwrap_or(self.least_reduction)
    }

    /// Decodes the tiles at a reduction and passes each row of the picture, from the top, with its
    /// index.
    fn for_each_row(
        &self,
        input: &mut Input<'_, '_>,
        reduction: u32,
        converter: &Converter<'_>,
        mut take: impl FnMut(u32, &[u16]),
    ) -> Result<(), Error> {
        let grid = &self.codestream.grid;
        let (columns, rows) = grid.tile_counts();
        let picture = self.reduced(reduction);
        let per_px = converter.values_per_px();
        let row_len = picture.width() as usize * per_px;
        let mut band = Vec::new();
        for tiles in 0..rows {
            let first = tiles * columns;
            let Rect { y0, y1, .. } = grid.tile_pixels(first).reduced(reduction);
            if columns == 1 {
                tile::decode(input, &self.codestream, first, reduction, |samples| {
                    band.resize(row_len, 0);
                    for y in y0..y1 {
                        converter.row(samples, y, &mut band);
                        take(y - picture.y0, &band);
                    }
                    Ok(())
                })?;
                continue;
            }
            band.resize(row_len * y1.saturating_sub(y0) as usize, 0);
            for index in first..first + columns {
                tile::decode(input, &self.codestream, index, reduction, |samples| {
                    let rect = samples.rect;
                    let start = (rect.x0 - picture.x0) as usize * per_px;
                    let end = start + rect.width() as usize * per_px;
                    for (y, row) in (y0..y1).zip(band.chunks_exact_mut(row_len)) {
                        converter.row(samples, y, &mut row[start..end]);
                    }
                    Ok(())
                })?;
            }
            (y0..y1).zip(band.chunks_exact(row_len)).for_each(|(y, row)| take(y - picture.y0, row));
        }
        Ok(())
    }
}

impl Decoder for Jp2 {
    fn bands(&self, input: &mut Input<'_, '_>, _frame: u32) -> Result<BandDirectory, Error> {
        let rgb = self.channels.red_green_blue();
        Ok(BandDirectory { count: input.probed.bands, rgb, ..BandDirectory::default() })
    }

    /// Samples each spec at the lowest resolution that suffices for it.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let mut converter = Converter::new(&self.channels, view.bands, view.stretch)?;
        if self.channels.needs_percentiles(view.stretch) {
            converter.stretch_to(self.values(input, &converter)?);
        }
        // chosen bands, and values of a chosen range, are no colours
        let profile = if view.has_colors() { self.channels.profile() } else { Default::default() };
        let full = input.geometry();
        let suffices = |reduction: &u32, spec: &Spec| {
            SourceGeometry { scale: 1 << reduction, ..full }.suffices(spec)
        };
        let reduction_for = |spec: &Spec| {
            self.reductions().rfind(|it| suffices(it, spec)).unwrap_or(self.least_reduction)
        };
        let cancellation = input.source.cancellation();
        in_groups(specs, reduction_for, |reduction, specs| {
            // pixels are repeated so that they lie where their samples are centred
            let scale = 1 << reduction.saturating_sub(1);
            let geometry = SourceGeometry { scale, ..full };
            // values with a profile are no measurements
            let used_range = (view.stretch == Stretch::Auto && profile.is_srgb())
                .then(|| UsedRange::new(geometry.pushed(), self.channels.bits(), None));
            let mut picture = Picture::new(specs, &geometry, profile.clone(), cancellation)
                .with_used_range(used_range);
            self.push_rows(input, reduction, &converter, &mut picture)?;
            if let Some(fractions) = picture.small_range() {
                let converter = converter.narrowed(fractions);
                picture = Picture::new(specs, &geometry, profile.clone(), cancellation);
                self.push_rows(input, reduction, &converter, &mut picture)?;
            }
            Ok(picture.finish().collect())
        })
    }
}

impl Jp2 {
    /// Pushes the rows at a reduction, each pixel repeated so that it lies where its sample is centred.
    fn push_rows(
        &self,
        input: &mut Input<'_, '_>,
        reduction: u32,
        converter: &Converter<'_>,
        picture: &mut Picture<'_>,
    ) -> Result<(), Error> {
        let rect = self.codestream.grid.picture();
        let across = repetitions(rect.x0, rect.x1, reduction);
        let down = repetitions(rect.y0, rect.y1, reduction);
        let per_px = converter.values_per_px();
        let mut row = Vec::new();
        self.for_each_row(input, reduction, converter, |y, pixels| {
            let Some(count) = down[y as usize].checked_sub(1) else { return };
            row.clear();
            for (pixel, times) in pixels.chunks_exact(per_px).zip(&across) {
                (0..*times).for_each(|_| row.extend_from_slice(pixel));
            }
            picture.push(row_of(per_px, &row));
            picture.repeat(count);
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
