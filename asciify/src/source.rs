//! The reader that all decoders read through. It remembers whether the reader itself failed.
//!
//! Decoders wrap and replace the errors of their reader. [`Source`] notes such an error before a
//! decoder sees it, so that a failing disk is never reported as a damaged image. When the caller has
//! cancelled, every read fails, so that decoders end.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::kept::{Answers, KeptStatistics};

/// What decoders need of a reader: it is buffered and seekable.
pub trait ReadSeek: BufRead + Seek {
    /// Announces the ranges of the file, in bytes, that are read next, in place of those that were
    /// announced before. A reader for which each read takes long may fetch them ahead, together.
    fn will_read(&mut self, _ranges: &[Range<u64>]) {}

    /// Whether the file was probed before, without an error. Then what may be missing of it is not
    /// looked for.
    fn was_probed(&self) -> bool {
        false
    }
}

impl<T: AsRef<[u8]>> ReadSeek for Cursor<T> {}

impl<R: Read + Seek> ReadSeek for BufReader<R> {}

impl<T: ReadSeek + ?Sized> ReadSeek for &mut T {
    fn will_read(&mut self, ranges: &[Range<u64>]) {
        (**self).will_read(ranges);
    }

    fn was_probed(&self) -> bool {
        (**self).was_probed()
    }
}

impl<T: ReadSeek + ?Sized> ReadSeek for Box<T> {
    fn will_read(&mut self, ranges: &[Range<u64>]) {
        (**self).will_read(ranges);
    }

    fn was_probed(&self) -> bool {
        (**self).was_probed()
    }
}

/// What probing checks besides the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Checks {
    /// Nothing: the file was checked before.
    Headers,
    /// Whether end marks and chunks are within the file.
    Ends,
    /// Also whether the data of all pixels are there where an end mark is missing, which are decoded.
    Data,
}

/// Bytes that decoders get at a time. Of a decompression bomb, they make a few million pixels.
const CHUNK_BYTES: usize = 4096;

/// The caller's reader, as a trait object: decoders are compiled once, in this crate, not again for
/// every type of reader.
pub(crate) struct Source<'a> {
    inner: &'a mut dyn ReadSeek,
    cancellation: &'a Cancellation<'a>,
    /// The first error of the reader itself.
    failure: Option<io::Error>,
    pub(crate) checks: Checks,
    /// What draws before this one found out; `None` for a file that is read once.
    pub(crate) kept: Option<&'a KeptStatistics>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(inner: &'a mut dyn ReadSeek, cancellation: &'a Cancellation<'a>) -> Self {
        let checks = if inner.was_probed() { Checks::Headers } else { Checks::Ends };
        Self { inner, cancellation, failure: None, checks, kept: None }
    }

    /// For decoders that work without reading.
    pub(crate) fn cancellation(&self) -> &'a Cancellation<'a> {
        self.cancellation
    }

    /// What draws before this one found out.
    pub(crate) fn answers(&self) -> Answers<'a> {
        Answers { kept: self.kept, cancellation: self.cancellation }
    }

    /// `outcome`, or [`Error::Cancelled`], or [`Error::Read`] if the reader itself failed.
    pub(crate) fn verdict<T>(self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.cancellation.check()?;
        self.failure.map_or(outcome, |failure| Err(Error::Read(failure)))
    }

    /// An error if the caller has cancelled. Its kind is one that no decoder retries.
    fn check(&self) -> io::Result<()> {
        self.cancellation.check().map_err(|_| io::Error::from(ErrorKind::TimedOut))
    }

    /// Keeps the first error of the reader itself. Errors about the file's length or content, and
    /// interrupted calls, which are retried, are only passed on.
    fn note<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.map_err(|err| match err.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::Interrupted => err,
            kind => {
                self.failure.get_or_insert(err);
                kind.into()
            }
        })
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let outcome = self.inner.read(buf);
        self.note(outcome)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        // Called twice, since a buffer that is returned cannot be inspected before. The second call
        // finds a filled buffer and reads nothing.
        let outcome = self.inner.fill_buf().map(<[u8]>::is_empty);
        if self.note(outcome)? {
            return Ok(&[]);
        }
        let rest = self.inner.fill_buf()?;
        Ok(&rest[..rest.len().min(CHUNK_BYTES)])
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl ReadSeek for Source<'_> {
    fn will_read(&mut self, ranges: &[Range<u64>]) {
        self.inner.will_read(ranges);
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.check()?;
        let outcome = self.inner.seek(to);
        self.note(outcome)
    }

    fn seek_relative(&mut self, offset: i64) -> io::Result<()> {
        self.check()?;
        let outcome = self.inner.seek_relative(offset);
        self.note(outcome)
    }
}
