//! Decodes only the DC coefficients of a JPEG: an image at an eighth of its width and height.
//!
//! The DC coefficient of a block is 8 times the mean of its 8 × 8 samples (T.81, A.3.3). AC
//! coefficients are skipped. The first scans of a progressive file have all DC coefficients;
//! nothing behind those is read.
//!
//! Blocks that are damaged or missing are grey: up to the next restart marker, or to the end. For
//! files of rare kinds, for damaged segments, and where not one block can be read, the result is `None`,
//! and the caller decodes at full size. It is also `None` when the caller has cancelled.

mod plane;
mod scan;

use std::io::BufRead;

use plane::{DcImage, Plane};
use scan::ScanDecoder;

pub(super) use plane::SCALE;

use super::huffman::BitReader;
use super::markers::{APP0, APP14, APP15, COM, DHT, DQT, DRI, SOF0, SOF2, SOS};
use super::segments::{FrameHeader, ScanHeader};
use super::stream::{ScanData, Stream};
use super::tables::Tables;
use crate::cancellation::Cancellation;

/// Decodes a file from its beginning.
///
/// Memory is taken for each block that the frame header claims: the caller checks its sides against
/// the limits.
pub(super) fn decode(source: &mut dyn BufRead, cancellation: &Cancellation<'_>) -> Option<DcImage> {
    let mut reader = Reader::default();
    let mut stream = Stream::new(source)?;
    while !reader.is_complete() {
        let Some((marker, segment)) = next_segment(&mut stream) else {
            // the file is truncated: components may be missing
            return if reader.has_plane() { reader.finish() } else { None };
        };
        match marker {
            SOF0..=SOF2 if reader.frame.is_none() => {
                reader.frame = Some(Frame::parse(&segment, marker)?);
            }
            DQT | DHT | DRI => reader.tables.read(marker, &segment)?,
            // byte 11 is the color transform: 1 is YCbCr
            APP14 if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => return None,
            SOS => {
                let scan = reader.scan_header(&segment)?;
                stream = reader.read_scan(&scan, stream, cancellation)?;
            }
            APP0..=APP15 | COM => {}
            _ => return None,
        }
    }
    reader.finish()
}

/// The marker that follows and its segment, without its length.
fn next_segment(stream: &mut Stream<'_>) -> Option<(u8, Vec<u8>)> {
    Some((stream.marker()?, stream.segment()?))
}

#[derive(Default)]
struct Reader {
    frame: Option<Frame>,
    tables: Tables,
    /// Whether any block was decoded.
    has_blocks: bool,
    /// Whether a scan lacks blocks.
    lacks_blocks: bool,
}

struct Frame {
    header: FrameHeader,
    is_progressive: bool,
    /// By component; `None` until its scan was read.
    planes: Vec<Option<Plane>>,
}

impl Frame {
    /// `None` for other frames than grey and YCbCr ones of 8 bits.
    fn parse(segment: &[u8], marker: u8) -> Option<Self> {
        let header = FrameHeader::parse(segment)?;
        let count = header.components.len();
        let is_common = header.precision == 8 && matches!(count, 1 | 3) && !header.has_rgb_ids();
        is_common.then(|| Self {
            header,
            is_progressive: marker == SOF2,
            planes: (0..count).map(|_| None).collect(),
        })
    }
}

impl Reader {
    /// Whether the DC coefficients of all components were read.
    fn is_complete(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.planes.iter().all(Option::is_some))
    }

    fn has_plane(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.planes.iter().any(Option::is_some))
    }

    fn scan_header(&self, segment: &[u8]) -> Option<ScanHeader> {
        let frame = self.frame.as_ref()?;
        let scan = ScanHeader::parse(segment, &frame.header)?;
        let is_valid_count = (1..=frame.planes.len()).contains(&scan.components.len());
        let is_common = match (frame.is_progressive, has_dc(&scan)) {
            (true, has_dc) => !has_dc || scan.se == 0,
            (false, has_dc) => has_dc && scan.se == 63,
        };
        (is_valid_count && is_common).then_some(scan)
    }

    /// Decodes the scan whose data follows, or skips one that has no DC coefficients. Returns what is
    /// behind it.
    fn read_scan<'a>(
        &mut self,
        scan: &ScanHeader,
        mut stream: Stream<'a>,
        cancellation: &Cancellation<'_>,
    ) -> Option<Stream<'a>> {
        if has_dc(scan) {
            let frame = self.frame.as_mut()?;
            let decoder =
                ScanDecoder::new(scan, &frame.header, frame.is_progressive, &self.tables)?;
            let mut bits = BitReader::new(ScanData::new(stream));
            let decoded = decoder.decode(&mut bits, cancellation)?;
            self.has_blocks |= decoded.has_blocks;
            self.lacks_blocks |= !decoded.is_complete;
            for (it, plane) in scan.components.iter().zip(decoded.planes) {
                // once only (B.2.3), so that time is bounded by the file's length
                if frame.planes[it.component].replace(plane).is_some() {
                    return None;
                }
            }
            stream = bits.into_stream();
        }
        // what follows the last scan that is needed is not read
        if !self.is_complete() {
            stream.skip_scan();
        }
        Some(stream)
    }

    /// `None` where not one block was decoded.
    fn finish(self) -> Option<DcImage> {
        let is_complete = self.is_complete() && !self.lacks_blocks;
        let Frame { header, planes, .. } = self.frame.filter(|_| self.has_blocks)?;
        Some(DcImage {
            is_complete,
            width: header.width.div_ceil(SCALE as usize),
            height: header.height.div_ceil(SCALE as usize),
            planes: planes.into_iter().map(|it| it.unwrap_or(Plane::MISSING)).collect(),
        })
    }
}

/// Whether a scan has DC coefficients that no earlier scan had.
fn has_dc(scan: &ScanHeader) -> bool {
    scan.ss == 0 && scan.ah == 0
}

#[cfg(test)]
mod tests;
