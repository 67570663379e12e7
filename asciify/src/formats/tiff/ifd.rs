//! The file structure: an image file header and image file directories of tags, one for each page,
//! overview or mask (TIFF 6.0, section 2; BigTIFF).

use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::format::Format;
use crate::formats::reader::ByteReader;

/// The tags that are read (TIFF 6.0, its supplements, ICC's for profiles, libtiff's, GeoTIFF's, GDAL's,
/// Exif, DNG, and Panasonic's for a preview).
pub(super) mod tag {
    pub(in crate::formats::tiff) const PANASONIC_JPG_FROM_RAW: u16 = 46;
    pub(in crate::formats::tiff) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in crate::formats::tiff) const IMAGE_WIDTH: u16 = 256;
    pub(in crate::formats::tiff) const IMAGE_LENGTH: u16 = 257;
    pub(in crate::formats::tiff) const BITS_PER_SAMPLE: u16 = 258;
    pub(in crate::formats::tiff) const COMPRESSION: u16 = 259;
    pub(in crate::formats::tiff) const PHOTOMETRIC_INTERPRETATION: u16 = 262;
    pub(in crate::formats::tiff) const FILL_ORDER: u16 = 266;
    pub(in crate::formats::tiff) const MAKE: u16 = 271;
    pub(in crate::formats::tiff) const STRIP_OFFSETS: u16 = 273;
    pub(in crate::formats::tiff) const ORIENTATION: u16 = 274;
    pub(in crate::formats::tiff) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(in crate::formats::tiff) const ROWS_PER_STRIP: u16 = 278;
    pub(in crate::formats::tiff) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(in crate::formats::tiff) const PLANAR_CONFIGURATION: u16 = 284;
    pub(in crate::formats::tiff) const T4_OPTIONS: u16 = 292;
    pub(in crate::formats::tiff) const PREDICTOR: u16 = 317;
    pub(in crate::formats::tiff) const COLOR_MAP: u16 = 320;
    pub(in crate::formats::tiff) const TILE_WIDTH: u16 = 322;
    pub(in crate::formats::tiff) const TILE_LENGTH: u16 = 323;
    pub(in crate::formats::tiff) const TILE_OFFSETS: u16 = 324;
    pub(in crate::formats::tiff) const TILE_BYTE_COUNTS: u16 = 325;
    pub(in crate::formats::tiff) const SUB_IFDS: u16 = 330;
    pub(in crate::formats::tiff) const EXTRA_SAMPLES: u16 = 338;
    pub(in crate::formats::tiff) const SAMPLE_FORMAT: u16 = 339;
    pub(in crate::formats::tiff) const JPEG_TABLES: u16 = 347;
    pub(in crate::formats::tiff) const JPEG_INTERCHANGE_FORMAT: u16 = 513;
    pub(in crate::formats::tiff) const JPEG_INTERCHANGE_FORMAT_LENGTH: u16 = 514;
    pub(in crate::formats::tiff) const YCBCR_SUB_SAMPLING: u16 = 530;
    pub(in crate::formats::tiff) const MODEL_PIXEL_SCALE: u16 = 33_550;
    pub(in crate::formats::tiff) const MODEL_TIEPOINT: u16 = 33_922;
    pub(in crate::formats::tiff) const MODEL_TRANSFORMATION: u16 = 34_264;
    pub(in crate::formats::tiff) const ICC_PROFILE: u16 = 34_675;
    pub(in crate::formats::tiff) const EXIF_IFD: u16 = 34_665;
    pub(in crate::formats::tiff) const GEO_KEY_DIRECTORY: u16 = 34_735;
    pub(in crate::formats::tiff) const MAKER_NOTE: u16 = 37_500;
    pub(in crate::formats::tiff) const GDAL_METADATA: u16 = 42_112;
    pub(in crate::formats::tiff) const GDAL_NODATA: u16 = 42_113;
    pub(in crate::formats::tiff) const LERC_PARAMETERS: u16 = 50_674;
    pub(in crate::formats::tiff) const DNG_VERSION: u16 = 50_706;
}

/// Field types (TIFF 6.0, section 2; its supplements have IFD, BigTIFF the last three).
mod field_type {
    pub(super) const BYTE: u16 = 1;
    pub(super) const ASCII: u16 = 2;
    pub(super) const SHORT: u16 = 3;
    pub(super) const LONG: u16 = 4;
    pub(super) const RATIONAL: u16 = 5;
    pub(super) const SBYTE: u16 = 6;
    pub(super) const UNDEFINED: u16 = 7;
    pub(super) const SSHORT: u16 = 8;
    pub(super) const SLONG: u16 = 9;
    pub(super) const SRATIONAL: u16 = 10;
    pub(super) const FLOAT: u16 = 11;
    pub(super) const DOUBLE: u16 = 12;
    pub(super) const IFD: u16 = 13;
    pub(super) const LONG8: u16 = 16;
    pub(super) const SLONG8: u16 = 17;
    pub(super) const IFD8: u16 = 18;
}

use field_type::*;

pub(super) const FORMAT: Format =
    Format::new("TIFF", "image/tiff", "tif").also(&["tiff"]).read_in_parts();

/// The version numbers of classic TIFF and of BigTIFF, whose offsets have 64 bits.
pub(super) const CLASSIC_VERSION: u8 = 42;
pub(super) const BIG_TIFF_VERSION: u8 = 43;

/// Entries of a directory that are read; real ones have about 20.
const MAX_ENTRIES: u64 = 1024;

/// A TIFF or BigTIFF file.
pub(super) struct Tiff<'a> {
    pub(super) reader: ByteReader<'a>,
    /// The byte order of everything in the file, samples included.
    pub(super) is_little_endian: bool,
    is_big: bool,
    /// The offset of the first IFD; 0 for none.
    pub(super) first_ifd: u64,
    /// Whether the caller still wants its pixels; `None` while only headers are read.
    pub(super) cancellation: Option<&'a Cancellation<'a>>,
}

/// An entry of an IFD: where the values of a tag are, and of which type.
#[derive(Debug, Clone, Copy)]
pub(super) struct IfdEntry {
    tag: u16,
    field_type: u16,
    /// The number of values.
    pub(super) count: u64,
    /// The offset in the file of the first value.
    pub(super) offset: u64,
}

/// An image file directory.
pub(super) struct Ifd {
    entries: Vec<IfdEntry>,
    /// The offset of the next IFD; 0 for none.
    pub(super) next: u64,
}

impl Ifd {
    /// The first entry of a tag.
    pub(super) fn entry(&self, tag: u16) -> Option<IfdEntry> {
        self.entries.iter().find(|entry| entry.tag == tag).copied()
    }
}

impl IfdEntry {
    /// Bytes per value. `None` for unknown types.
    fn value_bytes(self) -> Option<u64> {
        match self.field_type {
            BYTE | ASCII | SBYTE | UNDEFINED => Some(1),
            SHORT | SSHORT => Some(2),
            LONG | SLONG | FLOAT | IFD => Some(4),
            RATIONAL | SRATIONAL | DOUBLE | LONG8 | SLONG8 | IFD8 => Some(8),
            _ => None,
        }
    }

    fn is_integer(self) -> bool {
        !matches!(self.field_type, ASCII | RATIONAL | SRATIONAL | FLOAT | DOUBLE)
    }
}

impl<'a> Tiff<'a> {
    /// Reads the image file header.
    ///
    /// # Errors
    /// The file ends before.
    pub(super) fn open(mut reader: ByteReader<'a>) -> Result<Self, Error> {
        let [order, _]: [u8; 2] = reader.array()?;
        let is_little_endian = order == b'I';
        let mut tiff =
            Self { reader, is_little_endian, is_big: false, first_ifd: 0, cancellation: None };
        tiff.is_big = tiff.u16()? == u16::from(BIG_TIFF_VERSION);
        if tiff.is_big {
            tiff.reader.skip(4)?; // the size of offsets, and a constant
        }
        tiff.first_ifd = tiff.offset()?;
        tiff.reader.awaited = "its directory is complete";
        Ok(tiff)
    }

    /// Reads the IFD at an offset, without values that are stored elsewhere.
    ///
    /// # Errors
    /// It is cut off, or has too many entries.
    pub(super) fn ifd(&mut self, offset: u64) -> Result<Ifd, Error> {
        self.reader.seek_to(offset)?;
        let count = if self.is_big { self.u64()? } else { self.u16()?.into() };
        if count > MAX_ENTRIES {
            return Err(self.reader.malformed("a directory has too many entries"));
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            let (tag, field_type, count) = (self.u16()?, self.u16()?, self.offset()?);
            let mut entry = IfdEntry { tag, field_type, count, offset: self.reader.position };
            let value_or_offset = self.offset()?;
            let value_bytes = entry.value_bytes().map(|bytes| bytes.saturating_mul(count));
            if value_bytes.is_some_and(|bytes| bytes > self.offset_bytes()) {
                entry.offset = value_or_offset;
            }
            entries.push(entry);
        }
        Ok(Ifd { entries, next: self.offset()? })
    }

    /// The first value of a tag, or `default` if the IFD does not have it. Saturates at 32 bits.
    ///
    /// # Errors
    /// As for [`Tiff::values`].
    pub(super) fn number(&mut self, ifd: &Ifd, tag: u16, default: u32) -> Result<u32, Error> {
        match self.numbers(ifd, tag, 1)?.first() {
            Some(value) => Ok(u32::try_from(*value).unwrap_or(u32::MAX)),
            None => Ok(default),
        }
    }

    /// The first values of a tag, at most `max`; none if the IFD does not have it.
    ///
    /// # Errors
    /// As for [`Tiff::values`].
    pub(super) fn numbers(&mut self, ifd: &Ifd, tag: u16, max: u64) -> Result<Vec<u64>, Error> {
        match ifd.entry(tag) {
            Some(entry) => self.values(entry, 0, entry.count.min(max)),
            None => Ok(Vec::new()),
        }
    }

    /// `count` values of an entry from index `first` on.
    ///
    /// # Errors
    /// The values are no integers, or the file ends before them.
    pub(super) fn values(
        &mut self,
        entry: IfdEntry,
        first: u64,
        count: u64,
    ) -> Result<Vec<u64>, Error> {
        let width = match entry.value_bytes() {
            Some(width) if entry.is_integer() => width,
            _ => return Err(self.reader.malformed("a tag's value is not a whole number")),
        };
        self.reader.seek_to(entry.offset.saturating_add(first.saturating_mul(width)))?;
        if count.saturating_mul(width) > self.reader.remaining() {
            return Err(self.reader.cut_off());
        }
        let value = |_| match width {
            1 => self.reader.byte().map(u64::from),
            2 => self.u16().map(u64::from),
            4 => self.u32().map(u64::from),
            _ => self.u64(),
        };
        (0..count).map(value).collect()
    }

    /// The first values of an entry of double precision, at most `max`.
    ///
    /// # Errors
    /// The values are of another type, or the file ends before them.
    pub(super) fn doubles(&mut self, entry: IfdEntry, max: u64) -> Result<Vec<f64>, Error> {
        if entry.field_type != DOUBLE {
            return Err(self.reader.malformed("a tag's value is not of double precision"));
        }
        self.reader.seek_to(entry.offset)?;
        (0..entry.count.min(max)).map(|_| self.u64().map(f64::from_bits)).collect()
    }

    /// The first bytes of a tag's values of any type, at most `max`; none if the IFD does not have
    /// it.
    ///
    /// # Errors
    /// The file ends before them.
    pub(super) fn bytes(&mut self, ifd: &Ifd, tag: u16, max: u64) -> Result<Vec<u8>, Error> {
        ifd.entry(tag).map_or(Ok(Vec::new()), |entry| self.bytes_of(entry, max))
    }

    /// The first bytes of an entry's values, at most `max`.
    ///
    /// # Errors
    /// The file ends before them.
    pub(super) fn bytes_of(&mut self, entry: IfdEntry, max: u64) -> Result<Vec<u8>, Error> {
        self.reader.seek_to(entry.offset)?;
        let length = entry.count.saturating_mul(entry.value_bytes().unwrap_or(1)).min(max);
        self.reader.bytes(length, max)
    }

    /// Bytes of an offset.
    fn offset_bytes(&self) -> u64 {
        if self.is_big { 8 } else { 4 }
    }

    fn offset(&mut self) -> Result<u64, Error> {
        if self.is_big { self.u64() } else { self.u32().map(u64::from) }
    }

    fn u16(&mut self) -> Result<u16, Error> {
        if self.is_little_endian { self.reader.u16_le() } else { self.reader.u16_be() }
    }

    fn u32(&mut self) -> Result<u32, Error> {
        if self.is_little_endian { self.reader.u32_le() } else { self.reader.u32_be() }
    }

    fn u64(&mut self) -> Result<u64, Error> {
        let bytes = self.reader.array()?;
        Ok(if self.is_little_endian {
            u64::from_le_bytes(bytes)
        } else {
            u64::from_be_bytes(bytes)
        })
    }
}
