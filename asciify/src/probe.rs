//! The door: what a file claims, held against the limits, before any decoder sees it.

use std::io::{BufRead, Read, Seek, SeekFrom};

use image::metadata::Orientation;

use crate::container::{self, Structure};
use crate::sniff::{self, Format};
use crate::source::Source;
use crate::{Error, Limits, Spec};

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Told by content.
    pub format: Format,
    /// Pixels across, upright: after the EXIF orientation is applied.
    pub width: u32,
    /// Pixels down, upright.
    pub height: u32,
    /// Frames of an animation, pages of a TIFF; 1 for a plain picture.
    pub frames: u32,
    /// Values of a pixel, alpha counted. What means colours counts as red, green and blue, whichever
    /// way it is stored; bands of an instrument are as many as there are.
    pub bands: u32,
    /// Bits of each value.
    pub bit_depth: u32,
    /// How the stored picture is turned upright: EXIF's number, 1 for as it is, to 8.
    pub orientation: u8,
    /// Whether the file reaches its format's end mark. What is missing of a JPEG is drawn in grey,
    /// of a PNG in black.
    pub is_whole: bool,
    /// An upper estimate of the memory that decoding takes, in bytes: the pixels, what the
    /// format's decoder holds beside them, and the file where the decoder wants it whole.
    pub decoded_bytes: u64,
}

impl Header {
    /// Whether the file has the frame and the bands that `spec` asks for.
    ///
    /// # Errors
    /// [`Error::Missing`] says which there are.
    pub fn offers(&self, spec: &Spec) -> Result<(), Error> {
        let most = spec.bands().chosen().into_iter().flatten().max();
        if spec.frame() >= self.frames {
            return Err(Error::no_frame(self.frames));
        }
        match most {
            // pages of a TIFF have bands of their own
            Some(band) if spec.frame() == 0 && band >= self.bands as usize => {
                Err(Error::no_band(self.bands))
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// [`Error::Malformed`] where the file was cut off.
    pub fn check_whole(&self) -> Result<(), Error> {
        match self.is_whole {
            true => Ok(()),
            false => Err(Error::cut_off(self.format, "its end mark")),
        }
    }
}

/// A file that keeps the limits.
pub(crate) struct Found {
    pub(crate) header: Header,
    /// How the stored picture is turned upright.
    pub(crate) orientation: Orientation,
    /// The stored picture's sides in pixels, before it is turned.
    pub(crate) stored: (u32, u32),
    /// A JPEG of a kind that common decoders refuse, or get wrong.
    pub(crate) is_rare: bool,
    /// A JPEG so short that most of what it claims cannot be there.
    pub(crate) is_thin: bool,
    /// Where a PNG stands inside that is the picture.
    pub(crate) png_at: Option<u64>,
}

pub(crate) fn inspect<R: BufRead + Seek>(
    source: &mut Source<R>,
    limits: &Limits,
) -> Result<Found, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut start = Vec::with_capacity(sniff::SNIFFED);
    source.take(sniff::SNIFFED as u64).read_to_end(&mut start).map_err(Error::Read)?;
    let format = sniff::sniff(&start).ok_or(Error::Unknown)?;
    let structure = container::walk(source, format, limits)?;
    check(format, &structure, limits)?;

    let (width, height) = if is_sideways(structure.orientation) {
        (structure.height, structure.width)
    } else {
        (structure.width, structure.height)
    };
    Ok(Found {
        header: Header {
            format,
            width,
            height,
            frames: structure.frames,
            bands: structure.bands,
            bit_depth: structure.bits,
            orientation: structure.orientation.to_exif(),
            is_whole: structure.is_whole,
            decoded_bytes: structure.decoded_bytes,
        },
        orientation: structure.orientation,
        stored: (structure.width, structure.height),
        is_rare: structure.is_rare,
        is_thin: structure.is_thin,
        png_at: structure.png_at,
    })
}

/// Whether turning the picture upright swaps its sides.
pub(crate) fn is_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn check(format: Format, structure: &Structure, limits: &Limits) -> Result<(), Error> {
    let Structure { width, height, frames, largest_frame, decoded_bytes, .. } = *structure;
    limits.admit(format, (width, height), decoded_bytes)?;
    Error::over("frames", frames.into(), limits.max_frames.into())?;
    match largest_frame {
        (0, _) | (_, 0) => Ok(()),
        sides => limits.admit(format, sides, decoded_bytes),
    }
}
