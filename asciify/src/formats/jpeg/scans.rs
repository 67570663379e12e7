//! Whether the scans of a progressive JPEG take no more time than its length justifies. In a later
//! scan, an EOB run of a few bits stands for thousands of blocks (ITU-T T.81, G.1.2.2).

use super::block::BLOCK_SIDE;
use super::markers::{EOI, RST0, SOF0, SOF2, SOI, SOI_BYTES, SOS, TEM};
use super::segments::{FrameHeader, ScanHeader};

/// Blocks that scans may have: so many, and so many per byte of the file. Encoders write about ten
/// scans, and the first one takes a bit for each block at least.
const FREE_BLOCKS: u64 = 1 << 24;
const BLOCKS_PER_BYTE: u64 = 64;

/// Whether the scans of a file have so few blocks in total that each byte of it stands for few.
pub(in crate::formats) fn are_bounded(file: &[u8]) -> bool {
    let max = FREE_BLOCKS.saturating_add(BLOCKS_PER_BYTE * file.len() as u64);
    blocks_of_scans(file, max) <= max
}

/// The blocks of all scans; counting ends above `max`. What a decoder would refuse is not counted.
fn blocks_of_scans(file: &[u8], max: u64) -> u64 {
    let (mut frame, mut blocks) = (None, 0_u64);
    let mut rest = file.strip_prefix(&SOI_BYTES).unwrap_or_default();
    while let Some(at) = memchr::memchr(0xff, rest).filter(|_| blocks <= max) {
        rest = &rest[at + 1..];
        let Some((marker, behind)) = rest.split_first() else { break };
        match *marker {
            0xff => continue, // a fill byte
            EOI => break,
            // a stuffed byte, and markers without a segment
            0 | TEM | RST0..=SOI => {
                rest = behind;
                continue;
            }
            _ => {}
        }
        let Some((length, _)) = behind.split_first_chunk() else { break };
        let length = usize::from(u16::from_be_bytes(*length)).max(2);
        let Some((segment, after)) = behind.split_at_checked(length) else { break };
        let segment = &segment[2..];
        match *marker {
            SOF0..=SOF2 if frame.is_none() => frame = FrameHeader::parse(segment),
            SOS => blocks += frame.as_ref().map_or(0, |frame| blocks_of_scan(frame, segment)),
            _ => {}
        }
        rest = after;
    }
    blocks
}

fn blocks_of_scan(frame: &FrameHeader, segment: &[u8]) -> u64 {
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
