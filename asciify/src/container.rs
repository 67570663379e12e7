//! Walks each format's structure, chunk by chunk, and says what it holds and whether it is whole.
//!
//! No pixel is decoded and next to nothing is kept. Sizes are read here, apart from the decoders,
//! since some of those allocate by what a file claims before anybody can object. Whatever follows
//! a file's proper end is ignored.

use std::io::{BufRead, Seek};

use image::metadata::Orientation;

use crate::walk::Walk;
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

/// EXIF blocks are at most 64 KiB in JPEG; elsewhere the orientation stands near the beginning.
const EXIF_KEPT: u64 = 1 << 16;

/// Upright where the block is damaged or silent, as everybody does.
fn orientation(exif: &[u8]) -> Orientation {
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}
