//! What a file claims, held against the limits before any decoder sees it.

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats;
use crate::formats::decoder::Probed;
use crate::sample::area::is_sideways;
use crate::source::Source;
use crate::spec::Spec;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Identified by content.
    pub format: Format,
    /// Width in pixels, upright: after the EXIF orientation is applied.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Frames of an animation, pages of a TIFF; 1 for a plain picture.
    pub frames: u32,
    /// Values of a pixel, alpha counted. What means colours counts as red, green and blue, whichever
    /// way it is stored; bands of an instrument are as many as there are.
    pub bands: u32,
    /// Bits of each value.
    pub bit_depth: u32,
    /// How the stored picture is turned upright: EXIF's number, from 1 (as it is) to 8.
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
        let highest = spec.bands().chosen().into_iter().flatten().max();
        if spec.frame() >= self.frames {
            return Err(Error::no_frame(self.frames));
        }
        match highest {
            // pages of a TIFF have bands of their own
            Some(band) if spec.frame() == 0 && band >= self.bands as usize => {
                Err(Error::no_band(self.bands))
            }
            _ => Ok(()),
        }
    }

    /// Whether the file reaches its end.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the file was cut off.
    pub fn check_whole(&self) -> Result<(), Error> {
        match self.is_whole {
            true => Ok(()),
            false => Err(Error::cut_off(self.format, "its end mark")),
        }
    }
}

impl From<&Probed> for Header {
    fn from(probed: &Probed) -> Self {
        let (width, height) = match is_sideways(probed.orientation) {
            true => (probed.height, probed.width),
            false => probed.sides(),
        };
        Self {
            format: probed.format,
            width,
            height,
            frames: probed.frames,
            bands: probed.bands,
            bit_depth: probed.bits,
            orientation: probed.orientation.to_exif(),
            is_whole: probed.is_whole,
            decoded_bytes: probed.decoded_bytes,
        }
    }
}

/// Probes a file and holds what it claims against `limits`.
///
/// # Errors
/// All of [`Error`] but [`Error::Missing`].
pub(crate) fn inspect(source: &mut Source<'_>, limits: &Limits) -> Result<Probed, Error> {
    let probed = formats::probe(source, limits)?;
    let Probed { format, frames, largest_frame, decoded_bytes, .. } = probed;
    limits.admit(format, probed.sides(), decoded_bytes)?;
    Error::over("frames", frames.into(), limits.max_frames.into())?;
    match largest_frame {
        (0, _) | (_, 0) => {}
        sides => limits.admit(format, sides, decoded_bytes)?,
    }
    Ok(probed)
}
