//! TIFF and BigTIFF: a chain of directories, each with tags that describe a page (TIFF 6.0, 2).

use std::collections::BTreeSet;
use std::io::{BufRead, Seek};

use image::metadata::Orientation;

use super::{Structure, Walk, area};
use crate::{Error, Limits};

pub(super) fn walk<R: BufRead + Seek>(
    walk: &mut Walk<'_, R>,
    limits: &Limits,
) -> Result<Structure, Error> {
    let (mut tiff, first) = Tiff::open(walk)?;
    let page = tiff.page(first)?;
    let mut directories = BTreeSet::from([first]);
    let (mut pages, mut next) = (1, page.next);
    while next != 0 {
        if !directories.insert(next) {
            return Err(tiff.walk.malformed("its pages form a circle"));
        }
        Error::over("frames", directories.len() as u64, limits.max_frames.into())?;
        let is_page;
        (is_page, next) = tiff.after(next)?;
        pages += u32::from(is_page);
    }

    let mut found = Structure::still(page.width, page.height, page.bytes_per_px());
    // A strip or a tile is held while it is unpacked, and tiles may stick out of the picture.
    let piece = area(page.piece_width, page.piece_height).saturating_mul(page.bytes_per_px());
    found.decoded_bytes = found.decoded_bytes.saturating_mul(2).saturating_add(piece);
    found.frames = pages;
    found.orientation = u8::try_from(page.orientation)
        .ok()
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms);
    found.layout = page.layout();
    Ok(found)
}

/// A file of either byte order and either width of offsets.
struct Tiff<'a, 'b, R> {
    walk: &'a mut Walk<'b, R>,
    little_endian: bool,
    big: bool,
}

/// What the tags of one directory say, so far as it is needed.
#[derive(Default)]
struct Page {
    width: u32,
    height: u32,
    bits: u32,
    samples: u32,
    sample_format: u32,
    compression: u32,
    photometric: u32,
    planar: u32,
    orientation: u32,
    piece_width: u32,
    piece_height: u32,
    /// Where the next directory stands; 0 for none.
    next: u64,
}

impl Page {
    fn bytes_per_px(&self) -> u64 {
        // Depths below 8 bits are widened; four channels is the least that conversions produce.
        u64::from(self.samples.max(4)).saturating_mul(u64::from(self.bits.max(8).div_ceil(8)))
    }

    fn layout(&self) -> String {
        let kind = match self.sample_format {
            2 => " signed",
            3 => " floating-point",
            5 | 6 => " complex",
            _ => "",
        };
        let plural = if self.samples == 1 { "" } else { "s" };
        let planes = if self.planar == 2 { " in separate planes" } else { "" };
        let colors = match self.photometric {
            0 | 1 if self.samples > 2 => ", none of them a colour",
            3 => ", colours from a palette",
            6 => ", colours as YCbCr",
            8 => ", colours as L*a*b*",
            _ => "",
        };
        let compression = match self.compression {
            1 => "no compression".to_owned(),
            2..=4 => "fax compression".to_owned(),
            5 => "LZW compression".to_owned(),
            6 | 7 => "JPEG compression".to_owned(),
            8 | 32_946 => "deflate compression".to_owned(),
            32_773 => "PackBits compression".to_owned(),
            34_887 => "LERC compression".to_owned(),
            50_000 => "Zstandard compression".to_owned(),
            50_001 => "WebP compression".to_owned(),
            other => format!("compression {other}"),
        };
        format!(
            "{}{kind} sample{plural} of {} bits a pixel{planes}{colors}, {compression},",
            self.samples, self.bits
        )
    }
}

impl<'a, 'b, R: BufRead + Seek> Tiff<'a, 'b, R> {
    /// Reads the header; gives the place of the first directory too.
    fn open(walk: &'a mut Walk<'b, R>) -> Result<(Self, u64), Error> {
        let [order, _, ..]: [u8; 2] = walk.array()?;
        let mut tiff = Self { walk, little_endian: order == b'I', big: false };
        tiff.big = tiff.u16()? == 43;
        if tiff.big {
            tiff.walk.skip(4)?;
        }
        let first = tiff.offset()?;
        tiff.walk.awaited = "its directory is complete";
        Ok((tiff, first))
    }

    fn page(&mut self, at: u64) -> Result<Page, Error> {
        let mut page = Page {
            bits: 1,
            samples: 1,
            sample_format: 1,
            compression: 1,
            planar: 1,
            orientation: 1,
            ..Page::default()
        };
        for _ in 0..self.enter(at)? {
            let (tag, kind) = (self.u16()?, self.u16()?);
            let count = self.offset()?;
            let start = self.walk.at;
            let slot = match tag {
                256 => &mut page.width,
                257 => &mut page.height,
                258 => &mut page.bits,
                259 => &mut page.compression,
                262 => &mut page.photometric,
                274 => &mut page.orientation,
                277 => &mut page.samples,
                284 => &mut page.planar,
                322 => &mut page.piece_width,
                278 | 323 => &mut page.piece_height,
                339 => &mut page.sample_format,
                273 | 324 => {
                    self.holds(kind, count)?;
                    self.walk.go_to(start.saturating_add(self.offset_width()))?;
                    continue;
                }
                _ => {
                    self.walk.skip(self.offset_width())?;
                    continue;
                }
            };
            *slot = self.first_value(kind, count)?;
            self.walk.go_to(start.saturating_add(self.offset_width()))?;
        }
        page.next = self.offset()?;
        // A strip is as wide as the picture, and may claim to be higher.
        page.piece_width = page.piece_width.max(page.width);
        page.piece_height = page.piece_height.min(page.height.max(1 << 16));
        Ok(page)
    }

    /// Passes over the directory at `at`: whether it is a page of its own, rather than a smaller copy
    /// or a mask of another, and where the next one stands.
    fn after(&mut self, at: u64) -> Result<(bool, u64), Error> {
        const COPY_OR_MASK: u32 = 1 | 4;
        let entries = self.enter(at)?;
        let start = self.walk.at;
        // tags rise, and this one is the lowest: to look further would take time without bound
        let mut kind_of_page = 0;
        if entries > 0 && self.u16()? == 254 {
            let kind = self.u16()?;
            let count = self.offset()?;
            kind_of_page = self.first_value(kind, count)?;
        }
        self.walk.go_to(start)?;
        let entry = 4 + 2 * self.offset_width();
        self.walk.skip(entries.saturating_mul(entry))?;
        Ok((kind_of_page & COPY_OR_MASK == 0, self.offset()?))
    }

    /// The number of entries of the directory at `at`.
    fn enter(&mut self, at: u64) -> Result<u64, Error> {
        self.walk.go_to(at)?;
        if self.big { self.u64() } else { self.u16().map(u64::from) }
    }

    /// The first of `count` values, which stand in the entry itself where there is room.
    fn first_value(&mut self, kind: u16, count: u64) -> Result<u32, Error> {
        let width = match kind {
            1 | 6 => 1,
            3 | 8 => 2,
            4 | 9 | 13 => 4,
            16..=18 => 8,
            _ => return Err(self.walk.malformed("a tag's value is not a number")),
        };
        if count == 0 {
            return Err(self.walk.malformed("a tag has no value"));
        }
        if count.saturating_mul(width) > self.offset_width() {
            let at = self.offset()?;
            self.walk.go_to(at)?;
        }
        match width {
            1 => self.walk.byte().map(u32::from),
            2 => self.u16().map(u32::from),
            4 => self.u32(),
            _ => self.u64().map(|value| u32::try_from(value).unwrap_or(u32::MAX)),
        }
    }

    /// The first strip or tile begins inside the file.
    fn holds(&mut self, kind: u16, count: u64) -> Result<(), Error> {
        let first = self.first_value(kind, count)?;
        if u64::from(first) > self.walk.end && first != u32::MAX {
            Err(self.walk.cut_off())
        } else {
            Ok(())
        }
    }

    fn offset_width(&self) -> u64 {
        if self.big { 8 } else { 4 }
    }

    fn offset(&mut self) -> Result<u64, Error> {
        if self.big { self.u64() } else { self.u32().map(u64::from) }
    }

    fn u16(&mut self) -> Result<u16, Error> {
        if self.little_endian { self.walk.u16_le() } else { self.walk.u16_be() }
    }

    fn u32(&mut self) -> Result<u32, Error> {
        if self.little_endian { self.walk.u32_le() } else { self.walk.u32_be() }
    }

    fn u64(&mut self) -> Result<u64, Error> {
        let bytes = self.walk.array()?;
        Ok(if self.little_endian { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }
}
