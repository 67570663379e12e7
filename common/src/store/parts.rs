//! The parts of a blob that is written in parts.

use std::ops::Range;

use crate::resumable::Part;

/// The least bytes of a part but the last one. S3 requires 5 MiB.
pub(super) const MIN_PART_BYTES: u64 = 8 << 20;
/// The most parts that a blob is divided into. S3 allows 10,000: some numbers may be lost by crashes.
const MAX_PARTS: u64 = 9_000;

/// A part that the store answered with this entity tag, and its CRC-32 if it has computed one.
pub(super) fn part(number: i32, tag: &str, checksum: Option<&str>) -> Part {
    let receipt = match checksum {
        Some(checksum) => format!("{tag} {checksum}"),
        None => tag.to_owned(),
    };
    Part { number, receipt }
}

/// The entity tag of a part, and its CRC-32.
pub(super) fn receipt(part: &Part) -> (&str, Option<&str>) {
    match part.receipt.split_once(' ') {
        Some((tag, checksum)) => (tag, Some(checksum)),
        None => (&part.receipt, None),
    }
}

/// How many bytes each part of a blob but the last one has.
pub(super) fn part_bytes(blob_bytes: u64) -> u64 {
    blob_bytes.div_ceil(MAX_PARTS).next_multiple_of(1 << 20).max(MIN_PART_BYTES)
}

/// The ranges of the parts, none of them empty.
pub(super) fn ranges(bytes: u64, part_bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let starts = (0..bytes).step_by(part_bytes as usize);
    starts.map(move |start| start..(start + part_bytes).min(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_of_any_size_has_parts_that_s3_takes() {
        for bytes in [1, MIN_PART_BYTES, MIN_PART_BYTES + 1, 1 << 30, 1 << 36, 5 << 40] {
            let parts: Vec<_> = ranges(bytes, part_bytes(bytes)).collect();
            assert!(parts.len() as u64 <= MAX_PARTS, "{bytes} bytes: {} parts", parts.len());
            assert_eq!(parts[0].start, 0);
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start));
            assert_eq!(parts.last().unwrap().end, bytes);
            let (_, all_but_last) = parts.split_last().unwrap();
            let sizes = all_but_last.iter().map(|part| part.end - part.start);
            assert!(sizes.min().is_none_or(|min| min >= MIN_PART_BYTES));
        }
    }
}
