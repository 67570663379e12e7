//! Codes of tags: Compression, LercParameters, Predictor, PhotometricInterpretation and SampleFormat.

use std::fmt;

/// How chunks are compressed (tag Compression).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Compression(pub(super) u32);

impl Compression {
    pub(super) const NONE: Self = Self(1);
    /// Modified Huffman (TIFF 6.0, section 10).
    const CCITT_RLE: Self = Self(2);
    /// Fax group 3 (section 11).
    pub(super) const CCITT_T4: Self = Self(3);
    /// Fax group 4 (section 11).
    pub(super) const CCITT_T6: Self = Self(4);
    /// Section 13.
    pub(super) const LZW: Self = Self(5);
    /// JPEG of section 22, which Technical Note 2 replaced.
    const OLD_JPEG: Self = Self(6);
    /// JPEG of Technical Note 2.
    pub(super) const JPEG: Self = Self(7);
    /// Deflate as Adobe registered it, and its older code.
    pub(super) const DEFLATE: Self = Self(8);
    pub(super) const OLD_DEFLATE: Self = Self(32_946);
    /// Section 9.
    pub(super) const PACK_BITS: Self = Self(32_773);
    /// JPEG 2000, as registered, and as Aperio has it: of YCbCr, and of RGB.
    pub(super) const JPEG_2000: Self = Self(34_712);
    pub(super) const APERIO_YCBCR: Self = Self(33_003);
    pub(super) const APERIO_RGB: Self = Self(33_005);
    /// Esri's LERC, as libtiff has it.
    pub(super) const LERC: Self = Self(34_887);
    /// The .xz format, as libtiff has it.
    pub(super) const LZMA: Self = Self(34_925);
    /// Zstandard, as libtiff has it.
    pub(super) const ZSTD: Self = Self(50_000);
    /// WebP, as libtiff has it.
    pub(super) const WEBP: Self = Self(50_001);
    const JPEG_XL: Self = Self(50_002);

    /// T.4 or T.6.
    pub(super) fn is_fax(self) -> bool {
        matches!(self, Self::CCITT_T4 | Self::CCITT_T6)
    }

    /// Whether the tag Predictor applies.
    pub(super) fn has_predictor(self) -> bool {
        matches!(self, Self::LZW | Self::DEFLATE | Self::OLD_DEFLATE | Self::LZMA | Self::ZSTD)
    }

    /// Whether a chunk is read as a whole before it is decompressed.
    pub(super) fn needs_whole_chunks(self) -> bool {
        matches!(self, Self::JPEG | Self::LZMA | Self::LERC | Self::WEBP) || self.is_jpeg_2000()
    }

    pub(super) fn is_jpeg_2000(self) -> bool {
        matches!(self, Self::JPEG_2000 | Self::APERIO_YCBCR | Self::APERIO_RGB)
    }

    /// The most bytes that a byte of compressed data can stand for; `None` for codings that hold
    /// any number of equal samples in a few bytes.
    pub(super) fn max_ratio(self) -> Option<u64> {
        /// LZW reaches about 1500, deflate 1032.
        const MOST: u64 = 4096;
        /// A block of 64 samples takes a bit at least.
        const MOST_OF_JPEG: u64 = 8 * 64;
        match self {
            // a row can be a bit
            Self::CCITT_T4 | Self::CCITT_T6 => None,
            Self::LERC | Self::LZMA | Self::WEBP | Self::ZSTD => None,
            _ if self.is_jpeg_2000() => None,
            Self::JPEG => Some(MOST_OF_JPEG),
            _ => Some(MOST),
        }
    }

    /// How much longer a byte of decompressed data takes than with other codings.
    pub(super) fn work(self, bytes: u64) -> u64 {
        let per_byte = match self {
            Self::WEBP => 3,
            _ if self.is_jpeg_2000() => 8,
            Self::CCITT_T4 | Self::CCITT_T6 => 0,
            _ => 1,
        };
        bytes.saturating_mul(per_byte)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NONE => "no compression",
            Self::CCITT_RLE | Self::CCITT_T4 | Self::CCITT_T6 => "fax compression",
            Self::LZW => "LZW compression",
            Self::OLD_JPEG => "JPEG compression of the old kind",
            Self::JPEG => "JPEG compression",
            Self::DEFLATE | Self::OLD_DEFLATE => "deflate compression",
            Self::PACK_BITS => "PackBits compression",
            _ if self.is_jpeg_2000() => "JPEG 2000 compression",
            Self::LERC => "LERC compression",
            Self::LZMA => "LZMA compression",
            Self::ZSTD => "Zstandard compression",
            Self::WEBP => "WebP compression",
            Self::JPEG_XL => "JPEG XL compression",
            Self(other) => return write!(f, "compression {other}"),
        })
    }
}

/// How data in LERC is compressed once more (tag LercParameters of libtiff).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LercCompression {
    None,
    Deflate,
    Zstd,
    Unknown,
}

impl LercCompression {
    /// From the values of LercParameters.
    pub(super) fn from_parameters(parameters: &[u64]) -> Self {
        match parameters.get(1) {
            None | Some(0) => Self::None,
            Some(1) => Self::Deflate,
            Some(2) => Self::Zstd,
            Some(_) => Self::Unknown,
        }
    }
}

/// What is done before compression (tag Predictor).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    /// Horizontal differencing (TIFF 6.0, section 14).
    Horizontal,
    /// Differences of reordered bytes (Technical Note 3).
    FloatingPoint,
    Unknown,
}

impl Predictor {
    pub(super) fn from_code(code: u32) -> Self {
        match code {
            1 => Self::None,
            2 => Self::Horizontal,
            3 => Self::FloatingPoint,
            _ => Self::Unknown,
        }
    }
}

/// What samples mean (tag PhotometricInterpretation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Photometric {
    /// BlackIsZero, RGB and unknown codes: bands of an instrument. One or two are grey; of more,
    /// the first three are red, green and blue.
    Bands,
    /// Bands where 0 is white.
    WhiteIsZero,
    /// Indices into ColorMap.
    Palette,
    /// CMYK.
    Separated,
    YCbCr,
    CieLab,
}

impl Photometric {
    /// A code of [`Photometric::Bands`], as is 2 for RGB.
    pub(super) const BLACK_IS_ZERO: u32 = 1;

    pub(super) fn from_code(code: u32) -> Self {
        match code {
            0 => Self::WhiteIsZero,
            3 => Self::Palette,
            5 => Self::Separated,
            6 => Self::YCbCr,
            8 => Self::CieLab,
            _ => Self::Bands,
        }
    }
}

/// What a sample is (tag SampleFormat: TIFF 6.0, section 19; its supplements have the
/// complex ones).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleFormat {
    /// Unsigned integer.
    Uint,
    /// Integer in two's complement.
    Int,
    Float,
    /// Two integers in two's complement, real and imaginary.
    ComplexInt,
    /// Two floating-point numbers.
    ComplexFloat,
}

impl SampleFormat {
    /// Untyped data counts as unsigned integers.
    pub(super) fn from_code(code: u64) -> Self {
        match code {
            2 => Self::Int,
            3 => Self::Float,
            5 => Self::ComplexInt,
            6 => Self::ComplexFloat,
            _ => Self::Uint,
        }
    }
}
