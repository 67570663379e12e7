//! Reads a file's structure: numbers, chunks and steps; where the file ends, errors say what is missing.

use std::io::{self, ErrorKind, Read, SeekFrom};

use memchr::memmem;

use crate::error::Error;
use crate::format::Format;
use crate::source::ReadSeek;

/// A place in a file. Every step past the file's end is an error that says what is missing.
pub(crate) struct ByteReader<'a> {
    pub(crate) source: &'a mut dyn ReadSeek,
    format: Format,
    pub(crate) at: u64,
    pub(crate) end: u64,
    /// What the file ends before, if it ends now: "its IEND chunk".
    pub(crate) awaited: &'static str,
}

impl<'a> ByteReader<'a> {
    pub(crate) fn new(source: &'a mut dyn ReadSeek, format: Format) -> Result<Self, Error> {
        let end = source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        Ok(Self { source, format, at: 0, end, awaited: "its header is complete" })
    }

    /// Of the whole file.
    pub(crate) fn length(&self) -> u64 {
        self.end
    }

    pub(crate) fn rest(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    pub(crate) fn skip(&mut self, bytes: u64) -> Result<(), Error> {
        if bytes > self.rest() {
            return Err(self.cut_off());
        }
        let step = i64::try_from(bytes).map_err(|_| self.cut_off())?;
        self.source.seek_relative(step).map_err(Error::Read)?;
        self.at += bytes;
        Ok(())
    }

    pub(crate) fn go_to(&mut self, at: u64) -> Result<(), Error> {
        if at > self.end {
            return Err(self.cut_off());
        }
        self.move_to(at).map_err(Error::Read)
    }

    /// Within what the reader has buffered, nothing is read again.
    fn move_to(&mut self, at: u64) -> io::Result<()> {
        let distance = i128::from(at) - i128::from(self.at);
        match i64::try_from(distance) {
            Ok(distance) => self.source.seek_relative(distance)?,
            Err(_) => drop(self.source.seek(SeekFrom::Start(at))?),
        }
        self.at = at;
        Ok(())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).map_err(|err| self.read_failed(err))?;
        self.at += N as u64;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16_be(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u16_le(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32_be(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u32_le(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    /// All of `bytes` where they are at most `most`; else their beginning. Passes over all.
    pub(crate) fn bytes(&mut self, bytes: u64, most: u64) -> Result<Vec<u8>, Error> {
        if bytes > self.rest() {
            return Err(self.cut_off());
        }
        let mut kept = Vec::new();
        self.source.take(bytes.min(most)).read_to_end(&mut kept).map_err(Error::Read)?;
        self.at += kept.len() as u64;
        self.skip(bytes.saturating_sub(kept.len() as u64))?;
        Ok(kept)
    }

    pub(crate) fn cut_off(&self) -> Error {
        Error::cut_off(self.format, self.awaited)
    }

    pub(crate) fn malformed(&self, reason: impl std::fmt::Display) -> Error {
        Error::malformed(self.format, reason)
    }

    /// Whether the file is long enough for that many pixels, at most `per_byte` in each of its bytes:
    /// nobody shall take memory for what cannot be there. A million are always allowed.
    pub(crate) fn can_hold(&self, pixels: u64, per_byte: u64) -> Result<(), Error> {
        match pixels > self.end.saturating_mul(per_byte).max(1 << 20) {
            true => Err(self.malformed("it claims more pixels than its length can hold")),
            false => Ok(()),
        }
    }

    /// Whether `mark`, the format's end, stands anywhere behind this place. It is looked for at the
    /// file's end first: others may have put something of theirs behind it.
    pub(crate) fn has_end(&mut self, mark: &[u8]) -> Result<bool, Error> {
        const STEP: u64 = 1 << 16;
        let here = self.at;
        for start in [self.end.saturating_sub(STEP).max(here), here] {
            let mut read = Vec::new();
            self.move_to(start).map_err(Error::Read)?;
            while self.at < self.end {
                // a mark may lie across two steps
                read.drain(..read.len().saturating_sub(mark.len() - 1));
                let step = self.source.take(STEP).read_to_end(&mut read).map_err(Error::Read)?;
                self.at += step as u64;
                if memmem::find(&read, mark).is_some() {
                    return Ok(true);
                }
                if step == 0 {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// Reads what there is from `at` on, as [`Read`] does.
    pub(crate) fn read_at(&mut self, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.move_to(at)?;
        let read = self.source.read(buf)?;
        self.at += read as u64;
        Ok(read)
    }

    pub(crate) fn unsupported(&self, what: &str) -> Error {
        Error::Unsupported(format!("this {} uses {what} that we cannot decode", self.format))
    }

    fn read_failed(&self, err: io::Error) -> Error {
        if err.kind() == ErrorKind::UnexpectedEof { self.cut_off() } else { Error::Read(err) }
    }
}
