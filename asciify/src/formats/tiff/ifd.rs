//! The bones of a TIFF: directories of tags, each a page, a smaller copy of one, or a mask (TIFF 6.0,
//! section 2; BigTIFF).

use crate::error::Error;
use crate::format::Format;
use crate::formats::reader::ByteReader;

/// Tags that mean something to us (TIFF 6.0 and its supplements; GDAL's for missing values).
pub(super) mod tag {
    pub(in crate::formats::tiff) const SUBFILE: u16 = 254;
    pub(in crate::formats::tiff) const WIDTH: u16 = 256;
    pub(in crate::formats::tiff) const HEIGHT: u16 = 257;
    pub(in crate::formats::tiff) const BITS: u16 = 258;
    pub(in crate::formats::tiff) const COMPRESSION: u16 = 259;
    pub(in crate::formats::tiff) const PHOTOMETRIC: u16 = 262;
    pub(in crate::formats::tiff) const FILL_ORDER: u16 = 266;
    pub(in crate::formats::tiff) const STRIP_OFFSETS: u16 = 273;
    pub(in crate::formats::tiff) const ORIENTATION: u16 = 274;
    pub(in crate::formats::tiff) const SAMPLES: u16 = 277;
    pub(in crate::formats::tiff) const ROWS_PER_STRIP: u16 = 278;
    pub(in crate::formats::tiff) const STRIP_LENGTHS: u16 = 279;
    pub(in crate::formats::tiff) const PLANAR: u16 = 284;
    pub(in crate::formats::tiff) const FAX3_OPTIONS: u16 = 292;
    pub(in crate::formats::tiff) const PREDICTOR: u16 = 317;
    pub(in crate::formats::tiff) const PALETTE: u16 = 320;
    pub(in crate::formats::tiff) const TILE_WIDTH: u16 = 322;
    pub(in crate::formats::tiff) const TILE_HEIGHT: u16 = 323;
    pub(in crate::formats::tiff) const TILE_OFFSETS: u16 = 324;
    pub(in crate::formats::tiff) const TILE_LENGTHS: u16 = 325;
    pub(in crate::formats::tiff) const SUB_DIRECTORIES: u16 = 330;
    pub(in crate::formats::tiff) const EXTRA_SAMPLES: u16 = 338;
    pub(in crate::formats::tiff) const SAMPLE_FORMAT: u16 = 339;
    pub(in crate::formats::tiff) const JPEG_TABLES: u16 = 347;
    pub(in crate::formats::tiff) const SUBSAMPLING: u16 = 530;
    pub(in crate::formats::tiff) const NO_DATA: u16 = 42_113;
}

pub(super) const FORMAT: Format = Format::new("TIFF", "image/tiff", "tif");

/// More than any directory that makes sense.
const MOST_ENTRIES: u64 = 1024;

/// A TIFF of either byte order and either width of offsets.
pub(crate) struct Tiff<'a> {
    pub(super) reader: ByteReader<'a>,
    pub(super) little_endian: bool,
    big: bool,
    /// Where the first directory stands.
    pub(super) first: u64,
}

/// A tag's values: where they stand in the file, and what they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    tag: u16,
    kind: u16,
    pub(super) count: u64,
    pub(super) at: u64,
}

/// One directory.
pub(super) struct Directory {
    entries: Vec<Entry>,
    /// Where the next one stands; 0 for none.
    pub(super) next: u64,
}

impl Directory {
    pub(super) fn entry(&self, tag: u16) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.tag == tag).copied()
    }
}

impl Entry {
    /// Bytes of a value; `None` for kinds that we do not know.
    fn width(self) -> Option<u64> {
        match self.kind {
            1 | 2 | 6 | 7 => Some(1),
            3 | 8 => Some(2),
            4 | 9 | 11 | 13 => Some(4),
            5 | 10 | 12 | 16..=18 => Some(8),
            _ => None,
        }
    }
}

impl<'a> Tiff<'a> {
    pub(crate) fn open(mut reader: ByteReader<'a>) -> Result<Self, Error> {
        let [order, _]: [u8; 2] = reader.array()?;
        let mut tiff = Self { reader, little_endian: order == b'I', big: false, first: 0 };
        tiff.big = tiff.u16()? == 43;
        if tiff.big {
            tiff.reader.skip(4)?;
        }
        tiff.first = tiff.offset()?;
        tiff.reader.awaited = "its directory is complete";
        Ok(tiff)
    }

    /// The directory at `at`, without the values that stand elsewhere.
    pub(super) fn directory(&mut self, at: u64) -> Result<Directory, Error> {
        self.reader.seek_to(at)?;
        let count = if self.big { self.u64()? } else { self.u16()?.into() };
        if count > MOST_ENTRIES {
            return Err(self.reader.malformed("a directory has too many entries"));
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            let (tag, kind, count) = (self.u16()?, self.u16()?, self.offset()?);
            let mut entry = Entry { tag, kind, count, at: self.reader.position };
            let value = self.offset()?;
            if entry.width().is_some_and(|width| width.saturating_mul(count) > self.offset_width())
            {
                entry.at = value;
            }
            entries.push(entry);
        }
        Ok(Directory { entries, next: self.offset()? })
    }

    /// The first value of a tag; `default` where it is not there. What exceeds 32 bits saturates.
    pub(super) fn number(
        &mut self,
        directory: &Directory,
        tag: u16,
        default: u32,
    ) -> Result<u32, Error> {
        match self.numbers(directory, tag, 1)?.first() {
            Some(value) => Ok(u32::try_from(*value).unwrap_or(u32::MAX)),
            None => Ok(default),
        }
    }

    /// At most so many first values of a tag; none where it is not there.
    pub(super) fn numbers(
        &mut self,
        directory: &Directory,
        tag: u16,
        most: u64,
    ) -> Result<Vec<u64>, Error> {
        match directory.entry(tag) {
            Some(entry) => self.values(entry, 0, entry.count.min(most)),
            None => Ok(Vec::new()),
        }
    }

    /// Whole numbers from the one of index `first` on.
    pub(super) fn values(
        &mut self,
        entry: Entry,
        first: u64,
        count: u64,
    ) -> Result<Vec<u64>, Error> {
        let width = match entry.width() {
            Some(width) if !matches!(entry.kind, 2 | 5 | 10..=12) => width,
            _ => return Err(self.reader.malformed("a tag's value is not a whole number")),
        };
        self.reader.seek_to(entry.at.saturating_add(first.saturating_mul(width)))?;
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

    /// At most so many first bytes of a tag, whatever they are.
    pub(super) fn bytes(
        &mut self,
        directory: &Directory,
        tag: u16,
        most: u64,
    ) -> Result<Vec<u8>, Error> {
        let Some(entry) = directory.entry(tag) else { return Ok(Vec::new()) };
        self.reader.seek_to(entry.at)?;
        let length = entry.count.saturating_mul(entry.width().unwrap_or(1)).min(most);
        self.reader.bytes(length, most)
    }

    fn offset_width(&self) -> u64 {
        if self.big { 8 } else { 4 }
    }

    fn offset(&mut self) -> Result<u64, Error> {
        if self.big { self.u64() } else { self.u32().map(u64::from) }
    }

    fn u16(&mut self) -> Result<u16, Error> {
        if self.little_endian { self.reader.u16_le() } else { self.reader.u16_be() }
    }

    fn u32(&mut self) -> Result<u32, Error> {
        if self.little_endian { self.reader.u32_le() } else { self.reader.u32_be() }
    }

    fn u64(&mut self) -> Result<u64, Error> {
        let bytes = self.reader.array()?;
        Ok(if self.little_endian { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }
}
