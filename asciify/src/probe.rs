//! The door: what a file claims, held against the limits, before any decoder sees it.

use std::io::{BufRead, Read, Seek, SeekFrom};

use image::metadata::Orientation;

use crate::container::{self, Structure};
use crate::sniff::{self, Format};
use crate::source::Source;
use crate::{Error, Limits};

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
    /// An upper estimate of the memory that decoding takes, in bytes: the pixels, what the
    /// format's decoder holds beside them, and the file where the decoder wants it whole.
    pub decoded_bytes: u64,
}

/// A file that keeps the limits.
pub(crate) struct Found {
    pub(crate) header: Header,
    /// How the stored picture is turned upright.
    pub(crate) orientation: Orientation,
    /// The stored picture's sides in pixels, before it is turned.
    pub(crate) stored: (u32, u32),
    /// Says in words how the pixels are stored; empty where the format leaves no choice.
    pub(crate) layout: String,
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
            decoded_bytes: structure.decoded_bytes,
        },
        orientation: structure.orientation,
        stored: (structure.width, structure.height),
        layout: structure.layout,
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

/// The longest side that any limits can allow: sums over a row of it still fit 64 bits.
const MAX_SIDE_PX: u32 = 1 << 22;

fn check(format: Format, structure: &Structure, limits: &Limits) -> Result<(), Error> {
    let Structure { width, height, frames, largest_frame, decoded_bytes, .. } = *structure;
    if width == 0 || height == 0 {
        return Err(Error::malformed(format, format_args!("it claims {width} × {height} pixels")));
    }
    let side = width.max(height).max(largest_frame.0).max(largest_frame.1);
    Error::over(
        "pixels on its longest side",
        side.into(),
        limits.max_side_px.min(MAX_SIDE_PX).into(),
    )?;
    let pixels = (u64::from(width) * u64::from(height))
        .max(u64::from(largest_frame.0) * u64::from(largest_frame.1));
    Error::over("pixels", pixels, limits.max_pixels)?;
    Error::over("frames", frames.into(), limits.max_frames.into())?;
    Error::over("bytes when decoded", decoded_bytes, limits.max_decoded_bytes)
}
