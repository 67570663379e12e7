//! Decodes common sequential files at full size, a row of MCUs at a time, into the same pixels as the
//! [`library`](super::library), which holds all of them.
//!
//! Whatever is not as it should be is left to other decoders: they know what to do with damage.

mod coefficients;
mod idct;
mod output;

use std::io::BufRead;
use std::ops::Range;

use super::block::{BLOCK_LEN, BLOCK_SIDE};
use super::huffman::{BitReader, HuffmanTable};
use super::markers::{APP0, APP15, COM, DHT, DQT, DRI, SOF0, SOF1, SOS};
use super::segments::{FrameHeader, ScanComponent, ScanHeader};
use super::stream::{ScanData, Stream};
use super::tables::{MAX_TABLES, Tables};
use crate::cancellation::Cancellation;
use crate::formats::decoder::TakeRows;
use crate::spec::region::PixelRect;
use coefficients::AcTable;
use output::Output;

/// Decodes a grey or YCbCr file of 8 bits that is sampled as the library's, and calls `take` with each
/// row from the top, until it breaks. `None` if the file is of another kind or damaged, when some rows may
/// have been taken, and when the caller has cancelled.
pub(super) fn decode(
    source: &mut dyn BufRead,
    cancellation: &Cancellation<'_>,
    take: &mut dyn TakeRows,
) -> Option<()> {
    let mut stream = Stream::new(source)?;
    // the library has no default tables
    let none = || [const { None }; MAX_TABLES];
    let mut tables = Tables { dc: none(), ac: none(), ..Tables::default() };
    let mut frame: Option<FrameHeader> = None;
    loop {
        let (marker, segment) = (stream.marker()?, stream.segment()?);
        match marker {
            SOF0..=SOF1 if frame.is_none() => frame = Some(FrameHeader::parse(&segment)?),
            DQT | DHT | DRI => tables.read(marker, &segment)?,
            SOS => {
                let frame = frame?;
                let scan = ScanHeader::parse(&segment, &frame)?;
                let mut planes = planes(&frame, &scan, &tables)?;
                let output = Output::new(&frame, take);
                let bits = BitReader::new(ScanData::new(stream));
                let interval = tables.restart_interval;
                return decode_scan(&frame, &mut planes, interval, bits, cancellation, output);
            }
            APP0..=APP15 | COM => {}
            _ => return None,
        }
    }
}

/// A component, and its samples of two rows of MCUs.
struct Plane<'a> {
    dc: HuffmanTable<'a>,
    ac: AcTable<'a>,
    /// In zigzag order.
    quantization: &'a [u16; BLOCK_LEN],
    /// PRED: the DC coefficient of the last block, as it is coded.
    predictor: i32,
    /// Blocks across and down in an MCU.
    h: usize,
    v: usize,
    /// Samples in a line.
    stride: usize,
    /// The samples that are needed. Others may have any values.
    needed: PixelRect,
    /// The lines of the row of MCUs that is read, and of the one above it.
    row: Vec<i16>,
    above: Vec<i16>,
}

/// `None` for other samplings, where the scan has not all components, and where a table is missing.
fn planes<'a>(
    frame: &FrameHeader,
    scan: &ScanHeader,
    tables: &'a Tables,
) -> Option<Vec<Plane<'a>>> {
    let factors: Vec<_> = frame.components.iter().map(|it| (it.h, it.v)).collect();
    let is_known = frame.precision == 8
        && matches!(*factors, [(1, 1)] | [(1 | 2, 1) | (2, 2), (1, 1), (1, 1)]);
    let in_order = scan.components.iter().map(|it| it.component).eq(0..frame.components.len());
    if !is_known || !in_order || (scan.ss, scan.se, scan.ah, scan.al) != (0, 63, 0, 0) {
        return None;
    }
    let (columns, _) = frame.mcus(BLOCK_SIDE);
    let plane = |it: &ScanComponent| {
        let header = &frame.components[it.component];
        let stride = columns * header.h * BLOCK_SIDE;
        Some(Plane {
            dc: HuffmanTable::new(tables.dc.get(it.dc_table)?.as_ref()?)?,
            ac: AcTable::new(tables.ac.get(it.ac_table)?.as_ref()?)?,
            quantization: tables.quantization.get(header.quantization_table)?.as_ref()?,
            predictor: 0,
            h: header.h,
            v: header.v,
            stride,
            needed: PixelRect::whole((0, 0)),
            row: vec![0; stride * header.v * BLOCK_SIDE],
            above: vec![0; stride * header.v * BLOCK_SIDE],
        })
    };
    scan.components.iter().map(plane).collect()
}

fn decode_scan(
    frame: &FrameHeader,
    planes: &mut [Plane<'_>],
    restart_interval: usize,
    mut bits: BitReader<'_>,
    cancellation: &Cancellation<'_>,
    mut output: Output<'_>,
) -> Option<()> {
    let (columns, rows) = frame.mcus(BLOCK_SIDE);
    let mut left = restart_interval;
    let mut restarts = (0..8).cycle();
    for row in 0..rows {
        cancellation.check().ok()?;
        let needed = output.needed();
        planes.iter_mut().for_each(|it| it.needed = it.samples_of(&needed, frame));
        for column in 0..columns {
            if restart_interval > 0 {
                if left == 0 {
                    if !bits.is_at_end() || bits.next_interval() != restarts.next() {
                        return None;
                    }
                    planes.iter_mut().for_each(|it| it.predictor = 0);
                    left = restart_interval;
                }
                left -= 1;
            }
            for plane in &mut *planes {
                plane.decode(&mut bits, column, row)?;
            }
            if bits.is_past_end() {
                return None;
            }
        }
        let is_last = row + 1 == rows;
        if is_last && !bits.ends_picture() {
            return None;
        }
        if output.write(planes, row, is_last).is_break() {
            return Some(());
        }
        planes.iter_mut().for_each(|it| std::mem::swap(&mut it.row, &mut it.above));
    }
    Some(())
}

/// Whether the block at a sample has any of these.
fn overlap(start: usize, samples: &Range<u32>) -> bool {
    start < samples.end as usize && start + BLOCK_SIDE > samples.start as usize
}

impl Plane<'_> {
    /// The samples that pixels are made of, with those next to them, where samples are interpolated.
    fn samples_of(&self, pixels: &PixelRect, frame: &FrameHeader) -> PixelRect {
        let (max_h, max_v) = frame.max_sampling();
        let part = |pixels: &Range<u32>, factor: usize, max: usize| {
            let times = (max / factor) as u32;
            (pixels.start / times).saturating_sub(1)..pixels.end.div_ceil(times).saturating_add(1)
        };
        PixelRect { x: part(&pixels.x, self.h, max_h), y: part(&pixels.y, self.v, max_v) }
    }

    /// Decodes the blocks of an MCU. `None` where the data is damaged.
    #[inline(always)]
    fn decode(&mut self, bits: &mut BitReader<'_>, column: usize, row: usize) -> Option<()> {
        for y in 0..self.v {
            let top = (row * self.v + y) * BLOCK_SIDE;
            let is_needed = overlap(top, &self.needed.y);
            for x in column * self.h..(column + 1) * self.h {
                self.predictor = self.predictor.wrapping_add(bits.dc_difference(&self.dc)?);
                if !is_needed || !overlap(x * BLOCK_SIDE, &self.needed.x) {
                    bits.skip_ac_coefficients(self.ac.codes())?;
                    continue;
                }
                let mut block = [0; BLOCK_LEN];
                let last = self.ac.read(bits, self.predictor, self.quantization, &mut block)?;
                let at = y * BLOCK_SIDE * self.stride + x * BLOCK_SIDE;
                idct::write(&block, last, &mut self.row[at..], self.stride)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
