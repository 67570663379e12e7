//! Decodes common sequential files at full size, a row of MCUs at a time, into the same pixels as the
//! [`library`](super::library), which holds all of them.
//!
//! Whatever is not as it should be is left to other decoders: they know what to do with damage.

use std::io::BufRead;

use super::block::{BLOCK_LEN, BLOCK_SIDE};
use super::coefficients::AcTable;
use super::huffman::{BitReader, HuffmanTable};
use super::markers::{APP0, APP15, COM, DHT, DQT, DRI, SOF0, SOF1, SOS};
use super::pixels::{self, Output, Samples};
use super::restarts::Intervals;
use super::segments::{FrameHeader, ScanComponent, ScanHeader};
use super::stream::{ScanData, Stream};
use super::tables::{MAX_TABLES, Tables};
use crate::cancellation::Cancellation;
use crate::formats::decoder::TakeRows;

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

/// What decodes a component.
struct Plane<'a> {
    dc: HuffmanTable<'a>,
    ac: AcTable<'a>,
    /// In zigzag order.
    quantization: &'a [u16; BLOCK_LEN],
    /// PRED: the DC coefficient of the last block, as it is coded.
    predictor: i32,
}

/// `None` for other samplings, where the scan has not all components, and where a table is missing.
fn planes<'a>(
    frame: &FrameHeader,
    scan: &ScanHeader,
    tables: &'a Tables,
) -> Option<Vec<Plane<'a>>> {
    let is_known = frame.precision == 8 && pixels::is_sampling_known(&frame.components);
    let in_order = scan.components.iter().map(|it| it.component).eq(0..frame.components.len());
    if !is_known || !in_order || (scan.ss, scan.se, scan.ah, scan.al) != (0, 63, 0, 0) {
        return None;
    }
    let plane = |it: &ScanComponent| {
        let quantization_table = frame.components[it.component].quantization_table;
        Some(Plane {
            dc: HuffmanTable::new(tables.dc.get(it.dc_table)?.as_ref()?)?,
            ac: AcTable::new(tables.ac.get(it.ac_table)?.as_ref()?)?,
            quantization: tables.quantization.get(quantization_table)?.as_ref()?,
            predictor: 0,
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
    let mut samples: Vec<_> = frame.components.iter().map(|it| Samples::new(it, frame)).collect();
    let mut intervals = Intervals::new(restart_interval);
    for row in 0..rows {
        cancellation.check().ok()?;
        let needed = output.needed();
        samples.iter_mut().for_each(|it| it.need(&needed, frame));
        for column in 0..columns {
            if intervals.begin_mcu(&mut bits)? {
                planes.iter_mut().for_each(|it| it.predictor = 0);
            }
            for (plane, samples) in planes.iter_mut().zip(&mut samples) {
                plane.decode(&mut bits, samples, column, row)?;
            }
            if bits.is_past_end() {
                return None;
            }
        }
        let is_last = row + 1 == rows;
        if is_last && !bits.ends_picture() {
            return None;
        }
        if output.write(&samples, row, is_last).is_break() {
            return Some(());
        }
        samples.iter_mut().for_each(Samples::begin_next_row);
    }
    Some(())
}

impl Plane<'_> {
    /// Decodes the blocks of an MCU. `None` where the data is damaged.
    #[inline(always)]
    fn decode(
        &mut self,
        bits: &mut BitReader<'_>,
        samples: &mut Samples,
        column: usize,
        row: usize,
    ) -> Option<()> {
        for y in row * samples.v..(row + 1) * samples.v {
            for x in column * samples.h..(column + 1) * samples.h {
                self.predictor = self.predictor.wrapping_add(bits.dc_difference(&self.dc)?);
                if !samples.needs(x, y) {
                    bits.skip_ac_coefficients(self.ac.codes())?;
                    continue;
                }
                let mut block = [0; BLOCK_LEN];
                let last = self.ac.read(bits, self.predictor, self.quantization, &mut block)?;
                samples.write(x, y, &block, last)?;
            }
        }
        Some(())
    }
}
