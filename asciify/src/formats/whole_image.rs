//! Decodes whole images with the `image` crate: formats and features that no decoder of ours reads.

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

/// Later frames of an animation are decoded only if those up to it have at most this many times the
/// pixels that the limits allow for one image.
const MAX_CANVASES: u64 = 8;
/// Memory allowed to decoders besides the pixels, in bytes: colour profiles, texts, directories.
const METADATA_BYTES: u64 = 8 << 20;

/// The decoder of formats that are always decoded as a whole.
pub(crate) struct WholeImage(pub(crate) ImageFormat);

impl Decoder for WholeImage {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            decode(input, self.0, view.frame, push)
        })
    }
}

/// Decodes a frame and pushes its rows from the top, before the orientation is applied.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn decode(
    input: &mut Input<'_, '_>,
    format: ImageFormat,
    frame: u32,
    push: &mut dyn FnMut(Row<'_>),
) -> Result<(), Error> {
    image(input, format, frame).map(|image| light::for_each_row(&image, push))
}

fn image(
    input: &mut Input<'_, '_>,
    crate_format: ImageFormat,
    frame: u32,
) -> Result<DynamicImage, Error> {
    let Input { source, probed, limits } = input;
    let format = probed.format;
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut crate_limits = image::Limits::no_limits();
    crate_limits.max_image_width = Some(probed.width);
    crate_limits.max_image_height = Some(probed.height);
    crate_limits.max_alloc = Some(probed.decoded_bytes.saturating_add(METADATA_BYTES));
    let explained = |err| explain(err, format);
    if frame > 0 {
        // each frame is drawn over those before it
        let drawn = area(probed.width, probed.height).saturating_mul(u64::from(frame) + 1);
        let max = limits.max_pixels.saturating_mul(MAX_CANVASES);
        Error::over("pixels in the frames up to that one", drawn, max)?;
        let later = later_frame(source, crate_format, frame, crate_limits);
        let later = later.transpose().map_err(explained)?;
        return later.ok_or_else(|| Error::cut_off(format, "that frame"));
    }
    let mut reader = ImageReader::with_format(&mut **source, crate_format);
    reader.limits(crate_limits);
    let decoder = reader.into_decoder().map_err(explained)?;
    // the crate reads the header again: its result must be what the limits admitted
    if decoder.dimensions() != probed.sides() {
        return Err(Error::malformed(format, "it states its size twice, differently"));
    }
    Error::over("bytes when decoded", decoder.total_bytes(), limits.max_decoded_bytes)?;
    DynamicImage::from_decoder(decoder).map_err(explained)
}

/// A later frame of an animation, composed with those before it. `None` where there is none.
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

/// Translates the crate's error: what is damaged, or what is not supported.
fn explain(err: ImageError, format: Format) -> Error {
    match err {
        // a failure of the source itself is reported by `Source`, whatever is returned here
        ImageError::IoError(err) if err.kind() == ErrorKind::UnexpectedEof => {
            Error::cut_off(format, "its picture is complete")
        }
        ImageError::Unsupported(err) => {
            let feature = match err.kind() {
                UnsupportedErrorKind::Color(_) => "a kind of pixels",
                _ => "a feature of the format",
            };
            Error::Unsupported(format!("this {format} uses {feature} that we cannot decode"))
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

/// The innermost cause on one line, or a general reason where its text is long or names identifiers
/// of a program.
pub(crate) fn reason(err: &dyn Cause) -> String {
    const MAX_BYTES: usize = 100;
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
        || line.len() > MAX_BYTES
        || !line.chars().all(is_plain)
        || line.split(' ').any(is_identifier)
    {
        return "its picture cannot be decoded".to_owned();
    }
    line.to_owned()
}
