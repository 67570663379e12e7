//! Reads a file from its beginning to its end: marker segments, and the data of scans without stuffed
//! bytes (ITU-T T.81, B.1.1). Only a few KiB of it are held.

use std::io::{BufRead, ErrorKind, Read};

use super::markers::{EOI, RST0, RST7, SOF0, SOI, SOI_BYTES, TEM};

/// A position in a file. What cannot be read counts as the end of the file: the source remembers why.
pub(super) struct Stream<'a> {
    source: &'a mut dyn BufRead,
    /// Whether the source is behind an FF that counts as not yet read.
    is_at_ff: bool,
}

impl<'a> Stream<'a> {
    /// Behind the SOI marker that the source begins with. `None` if it begins with something else.
    pub(super) fn new(source: &'a mut dyn BufRead) -> Option<Self> {
        let mut it = Self { source, is_at_ff: false };
        let start = [it.byte()?, it.byte()?];
        (start == SOI_BYTES).then_some(it)
    }

    /// Some of the bytes that follow; none at the end of the file.
    fn chunk(&mut self) -> &[u8] {
        while matches!(self.source.fill_buf(), Err(err) if err.kind() == ErrorKind::Interrupted) {}
        self.source.fill_buf().unwrap_or_default()
    }

    /// The byte that follows, behind an FF that counts as not yet read.
    fn peek(&mut self) -> Option<u8> {
        self.chunk().first().copied()
    }

    /// Moves behind the byte that follows, and an FF before it.
    fn skip_byte(&mut self) {
        self.source.consume(1);
        self.is_at_ff = false;
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        if std::mem::take(&mut self.is_at_ff) {
            return Some(0xff);
        }
        let byte = self.peek()?;
        self.skip_byte();
        Some(byte)
    }

    fn bytes(&mut self, count: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.source.take(count).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 == count).then_some(bytes)
    }

    /// Moves before the next FF.
    fn skip_to_ff(&mut self) -> Option<()> {
        while !self.is_at_ff {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return None;
            }
            let found = memchr::memchr(0xff, chunk);
            let skipped = found.map_or(chunk.len(), |at| at + 1);
            self.source.consume(skipped);
            self.is_at_ff = found.is_some();
        }
        Some(())
    }

    /// Moves behind the next marker that has a segment or is EOI, whatever is before it.
    pub(super) fn skip_to_marker(&mut self) -> Option<u8> {
        loop {
            self.skip_to_ff()?;
            match self.peek()? {
                0xff => self.source.consume(1), // a fill byte
                // a stuffed byte, and markers without a segment
                0 | TEM | RST0..=SOI => self.skip_byte(),
                marker => {
                    self.skip_byte();
                    return Some(marker);
                }
            }
        }
    }

    /// The marker that follows, behind one byte and any fill bytes.
    pub(super) fn marker(&mut self) -> Option<u8> {
        let mut before = self.byte()?;
        loop {
            match self.byte()? {
                0xff => before = 0xff,
                marker => return (before == 0xff).then_some(marker),
            }
        }
    }

    /// The length that a segment states, with the two bytes that state it.
    pub(super) fn stated_length(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// What a segment has behind its length. `None` where the file ends before, or the length is less
    /// than its own.
    pub(super) fn segment(&mut self) -> Option<Vec<u8>> {
        let length = self.stated_length()?.checked_sub(2)?;
        self.bytes(length.into())
    }

    /// The same, where a length that is less than its own counts as that.
    pub(super) fn lenient_segment(&mut self) -> Option<Vec<u8>> {
        let length = self.stated_length()?.saturating_sub(2);
        self.bytes(length.into())
    }

    /// Moves behind the next restart marker, and returns its number. Other markers that cannot be in a
    /// scan are damaged data, and skipped. `None` where the scan ends.
    pub(super) fn skip_restart_marker(&mut self) -> Option<u8> {
        loop {
            self.skip_to_ff()?;
            match self.peek()? {
                marker @ RST0..=RST7 => {
                    self.skip_byte();
                    return Some(marker - RST0);
                }
                0xff => self.source.consume(1), // a fill byte
                0..SOF0 => self.skip_byte(),
                _ => return None,
            }
        }
    }

    /// Moves behind the rest of a scan, also behind markers that are damaged data.
    pub(super) fn skip_scan(&mut self) {
        while self.skip_to_ff().is_some() && matches!(self.peek(), Some(0..SOF0 | RST0..=RST7)) {
            self.skip_byte();
        }
    }

    /// Appends some of the data of a scan up to the next marker, without stuffed bytes. Returns whether
    /// more may follow.
    fn append_data(&mut self, to: &mut Vec<u8>) -> bool {
        if self.is_at_ff {
            if self.peek() != Some(0) {
                return false;
            }
            self.skip_byte();
            to.push(0xff);
        }
        let chunk = self.chunk();
        if chunk.is_empty() {
            return false;
        }
        let mut at = 0;
        let is_at_ff = loop {
            let rest = &chunk[at..];
            let Some(found) = memchr::memchr(0xff, rest) else {
                to.extend_from_slice(rest);
                at = chunk.len();
                break false;
            };
            if rest.get(found + 1) != Some(&0) {
                to.extend_from_slice(&rest[..found]);
                at += found + 1;
                break true;
            }
            to.extend_from_slice(&rest[..=found]);
            at += found + 2;
        };
        self.source.consume(at);
        self.is_at_ff = is_at_ff;
        true
    }

    /// Whether nothing follows.
    pub(super) fn is_at_end(&mut self) -> bool {
        !self.is_at_ff && self.chunk().is_empty()
    }
}

/// Bytes that [`ScanData`] holds where there are so many: what a reader of bits takes at a time.
pub(super) const WORD_BYTES: usize = 8;

/// The data of a scan between two restart markers (B.1.1.5), without stuffed bytes.
pub(super) struct ScanData<'a> {
    stream: Stream<'a>,
    buffer: Vec<u8>,
    /// How many bytes of `buffer` were taken; more at the end of the interval, where zeros follow.
    taken: usize,
    /// Whether the interval ends with `buffer`.
    is_last: bool,
}

impl<'a> ScanData<'a> {
    pub(super) fn new(stream: Stream<'a>) -> Self {
        Self { stream, buffer: Vec::new(), taken: 0, is_last: false }
    }

    /// The next bytes, which stay; zeros behind the last one.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> [u8; WORD_BYTES] {
        match self.buffer.get(self.taken..self.taken + WORD_BYTES) {
            Some(&[a, b, c, d, e, f, g, h]) => [a, b, c, d, e, f, g, h],
            _ => self.peek_refilled(),
        }
    }

    #[cold]
    fn peek_refilled(&mut self) -> [u8; WORD_BYTES] {
        self.refill();
        let mut bytes = [0; WORD_BYTES];
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(WORD_BYTES);
        bytes[..count].copy_from_slice(&rest[..count]);
        bytes
    }

    #[inline(always)]
    pub(super) fn take(&mut self, bytes: usize) {
        self.taken += bytes;
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        if self.taken >= self.buffer.len() {
            self.refill();
        }
        let byte = self.buffer.get(self.taken).copied()?;
        self.taken += 1;
        Some(byte)
    }

    /// Makes at least [`WORD_BYTES`] ready, if there are so many.
    fn refill(&mut self) {
        if self.is_last || self.taken + WORD_BYTES <= self.buffer.len() {
            return;
        }
        self.buffer.drain(..self.taken);
        self.taken = 0;
        while !self.is_last && self.buffer.len() < WORD_BYTES {
            self.is_last = !self.stream.append_data(&mut self.buffer);
        }
    }

    /// How many of the last bytes are left, less those that were taken behind the last one. `None`
    /// where that many more follow that no [`WORD_BYTES`] can reach the last one.
    #[inline(always)]
    pub(super) fn left(&mut self) -> Option<isize> {
        if !self.is_last {
            if self.taken + WORD_BYTES <= self.buffer.len() {
                return None;
            }
            self.refill();
        }
        (self.is_last).then(|| self.buffer.len() as isize - self.taken as isize)
    }

    /// How many bytes were taken behind the last one.
    #[inline(always)]
    pub(super) fn taken_behind(&self) -> Option<usize> {
        self.taken.checked_sub(self.buffer.len())
    }

    /// Skips what is left of the interval.
    fn skip_interval(&mut self) {
        while !self.is_last {
            self.buffer.clear();
            self.is_last = !self.stream.append_data(&mut self.buffer);
        }
        self.buffer.clear();
        self.taken = 0;
    }

    /// Whether the file ends with the interval, which is left.
    pub(super) fn ends_file(&mut self) -> bool {
        self.skip_interval();
        self.stream.is_at_end()
    }

    /// Whether EOI or the end of the file is behind the interval, which is left.
    pub(super) fn ends_picture(&mut self) -> bool {
        self.ends_file() || matches!(self.stream.marker(), Some(EOI))
    }

    /// Begins the interval behind the next restart marker, and returns the number of that. `None` where
    /// the scan ends.
    pub(super) fn next_interval(&mut self) -> Option<u8> {
        self.skip_interval();
        let number = self.stream.skip_restart_marker()?;
        self.is_last = false;
        Some(number)
    }

    /// The file behind the interval.
    pub(super) fn into_stream(mut self) -> Stream<'a> {
        self.skip_interval();
        self.stream
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn markers_that_no_scan_has_are_skipped() {
        let skip = |file: &[u8]| {
            let file = [&SOI_BYTES, file].concat();
            let mut source = BufReader::with_capacity(1, &file[..]);
            let mut stream = Stream::new(&mut source).expect("SOI");
            (stream.skip_restart_marker(), stream.byte())
        };
        assert_eq!(skip(b"\xff\xff\xd3ab"), (Some(3), Some(b'a')));
        assert_eq!(skip(b"\xff\x42ab\xff\0c\xff\xd7"), (Some(7), None));
        assert_eq!(skip(b"\xff\x42ab\xff\xd9\xff\xd0"), (None, Some(0xff)));
        assert_eq!(skip(b"ab").0, None);
    }
}
