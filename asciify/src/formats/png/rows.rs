//! PNG row by row: the picture as a whole is never held.

use std::io::{ErrorKind, Seek, SeekFrom};

use png::{BitDepth, ColorType, Decoder, DecodingError, Transformations};

use crate::error::Error;
use crate::format::Format;
use crate::formats::fallback::reason;
use crate::light::Row;
use crate::source::Source;

pub(super) const FORMAT: Format = Format::new("PNG", "image/png", "png");

/// Calls `take` with each row of the first picture, or with those that come before the end of a file
/// that was cut off. Whether it can be read so: an interlaced one is left to a decoder of whole
/// pictures.
///
/// # Errors
/// [`Error::Malformed`] says what is damaged.
pub(in crate::formats) fn rows(
    source: &mut Source<'_>,
    (width, height): (u32, u32),
    mut take: impl FnMut(Row<'_>),
) -> Result<bool, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let told = |err: DecodingError| Error::malformed(FORMAT, reason(&err));
    let mut decoder = Decoder::new(source);
    // palettes become colours, what marks one as clear becomes alpha, and less than 8 bits 8
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(told)?;
    let info = reader.info();
    if info.interlaced || (info.width, info.height) != (width, height) {
        return Ok(false);
    }
    let kind = reader.output_color_type();
    let mut wide: Vec<u16> = Vec::new();
    for _ in 0..height {
        let row = match reader.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(err) if is_cut_off(&err) => return Ok(true),
            Err(err) => return Err(told(err)),
        };
        let row = row.data();
        if kind.1 == BitDepth::Sixteen {
            wide.clear();
            wide.extend(row.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair)));
        }
        take(match kind {
            (ColorType::Grayscale, BitDepth::Sixteen) => Row::Grey16(wide.as_chunks().0),
            (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => Row::GreyAlpha16(wide.as_chunks().0),
            (ColorType::Rgb, BitDepth::Sixteen) => Row::Rgb16(wide.as_chunks().0),
            (ColorType::Rgba, BitDepth::Sixteen) => Row::Rgba16(wide.as_chunks().0),
            (ColorType::Grayscale, _) => Row::Grey8(row.as_chunks().0),
            (ColorType::GrayscaleAlpha, _) => Row::GreyAlpha8(row.as_chunks().0),
            (ColorType::Rgba, _) => Row::Rgba8(row.as_chunks().0),
            // palettes were expanded
            (ColorType::Rgb | ColorType::Indexed, _) => Row::Rgb8(row.as_chunks().0),
        });
    }
    // what follows the picture has its say on damage, as far as it belongs to it
    match reader.finish() {
        Err(err) if !is_cut_off(&err) => Err(told(err)),
        _ => Ok(true),
    }
}

fn is_cut_off(err: &DecodingError) -> bool {
    matches!(err, DecodingError::IoError(err) if err.kind() == ErrorKind::UnexpectedEof)
}
