//! Camera raws: files of sensor data, which also have pictures that the camera developed. The largest
//! JPEG among these previews is drawn.
//!
//! Most are TIFF files: DNG (Adobe, version 1.7) and those that follow TIFF/EP (ISO 12234-2).
//! Previews are found by their tags, by the header of RAF, and in the maker note of ORF.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, BufRead, Read, Seek, SeekFrom};

use image::metadata::Orientation;

use super::ifd::{Ifd, Tiff, tag};
use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Decoder, Input, Probed, area, process_bytes_for};
use crate::formats::jpeg;
use crate::formats::reader::ByteReader;
use crate::formats::value_rows::TakeValues;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::source::{ReadSeek, Source};
use crate::spec::Spec;

pub(super) const FORMAT: Format =
    Format::new("camera raw", "image/x-dcraw", "dng").read_in_parts().also(&[
        "nef", "nrw", "cr2", "arw", "sr2", "pef", "orf", "rw2", "raf", "srw", "3fr", "erf", "mef",
        "mos",
    ]);

/// How files begin that have a byte order as TIFF, and a version of their own: ORF and RW2.
const RELATIVES: [&[u8; 4]; 4] = [b"IIRO", b"IIRS", b"MMOR", b"IIU\0"];
const RAF: &[u8] = b"FUJIFILMCCD-RAW ";
/// Behind the header of a CR2.
const CR2: &[u8; 2] = b"CR";

/// PhotometricInterpretation of sensor data: a colour filter array (TIFF/EP), and LinearRaw (DNG).
const COLOR_FILTER_ARRAY: u32 = 32_803;
const LINEAR_RAW: u32 = 34_892;
/// Compression of makers' own sensor data: of Sony, Epson, Samsung, Nikon, Kodak and Pentax.
const RAW_COMPRESSIONS: [u32; 6] = [32_767, 32_769, 32_770, 34_713, 65_000, 65_535];
/// Compression of JPEG: the codes of TIFF 6.0, section 22, and of Technical Note 2.
const JPEG_COMPRESSIONS: [u32; 2] = [6, 7];

/// IFDs that are read.
const MAX_IFDS: usize = 32;
const MAX_SUB_IFDS: u64 = 16;
/// JPEGs that are compared.
const MAX_PREVIEWS: usize = 32;

/// Whether a file that begins with these bytes is a camera raw that is no TIFF.
pub(super) fn is_relative_of_tiff(start: &[u8]) -> bool {
    RELATIVES.iter().any(|it| start.starts_with(*it)) || start.starts_with(RAF)
}

/// Reads a file that [`is_relative_of_tiff`].
///
/// # Errors
/// It has no preview that can be drawn, or is cut off.
pub(super) fn probe_relative(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let start = reader.bytes(reader.end.min(RAF.len() as u64), RAF.len() as u64)?;
    if start != RAF {
        reader.seek_to(0)?;
        return probe(&mut Tiff::open(reader)?, limits)?.ok_or(WITHOUT_PREVIEW);
    }
    // big-endian: where the JPEG is
    reader.seek_to(84)?;
    let preview = (reader.u32_be()?.into(), reader.u32_be()?.into());
    largest(&mut reader, vec![preview], limits, None)?.ok_or(WITHOUT_PREVIEW)
}

/// Whether a TIFF is a camera raw.
///
/// # Errors
/// Its first IFD cannot be read.
pub(super) fn is_camera_raw(tiff: &mut Tiff<'_>) -> Result<bool, Error> {
    if tiff.first_ifd == 0 {
        return Ok(false);
    }
    let first = tiff.ifd(tiff.first_ifd)?;
    if first.entry(tag::DNG_VERSION).is_some() {
        return Ok(true);
    }
    if first.entry(tag::MAKE).is_none() {
        return Ok(false);
    }
    let mark = tiff.reader.seek_to(8).and_then(|()| tiff.reader.array());
    if optional(mark)?.as_ref() == Some(CR2) {
        return Ok(true);
    }
    for ifd in ifds(tiff)? {
        let photometric = optional(tiff.number(&ifd, tag::PHOTOMETRIC_INTERPRETATION, 0))?;
        let compression = optional(tiff.number(&ifd, tag::COMPRESSION, 1))?;
        if photometric == Some(COLOR_FILTER_ARRAY)
            || compression.is_some_and(|it| RAW_COMPRESSIONS.contains(&it))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The picture of a camera raw. `None` if it has no JPEG, but its first IFD is a thumbnail that is
/// stored as pictures in other TIFFs are.
///
/// # Errors
/// It has no picture at all, or is damaged.
pub(super) fn probe(tiff: &mut Tiff<'_>, limits: &Limits) -> Result<Option<Probed>, Error> {
    let ifds = ifds(tiff)?;
    let Some(first) = ifds.first() else { return Err(WITHOUT_PREVIEW) };
    let orientation = match first.entry(tag::ORIENTATION) {
        Some(_) => optional(tiff.number(first, tag::ORIENTATION, 1))?,
        None => None,
    };
    let orientation = orientation.and_then(|it| Orientation::from_exif(u8::try_from(it).ok()?));
    let (mut previews, mut is_whole) = (Vec::new(), true);
    for ifd in &ifds {
        previews.extend(optional(previews_of(tiff, ifd))?.into_iter().flatten());
        is_whole &= optional(has_all_data(tiff, ifd))?.unwrap_or(true);
    }
    previews.extend(optional(olympus_previews(tiff, first))?.into_iter().flatten());
    previews.truncate(MAX_PREVIEWS);
    if let Some(mut probed) = largest(&mut tiff.reader, previews, limits, orientation)? {
        probed.is_whole &= is_whole;
        return Ok(Some(probed));
    }
    let photometric = optional(tiff.number(first, tag::PHOTOMETRIC_INTERPRETATION, 0))?;
    match photometric {
        // RGB and YCbCr
        Some(2 | 6) => Ok(None),
        _ => Err(WITHOUT_PREVIEW),
    }
}

const WITHOUT_PREVIEW: Error = Error::FormatNotRead {
    name: "a camera raw without a JPEG preview",
    remedy: "develop it, and save it as JPEG",
};

/// `None` for what is damaged, since another IFD may have a preview.
fn optional<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(Error::Malformed(_)) => Ok(None),
        Err(err) => Err(err),
    }
}

/// The IFDs of the chain and their SubIFDs, the first one first.
fn ifds(tiff: &mut Tiff<'_>) -> Result<Vec<Ifd>, Error> {
    let (mut ifds, mut seen) = (Vec::new(), BTreeSet::new());
    let mut offsets = VecDeque::from([tiff.first_ifd]);
    while let Some(offset) = offsets.pop_front().filter(|_| ifds.len() < MAX_IFDS) {
        if offset == 0 || !seen.insert(offset) {
            continue;
        }
        let Some(ifd) = optional(tiff.ifd(offset))? else { continue };
        offsets.push_back(ifd.next);
        offsets.extend(
            optional(tiff.numbers(&ifd, tag::SUB_IFDS, MAX_SUB_IFDS))?.into_iter().flatten(),
        );
        ifds.push(ifd);
    }
    Ok(ifds)
}

/// Offset and length of what may be JPEGs.
fn previews_of(tiff: &mut Tiff<'_>, ifd: &Ifd) -> Result<Vec<(u64, u64)>, Error> {
    let mut previews = Vec::new();
    if let Some(entry) = ifd.entry(tag::PANASONIC_JPG_FROM_RAW) {
        previews.push((entry.offset, entry.count));
    }
    let photometric = tiff.number(ifd, tag::PHOTOMETRIC_INTERPRETATION, 0)?;
    if matches!(photometric, COLOR_FILTER_ARRAY | LINEAR_RAW) {
        return Ok(previews);
    }
    let is_jpeg = JPEG_COMPRESSIONS.contains(&tiff.number(ifd, tag::COMPRESSION, 1)?);
    let strip = [tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS];
    let of_jpeg = [tag::JPEG_INTERCHANGE_FORMAT, tag::JPEG_INTERCHANGE_FORMAT_LENGTH];
    for (tags, is_read) in [(of_jpeg, true), (strip, is_jpeg)] {
        if let [Some(offset), Some(length)] = tags.map(|tag| ifd.entry(tag))
            && is_read
            && (offset.count, length.count) == (1, 1)
        {
            let [offset, length] = [tiff.values(offset, 0, 1)?, tiff.values(length, 0, 1)?];
            previews.extend(offset.into_iter().zip(length));
        }
    }
    Ok(previews)
}

/// Whether the file goes on to the end of the last strip or tile. Tags that make no sense are an
/// error.
fn has_all_data(tiff: &mut Tiff<'_>, ifd: &Ifd) -> Result<bool, Error> {
    for tags in
        [[tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS], [tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS]]
    {
        let [Some(offsets), Some(lengths)] = tags.map(|tag| ifd.entry(tag)) else { continue };
        if offsets.offset > tiff.reader.end || lengths.offset > tiff.reader.end {
            return Ok(false);
        }
        let Some(last) = offsets.count.min(lengths.count).checked_sub(1) else { continue };
        let [offset, length] = [tiff.values(offsets, last, 1)?, tiff.values(lengths, last, 1)?];
        // RW2 says so where a tag of its own has the place
        let is_known = |(offset, _): &(u64, u64)| *offset != u64::from(u32::MAX);
        let mut places = offset.into_iter().zip(length).filter(is_known);
        if places.any(|(offset, length)| offset.saturating_add(length) > tiff.reader.end) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The preview of an ORF: in its maker note, whose offsets count from its own beginning, or in older
/// files from that of the file.
fn olympus_previews(tiff: &mut Tiff<'_>, first: &Ifd) -> Result<Vec<(u64, u64)>, Error> {
    const CAMERA_SETTINGS: u16 = 0x2020;
    const PREVIEW_IMAGE_START: u16 = 0x0101;
    const PREVIEW_IMAGE_LENGTH: u16 = 0x0102;
    let exif = tiff.number(first, tag::EXIF_IFD, 0)?;
    if exif == 0 {
        return Ok(Vec::new());
    }
    let exif = tiff.ifd(exif.into())?;
    let Some(note) = exif.entry(tag::MAKER_NOTE).map(|it| it.offset) else { return Ok(Vec::new()) };
    tiff.reader.seek_to(note)?;
    let start = tiff.reader.bytes(12, 12)?;
    let directory = match start.as_slice() {
        [b'O', b'L', b'Y', b'M', b'P', b'U', b'S', 0, ..] => 12,
        [b'O', b'M', b' ', b'S', b'Y', b'S', b'T', b'E', b'M', 0, ..] => 16,
        _ => return Ok(Vec::new()),
    };
    let directory = tiff.ifd(note + directory)?;
    let settings = tiff.number(&directory, CAMERA_SETTINGS, 0)?;
    let settings = tiff.ifd(note + u64::from(settings))?;
    let offset = u64::from(tiff.number(&settings, PREVIEW_IMAGE_START, 0)?);
    let length = tiff.number(&settings, PREVIEW_IMAGE_LENGTH, 0)?.into();
    Ok(vec![(note + offset, length), (offset, length)])
}

/// The JPEG of the most pixels that the limits allow, or else the largest one. `None` without any.
/// `orientation` takes precedence over its own.
fn largest(
    reader: &mut ByteReader<'_>,
    previews: Vec<(u64, u64)>,
    limits: &Limits,
    orientation: Option<Orientation>,
) -> Result<Option<Probed>, Error> {
    let mut best: Option<(_, Preview)> = None;
    for (start, length) in previews {
        let length = length.min(reader.end.saturating_sub(start));
        let Some(jpeg) = optional(probe_jpeg(reader, start, length, limits))?.flatten() else {
            continue;
        };
        let is_allowed = limits.check(FORMAT, jpeg.sides(), jpeg.decoded_bytes).is_ok();
        let rank = (is_allowed, area(jpeg.width, jpeg.height));
        if best.as_ref().is_none_or(|(best, _)| *best < rank) {
            best = Some((rank, Preview { start, length, jpeg }));
        }
    }
    Ok(best.map(|(_, mut preview)| {
        let jpeg = &mut preview.jpeg;
        jpeg.orientation = orientation.unwrap_or(jpeg.orientation);
        Probed {
            orientation: jpeg.orientation,
            is_whole: jpeg.is_whole,
            // the whole file is sent to a process of its own
            decoded_bytes: jpeg
                .decoded_bytes
                .saturating_add(process_bytes_for(area(jpeg.width, jpeg.height), reader.end)),
            ..Probed::still(FORMAT, jpeg.sides(), jpeg.bands, 0, preview)
        }
    }))
}

/// The header of a JPEG at a place in the file. `None` if there is none, or it is sensor data: of
/// more than 8 bits, or of two or four components.
fn probe_jpeg(
    reader: &mut ByteReader<'_>,
    start: u64,
    length: u64,
    limits: &Limits,
) -> Result<Option<Probed>, Error> {
    reader.seek_to(start)?;
    let mut window = Window { source: &mut *reader.source, start, length, position: 0 };
    let is_jpeg = starts_as_jpeg(&mut window).map_err(Error::Read)?;
    let checks = reader.checks;
    let probed = is_jpeg.then(|| {
        let mut reader = ByteReader::new(&mut window, jpeg::DRIVER.format)?;
        reader.checks = checks;
        (jpeg::DRIVER.probe)(reader, limits)
    });
    // the window has moved the source
    reader.position = reader.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    match probed {
        None | Some(Err(Error::Unsupported(_))) => Ok(None),
        Some(probed) => Ok(Some(probed?).filter(|it| it.bits == 8 && matches!(it.bands, 1 | 3))),
    }
}

fn starts_as_jpeg(window: &mut Window<'_>) -> io::Result<bool> {
    let mut start = [0; 3];
    match window.read_exact(&mut start) {
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| (jpeg::DRIVER.identify)(&start)),
    }
}

/// A JPEG in a file.
struct Preview {
    /// Its offset in the file, and its length in bytes.
    start: u64,
    length: u64,
    jpeg: Probed,
}

impl Decoder for Preview {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let cancellation = input.source.cancellation();
        let Self { start, length, jpeg } = self;
        let mut window =
            Window { source: &mut *input.source, start: *start, length: *length, position: 0 };
        window.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        let source = &mut Source::new(&mut window, cancellation);
        let values = input.values.as_mut();
        let values = values.map(|(query, take)| (*query, &mut **take as &mut dyn TakeValues));
        let mut input = Input { source, probed: jpeg, limits: input.limits, values };
        jpeg.decoder.sample(&mut input, view, specs)
    }
}

/// A part of a file as a file of its own.
struct Window<'a> {
    source: &'a mut dyn ReadSeek,
    /// The offset of the part, and its length in bytes.
    start: u64,
    length: u64,
    position: u64,
}

impl Window<'_> {
    /// Bytes from here to the end of the part.
    fn remaining(&self) -> usize {
        usize::try_from(self.length.saturating_sub(self.position)).unwrap_or(usize::MAX)
    }
}

impl Read for Window<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = buf.len().min(self.remaining());
        let read = self.source.read(&mut buf[..length])?;
        self.position += read as u64;
        Ok(read)
    }
}

impl BufRead for Window<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let remaining = self.remaining();
        let buffer = self.source.fill_buf()?;
        Ok(&buffer[..buffer.len().min(remaining)])
    }

    fn consume(&mut self, amount: usize) {
        self.source.consume(amount);
        self.position += amount as u64;
    }
}

impl ReadSeek for Window<'_> {}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => self.length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        let position = position.ok_or(io::ErrorKind::InvalidInput)?;
        self.source.seek(SeekFrom::Start(self.start.saturating_add(position)))?;
        self.position = position;
        Ok(position)
    }
}
