//! Decodes PNG one scanline at a time.

use std::io::{ErrorKind, Seek, SeekFrom};

use png::{BitDepth, ColorType, Decoder, DecodingError, Transformations};

use crate::error::Error;
use crate::format::Format;
use crate::formats::whole_image::reason;
use crate::light::Row;
use crate::source::Source;

pub(super) const FORMAT: Format = Format::new("PNG", "image/png", "png");

/// Calls `take` with each row of the static image from the top. Of a truncated file, these are the
/// rows before its end. Returns `false`, before any row, for an interlaced image, which is not
/// decoded.
///
/// # Errors
/// [`Error::Malformed`] says what is damaged.
pub(in crate::formats) fn for_each_row(
    source: &mut Source<'_>,
    (width, height): (u32, u32),
    mut take: impl FnMut(Row<'_>),
) -> Result<bool, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let explained = |err: DecodingError| Error::malformed(FORMAT, reason(&err));
    let mut decoder = Decoder::new(source);
    // palettes become RGB, tRNS becomes alpha, and samples of less than 8 bits become 8 bits
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(explained)?;
    let info = reader.info();
    if info.interlaced || (info.width, info.height) != (width, height) {
        return Ok(false);
    }
    let output = reader.output_color_type();
    // the samples of a row of 16 bits
    let mut wide: Vec<u16> = Vec::new();
    for _ in 0..height {
        let row = match reader.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(err) if is_cut_off(&err) => return Ok(true),
            Err(err) => return Err(explained(err)),
        };
        let row = row.data();
        if output.1 == BitDepth::Sixteen {
            wide.clear();
            wide.extend(row.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair)));
        }
        take(match output {
            (ColorType::Grayscale, BitDepth::Sixteen) => Row::Grey16(wide.as_chunks().0),
            (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => Row::GreyAlpha16(wide.as_chunks().0),
            (ColorType::Rgb, BitDepth::Sixteen) => Row::Rgb16(wide.as_chunks().0),
            (ColorType::Rgba, BitDepth::Sixteen) => Row::Rgba16(wide.as_chunks().0),
            (ColorType::Grayscale, _) => Row::Grey8(row.as_chunks().0),
            (ColorType::GrayscaleAlpha, _) => Row::GreyAlpha8(row.as_chunks().0),
            (ColorType::Rgba, _) => Row::Rgba8(row.as_chunks().0),
            // EXPAND has replaced palettes by RGB
            (ColorType::Rgb | ColorType::Indexed, _) => Row::Rgb8(row.as_chunks().0),
        });
    }
    // reads up to IEND, since damage behind the last row is damage, too
    match reader.finish() {
        Err(err) if !is_cut_off(&err) => Err(explained(err)),
        _ => Ok(true),
    }
}

pub(super) fn is_cut_off(err: &DecodingError) -> bool {
    matches!(err, DecodingError::IoError(err) if err.kind() == ErrorKind::UnexpectedEof)
}
