//! Decodes the first picture of a file that has passed the door, in the quickest way that will do.

use std::io::{BufRead, ErrorKind, Read, Seek, SeekFrom};

use image::error::{LimitErrorKind, UnsupportedErrorKind};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::eighth::{self, Eighth};
use crate::light::{self, Row};
use crate::picture::{Picture, Sampled};
use crate::probe::Found;
use crate::sample::Sampler;
use crate::source::Source;
use crate::spec::Spec;
use crate::{Error, Format, Limits, raster, scanlines};

/// Samples for each of `specs`, in their order.
///
/// The quickest way that gives what a spec needs is taken; a decoder of whole pictures does the
/// rest, and has the last word on what is damaged.
pub(crate) fn sample<R: BufRead + Seek>(
    source: &mut Source<R>,
    found: &Found,
    specs: &[Spec],
    limits: &Limits,
) -> Result<Vec<Sampled>, Error> {
    let new = |specs: &[&Spec], scale| Picture::new(specs, found.stored, scale, found.orientation);
    let suffices = |spec: &Spec| {
        let sampler = || Sampler::new(spec, found.stored, eighth::SCALE, found.orientation);
        found.header.format == Format::Jpeg && sampler().has_pixels_enough()
    };
    let small = match specs.iter().any(suffices) {
        true => eighth(source)?,
        false => None,
    };
    let is_small = |spec: &&Spec| small.is_some() && suffices(spec);
    let (few, many): (Vec<&Spec>, Vec<&Spec>) = specs.iter().partition(is_small);
    let mut from_small = small.iter().flat_map(|small| {
        let mut picture = new(&few, eighth::SCALE);
        small.rows(|row| picture.push(Row::Rgb8(row)));
        picture.finish()
    });
    let from_whole = match many.is_empty() {
        true => None,
        false => Some(rows(source, found, limits, || new(&many, 1))?.finish()),
    };
    let mut from_whole = from_whole.into_iter().flatten();
    let next = |spec| if is_small(&spec) { from_small.next() } else { from_whole.next() };
    Ok(specs.iter().filter_map(next).collect())
}

/// A picture with all its rows.
fn rows<R: BufRead + Seek>(
    source: &mut Source<R>,
    found: &Found,
    limits: &Limits,
    new: impl Fn() -> Picture,
) -> Result<Picture, Error> {
    let mut picture = new();
    let streamed = match found.header.format {
        Format::Png => scanlines::rows(source, found.stored, |row| picture.push(row))?,
        Format::Tiff => raster::rows(source, found, limits, |row| picture.push(row))?,
        _ => false,
    };
    if !streamed {
        picture = new();
        light::rows(&whole(source, found, limits)?, |row| picture.push(row));
    }
    Ok(picture)
}

/// The picture as it is stored: not yet turned upright.
fn whole<R: BufRead + Seek>(
    source: &mut Source<R>,
    found: &Found,
    limits: &Limits,
) -> Result<DynamicImage, Error> {
    let format = found.header.format;
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut reader = ImageReader::with_format(source, library_format(format));
    let mut library_limits = image::Limits::no_limits();
    library_limits.max_image_width = Some(found.stored.0);
    library_limits.max_image_height = Some(found.stored.1);
    library_limits.max_alloc = Some(found.header.decoded_bytes.saturating_add(METADATA_BYTES));
    reader.limits(library_limits);

    let told = |err| explain(err, found);
    let decoder = reader.into_decoder().map_err(told)?;
    // The decoder reads the header again, by its own lights: what it is about to allocate must be
    // what was admitted.
    if decoder.dimensions() != found.stored {
        return Err(Error::malformed(format, "it states its size twice, differently"));
    }
    Error::over("bytes when decoded", decoder.total_bytes(), limits.max_decoded_bytes)?;
    DynamicImage::from_decoder(decoder).map_err(told)
}

/// A JPEG at an eighth of its size, in a fraction of the time; `None` where only the whole will do.
fn eighth<R: BufRead + Seek>(source: &mut Source<R>) -> Result<Option<Eighth>, Error> {
    let mut file = Vec::new();
    let end = source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    file.reserve_exact(usize::try_from(end).unwrap_or(0));
    source.read_to_end(&mut file).map_err(Error::Read)?;
    Ok(eighth::read(file))
}

/// Room for what decoders unpack beside the pixels: colour profiles, texts, directories.
const METADATA_BYTES: u64 = 8 << 20;

fn library_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::WebP => ImageFormat::WebP,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Ico => ImageFormat::Ico,
        Format::Pnm => ImageFormat::Pnm,
        Format::Qoi => ImageFormat::Qoi,
    }
}

/// The library's error in our words: what is damaged, or what is not supported.
fn explain(err: ImageError, found: &Found) -> Error {
    let format = found.header.format;
    match err {
        // Where the source itself failed, it has noted so: what is left is the decoder's way to say
        // that the data makes no sense to it.
        ImageError::IoError(err) if err.kind() == ErrorKind::UnexpectedEof => {
            Error::cut_off(format, "its picture is complete")
        }
        ImageError::Unsupported(err) => {
            let detail = match (found.layout.as_str(), err.kind()) {
                ("", UnsupportedErrorKind::Color(_)) => "a kind of pixels",
                ("", _) => "a feature of the format",
                (layout, _) => layout,
            };
            Error::Unsupported(format!("this {format} uses {detail} that we cannot decode"))
        }
        ImageError::Limits(err) => match err.kind() {
            LimitErrorKind::DimensionError => {
                Error::malformed(format, "it states its size twice, differently")
            }
            _ => Error::malformed(
                format,
                "it takes more memory to decode than a picture of its size should",
            ),
        },
        err => Error::malformed(format, reason(&err)),
    }
}

/// The innermost cause, on one line, unless it talks of the insides of a program.
fn reason(err: &ImageError) -> String {
    const LONGEST: usize = 100;
    let mut cause: &dyn std::error::Error = err;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    let line = text.trim_end_matches('.');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | ',' | '-');
    let is_identifier = |word: &str| {
        word.chars().skip(1).any(|c| c.is_ascii_uppercase()) && word.contains(char::is_lowercase)
    };
    if line.is_empty()
        || line.len() > LONGEST
        || !line.chars().all(is_plain)
        || line.split(' ').any(is_identifier)
    {
        return "its picture cannot be decoded".to_owned();
    }
    line.to_owned()
}
