//! Decodes chunks that are whole pictures: JPEG and WebP.

use std::io::{self, Cursor, ErrorKind};

use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::ifd::FORMAT;
use super::page::Page;
use crate::formats::foreign::guarded;
use crate::formats::jpeg::scans;

/// The error for damaged data; only its kind is used.
fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// JPEG (Technical Note 2), whose tables may be in the tag JPEGTables: SOI, tables, EOI. Samples
/// are left in the file's colour space: PhotometricInterpretation says what they mean.
pub(super) fn decode_jpeg(compressed: &[u8], page: &Page, rows: u32) -> io::Result<Vec<u8>> {
    const SOI: &[u8] = b"\xff\xd8";
    const EOI: &[u8] = b"\xff\xd9";
    let mut file = page.jpeg_tables.strip_suffix(EOI).unwrap_or_default().to_vec();
    let table_bytes = file.len();
    file.extend(compressed);
    if table_bytes > 0 && file[table_bytes..].starts_with(SOI) {
        file.drain(table_bytes..table_bytes + SOI.len());
    }
    if !scans::are_bounded(&mut &file[..], file.len() as u64) {
        return Err(damaged("JPEG of too many scans"));
    }
    let (width, height) = (page.chunk_size.0 as usize, page.chunk_size.1 as usize);
    let options = DecoderOptions::default().set_max_width(width).set_max_height(height);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(|_| damaged("JPEG"))?;
    let info = decoder.info().ok_or_else(|| damaged("JPEG"))?;
    let is_expected = usize::from(info.width) == width
        && usize::from(info.height) >= rows as usize
        && u32::from(info.components) == page.samples_per_chunk_pixel();
    let stored = decoder.input_colorspace().filter(|_| is_expected);
    let stored = stored.ok_or_else(|| damaged("JPEG of another size"))?;
    decoder.set_options(options.jpeg_set_out_colorspace(stored));
    decoder.decode().map_err(|_| damaged("JPEG"))
}

/// WebP (RFC 9649), with or without alpha. Samples that a page has and the picture has not are
/// opaque alpha.
///
/// # Errors
/// The picture is damaged or of another size.
pub(super) fn decode_webp(compressed: &[u8], page: &Page, rows: u32) -> io::Result<Vec<u8>> {
    let decode = || {
        let decoder = WebPDecoder::new(Cursor::new(compressed)).ok()?;
        let (width, height) = decoder.dimensions();
        let is_expected = !decoder.has_animation()
            && width == page.chunk_size.0
            && (rows..=page.chunk_size.1).contains(&height);
        if !is_expected {
            return None;
        }
        let picture = DynamicImage::from_decoder(decoder).ok()?;
        Some(match page.samples_per_pixel {
            3 => picture.into_rgb8().into_raw(),
            _ => picture.into_rgba8().into_raw(),
        })
    };
    let picture = guarded(FORMAT, || Ok(decode()));
    picture.ok().flatten().ok_or_else(|| damaged("WebP"))
}
