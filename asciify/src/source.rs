//! The reader that everything is read through: it remembers whether the reader itself failed.
//!
//! Decoders wrap, rename and swallow what their reader tells them. Here it is noted before they
//! see it, so that a broken disk or a cancelled job never passes for a broken image.

use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom};

use crate::Error;

pub(crate) struct Source<R> {
    inner: R,
    failure: Option<io::Error>,
}

impl<R> Source<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, failure: None }
    }

    /// What came of the work, unless the source failed meanwhile: then that is the answer.
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

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let outcome = self.inner.read(buf);
        self.note(outcome)
    }
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // Asked twice, since the buffer cannot be inspected and lent out at once. The second time
        // there is something in it, and nothing is read.
        let outcome = self.inner.fill_buf().map(<[u8]>::is_empty);
        if self.note(outcome)? { Ok(&[]) } else { self.inner.fill_buf() }
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl<R: Seek> Seek for Source<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let outcome = self.inner.seek(to);
        self.note(outcome)
    }

    fn seek_relative(&mut self, offset: i64) -> io::Result<()> {
        let outcome = self.inner.seek_relative(offset);
        self.note(outcome)
    }
}
