//! PNG row by row: the picture as a whole is never held.

use std::io::{BufRead, Seek, SeekFrom};

use png::{BitDepth, ColorType, Decoder, Transformations};

use crate::Error;
use crate::light::Row;
use crate::source::Source;

/// Calls `take` with each row of the first picture. Whether that was all of it: what is interlaced
/// or damaged is left to a decoder of whole pictures, and what `take` got meanwhile is no picture.
///
/// # Errors
/// [`Error::Read`] where the source fails.
pub(crate) fn rows<R: BufRead + Seek>(
    source: &mut Source<R>,
    (width, height): (u32, u32),
    mut take: impl FnMut(Row<'_>),
) -> Result<bool, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    Ok(read(source, (width, height), &mut take).is_some())
}

/// `None` where the decoder gives up, for whatever reason.
fn read<R: BufRead + Seek>(
    source: &mut Source<R>,
    sides: (u32, u32),
    take: &mut impl FnMut(Row<'_>),
) -> Option<()> {
    let mut decoder = Decoder::new(source);
    // palettes become colours, what marks one as clear becomes alpha, and less than 8 bits 8
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().ok()?;
    let info = reader.info();
    if info.interlaced || (info.width, info.height) != sides {
        return None;
    }
    let kind = reader.output_color_type();
    let mut wide: Vec<u16> = Vec::new();
    for _ in 0..sides.1 {
        let row = reader.next_row().ok()??;
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
            (ColorType::Grayscale, BitDepth::Eight) => Row::Grey8(row.as_chunks().0),
            (ColorType::GrayscaleAlpha, BitDepth::Eight) => Row::GreyAlpha8(row.as_chunks().0),
            (ColorType::Rgb, BitDepth::Eight) => Row::Rgb8(row.as_chunks().0),
            (ColorType::Rgba, BitDepth::Eight) => Row::Rgba8(row.as_chunks().0),
            _ => return None,
        });
    }
    // what follows the picture has its say on damage, as far as it belongs to it
    reader.finish().ok()
}
