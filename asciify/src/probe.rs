//! The header of a file, checked against the limits before anything is decoded.

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats;
use crate::formats::decoder::Probed;
use crate::geo::{Bbox, Geo, GeoError};
use crate::sample::area::is_sideways;
use crate::sample::band_numbers::BandNumbers;
use crate::source::Source;
use crate::spec::Spec;
use crate::spec::region::Region;

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
    /// Where the picture lies on the Earth, and what its values are: of a GeoTIFF that says it.
    pub geo: Option<Geo>,
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
    /// The same for any [region](Spec::region) of it. That may be more than for the whole, of which
    /// an overview is decoded.
    pub region_bytes: u64,
}

impl Header {
    /// Whether the file has the frame, the numbers of bands and the region that `spec` asks for. Names
    /// of bands are looked up when the file is drawn.
    ///
    /// # Errors
    /// [`Error::Missing`] says which ones it has.
    pub fn offers(&self, spec: &Spec) -> Result<(), Error> {
        // later pages of a TIFF may have other sides and other bands
        if spec.frame() == 0 {
            spec.check_region((self.width, self.height))?;
        }
        let numbers = BandNumbers::of(spec.bands()).and_then(BandNumbers::chosen);
        let highest = numbers.into_iter().flatten().max();
        if spec.frame() >= self.frames {
            return Err(Error::no_frame(self.frames));
        }
        match highest {
            Some(band) if spec.frame() == 0 && band >= self.bands as usize => {
                Err(Error::no_band(self.bands))
            }
            _ => Ok(()),
        }
    }

    /// The smallest region that contains what the picture has of a bounding box: see [`Geo::region`].
    ///
    /// # Errors
    /// [`GeoError`].
    pub fn region(&self, bbox: Bbox, crs: u32) -> Result<Region, GeoError> {
        let geo = self.geo.as_ref().ok_or(GeoError::NoPlace)?;
        geo.region(bbox, crs, (self.width, self.height))
    }

    /// An upper estimate of the memory that decoding takes for `spec`, in bytes; of a frame behind the
    /// first one, as if it was the first.
    pub fn decoded_bytes_for(&self, spec: &Spec) -> u64 {
        match spec.region() {
            Region::Full => self.decoded_bytes,
            _ => self.region_bytes,
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
            geo: probed.geo.clone(),
            bit_depth: probed.bits,
            orientation: probed.orientation.to_exif(),
            is_whole: probed.is_whole,
            decoded_bytes: probed.decoded_bytes,
            region_bytes: probed.region_bytes.unwrap_or(probed.decoded_bytes),
        }
    }
}

/// Reads a file's headers and checks them against `limits`.
///
/// # Errors
/// All of [`Error`] but [`Error::Missing`].
pub(crate) fn inspect(source: &mut Source<'_>, limits: &Limits) -> Result<Probed, Error> {
    let mut probed = formats::probe(source, limits)?;
    let profile_bytes = probed.profile.bytes();
    probed.decoded_bytes = probed.decoded_bytes.saturating_add(profile_bytes);
    probed.region_bytes = probed.region_bytes.map(|bytes| bytes.saturating_add(profile_bytes));
    let Probed { format, decodable, frames, largest_frame, decoded_bytes, .. } = probed;
    limits.check(format, decodable, decoded_bytes)?;
    Error::over("frames", frames.into(), limits.max_frames.into())?;
    match largest_frame {
        (0, _) | (_, 0) => {}
        sides => limits.check(format, sides, decoded_bytes)?,
    }
    Ok(probed)
}
