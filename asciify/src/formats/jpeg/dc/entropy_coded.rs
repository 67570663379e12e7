//! The entropy-coded segments of a scan: its data between restart markers (T.81, B.1.1.5).

use crate::formats::jpeg::markers::{RST0, RST7, SOF0};
use crate::formats::jpeg::restarts;

/// The entropy-coded segments of a scan. Stuffed bytes are removed in place, so that no copy of the
/// file is made.
pub(super) struct RestartIntervals<'a> {
    file: &'a mut [u8],
    /// The offset of the next segment; after it was read, that of the marker behind it.
    at: usize,
}

impl<'a> RestartIntervals<'a> {
    /// The scan whose data begins at `at`.
    pub(super) fn new(file: &'a mut [u8], at: usize) -> Self {
        Self { file, at }
    }

    /// The data up to the next marker, or to the end of the file.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let start = self.at;
        let (mut from, mut to) = (start, start);
        loop {
            let found = memchr::memchr(0xff, self.file.get(from..)?).map(|found| from + found);
            let Some(end) = found.filter(|end| end + 1 < self.file.len()) else {
                let end = found.unwrap_or(self.file.len());
                self.file.copy_within(from..end, to);
                self.at = self.file.len();
                return Some(&self.file[start..to + end - from]);
            };
            let is_stuffed = self.file[end + 1] == 0;
            let end = end + usize::from(is_stuffed);
            self.file.copy_within(from..end, to);
            to += end - from;
            from = end + usize::from(is_stuffed);
            if !is_stuffed {
                self.at = end;
                return Some(&self.file[start..to]);
            }
        }
    }

    /// Skips the next restart marker, and returns its number: see [`restarts::skip_marker`].
    pub(super) fn skip_restart_marker(&mut self) -> Option<u8> {
        restarts::skip_marker(self.file, &mut self.at)
    }

    /// Skips what is left of the scan, also markers that are damaged data. Returns the offset of the marker behind it.
    pub(super) fn skip_rest(self) -> Option<usize> {
        let mut at = self.at;
        loop {
            match memchr::memchr(0xff, self.file.get(at..)?).map(|found| at + found) {
                Some(found) if found + 1 < self.file.len() => at = found,
                _ => return Some(self.file.len()),
            }
            if !matches!(self.file[at + 1], 0..SOF0 | RST0..=RST7) {
                return Some(at);
            }
            at += 2;
        }
    }
}
