//! LERC2 (Limited Error Raster Compression, Esri), as libtiff writes it: a blob for each chunk, or
//! one for each sample where samples have masks of their own. A blob may be compressed once more.
//!
//! Source: the description of the format at github.com/Esri/lerc; the tag LercParameters of libtiff.

mod bits;
mod blob;
mod huffman;
mod planes;
mod value;

use std::io::{self, ErrorKind, Read};

use flate2::read::ZlibDecoder;

use super::codes::{LercCompression, SampleFormat};
use super::page::Page;
use super::zstd::ZstdReader;
use blob::Header;
use value::Value;

/// Whether LERC has a type for the samples of a page.
pub(super) fn has_type_of(page: &Page) -> bool {
    matches!(
        (page.sample_format, page.bits_per_sample),
        (SampleFormat::Uint | SampleFormat::Int, 8 | 16 | 32) | (SampleFormat::Float, 32 | 64)
    )
}

/// The samples of a chunk of `rows` rows, little-endian. Missing floating-point numbers are NaN.
///
/// # Errors
/// The data is damaged, or has another size or type than the page says.
pub(super) fn decode(compressed: &[u8], page: &Page, rows: u32) -> io::Result<Vec<u8>> {
    let damaged = || io::Error::new(ErrorKind::InvalidData, "LERC");
    // a blob is hardly longer than its samples
    let max_bytes = (page.chunk_bytes() + page.chunk_bytes() / 8).saturating_add(1 << 16);
    let mut unpacked = Vec::new();
    let blobs = match page.lerc_compression {
        LercCompression::None => compressed,
        LercCompression::Deflate => {
            ZlibDecoder::new(compressed).take(max_bytes).read_to_end(&mut unpacked)?;
            &unpacked
        }
        LercCompression::Zstd => {
            let reader = ZstdReader::new(compressed, max_bytes)?;
            reader.take(max_bytes).read_to_end(&mut unpacked)?;
            &unpacked
        }
        LercCompression::Unknown => return Err(damaged()),
    };
    let decoded = match (page.sample_format, page.bits_per_sample) {
        (SampleFormat::Int, 8) => samples::<i8>(blobs, page, rows, None),
        (SampleFormat::Int, 16) => samples::<i16>(blobs, page, rows, None),
        (SampleFormat::Int, 32) => samples::<i32>(blobs, page, rows, None),
        (SampleFormat::Float, 32) => samples(blobs, page, rows, Some(f32::NAN)),
        (SampleFormat::Float, 64) => samples(blobs, page, rows, Some(f64::NAN)),
        (_, 8) => samples::<u8>(blobs, page, rows, None),
        (_, 16) => samples::<u16>(blobs, page, rows, None),
        _ => samples::<u32>(blobs, page, rows, None),
    };
    decoded.ok_or_else(damaged)
}

/// `missing` is the value of pixels that are not valid.
fn samples<T: Value>(
    mut blobs: &[u8],
    page: &Page,
    rows: u32,
    missing: Option<T>,
) -> Option<Vec<u8>> {
    let per_pixel = page.samples_per_chunk_pixel() as usize;
    let columns = page.chunk_size.0 as usize;
    let mut bytes = Vec::new();
    let mut pixels: Vec<T> = Vec::new();
    let (mut mask, mut filled) = (Vec::new(), 0);
    while filled < per_pixel {
        let (header, body) = Header::read(blobs)?;
        let has_size = header.columns == columns
            && (rows..=page.chunk_size.1).contains(&u32::try_from(header.rows).ok()?)
            && (1..=per_pixel - filled).contains(&header.depth);
        if !has_size {
            return None;
        }
        let mut blob = header.decode::<T>(body, Some(&mask))?;
        if let Some(missing) = missing {
            let pixels = blob.values.chunks_exact_mut(header.depth).zip(&blob.is_valid);
            pixels.filter(|(_, is_valid)| !**is_valid).for_each(|(pixel, _)| pixel.fill(missing));
        }
        if header.depth == per_pixel {
            pixels = blob.values;
            break;
        }
        pixels.resize(blob.is_valid.len() * per_pixel, T::default());
        let slots = pixels.chunks_exact_mut(per_pixel);
        for (slot, values) in slots.zip(blob.values.chunks_exact(header.depth)) {
            slot[filled..filled + header.depth].copy_from_slice(values);
        }
        filled += header.depth;
        mask = blob.is_valid;
        // libtiff stores alpha of 8 bits as a mask
        if filled + 1 == per_pixel && T::CODE == u8::CODE && page.has_alpha_last() {
            for (slot, is_valid) in pixels.chunks_exact_mut(per_pixel).zip(&mask) {
                slot[filled] = T::from_f64(if *is_valid { 255.0 } else { 0.0 });
            }
            break;
        }
        blobs = blobs.get(header.length..)?;
    }
    bytes.reserve_exact(pixels.len() * T::BYTES);
    pixels.into_iter().for_each(|value| value.put_le(&mut bytes));
    Some(bytes)
}
