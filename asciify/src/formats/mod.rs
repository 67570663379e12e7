//! The image formats that are read: a folder or a file for each.
//!
//! To add a format:
//! 1. Write `formats/NAME/mod.rs` (or `formats/NAME.rs`) with a `DRIVER`: the format's name, how a
//!    file of it begins, and a function that reads its headers.
//! 2. Add its `mod` line and its line in [`DRIVERS`]. Messages, forms and documents of the service list
//!    the formats from there.
//!
//! That function returns a [`Probed`]: sizes, an upper estimate of the memory that
//! decoding takes, and a [`Decoder`](decoder::Decoder) that turns the pixels into samples. A format
//! that the `image` crate decodes needs no decoder of its own: it uses [`whole_image::WholeImage`], and
//! the crate's feature in the workspace's `Cargo.toml`.
//! One that can be read at reduced resolution or row by row has its own, as [`jpeg`] and [`png`]
//! do. [`reader`] reads numbers, and its errors say what is missing where a file ends. Check every
//! size that a file claims by [`ByteReader::can_hold`](reader::ByteReader::can_hold) or against the
//! limits before you allocate memory for it.

pub(crate) mod animation;
mod bmp;
pub(crate) mod decoder;
mod fits;
mod foreign;
mod frame_player;
mod gif;
#[cfg(any(feature = "avif", feature = "heic"))]
mod heif;
mod ico;
mod isobmff;
#[cfg(feature = "isolation")]
pub(crate) mod isolated;
#[cfg(feature = "jp2")]
mod jp2;
mod jpeg;
#[cfg(feature = "jxl")]
mod jxl;
mod pds3;
mod png;
mod pnm;
mod qoi;
mod reader;
pub(crate) mod stretch;
mod tiff;
mod unread;
pub(crate) mod value_rows;
mod values;
mod vicar;
mod webp;
mod whole_image;

use std::io::{Read, Seek, SeekFrom};

use decoder::{Driver, Probed};
use reader::ByteReader;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::source::Source;

/// All formats, the most common first. Messages list them in this order.
const DRIVERS: &[&Driver] = &[
    &jpeg::DRIVER,
    &png::DRIVER,
    &gif::DRIVER,
    &webp::DRIVER,
    #[cfg(feature = "heic")]
    &heif::HEIC_DRIVER,
    #[cfg(feature = "avif")]
    &heif::AVIF_DRIVER,
    #[cfg(feature = "jxl")]
    &jxl::DRIVER,
    &bmp::DRIVER,
    &tiff::DRIVER,
    &tiff::RAW_DRIVER,
    #[cfg(feature = "jp2")]
    &jp2::DRIVER,
    &fits::DRIVER,
    &vicar::DRIVER,
    &pds3::DRIVER,
    &ico::DRIVER,
    &pnm::DRIVER,
    &qoi::DRIVER,
];

/// How many of a file's first bytes are passed to [`Driver::identify`].
const IDENTIFYING_BYTES: u64 = isobmff::MAX_FTYP_BYTES;

/// All formats that are read, the most common first.
pub fn formats() -> impl ExactSizeIterator<Item = Format> {
    DRIVERS.iter().map(|driver| driver.format)
}

/// The format whose files have that media type.
pub fn format_of_media_type(media_type: &str) -> Option<Format> {
    formats().find_map(|format| format.of_kind(media_type))
}

/// Identifies a file by its first bytes and reads its headers. File names and media types are often
/// wrong, so they are not used.
///
/// # Errors
/// [`Error::Unknown`], [`Error::FormatNotRead`], or what is wrong with the headers.
pub(crate) fn probe(source: &mut Source<'_>, limits: &Limits) -> Result<Probed, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut start = Vec::new();
    source.take(IDENTIFYING_BYTES).read_to_end(&mut start).map_err(Error::Read)?;
    if let Some(refusal) = unread::refusal(&start) {
        return Err(refusal);
    }
    let driver = identify(&start).ok_or_else(|| Error::Unknown { readable: list() })?;
    let checks = source.checks;
    let mut reader = ByteReader::new(source, driver.format)?;
    reader.checks = checks;
    (driver.probe)(reader, limits)
}

fn identify(start: &[u8]) -> Option<&'static Driver> {
    DRIVERS.iter().copied().find(|driver| (driver.identify)(start))
}

/// The names of all formats, for a sentence.
fn list() -> String {
    let names: Vec<&str> = formats().map(Format::name).collect();
    let [names @ .., last] = names.as_slice() else { return String::new() };
    format!("{} and {last}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(feature = "avif", feature = "heic", feature = "jp2", feature = "jxl"))]
    fn the_list_names_every_format() {
        assert_eq!(
            list(),
            "JPEG, PNG, GIF, WebP, HEIC, AVIF, JPEG XL, BMP, TIFF, camera raw, \
             JPEG 2000, FITS, VICAR, PDS3, ICO, PNM and QOI"
        );
    }

    #[test]
    fn text_that_begins_like_an_image_is_not_identified() {
        for text in [
            "",
            "BMW makes cars, and motorcycles too",
            "Panama",
            "P3rl",
            "II",
            "GIF8",
            "RIFFabcdWAVE",
        ] {
            assert!(identify(text.as_bytes()).is_none(), "{text}");
        }
    }
}
