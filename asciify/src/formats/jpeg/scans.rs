//! Whether the scans of a progressive JPEG take no more time than its length justifies. In a later
//! scan, an EOB run of a few bits stands for thousands of blocks (ITU-T T.81, G.1.2.2).

use std::io::BufRead;

use super::block::BLOCK_SIDE;
use super::markers::{EOI, SOF0, SOF2, SOS};
use super::segments::{FrameHeader, ScanHeader};
use super::stream::Stream;

/// Blocks that scans may have: so many, and so many per byte of the file. Encoders write about ten
/// scans, and the first one takes a bit for each block at least.
const FREE_BLOCKS: u64 = 1 << 24;
const BLOCKS_PER_BYTE: u64 = 64;

/// Scans that are decoded. Encoders write up to about 25.
pub(super) const MAX_SCANS: usize = 100;

/// Blocks that the scans of a file of that length may have.
pub(super) fn max_blocks(file_bytes: u64) -> u64 {
    FREE_BLOCKS.saturating_add(BLOCKS_PER_BYTE.saturating_mul(file_bytes))
}

/// Whether the scans of a file of that length have so few blocks in total that each byte of it stands
/// for few.
pub(in crate::formats) fn are_bounded(source: &mut dyn BufRead, file_bytes: u64) -> bool {
    let max = max_blocks(file_bytes);
    blocks_of_scans(source, max) <= max
}

/// The blocks of all scans; counting ends above `max`. What a decoder would refuse is not counted.
fn blocks_of_scans(source: &mut dyn BufRead, max: u64) -> u64 {
    let (mut frame, mut blocks) = (None, 0_u64);
    let Some(mut stream) = Stream::new(source) else { return 0 };
    while blocks <= max
        && let Some(marker) = stream.skip_to_marker()
        && marker != EOI
        && let Some(segment) = stream.lenient_segment()
    {
        match marker {
            SOF0..=SOF2 if frame.is_none() => frame = FrameHeader::parse(&segment),
            SOS => blocks += frame.as_ref().map_or(0, |frame| blocks_of_scan(frame, &segment)),
            _ => {}
        }
    }
    blocks
}

/// The blocks of a scan; 0 where its header is malformed.
pub(super) fn blocks_of_scan(frame: &FrameHeader, segment: &[u8]) -> u64 {
    let Some(scan) = ScanHeader::parse(segment, frame) else { return 0 };
    let ((across, down), per_mcu) = match scan.components.as_slice() {
        [alone] => (frame.data_units(alone.component, BLOCK_SIDE), 1),
        components => {
            let blocks = components.iter().map(|it| &frame.components[it.component]);
            (frame.mcus(BLOCK_SIDE), blocks.map(|it| it.h * it.v).sum())
        }
    };
    across as u64 * down as u64 * per_mcu as u64
}
