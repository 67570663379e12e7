//! LZMA in the .xz format (version 1.2.1, tukaani.org/xz/xz-file-format.txt), as libtiff writes it: a
//! stream for each chunk, with the filters Delta and LZMA2.
//!
//! Checksums and the index are not read: the data has a known length.

use std::io::{self, ErrorKind};

use super::ifd::FORMAT;
use crate::formats::foreign::guarded;

/// Header Magic Bytes (section 2.1.1.1), and the length of the whole header.
const MAGIC: &[u8] = b"\xfd7zXZ\0";
const STREAM_HEADER_BYTES: usize = 12;
/// Filter IDs (section 5.3).
const DELTA: u64 = 0x03;
const LZMA2: u64 = 0x21;

/// The data of a stream: at most `max_bytes` bytes.
///
/// # Errors
/// The data is damaged or longer.
pub(super) fn decompress(stream: &[u8], max_bytes: u64) -> io::Result<Vec<u8>> {
    let damaged = || io::Error::new(ErrorKind::InvalidData, "LZMA");
    let data = guarded(FORMAT, || Ok(blocks(stream, max_bytes)));
    data.ok().flatten().ok_or_else(damaged)
}

/// `None` for damaged data; so in the functions below.
fn blocks(stream: &[u8], max_bytes: u64) -> Option<Vec<u8>> {
    let mut rest = stream.strip_prefix(MAGIC)?.get(STREAM_HEADER_BYTES - MAGIC.len()..)?;
    // Stream Flags: sizes of checks (section 2.1.1.2)
    let check_bytes = match stream[MAGIC.len() + 1] & 0x0f {
        0 => 0,
        kind => 4 << ((kind - 1) / 3),
    };
    let mut data = Vec::new();
    // the index begins with a zero byte instead of the size of a block's header
    while let Some(size) = rest.first().filter(|size| **size > 0) {
        let (header, packed) = rest.split_at_checked((usize::from(*size) + 1) * 4)?;
        let distances = delta_distances(header)?;
        let (packed_bytes, bytes) = lzma2_lengths(packed)?;
        if data.len() as u64 + bytes > max_bytes {
            return None;
        }
        let mut block = Vec::with_capacity(bytes as usize);
        lzma_rs::lzma2_decompress(&mut &packed[..packed_bytes], &mut block).ok()?;
        distances.iter().rev().for_each(|distance| undo_delta(&mut block, *distance));
        match data.is_empty() {
            true => data = block,
            false => data.extend(block),
        }
        // Block Padding
        rest = packed.get(packed_bytes.next_multiple_of(4) + check_bytes..)?;
    }
    Some(data)
}

/// The distances of the Delta filters before LZMA2, from a Block Header (section 3.1).
fn delta_distances(header: &[u8]) -> Option<Vec<usize>> {
    let flags = *header.get(1)?;
    let mut fields = &header[2..];
    // Compressed Size and Uncompressed Size
    for flag in [0x40, 0x80] {
        if flags & flag != 0 {
            integer(&mut fields)?;
        }
    }
    let mut distances = Vec::new();
    for _ in 0..flags & 3 {
        let properties = filter(&mut fields, DELTA)?;
        distances.push(usize::from(*properties.first()?) + 1);
    }
    filter(&mut fields, LZMA2)?;
    Some(distances)
}

/// The properties of a filter, which must be the one of that ID (section 3.1.5).
fn filter<'a>(fields: &mut &'a [u8], id: u64) -> Option<&'a [u8]> {
    let is_known = integer(fields)? == id;
    let length = usize::try_from(integer(fields)?).ok()?;
    fields.split_off(..length).filter(|_| is_known)
}

/// A variable-length integer (section 1.2).
fn integer(fields: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = *fields.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The lengths of LZMA2 data and of what it decompresses to, from the headers of its chunks.
fn lzma2_lengths(data: &[u8]) -> Option<(usize, u64)> {
    let (mut packed, mut unpacked) = (0, 0);
    let u16_at = |at: usize| -> Option<usize> {
        Some(usize::from(u16::from_be_bytes(*data.get(at..)?.first_chunk()?)))
    };
    loop {
        let control = *data.get(packed)?;
        match control {
            0 => return (packed < data.len()).then_some((packed + 1, unpacked)),
            // uncompressed
            1 | 2 => {
                let bytes = u16_at(packed + 1)? + 1;
                unpacked += bytes as u64;
                packed += 3 + bytes;
            }
            3..=0x7f => return None,
            _ => {
                let high = usize::from(control & 0x1f) << 16;
                unpacked += (high + u16_at(packed + 1)? + 1) as u64;
                // properties follow where they change
                let header = if control >= 0xc0 { 6 } else { 5 };
                packed += header + u16_at(packed + 3)? + 1;
            }
        }
    }
}

/// The filter Delta (section 5.3.3): adds to each byte the one `distance` bytes before.
fn undo_delta(data: &mut [u8], distance: usize) {
    for at in distance..data.len() {
        data[at] = data[at].wrapping_add(data[at - distance]);
    }
}
