//! Reads numbers, chunks and byte ranges of a file. Where the file ends, errors say what is
//! missing.

use std::io::{self, ErrorKind, Read, SeekFrom};

use memchr::memmem;

use crate::error::Error;
use crate::format::Format;
use crate::source::{Checks, ReadSeek};

/// A reader at a position in a file. Reading past the end is an error that says what is missing.
pub(crate) struct ByteReader<'a> {
    pub(crate) source: &'a mut dyn ReadSeek,
    pub(crate) format: Format,
    /// The offset in the file of the next byte. Code that moves `source` itself updates it.
    pub(crate) position: u64,
    /// The length of the file in bytes.
    pub(crate) end: u64,
    /// What is missing if the file ends here, for messages: "its IEND chunk".
    pub(crate) awaited: &'static str,
    pub(crate) checks: Checks,
}

impl<'a> ByteReader<'a> {
    /// A reader at the beginning of `source`.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn new(source: &'a mut dyn ReadSeek, format: Format) -> Result<Self, Error> {
        let end = source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        let awaited = "its header is complete";
        Ok(Self { source, format, position: 0, end, awaited, checks: Checks::Headers })
    }

    /// Bytes from here to the end of the file.
    pub(crate) fn remaining(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }

    /// Moves forward by `bytes`.
    ///
    /// # Errors
    /// The file ends before.
    pub(crate) fn skip(&mut self, bytes: u64) -> Result<(), Error> {
        if bytes > self.remaining() {
            return Err(self.cut_off());
        }
        let distance = i64::try_from(bytes).map_err(|_| self.cut_off())?;
        self.source.seek_relative(distance).map_err(Error::Read)?;
        self.position += bytes;
        Ok(())
    }

    /// Moves to an offset in the file.
    ///
    /// # Errors
    /// The file ends before.
    pub(crate) fn seek_to(&mut self, position: u64) -> Result<(), Error> {
        if position > self.end {
            return Err(self.cut_off());
        }
        self.move_to(position).map_err(Error::Read)
    }

    /// Moves by a relative seek where possible, so that buffered bytes are not read again.
    fn move_to(&mut self, position: u64) -> io::Result<()> {
        let distance = i128::from(position) - i128::from(self.position);
        match i64::try_from(distance) {
            Ok(distance) => self.source.seek_relative(distance)?,
            Err(_) => drop(self.source.seek(SeekFrom::Start(position))?),
        }
        self.position = position;
        Ok(())
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// The file ends before; so in the functions below.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills `buf` with the next bytes.
    pub(crate) fn fill(&mut self, buf: &mut [u8]) -> Result<(), Error> {
        self.source.read_exact(buf).map_err(|err| self.read_failed(err))?;
        self.position += buf.len() as u64;
        Ok(())
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

    /// The type of the next box, and the length of its content in bytes (ISO/IEC 14496-12, 4.2).
    ///
    /// # Errors
    /// The file ends before, or the box is shorter than its header.
    #[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
    pub(crate) fn box_header(&mut self) -> Result<([u8; 4], u64), Error> {
        let (size, kind) = (self.u32_be()?, self.array()?);
        let length = match size {
            0 => Some(self.remaining()),
            1 => u64::from_be_bytes(self.array()?).checked_sub(16),
            size => u64::from(size).checked_sub(8),
        };
        Ok((kind, length.ok_or_else(|| self.malformed("a box is shorter than its header"))?))
    }

    /// Moves behind the next `bytes` bytes and returns the first `max` of them.
    ///
    /// # Errors
    /// The file ends before.
    pub(crate) fn bytes(&mut self, bytes: u64, max: u64) -> Result<Vec<u8>, Error> {
        if bytes > self.remaining() {
            return Err(self.cut_off());
        }
        let mut kept = Vec::new();
        self.source.take(bytes.min(max)).read_to_end(&mut kept).map_err(Error::Read)?;
        self.position += kept.len() as u64;
        self.skip(bytes.saturating_sub(kept.len() as u64))?;
        Ok(kept)
    }

    /// Reads into `buf` from an offset, as [`Read`] does.
    ///
    /// # Errors
    /// The source failed.
    pub(crate) fn read_at(&mut self, position: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.move_to(position)?;
        let read = self.source.read(buf)?;
        self.position += read as u64;
        Ok(read)
    }

    /// Checks that the file is long enough for that many pixels at `per_byte` pixels per byte,
    /// before memory is allocated for them. A million pixels are always allowed.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is not.
    pub(crate) fn can_hold(&self, pixels: u64, per_byte: u64) -> Result<(), Error> {
        self.can_hold_in(self.end, pixels, per_byte)
    }

    /// The same for a part of the file that has so many bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is too short.
    pub(crate) fn can_hold_in(&self, bytes: u64, pixels: u64, per_byte: u64) -> Result<(), Error> {
        match pixels > bytes.saturating_mul(per_byte).max(1 << 20) {
            true => Err(self.malformed("it claims more pixels than its length can hold")),
            false => Ok(()),
        }
    }

    /// Whether the bytes of `marker` occur between here and the end of the file. The last 64 KiB
    /// are searched first, since an end marker is there in most files, even if other data follows
    /// it.
    ///
    /// # Errors
    /// The source failed.
    pub(crate) fn contains(&mut self, marker: &[u8]) -> Result<bool, Error> {
        const STEP: u64 = 1 << 16;
        let here = self.position;
        for start in [self.end.saturating_sub(STEP).max(here), here] {
            let mut read = Vec::new();
            self.move_to(start).map_err(Error::Read)?;
            while self.position < self.end {
                // a marker may begin in one step and end in the next
                read.drain(..read.len().saturating_sub(marker.len() - 1));
                let step = self.source.take(STEP).read_to_end(&mut read).map_err(Error::Read)?;
                self.position += step as u64;
                if memmem::find(&read, marker).is_some() {
                    return Ok(true);
                }
                if step == 0 {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// The error for a file that ends here.
    pub(crate) fn cut_off(&self) -> Error {
        Error::cut_off(self.format, self.awaited)
    }

    /// The error for a file that breaks its format's rules.
    pub(crate) fn malformed(&self, reason: impl std::fmt::Display) -> Error {
        Error::malformed(self.format, reason)
    }

    /// The error for a valid file that uses `feature`.
    pub(crate) fn unsupported(&self, feature: &str) -> Error {
        Error::Unsupported(format!("this {} uses {feature} that we cannot decode", self.format))
    }

    fn read_failed(&self, err: io::Error) -> Error {
        if err.kind() == ErrorKind::UnexpectedEof { self.cut_off() } else { Error::Read(err) }
    }
}
