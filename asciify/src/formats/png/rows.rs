//! Decodes PNG one scanline at a time; an interlaced image as a whole.

use std::io::{BufRead, ErrorKind, Seek, SeekFrom};
use std::ops::ControlFlow;

use png::{
    BitDepth, ColorType, Decoder, DecodingError, Info, InterlaceInfo, Reader, Transformations,
    expand_interlaced_row,
};

use crate::error::Error;
use crate::format::Format;
use crate::formats::whole_image::reason;
use crate::light::Row;
use crate::source::Source;

pub(super) const FORMAT: Format = Format::new("PNG", "image/png", "png");

/// Calls `take` with each row of the static image from the top, until it breaks. Of a truncated file,
/// these are the rows before its end; of an interlaced one, all rows, with the pixels of the passes before its end.
///
/// # Errors
/// [`Error::Malformed`] says what is damaged.
pub(in crate::formats) fn for_each_row(
    source: &mut Source<'_>,
    (width, height): (u32, u32),
    mut take: impl FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    // palettes become RGB, tRNS becomes alpha, and samples of less than 8 bits become 8 bits
    let mut reader = open(source, Transformations::EXPAND).map_err(explained)?;
    let info = reader.info();
    if (info.width, info.height) != (width, height) {
        return Err(Error::malformed(FORMAT, "it states its size twice, differently"));
    }
    let is_interlaced = info.interlaced;
    let output = reader.output_color_type();
    // the samples of a row of 16 bits
    let mut wide: Vec<u16> = Vec::new();
    let mut take_bytes = |row: &[u8]| {
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
        })
    };
    if !is_interlaced {
        return for_each_coded_row(&mut reader, |row, _| take_bytes(row)).map(drop);
    }
    let bits_per_px = output.0.samples() as u8 * output.1 as u8;
    let too_large = || Error::malformed(FORMAT, "its picture is too large");
    let stride = reader.output_line_size(width).ok_or_else(too_large)?;
    let mut image = vec![0; reader.output_buffer_size().ok_or_else(too_large)?];
    for_each_coded_row(&mut reader, |row, interlace| {
        if let InterlaceInfo::Adam7(pass) = interlace {
            expand_interlaced_row(&mut image, stride, row, pass, bits_per_px);
        }
        ControlFlow::Continue(())
    })?;
    let _whether_it_broke = image.chunks_exact(stride.max(1)).try_for_each(take_bytes);
    Ok(())
}

/// Calls `take` with each row of the static image in coded order, until it breaks: the rows of an
/// interlaced one are those of its passes. Returns false where the file ends before.
///
/// # Errors
/// [`Error::Malformed`] says what is damaged.
fn for_each_coded_row<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    mut take: impl FnMut(&[u8], &InterlaceInfo) -> ControlFlow<()>,
) -> Result<bool, Error> {
    // nothing behind the last row is read: it may be missing or damaged
    for _ in 0..coded_rows(reader.info()) {
        match reader.next_interlaced_row() {
            Ok(Some(row)) if take(row.data(), row.interlace()).is_break() => break,
            Ok(Some(_)) => {}
            Ok(None) => return Ok(false),
            Err(err) if is_cut_off(&err) => return Ok(false),
            Err(err) => return Err(explained(err)),
        }
    }
    Ok(true)
}

/// The rows of all passes (section 8.1). A pass without columns has none.
fn coded_rows(info: &Info<'_>) -> u64 {
    if !info.interlaced {
        return info.height.into();
    }
    // the first column, the first row, and the step between rows
    const PASSES: [[u32; 3]; 7] =
        [[0, 0, 8], [4, 0, 8], [0, 4, 8], [2, 0, 4], [0, 2, 4], [1, 0, 2], [0, 1, 2]];
    let rows = |[left, top, step]: [u32; 3]| match info.width > left {
        true => u64::from(info.height.saturating_sub(top).div_ceil(step)),
        false => 0,
    };
    PASSES.map(rows).iter().sum()
}

/// Whether a file has the data of all rows of its static image. Takes the memory of a few rows.
///
/// # Errors
/// [`Error::Read`].
pub(super) fn has_all_rows(mut source: impl BufRead + Seek) -> Result<bool, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let Ok(mut reader) = open(source, Transformations::IDENTITY) else { return Ok(false) };
    Ok(for_each_coded_row(&mut reader, |_, _| ControlFlow::Continue(())).unwrap_or(false))
}

/// Reads up to the image data. Checksums are not compared, as in browsers: pixels may be right where
/// those are wrong.
pub(super) fn open<R: BufRead + Seek>(
    source: R,
    transformations: Transformations,
) -> Result<Reader<R>, DecodingError> {
    let mut decoder = Decoder::new(source);
    decoder.set_transformations(transformations);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.ignore_checksums(true);
    decoder.read_info()
}

fn explained(err: DecodingError) -> Error {
    Error::malformed(FORMAT, reason(&err))
}

pub(super) fn is_cut_off(err: &DecodingError) -> bool {
    matches!(err, DecodingError::IoError(err) if err.kind() == ErrorKind::UnexpectedEof)
}
