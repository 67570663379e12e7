//! FITS (FITS Standard 4.0; sections named in this folder are its): arrays of numbers, the lowest row
//! first, also compressed by tiles.
//!
//! Drawn is the first array of at least two axes that are longer than 1: that of the primary header,
//! or of an extension. Planes along further axes are frames, but three that `CTYPE3` calls RGB are
//! red, green and blue.

mod header;
mod rice;
mod table;
mod tiles;

use crate::error::{Error, Limits};
use crate::formats::decoder::{Driver, Probed};
use crate::formats::reader::ByteReader;
use crate::formats::values::layout::Layout;
use crate::formats::values::sample_type::{Kind, SampleType};
use crate::formats::values::{StoredRows, Values};

use header::{FORMAT, Header, MAX_CARDS};
use tiles::Tiles;

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| {
        start.starts_with(b"SIMPLE  =")
            && start.get(9..30).is_some_and(|value| {
                value.split(|it| *it == b'/').next().is_some_and(|it| it.trim_ascii() == b"T")
            })
    },
    probe: |reader, _limits: &Limits| probe(reader),
};

fn probe(mut reader: ByteReader<'_>) -> Result<Probed, Error> {
    let header = find_image(&mut reader)?;
    let image = Image::of(&header, &reader)?;
    reader.awaited = "its last row";
    if image.is_compressed {
        let planes = u64::from(image.frames) * u64::from(image.bands);
        let tiles =
            Tiles::of(&header, &reader, image.sample_type, image.sides, planes, image.bands)?;
        tiles.check_pixels(&reader)?;
        let is_whole = tiles.end() <= reader.end;
        return Ok(image.values(&header, is_whole, tiles).probed());
    }
    let sample_bytes = image.sample_type.bytes();
    let row_step = u64::from(image.sides.0).saturating_mul(sample_bytes);
    let band_step = u64::from(image.sides.1).saturating_mul(row_step);
    let layout = Layout {
        sample_type: image.sample_type,
        sides: image.sides,
        bands: image.bands,
        start: header.data_offset,
        pixel_step: sample_bytes,
        row_step,
        band_step,
        frame_step: band_step.saturating_mul(image.bands.into()),
    };
    if header.data_offset.saturating_add(row_step) > reader.end {
        return Err(reader.cut_off());
    }
    let is_whole = layout.end(image.frames) <= reader.end;
    Ok(image.values(&header, is_whole, layout).probed())
}

/// The header of the array to draw.
///
/// # Errors
/// The file has no image, is cut off before one, or its headers are damaged.
fn find_image(reader: &mut ByteReader<'_>) -> Result<Header, Error> {
    let mut cards_left = MAX_CARDS;
    let mut narrow = None;
    loop {
        let header = match Header::read(reader, &mut cards_left) {
            // what follows an image may be damaged
            Err(Error::Malformed(_)) if narrow.is_some() => break,
            header => header?,
        };
        let is_primary = header.has("SIMPLE");
        if !is_primary && !header.has("XTENSION") {
            break;
        }
        let next = header.next_offset();
        if let Some([width, height, ..]) = image_axes(&header).as_deref() {
            if *width > 1 && *height > 1 {
                return Ok(header);
            }
            narrow.get_or_insert(header);
        }
        if next >= reader.end {
            break;
        }
        reader.seek_to(next)?;
    }
    narrow.ok_or_else(|| {
        Error::Unsupported("this FITS holds no image, only headers, tables or spectra".to_owned())
    })
}

/// The axes of the array behind a header. `None` if it is no image of two axes.
fn image_axes(header: &Header) -> Option<Vec<u64>> {
    let axes = match header.text("XTENSION").as_deref() {
        None | Some("IMAGE") => header.axes("NAXIS"),
        Some(_) if is_compressed(header) => header.axes("ZNAXIS"),
        Some(_) => return None,
    };
    (axes.len() >= 2 && !axes.contains(&0)).then_some(axes)
}

/// Whether the table behind a header has the tiles of an image (10.1).
fn is_compressed(header: &Header) -> bool {
    header.text("XTENSION").as_deref() == Some("BINTABLE") && header.is_true("ZIMAGE")
}

/// An array, as its header describes it.
struct Image {
    sides: (u32, u32),
    bands: u32,
    frames: u32,
    sample_type: SampleType,
    is_compressed: bool,
}

impl Image {
    fn of(header: &Header, reader: &ByteReader<'_>) -> Result<Self, Error> {
        let is_compressed = is_compressed(header);
        let axes = image_axes(header).unwrap_or_default();
        let [width, height, planes @ ..] = axes.as_slice() else {
            return Err(reader.malformed("its image has no two axes"));
        };
        let is_rgb = planes.first() == Some(&3)
            && header.text("CTYPE3").is_some_and(|it| it.trim().eq_ignore_ascii_case("RGB"));
        let frames = if is_rgb { &planes[1..] } else { planes };
        let frames = frames.iter().fold(1_u64, |all, it| all.saturating_mul(*it));
        let saturated = |it: u64| u32::try_from(it).unwrap_or(u32::MAX);
        let bitpix = header.integer(if is_compressed { "ZBITPIX" } else { "BITPIX" });
        let bitpix = bitpix.unwrap_or(0);
        let kind = match bitpix {
            ..0 => Kind::Float,
            8 => Kind::Unsigned,
            _ => Kind::Signed,
        };
        let bits = u32::try_from(bitpix.unsigned_abs()).unwrap_or(0);
        let sample_type = SampleType::new(kind, bits, false);
        Ok(Self {
            sides: (saturated(*width), saturated(*height)),
            bands: if is_rgb { 3 } else { 1 },
            frames: saturated(frames),
            sample_type: sample_type.ok_or_else(|| {
                reader.malformed("its BITPIX is none of 8, 16, 32, 64, -32 and -64")
            })?,
            is_compressed,
        })
    }

    /// The picture, whose numbers BSCALE, BZERO and BLANK explain (4.4.2).
    fn values<S: StoredRows>(&self, header: &Header, is_whole: bool, rows: S) -> Values<S> {
        let blank = header.integer("BLANK");
        let blank = blank.or_else(|| header.integer("ZBLANK").filter(|_| self.is_compressed));
        let blank = blank.filter(|_| self.sample_type.is_integer());
        Values {
            format: FORMAT,
            sides: self.sides,
            bands: self.bands,
            frames: self.frames,
            sample_type: self.sample_type,
            scale: header.real("BSCALE").unwrap_or(1.0),
            zero: header.real("BZERO").unwrap_or(0.0),
            missing: blank.map(|it| it as f64).into_iter().collect(),
            is_bottom_up: true,
            is_whole,
            rows,
        }
    }
}
