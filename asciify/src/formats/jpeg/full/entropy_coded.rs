//! The entropy-coded segments of a scan: its data between restart markers. Damage in one of them
//! does not affect the next.

use std::ops::Range;

use super::arithmetic::ArithmeticDecoder;
use super::entropy::EntropyDecoder;
use super::frame::{Frame, Process};
use super::huffman::{HuffmanDecoder, ScanTables};
use super::lossless;
use super::scan::{BeginRow, MAX_COMPONENTS, Scan};
use crate::formats::jpeg::block::BLOCK_LEN;
use crate::formats::jpeg::huffman::BitReader;
use crate::formats::jpeg::restarts::{self, Restarts};
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

/// Entropy-coded segments and the markers between them (T.81, B.1.1.5).
pub(super) struct EntropyCodedSegments<'a> {
    file: &'a [u8],
    /// The offset in the file of what comes next.
    at: usize,
    /// The current segment, without stuffed bytes.
    data: Vec<u8>,
}

impl<'a> EntropyCodedSegments<'a> {
    /// The scan whose data begins at `at`.
    pub(super) fn new(file: &'a [u8], at: usize) -> Self {
        Self { file, at, data: Vec::new() }
    }

    /// Decodes the scan. Returns the offset behind it. `None` where a quantization table is
    /// missing, and where `begin_row` returns that.
    pub(super) fn decode(
        mut self,
        scan: &Scan,
        frame: &mut Frame,
        tables: &Tables,
        budget: &mut u64,
        begin_row: &mut BeginRow<'_>,
    ) -> Option<usize> {
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
        while start < total {
            self.next();
            // data before a marker is complete
            let may_be_cut_off = self.at == self.file.len();
            let data = &self.data[..];
            let end = total.min(start + interval);
            // whether there is no other data; arithmetic coding cannot tell
            let (decoded, is_at_end) = if frame.process == Process::Lossless {
                let mut bits = BitReader::new(data);
                let decoded =
                    lossless::decode(scan, frame, &huffman, &mut bits, start..end, begin_row);
                (decoded, bits.is_at_end())
            } else if frame.is_arithmetic {
                let components = &scan.components;
                let mut decoder =
                    ArithmeticDecoder::new(data, components, &tables.conditioning, budget);
                let decoded = decode_blocks(scan, frame, &mut decoder, start..end, begin_row);
                (decoded.filter(|()| !(may_be_cut_off && decoder.is_cut_off())), false)
            } else {
                let mut decoder = HuffmanDecoder::new(data, &huffman, budget);
                let decoded = decode_blocks(scan, frame, &mut decoder, start..end, begin_row);
                (decoded, decoder.is_at_end())
            };
            is_complete &= decoded.is_some();
            if end == total {
                break;
            }
            let Some(marker) = restarts::skip_marker(self.file, &mut self.at) else {
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
        Some(self.at)
    }

    /// Reads the data up to the next marker or the end of the file.
    fn next(&mut self) {
        self.data.clear();
        loop {
            let rest = self.file.get(self.at..).unwrap_or_default();
            let end = memchr::memchr(0xff, rest).unwrap_or(rest.len());
            let is_stuffed = rest.get(end + 1) == Some(&0);
            self.data.extend_from_slice(&rest[..end + usize::from(is_stuffed)]);
            self.at += end + 2 * usize::from(is_stuffed);
            if !is_stuffed {
                return;
            }
        }
    }
}
