//! What is decoded as a whole, by a library: all formats and kinds that nothing quicker reads.

use std::error::Error as Cause;
use std::io::{BufRead, ErrorKind, Seek, SeekFrom};

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::error::{LimitErrorKind, UnsupportedErrorKind};
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::probe::Found;
use crate::source::Source;
use crate::{Error, Format, Limits};

/// A frame as it is stored: not yet turned upright.
pub(crate) fn picture<R: BufRead + Seek>(
    source: &mut Source<R>,
    found: &Found,
    frame: u32,
    limits: &Limits,
) -> Result<DynamicImage, Error> {
    let format = found.header.format;
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut library_limits = image::Limits::no_limits();
    library_limits.max_image_width = Some(found.stored.0);
    library_limits.max_image_height = Some(found.stored.1);
    library_limits.max_alloc = Some(found.header.decoded_bytes.saturating_add(METADATA_BYTES));
    let told = |err| explain(err, format);
    if frame > 0 {
        // each is drawn over those before it
        let area = u64::from(found.stored.0) * u64::from(found.stored.1);
        let drawn = area.saturating_mul(u64::from(frame) + 1);
        let most = limits.max_pixels.saturating_mul(MOST_CANVASES);
        Error::over("pixels in the frames up to that one", drawn, most)?;
        let later = later_frame(source, format, frame, library_limits);
        let later = later.transpose().map_err(told)?;
        return later.ok_or_else(|| Error::cut_off(format, "that frame"));
    }
    let mut reader = ImageReader::with_format(source, library_format(format));
    reader.limits(library_limits);
    let decoder = reader.into_decoder().map_err(told)?;
    // The decoder reads the header again, by its own lights: what it is about to allocate must be
    // what was admitted.
    if decoder.dimensions() != found.stored {
        return Err(Error::malformed(format, "it states its size twice, differently"));
    }
    Error::over("bytes when decoded", decoder.total_bytes(), limits.max_decoded_bytes)?;
    DynamicImage::from_decoder(decoder).map_err(told)
}

/// A later frame of an animation, with what those before it left; those behind it are not decoded.
fn later_frame<R: BufRead + Seek>(
    source: &mut Source<R>,
    format: Format,
    frame: u32,
    limits: image::Limits,
) -> Option<Result<DynamicImage, ImageError>> {
    let frames = match format {
        Format::Gif => GifDecoder::new(source).and_then(|mut it| {
            it.set_limits(limits)?;
            Ok(it.into_frames())
        }),
        Format::WebP => WebPDecoder::new(source).map(AnimationDecoder::into_frames),
        Format::Png => PngDecoder::with_limits(source, limits)
            .and_then(PngDecoder::apng)
            .map(AnimationDecoder::into_frames),
        _ => return None,
    };
    match frames {
        Ok(mut frames) => {
            let later = frames.nth(frame as usize)?;
            Some(later.map(|frame| frame.into_buffer().into()))
        }
        Err(err) => Some(Err(err)),
    }
}

/// So many of the largest pictures may be drawn for the sake of a later frame.
const MOST_CANVASES: u64 = 8;
/// Room for what decoders unpack beside the pixels: colour profiles, texts, directories.
const METADATA_BYTES: u64 = 8 << 20;

fn library_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::WebP => ImageFormat::WebP,
        Format::Bmp => ImageFormat::Bmp,
        // read by ourselves
        Format::Tiff => ImageFormat::Tiff,
        Format::Ico => ImageFormat::Ico,
        Format::Pnm => ImageFormat::Pnm,
        Format::Qoi => ImageFormat::Qoi,
    }
}

/// The library's error in our words: what is damaged, or what is not supported.
fn explain(err: ImageError, format: Format) -> Error {
    match err {
        // Where the source itself failed, it has noted so: what is left is the decoder's way to say
        // that the data makes no sense to it.
        ImageError::IoError(err) if err.kind() == ErrorKind::UnexpectedEof => {
            Error::cut_off(format, "its picture is complete")
        }
        ImageError::Unsupported(err) => {
            let detail = match err.kind() {
                UnsupportedErrorKind::Color(_) => "a kind of pixels",
                _ => "a feature of the format",
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
pub(crate) fn reason(err: &dyn Cause) -> String {
    const LONGEST: usize = 100;
    let mut cause = err;
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
