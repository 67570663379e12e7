//! The entropy-coded segments of a scan: its data between restart markers. Damage in one of them
//! does not affect the next.

use std::cell::Cell;
use std::ops::Range;

use super::arithmetic::ArithmeticDecoder;
use super::entropy::EntropyDecoder;
use super::frame::{Frame, Process};
use super::huffman::{HuffmanDecoder, ScanTables};
use super::lossless;
use super::scan::{BeginRow, MAX_COMPONENTS, Scan};
use crate::formats::jpeg::block::BLOCK_LEN;
use crate::formats::jpeg::huffman::BitReader;
use crate::formats::jpeg::restarts::Restarts;
use crate::formats::jpeg::stream::{ScanData, Stream};
use crate::formats::jpeg::tables::Tables;

fn decode_blocks(
    scan: &Scan,
    frame: &mut Frame,
    decoder: &mut impl EntropyDecoder,
    mcus: Range<usize>,
    begin_row: &mut BeginRow<'_>,
) -> Option<()> {
    let mut predictors = [0; MAX_COMPONENTS];
    scan.for_each_data_unit(frame, mcus, begin_row, |index, component, x, y| {
        let predictor = &mut predictors[index];
        component.update_block(x, y, |block| decoder.block(index, &scan.range, predictor, block))
    })
}

/// Decodes the scan whose data follows in a file. Returns the file behind it. `None` where a
/// quantization table is missing, and where `begin_row` returns that.
pub(super) fn decode<'a>(
    stream: Stream<'a>,
    scan: &Scan,
    frame: &mut Frame,
    tables: &Tables,
    budget: &mut u64,
    begin_row: &mut BeginRow<'_>,
) -> Option<Stream<'a>> {
    for it in &scan.components {
        let component = &mut frame.components[it.component];
        if frame.process == Process::Lossless {
            component.point_transform = scan.range.al;
        } else if component.quantization.is_none() {
            component.quantization =
                Some((*tables.quantization.get(component.header.quantization_table)?)?);
        }
    }
    let huffman: Vec<_> =
        scan.components.iter().map(|it| ScanTables::of(it, &scan.range, tables)).collect();
    let total = scan.columns * scan.rows;
    let interval = if tables.restart_interval == 0 { total } else { tables.restart_interval };
    let (mut is_complete, mut start) = (true, 0);
    let mut restarts = Restarts::default();
    let has_ended = Cell::new(false);
    let mut begin_row = |frame: &mut Frame, row| {
        let goes_on = begin_row(frame, row);
        has_ended.set(goes_on.is_none());
        goes_on
    };
    let mut bits = BitReader::new(ScanData::new(stream));
    while start < total {
        let end = total.min(start + interval);
        // whether there is no other data; arithmetic coding cannot tell
        let (decoded, is_at_end) = if frame.process == Process::Lossless {
            let mcus = start..end;
            let decoded = lossless::decode(scan, frame, &huffman, &mut bits, mcus, &mut begin_row);
            (decoded, bits.is_at_end())
        } else if frame.is_arithmetic {
            let components = &scan.components;
            let mut decoder =
                ArithmeticDecoder::new(bits.data(), components, &tables.conditioning, budget);
            let decoded = decode_blocks(scan, frame, &mut decoder, start..end, &mut begin_row);
            let is_cut_off = decoder.is_cut_off();
            // data before a marker is complete
            (decoded.filter(|()| !(is_cut_off && bits.data().ends_file())), false)
        } else {
            let mut decoder = HuffmanDecoder::new(&mut bits, &huffman, budget);
            let decoded = decode_blocks(scan, frame, &mut decoder, start..end, &mut begin_row);
            (decoded, bits.is_at_end())
        };
        if has_ended.get() {
            return None;
        }
        is_complete &= decoded.is_some();
        if end == total {
            break;
        }
        let Some(marker) = bits.next_interval() else {
            is_complete = false;
            break;
        };
        let lost = restarts.lost_intervals(marker, decoded.is_some() && is_at_end);
        is_complete &= lost == 0;
        start = end + interval * lost;
    }
    frame.is_damaged |= !is_complete;
    let (coefficients, missing_bits) = match frame.process {
        Process::Lossless => (0..=BLOCK_LEN - 1, 0),
        _ => (scan.range.ss..=scan.range.se, scan.range.al as u8),
    };
    for it in &scan.components {
        let component = &mut frame.components[it.component];
        component.missing_bits[coefficients.clone()].fill(missing_bits);
    }
    Some(bits.into_stream())
}
