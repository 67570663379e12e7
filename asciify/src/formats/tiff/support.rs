//! Which pages can be decoded.

use super::codes::{Compression, LercCompression, Photometric, Predictor, SampleFormat};
use super::ifd::FORMAT;
use super::lerc;
use super::page::Page;
use crate::error::Error;

/// A bit of T4Options: rows may be coded in two dimensions.
const TWO_DIMENSIONAL: u32 = 1;

impl Page {
    /// Checks that the page can be decoded.
    ///
    /// # Errors
    /// [`Error::Unsupported`] says how its pixels are stored; [`Error::Malformed`] says which tags
    /// make no sense.
    pub(super) fn check_supported(&self) -> Result<(), Error> {
        if self.width == 0 || self.height == 0 {
            let reason = format_args!("it claims {} × {} pixels", self.width, self.height);
            return Err(Error::malformed(FORMAT, reason));
        }
        if self.samples_per_pixel == 0
            || self.chunk_size.0 == 0
            || self.chunk_size.1 == 0
            || self.chunk_offsets.is_none()
        {
            return Err(Error::malformed(FORMAT, "its IFD has no strip or tile offsets"));
        }
        let is_supported = self.has_supported_depth()
            && self.has_supported_photometric()
            && self.has_supported_compression()
            && self.has_supported_predictor()
            && self.is_uniform;
        match is_supported {
            true => Ok(()),
            false => Err(Error::Unsupported(format!(
                "this TIFF uses {} that we cannot decode",
                self.describe_layout()
            ))),
        }
    }

    fn has_supported_depth(&self) -> bool {
        let bits = self.bits_per_sample;
        match self.sample_format {
            SampleFormat::Uint | SampleFormat::Int => (1..=64).contains(&bits),
            SampleFormat::Float => matches!(bits, 16 | 24 | 32 | 64),
            SampleFormat::ComplexInt => matches!(bits, 16 | 32 | 64),
            SampleFormat::ComplexFloat => matches!(bits, 32 | 64 | 128),
        }
    }

    fn has_supported_photometric(&self) -> bool {
        let is_unsigned = self.sample_format == SampleFormat::Uint;
        let samples = self.samples_per_pixel;
        match self.photometric {
            Photometric::Bands | Photometric::WhiteIsZero => true,
            Photometric::Palette => self.bits_per_sample <= 16 && is_unsigned && !self.is_planar,
            Photometric::YCbCr => {
                let is_factor = |factor| matches!(factor, 1 | 2 | 4);
                let (h, v) = self.ycbcr_sub_sampling;
                let is_subsampled = (h, v) != (1, 1);
                self.has_bytes()
                    && samples == 3
                    && (!is_subsampled || !self.is_planar && is_factor(h) && is_factor(v))
            }
            Photometric::Separated => is_unsigned && samples >= 4,
            Photometric::CieLab => self.has_bytes() && samples >= 3,
        }
    }

    fn has_supported_compression(&self) -> bool {
        let is_bilevel = self.bits_per_sample == 1
            && self.samples_per_pixel == 1
            && self.chunk_size.0 <= u16::MAX.into();
        match self.compression {
            Compression::NONE
            | Compression::LZW
            | Compression::DEFLATE
            | Compression::OLD_DEFLATE
            | Compression::PACK_BITS => true,
            Compression::CCITT_T4 => is_bilevel && self.t4_options & TWO_DIMENSIONAL == 0,
            Compression::CCITT_T6 => is_bilevel,
            Compression::JPEG => self.has_bytes(),
            Compression::ZSTD | Compression::LZMA => true,
            Compression::LERC => {
                lerc::has_type_of(self) && self.lerc_compression != LercCompression::Unknown
            }
            compression if compression.is_jpeg_2000() => {
                cfg!(feature = "jp2")
                    && matches!(self.bits_per_sample, 8 | 16)
                    && matches!(self.sample_format, SampleFormat::Uint | SampleFormat::Int)
            }
            Compression::WEBP => {
                self.has_bytes() && matches!(self.samples_per_chunk_pixel(), 3 | 4)
            }
            _ => false,
        }
    }

    fn has_supported_predictor(&self) -> bool {
        match self.predictor {
            Predictor::None => true,
            Predictor::Horizontal => matches!(self.bits_per_sample, 8 | 16 | 32 | 64),
            Predictor::FloatingPoint => self.sample_format == SampleFormat::Float,
            Predictor::Unknown => false,
        }
    }

    /// Whether samples are unsigned integers of 8 bits.
    fn has_bytes(&self) -> bool {
        self.bits_per_sample == 8 && self.sample_format == SampleFormat::Uint
    }

    /// How pixels are stored, in words.
    fn describe_layout(&self) -> String {
        let format = match self.sample_format {
            SampleFormat::Uint => "",
            SampleFormat::Int => " signed",
            SampleFormat::Float => " floating-point",
            SampleFormat::ComplexInt | SampleFormat::ComplexFloat => " complex",
        };
        let plural = if self.samples_per_pixel == 1 { "" } else { "s" };
        let bits = match self.is_uniform {
            true => format!("{} bits", self.bits_per_sample),
            false => "different depths or kinds".to_owned(),
        };
        let planes = if self.is_planar { " in separate planes" } else { "" };
        let colors = match self.photometric {
            Photometric::Bands | Photometric::WhiteIsZero => "",
            Photometric::Palette => ", colours from a palette",
            Photometric::YCbCr => ", colours as YCbCr",
            Photometric::Separated => ", colours as CMYK",
            Photometric::CieLab => ", colours as L*a*b*",
        };
        let (samples, compression) = (self.samples_per_pixel, self.compression);
        format!(
            "{samples}{format} sample{plural} of {bits} a pixel{planes}{colors}, {compression},"
        )
    }
}
