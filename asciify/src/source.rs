//! The reader that everything is read through: it remembers whether the reader itself failed.
//!
//! Decoders wrap, rename and swallow the errors of their reader. Here they are noted before a
//! decoder sees them, so that a broken disk or a cancelled job is never taken for a broken image.

use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom};

use crate::error::Error;

/// Buffered and seekable: what decoders need of a reader.
pub(crate) trait ReadSeek: BufRead + Seek {}

impl<T: BufRead + Seek + ?Sized> ReadSeek for T {}

/// A caller's reader. It is a trait object, so that decoders are compiled once, in this crate, and
/// not again for every type of reader that callers have.
pub(crate) struct Source<'a> {
    inner: &'a mut dyn ReadSeek,
    failure: Option<io::Error>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(inner: &'a mut dyn ReadSeek) -> Self {
        Self { inner, failure: None }
    }

    /// `outcome`, unless the source failed meanwhile: then [`Error::Read`].
    pub(crate) fn verdict<T>(self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.failure.map_or(outcome, |failure| Err(Error::Read(failure)))
    }

    /// Lets through what is about the file's length or is retried; keeps the first of the rest.
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
        let outcome = self.inner.read(buf);
        self.note(outcome)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // Called twice, since the buffer cannot be inspected and lent out at once. The second call
        // finds something in it and reads nothing.
        let outcome = self.inner.fill_buf().map(<[u8]>::is_empty);
        if self.note(outcome)? { Ok(&[]) } else { self.inner.fill_buf() }
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let outcome = self.inner.seek(to);
        self.note(outcome)
    }

    fn seek_relative(&mut self, offset: i64) -> io::Result<()> {
        let outcome = self.inner.seek_relative(offset);
        self.note(outcome)
    }
}
