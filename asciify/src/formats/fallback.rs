//! Pictures that the `image` crate decodes as a whole: all formats and kinds that nothing quicker
//! reads.

use std::error::Error as Cause;
use std::io::{ErrorKind, Seek, SeekFrom};

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::error::{LimitErrorKind, UnsupportedErrorKind};
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::error::Error;
use crate::format::Format;
use crate::formats::decoder::{Decoder, Input, area};
use crate::light::{self, Row};
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::source::Source;
use crate::spec::Spec;

/// The decoder of formats that are always decoded as a whole.
pub(crate) struct Whole(pub(crate) ImageFormat);

impl Decoder for Whole {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            rows(input, self.0, view.frame, push)
        })
    }
}

/// Decodes a frame and pushes its rows from the top, as they are stored: not yet turned upright.
pub(crate) fn rows(
    input: &mut Input<'_, '_>,
    format: ImageFormat,
    frame: u32,
    push: &mut dyn FnMut(Row<'_>),
) -> Result<(), Error> {
    picture(input, format, frame).map(|picture| light::rows(&picture, push))
}

fn picture(
    input: &mut Input<'_, '_>,
    library_format: ImageFormat,
    frame: u32,
) -> Result<DynamicImage, Error> {
    let Input { source, probed, limits } = input;
    let format = probed.format;
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut library_limits = image::Limits::no_limits();
    library_limits.max_image_width = Some(probed.width);
    library_limits.max_image_height = Some(probed.height);
    library_limits.max_alloc = Some(probed.decoded_bytes.saturating_add(METADATA_BYTES));
    let explained = |err| explain(err, format);
    if frame > 0 {
        // each is drawn over those before it
        let drawn = area(probed.width, probed.height).saturating_mul(u64::from(frame) + 1);
        let most = limits.max_pixels.saturating_mul(MOST_CANVASES);
        Error::over("pixels in the frames up to that one", drawn, most)?;
        let later = later_frame(source, library_format, frame, library_limits);
        let later = later.transpose().map_err(explained)?;
        return later.ok_or_else(|| Error::cut_off(format, "that frame"));
    }
    let mut reader = ImageReader::with_format(&mut **source, library_format);
    reader.limits(library_limits);
    let decoder = reader.into_decoder().map_err(explained)?;
    // The decoder reads the header again, in its own way: what it is about to allocate must be what
    // was admitted.
    if decoder.dimensions() != probed.sides() {
        return Err(Error::malformed(format, "it states its size twice, differently"));
    }
    Error::over("bytes when decoded", decoder.total_bytes(), limits.max_decoded_bytes)?;
    DynamicImage::from_decoder(decoder).map_err(explained)
}

/// A later frame of an animation, with what those before it left; those behind it are not decoded.
fn later_frame(
    source: &mut Source<'_>,
    format: ImageFormat,
    frame: u32,
    limits: image::Limits,
) -> Option<Result<DynamicImage, ImageError>> {
    let frames = match format {
        ImageFormat::Gif => GifDecoder::new(source).and_then(|mut it| {
            it.set_limits(limits)?;
            Ok(it.into_frames())
        }),
        ImageFormat::WebP => WebPDecoder::new(source).map(AnimationDecoder::into_frames),
        ImageFormat::Png => PngDecoder::with_limits(source, limits)
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
