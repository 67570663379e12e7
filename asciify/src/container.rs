//! Walks each format's structure, chunk by chunk, and says what it holds and whether it is whole.
//!
//! No pixel is decoded and next to nothing is kept. Sizes are read here, apart from the decoders,
//! since some of those allocate by what a file claims before anybody can object. Whatever follows
//! a file's proper end is ignored.

use std::io::{BufRead, ErrorKind, Read, Seek, SeekFrom};

use image::metadata::Orientation;

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
    /// An upper estimate, in bytes: saturates.
    pub(crate) decoded_bytes: u64,
    /// How pixels are stored, for messages; empty where it needs no words.
    pub(crate) layout: String,
}

impl Structure {
    /// A still picture that takes `bytes_per_px` while it is decoded.
    fn still(width: u32, height: u32, bytes_per_px: u64) -> Self {
        Self {
            width,
            height,
            frames: 1,
            largest_frame: (0, 0),
            orientation: Orientation::NoTransforms,
            decoded_bytes: area(width, height).saturating_mul(bytes_per_px),
            layout: String::new(),
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
        Format::Tiff => tiff::walk(&mut walk, limits),
        Format::Bmp => plain::bmp(&mut walk),
        Format::Ico => plain::ico(&mut walk),
        Format::Pnm => plain::pnm(&mut walk),
        Format::Qoi => plain::qoi(&mut walk),
    }
}

/// A place in a file. Every step past the file's end is an error that says what is missing.
struct Walk<'a, R> {
    source: &'a mut R,
    format: Format,
    at: u64,
    end: u64,
    /// What the file ends before, if it ends now: "its IEND chunk".
    awaited: &'static str,
}

impl<'a, R: BufRead + Seek> Walk<'a, R> {
    fn new(source: &'a mut R, format: Format) -> Result<Self, Error> {
        let end = source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        Ok(Self { source, format, at: 0, end, awaited: "its header is complete" })
    }

    fn rest(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Error> {
        if bytes > self.rest() {
            return Err(self.cut_off());
        }
        let step = i64::try_from(bytes).map_err(|_| self.cut_off())?;
        self.source.seek_relative(step).map_err(Error::Read)?;
        self.at += bytes;
        Ok(())
    }

    fn go_to(&mut self, at: u64) -> Result<(), Error> {
        if at > self.end {
            return Err(self.cut_off());
        }
        self.at = self.source.seek(SeekFrom::Start(at)).map_err(Error::Read)?;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).map_err(|err| self.read_failed(err))?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    fn u16_be(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    fn u16_le(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32_be(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    fn u32_le(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    /// All of `bytes` where they are at most `most`; else their beginning. Passes over all.
    fn bytes(&mut self, bytes: u64, most: u64) -> Result<Vec<u8>, Error> {
        if bytes > self.rest() {
            return Err(self.cut_off());
        }
        let mut kept = Vec::new();
        self.source.take(bytes.min(most)).read_to_end(&mut kept).map_err(Error::Read)?;
        self.at += kept.len() as u64;
        self.skip(bytes.saturating_sub(kept.len() as u64))?;
        Ok(kept)
    }

    fn cut_off(&self) -> Error {
        Error::cut_off(self.format, self.awaited)
    }

    fn malformed(&self, reason: impl std::fmt::Display) -> Error {
        Error::malformed(self.format, reason)
    }

    fn unsupported(&self, what: &str) -> Error {
        Error::Unsupported(format!("this {} uses {what} that we cannot decode", self.format))
    }

    fn read_failed(&self, err: std::io::Error) -> Error {
        if err.kind() == ErrorKind::UnexpectedEof { self.cut_off() } else { Error::Read(err) }
    }
}

/// EXIF blocks are at most 64 KiB in JPEG; elsewhere the orientation stands near the beginning.
const EXIF_KEPT: u64 = 1 << 16;

/// Upright where the block is damaged or silent, as everybody does.
fn orientation(exif: &[u8]) -> Orientation {
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}
