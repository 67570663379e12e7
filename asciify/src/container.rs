//! Walks each format's structure, chunk by chunk, and says what it holds and whether it is whole.
//!
//! No pixel is decoded and next to nothing is kept. Sizes are read here, apart from the decoders,
//! since some of those allocate by what a file claims before anybody can object. Whatever follows
//! a file's proper end is ignored.

use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom};

use image::metadata::Orientation;
use memchr::memmem;

use crate::{Error, Format, Limits};

mod gif;
mod jpeg;
mod plain;
mod png;
mod tiff;
mod webp;

/// What a file claims. Nothing of it is checked against limits, unless memory depended on it.
pub(crate) struct Structure {
    /// The stored picture's sides in pixels.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames: u32,
    /// The sides of the frame of most pixels, which may exceed the picture's own.
    pub(crate) largest_frame: (u32, u32),
    pub(crate) orientation: Orientation,
    /// Values of a pixel: see [`Header::bands`](crate::Header::bands).
    pub(crate) bands: u32,
    /// Bits of each value.
    pub(crate) bits: u32,
    /// A JPEG of a kind that common decoders refuse, or get wrong.
    pub(crate) is_rare: bool,
    /// A JPEG so short that most of what it claims cannot be there.
    pub(crate) is_thin: bool,
    /// Where a PNG stands inside that is the picture.
    pub(crate) png_at: Option<u64>,
    /// Whether the file reaches its end.
    pub(crate) is_whole: bool,
    /// An upper estimate, in bytes: saturates.
    pub(crate) decoded_bytes: u64,
}

impl Structure {
    /// A still picture of 8 bits that takes `bytes_per_px` while it is decoded.
    fn still(width: u32, height: u32, bands: u32, bytes_per_px: u64) -> Self {
        Self {
            width,
            height,
            frames: 1,
            largest_frame: (0, 0),
            orientation: Orientation::NoTransforms,
            bands,
            bits: 8,
            is_rare: false,
            is_thin: false,
            png_at: None,
            is_whole: true,
            decoded_bytes: area(width, height).saturating_mul(bytes_per_px),
        }
    }

    /// Another frame of that size exists.
    fn saw_frame(&mut self, width: u32, height: u32) {
        if area(width, height) > area(self.largest_frame.0, self.largest_frame.1) {
            self.largest_frame = (width, height);
        }
    }
}

/// Any two sides' product fits.
fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

pub(crate) fn walk<R: BufRead + Seek>(
    source: &mut R,
    format: Format,
    limits: &Limits,
) -> Result<Structure, Error> {
    let mut walk = Walk::new(source, format)?;
    match format {
        Format::Jpeg => jpeg::walk(&mut walk),
        Format::Png => png::walk(&mut walk),
        Format::Gif => gif::walk(&mut walk, limits),
        Format::WebP => webp::walk(&mut walk, limits),
        Format::Tiff => tiff::walk(walk, limits),
        Format::Bmp => plain::bmp(&mut walk),
        Format::Ico => plain::ico(&mut walk),
        Format::Pnm => plain::pnm(&mut walk),
        Format::Qoi => plain::qoi(&mut walk),
    }
}

/// A place in a file. Every step past the file's end is an error that says what is missing.
pub(crate) struct Walk<'a, R> {
    source: &'a mut R,
    format: Format,
    pub(crate) at: u64,
    end: u64,
    /// What the file ends before, if it ends now: "its IEND chunk".
    pub(crate) awaited: &'static str,
}

impl<'a, R: BufRead + Seek> Walk<'a, R> {
    pub(crate) fn new(source: &'a mut R, format: Format) -> Result<Self, Error> {
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
    fn can_hold(&self, pixels: u64, per_byte: u64) -> Result<(), Error> {
        match pixels > self.end.saturating_mul(per_byte).max(1 << 20) {
            true => Err(self.malformed("it claims more pixels than its length can hold")),
            false => Ok(()),
        }
    }

    /// Whether `mark`, the format's end, stands anywhere behind this place. It is looked for at the
    /// file's end first: others may have put something of theirs behind it.
    fn has_end(&mut self, mark: &[u8]) -> Result<bool, Error> {
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

    fn unsupported(&self, what: &str) -> Error {
        Error::Unsupported(format!("this {} uses {what} that we cannot decode", self.format))
    }

    fn read_failed(&self, err: io::Error) -> Error {
        if err.kind() == ErrorKind::UnexpectedEof { self.cut_off() } else { Error::Read(err) }
    }
}

/// EXIF blocks are at most 64 KiB in JPEG; elsewhere the orientation stands near the beginning.
const EXIF_KEPT: u64 = 1 << 16;

/// Upright where the block is damaged or silent, as everybody does.
fn orientation(exif: &[u8]) -> Orientation {
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}
