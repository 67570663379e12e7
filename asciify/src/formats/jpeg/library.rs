//! Decodes common kinds at full size with the decoder `zune-jpeg`.

use std::io::{BufRead, Seek};
use std::ops::ControlFlow;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::light::Row;

/// Decodes a file of that width in pixels, and calls `take` with each row from the top, until it
/// breaks. `None`, before any row, if the file is damaged, or of a kind that the decoder refuses.
pub(super) fn decode(
    file: &[u8],
    width: u32,
    mut take: impl FnMut(Row<'_>) -> ControlFlow<()>,
) -> Option<()> {
    let mut decoder = opened(ZCursor::new(file), width)?;
    let colors = match decoder.input_colorspace()? {
        ColorSpace::Luma => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    let options = *decoder.options();
    decoder.set_options(options.jpeg_set_out_colorspace(colors));
    let samples = decoder.decode().ok()?;
    let width = width as usize;
    let _whether_it_broke = match colors {
        ColorSpace::Luma => {
            samples.as_chunks().0.chunks_exact(width).try_for_each(|row| take(Row::Grey8(row)))
        }
        _ => samples.as_chunks().0.chunks_exact(width).try_for_each(|row| take(Row::Rgb8(row))),
    };
    Some(())
}

/// A decoder of a file of that width in pixels, behind its headers. `None` where it refuses them.
fn opened<T: BufRead + Seek>(file: T, width: u32) -> Option<JpegDecoder<T>> {
    // otherwise it draws what follows damage in grey, and says nothing
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(width as usize)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(file, options);
    decoder.decode_headers().ok()?;
    Some(decoder)
}

/// Whether it decodes a file of that width in pixels as grey or YCbCr.
pub(super) fn has_common_colors<T: BufRead + Seek>(file: T, width: u32) -> bool {
    let colors = opened(file, width).and_then(|it| it.input_colorspace());
    matches!(colors, Some(ColorSpace::Luma | ColorSpace::YCbCr))
}
