//! Decodes common kinds at full size with the decoder `zune-jpeg`.

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
    // otherwise it draws what follows damage in grey, and says nothing
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(width as usize)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().ok()?;
    let colors = match decoder.input_colorspace()? {
        ColorSpace::Luma => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
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
