//! Decodes whole images with the `image` crate: formats and features that no decoder of ours reads.

use std::error::Error as Cause;
use std::io::{ErrorKind, Seek, SeekFrom};

use image::error::{LimitErrorKind, UnsupportedErrorKind};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::error::Error;
use crate::format::Format;
use crate::formats::decoder::{Decoder, Input, area};
use crate::light;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

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
        let image = image(input, self.0)?;
        input.sample_rows(&input.geometry(), view, specs, |_, push| {
            light::for_each_row(&image, |row| push.push(row));
            Ok(())
        })
    }
}

fn image(input: &mut Input<'_, '_>, crate_format: ImageFormat) -> Result<DynamicImage, Error> {
    let Input { source, probed, limits, .. } = input;
    let format = probed.format;
    source.cancellation().begin_long_work(area(probed.width, probed.height))?;
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut crate_limits = image::Limits::no_limits();
    crate_limits.max_image_width = Some(probed.width);
    crate_limits.max_image_height = Some(probed.height);
    crate_limits.max_alloc = Some(probed.decoded_bytes.saturating_add(METADATA_BYTES));
    let explained = |err| explain(err, format);
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

/// Translates the crate's error: what is damaged, or what is not supported.
pub(crate) fn explain(err: ImageError, format: Format) -> Error {
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
