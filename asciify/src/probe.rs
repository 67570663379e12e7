//! The header of a file, checked against the limits before anything is decoded.

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats;
use crate::formats::decoder::Probed;
use crate::sample::area::is_sideways;
use crate::sample::band_numbers::BandNumbers;
use crate::source::Source;
use crate::spec::Spec;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The format, identified by content.
    pub format: Format,
    /// Width in pixels, after the Exif orientation is applied.
    pub width: u32,
    /// Height in pixels, after the Exif orientation is applied.
    pub height: u32,
    /// Frames of an animation, pages of a TIFF, planes of a FITS cube; 1 for a still image.
    pub frames: u32,
    /// Values per pixel, with alpha. Colours count as red, green and blue, however they are stored;
    /// for bands of an instrument it is their number.
    pub bands: u32,
    /// The name of each band, where the file has one; empty for a file that names none.
    pub band_names: Vec<Option<String>>,
    /// Bits per value.
    pub bit_depth: u32,
    /// The Exif orientation, 1 (as stored) to 8.
    pub orientation: u8,
    /// Whether the data of all pixels are there. The end mark alone may be missing. Missing pixels are
    /// drawn in grey (JPEG), in black (PNG), or are transparent (FITS, VICAR, PDS3).
    pub is_whole: bool,
    /// An upper estimate of the memory that decoding takes, in bytes: pixels, working memory of the
    /// decoder, and the file where the decoder holds it. A picture that exceeds the limits is decoded
    /// at a lower resolution, if it has one.
    pub decoded_bytes: u64,
}

impl Header {
    /// Whether the file has the frame and the numbers of bands that `spec` asks for. Names of bands
    /// are looked up when the file is drawn.
    ///
    /// # Errors
    /// [`Error::Missing`] says which ones it has.
    pub fn offers(&self, spec: &Spec) -> Result<(), Error> {
        let numbers = BandNumbers::of(spec.bands()).and_then(BandNumbers::chosen);
        let highest = numbers.into_iter().flatten().max();
        if spec.frame() >= self.frames {
            return Err(Error::no_frame(self.frames));
        }
        match highest {
            // later pages of a TIFF may have other bands
            Some(band) if spec.frame() == 0 && band >= self.bands as usize => {
                Err(Error::no_band(self.bands))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the file is not truncated.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is.
    pub fn check_whole(&self) -> Result<(), Error> {
        match self.is_whole {
            true => Ok(()),
            false => Err(Error::cut_off(self.format, "its picture is complete")),
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
            band_names: probed.band_names.clone(),
            bit_depth: probed.bits,
            orientation: probed.orientation.to_exif(),
            is_whole: probed.is_whole,
            decoded_bytes: probed.decoded_bytes,
        }
    }
}

/// Reads a file's headers and checks them against `limits`.
///
/// # Errors
/// All of [`Error`] but [`Error::Missing`].
pub(crate) fn inspect(source: &mut Source<'_>, limits: &Limits) -> Result<Probed, Error> {
    let mut probed = formats::probe(source, limits)?;
    probed.decoded_bytes = probed.decoded_bytes.saturating_add(probed.profile.bytes());
    let Probed { format, decodable, frames, largest_frame, decoded_bytes, .. } = probed;
    limits.check(format, decodable, decoded_bytes)?;
    Error::over("frames", frames.into(), limits.max_frames.into())?;
    match largest_frame {
        (0, _) | (_, 0) => {}
        sides => limits.check(format, sides, decoded_bytes)?,
    }
    Ok(probed)
}
