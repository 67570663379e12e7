//! One picture of a TIFF, as its directory describes it.

use image::metadata::Orientation;

use super::ifd::{Directory, Entry, FORMAT, Tiff, tag};
use crate::error::{Error, Limits};

/// What a sample is (TIFF 6.0, section 19; 5 and 6 are the complex kinds of its supplements).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Unsigned,
    Signed,
    Float,
    /// Two signed integers, real and imaginary.
    ComplexInteger,
    ComplexFloat,
}

/// What samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    /// Bands of an instrument: one or two are grey; of more, the first three are red, green and blue.
    Bands,
    /// The same where 0 is white.
    Negative,
    Palette,
    YCbCr,
    Cmyk,
    Lab,
}

/// The extra sample that is alpha.
#[derive(Debug, Clone, Copy)]
pub(super) struct AlphaSample {
    pub(super) sample: usize,
    /// Colours are multiplied by it already.
    pub(super) is_associated: bool,
}

/// What the tags of a directory say.
pub(crate) struct Page {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bits: u32,
    pub(crate) samples: u32,
    pub(super) orientation: u32,
    pub(super) kind: Kind,
    pub(super) color: Color,
    pub(super) compression: u32,
    pub(super) predictor: u32,
    /// Samples of a pixel stand in planes of their own.
    pub(super) is_planar: bool,
    /// Bits of each byte stand the other way round.
    pub(super) is_reversed: bool,
    pub(super) is_tiled: bool,
    /// Sides of a strip or tile, in pixels.
    pub(super) piece: (u32, u32),
    pub(super) offsets: Option<Entry>,
    pub(super) lengths: Option<Entry>,
    pub(super) alpha: Option<AlphaSample>,
    pub(super) no_data: Option<f64>,
    /// Red, green and blue of each value, as 16 bits.
    pub(super) palette: Vec<[u16; 3]>,
    pub(super) jpeg_tables: Vec<u8>,
    /// Pixels across and down that share their chroma, where values are not compressed as JPEG.
    pub(super) subsampling: (u32, u32),
    pub(super) fax3_options: u32,
    /// Whether all samples are of the same depth and kind.
    is_even: bool,
    /// A smaller copy of another page.
    pub(super) is_copy: bool,
    /// Says where another page has data.
    pub(super) is_mask: bool,
    pub(super) sub_directories: Vec<u64>,
}

/// Bytes of a picture's pieces for each pixel that the limits allow: four bands of 32 bits.
const MOST_BYTES_PER_PX: u64 = 16;
/// Memory that a mask may take more than its page, in bytes.
pub(super) const MOST_MASK_BYTES: u64 = 1 << 20;
/// The longest text of a number, in bytes.
const LONGEST_NUMBER: u64 = 64;
/// Samples whose depths are compared, and that may be alpha.
const MOST_SAMPLES: u64 = 1 << 10;
const MOST_SUB_DIRECTORIES: u64 = 64;
/// Quantisation and Huffman tables, four of each, with room to spare.
const MOST_TABLES: u64 = 1 << 14;
/// A palette of all 16-bit values.
const MOST_COLORS: u64 = 3 << 16;

impl Page {
    pub(super) fn read(tiff: &mut Tiff<'_>, directory: &Directory) -> Result<Self, Error> {
        let mut number = |tag, default| tiff.number(directory, tag, default);
        let (width, height) = (number(tag::WIDTH, 0)?, number(tag::HEIGHT, 0)?);
        let samples = number(tag::SAMPLES, 1)?;
        let compression = number(tag::COMPRESSION, 1)?;
        let photometric = number(tag::PHOTOMETRIC, if samples < 3 { 1 } else { 2 })?;
        let subfile = number(tag::SUBFILE, 0)?;
        let (orientation, predictor) = (number(tag::ORIENTATION, 1)?, number(tag::PREDICTOR, 1)?);
        let (planar, fill_order) = (number(tag::PLANAR, 1)?, number(tag::FILL_ORDER, 1)?);
        let fax3_options = number(tag::FAX3_OPTIONS, 0)?;
        let is_tiled = directory.entry(tag::TILE_OFFSETS).is_some();
        let (piece, offsets, lengths) = match is_tiled {
            true => (
                (number(tag::TILE_WIDTH, 0)?, number(tag::TILE_HEIGHT, 0)?),
                tag::TILE_OFFSETS,
                tag::TILE_LENGTHS,
            ),
            // strips may claim to be higher than the picture
            false => (
                (width, number(tag::ROWS_PER_STRIP, u32::MAX)?.min(height)),
                tag::STRIP_OFFSETS,
                tag::STRIP_LENGTHS,
            ),
        };
        let depths = tiff.numbers(directory, tag::BITS, MOST_SAMPLES)?;
        let formats = tiff.numbers(directory, tag::SAMPLE_FORMAT, MOST_SAMPLES)?;
        let is_even = |values: &[u64]| values.iter().all(|value| *value == values[0]);
        let extra = tiff.numbers(directory, tag::EXTRA_SAMPLES, MOST_SAMPLES)?;
        let extras = directory.entry(tag::EXTRA_SAMPLES).map_or(0, |entry| entry.count);
        let first_extra = u64::from(samples).saturating_sub(extras) as usize;
        let alpha = extra.iter().position(|kind| matches!(kind, 1 | 2));
        let subsampling = tiff.numbers(directory, tag::SUBSAMPLING, 2)?;
        let no_data = tiff.bytes(directory, tag::NO_DATA, LONGEST_NUMBER)?;
        let no_data = String::from_utf8_lossy(&no_data);
        let colors = tiff.numbers(directory, tag::PALETTE, MOST_COLORS)?;
        Ok(Self {
            width,
            height,
            bits: depths.first().map_or(1, |bits| u32::try_from(*bits).unwrap_or(u32::MAX)),
            samples,
            orientation,
            kind: match formats.first() {
                Some(2) => Kind::Signed,
                Some(3) => Kind::Float,
                Some(5) => Kind::ComplexInteger,
                Some(6) => Kind::ComplexFloat,
                _ => Kind::Unsigned,
            },
            color: match photometric {
                0 => Color::Negative,
                3 => Color::Palette,
                5 => Color::Cmyk,
                6 => Color::YCbCr,
                8 => Color::Lab,
                _ => Color::Bands,
            },
            compression,
            // elsewhere the tag says nothing
            predictor: if matches!(compression, 5 | 8 | 32_946) { predictor } else { 1 },
            is_planar: planar == 2 && samples > 1,
            // bytes of a JPEG are in its own order
            is_reversed: fill_order == 2 && compression != 7,
            is_tiled,
            piece,
            offsets: directory.entry(offsets),
            lengths: directory.entry(lengths),
            alpha: alpha.map(|place| AlphaSample {
                sample: first_extra + place,
                is_associated: extra[place] == 1,
            }),
            no_data: no_data.trim_matches(['\0', ' ']).parse().ok(),
            palette: palette(&colors),
            jpeg_tables: tiff.bytes(directory, tag::JPEG_TABLES, MOST_TABLES)?,
            subsampling: match (photometric, compression, subsampling.as_slice()) {
                (6, 7, _) => (1, 1),
                (6, _, [across, down]) => (*across as u32, *down as u32),
                (6, _, _) => (2, 2),
                _ => (1, 1),
            },
            fax3_options,
            is_even: is_even(&depths) && is_even(&formats),
            is_copy: subfile & 1 != 0,
            is_mask: subfile & 4 != 0,
            sub_directories: tiff.numbers(directory, tag::SUB_DIRECTORIES, MOST_SUB_DIRECTORIES)?,
        })
    }

    /// Whether this is of a kind that we decode.
    ///
    /// # Errors
    /// [`Error::Unsupported`] says what is not; [`Error::Malformed`] what makes no sense.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.width == 0 || self.height == 0 {
            let sides =
                format_args!("it claims {} × {} pixels", self.width, self.height).to_string();
            return Err(Error::malformed(FORMAT, sides));
        }
        let (bits, samples) = (self.bits, self.samples);
        let is_known_depth = match self.kind {
            Kind::Unsigned | Kind::Signed => (1..=64).contains(&bits),
            Kind::Float => matches!(bits, 16 | 24 | 32 | 64),
            Kind::ComplexInteger => matches!(bits, 16 | 32 | 64),
            Kind::ComplexFloat => matches!(bits, 32 | 64 | 128),
        };
        let is_bit = bits == 1 && samples == 1 && self.piece.0 <= u16::MAX.into();
        let is_byte = bits == 8 && self.kind == Kind::Unsigned;
        let is_known_color = match self.color {
            Color::Bands | Color::Negative => true,
            Color::Palette => bits <= 16 && self.kind == Kind::Unsigned && !self.is_planar,
            Color::YCbCr => {
                let of_known = |factor| matches!(factor, 1 | 2 | 4);
                let (across, down) = self.subsampling;
                let is_plain = (across, down) == (1, 1);
                is_byte
                    && samples == 3
                    && (is_plain || !self.is_planar && of_known(across) && of_known(down))
            }
            Color::Cmyk => self.kind == Kind::Unsigned && samples >= 4,
            Color::Lab => is_byte && samples >= 3,
        };
        let is_known_compression = match self.compression {
            1 | 5 | 8 | 32_773 | 32_946 => true,
            3 => is_bit && self.fax3_options & 1 == 0,
            4 => is_bit,
            7 => is_byte,
            _ => false,
        };
        let is_known_predictor = match self.predictor {
            1 => true,
            2 => matches!(bits, 8 | 16 | 32 | 64),
            3 => self.kind == Kind::Float,
            _ => false,
        };
        let is_known = is_known_depth
            && is_known_color
            && is_known_compression
            && is_known_predictor
            && self.is_even;
        if samples == 0 || self.piece.0 == 0 || self.piece.1 == 0 || self.offsets.is_none() {
            let reason = "its directory says not where its pixels are";
            return Err(Error::malformed(FORMAT, reason));
        }
        match is_known {
            true => Ok(()),
            false => Err(Error::Unsupported(format!(
                "this TIFF uses {} that we cannot decode",
                self.layout()
            ))),
        }
    }

    /// How pixels are stored, in words.
    fn layout(&self) -> String {
        let kind = match self.kind {
            Kind::Unsigned => "",
            Kind::Signed => " signed",
            Kind::Float => " floating-point",
            Kind::ComplexInteger | Kind::ComplexFloat => " complex",
        };
        let plural = if self.samples == 1 { "" } else { "s" };
        let bits = match self.is_even {
            true => format!("{} bits", self.bits),
            false => "different depths or kinds".to_owned(),
        };
        let planes = if self.is_planar { " in separate planes" } else { "" };
        let colors = match self.color {
            Color::Bands | Color::Negative => "",
            Color::Palette => ", colours from a palette",
            Color::YCbCr => ", colours as YCbCr",
            Color::Cmyk => ", colours as CMYK",
            Color::Lab => ", colours as L*a*b*",
        };
        let compression = match self.compression {
            1 => "no compression".to_owned(),
            2..=4 => "fax compression".to_owned(),
            5 => "LZW compression".to_owned(),
            6 => "JPEG compression of the old kind".to_owned(),
            7 => "JPEG compression".to_owned(),
            8 | 32_946 => "deflate compression".to_owned(),
            32_773 => "PackBits compression".to_owned(),
            34_712 => "JPEG 2000 compression".to_owned(),
            34_887 => "LERC compression".to_owned(),
            34_925 => "LZMA compression".to_owned(),
            50_000 => "Zstandard compression".to_owned(),
            50_001 => "WebP compression".to_owned(),
            50_002 => "JPEG XL compression".to_owned(),
            other => format!("compression {other}"),
        };
        let samples = self.samples;
        format!("{samples}{kind} sample{plural} of {bits} a pixel{planes}{colors}, {compression},")
    }

    /// How many bands a reader can choose from: red, green and blue where samples mean colours.
    pub(crate) fn bands(&self) -> u32 {
        match self.color {
            Color::Bands | Color::Negative => self.samples,
            _ => 3 + u32::from(self.alpha.is_some()),
        }
    }

    /// Pieces beside each other.
    pub(super) fn across(&self) -> u32 {
        self.width.div_ceil(self.piece.0.max(1))
    }

    /// Pieces below each other.
    pub(super) fn down(&self) -> u32 {
        self.height.div_ceil(self.piece.1.max(1))
    }

    /// Samples that stand together in a piece.
    pub(super) fn together(&self) -> u32 {
        if self.is_planar { 1 } else { self.samples }
    }

    /// Bytes of a row of a piece, unpacked.
    pub(super) fn row_bytes(&self) -> u64 {
        let samples = u64::from(self.piece.0).saturating_mul(self.together().into());
        samples.saturating_mul(self.bits.into()).div_ceil(8)
    }

    /// Whether pieces are unpacked as a whole, rather than row by row.
    pub(super) fn is_held(&self) -> bool {
        self.is_tiled || matches!(self.compression, 3 | 4 | 7)
    }

    /// The bytes of all pieces that are read, unpacked: those that stick out of the picture, too.
    pub(super) fn unpacked_bytes(&self) -> u64 {
        let planes = if self.is_planar { u64::from(self.samples.min(MOST_PLANES)) } else { 1 };
        let pieces = u64::from(self.across()).saturating_mul(self.down().into());
        let piece = self.row_bytes().saturating_mul(self.piece.1.into());
        piece.saturating_mul(pieces).saturating_mul(planes)
    }

    /// The most memory that decoding takes, in bytes.
    pub(crate) fn decoded_bytes(&self) -> u64 {
        const DECODER: u64 = 1 << 17;
        let planes = if self.is_planar { u64::from(self.samples.min(MOST_PLANES)) } else { 1 };
        let rows = if self.is_held() { self.piece.1 } else { 1 };
        // coefficients of a JPEG take more than its samples
        let each = if self.compression == 7 { 6 } else { 1 };
        let pieces = self.row_bytes().saturating_mul(rows.into()).saturating_mul(each);
        let pieces = pieces.saturating_mul(planes).saturating_mul(self.across().into());
        // values and colours of a row beside
        let row = u64::from(self.width).saturating_mul(8 * (u64::from(MOST_PLANES) + 4));
        pieces.saturating_add(row).saturating_add(planes * DECODER)
    }

    /// How it is turned upright: not at all where that makes no sense.
    pub(super) fn orientation(&self) -> Orientation {
        let orientation = u8::try_from(self.orientation).ok().and_then(Orientation::from_exif);
        orientation.unwrap_or(Orientation::NoTransforms)
    }

    pub(super) fn sides(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Whether the other is a smaller copy of it.
    pub(super) fn is_like(&self, copy: &Self, limits: &Limits) -> bool {
        let of = |page: &Self| (page.bits, page.samples, page.kind, page.color);
        of(self) == of(copy)
            && copy.width <= self.width
            && copy.height <= self.height
            && copy.takes_no_more_than(limits)
    }

    pub(super) fn takes_no_more_than(&self, limits: &Limits) -> bool {
        self.admit(limits).is_ok()
    }

    /// Holds the memory and the time that it takes against the limits.
    ///
    /// # Errors
    /// [`Error::OverLimit`].
    pub(super) fn admit(&self, limits: &Limits) -> Result<(), Error> {
        limits.admit(FORMAT, self.sides(), self.decoded_bytes())?;
        let most = limits.max_pixels.saturating_mul(MOST_BYTES_PER_PX);
        Error::over("bytes when unpacked", self.unpacked_bytes(), most)
    }
}

/// Planes that are read together: three colours and alpha.
const MOST_PLANES: u32 = 4;

/// All reds, then all greens, then all blues.
fn palette(colors: &[u64]) -> Vec<[u16; 3]> {
    let count = colors.len() / 3;
    let color = |index| [0, 1, 2].map(|part| colors[part * count + index] as u16);
    let mut palette: Vec<[u16; 3]> = (0..count).map(color).collect();
    // writers disagree whether white is 255, 65 280 or 65 535
    let is_short = palette.as_flattened().iter().all(|part| *part < 256);
    for part in palette.as_flattened_mut() {
        *part = if is_short { *part } else { *part >> 8 } * 257;
    }
    palette
}
