//! Decodes chunks of JPEG 2000 (ITU-T T.800 | ISO/IEC 15444-1), alone or in the boxes of JP2.

use std::io::{self, ErrorKind};

use super::codes::SampleFormat;
use super::page::Page;
use crate::formats::jp2::embedded::{self, Expected};

/// The samples of a chunk of `rows` rows, interleaved, in the byte order of the file.
///
/// # Errors
/// The picture is damaged, has other sides or samples than the page says, or is coded in blocks that
/// are too small.
pub(super) fn decode(compressed: &[u8], page: &Page, rows: u32) -> io::Result<Vec<u8>> {
    let expected = Expected {
        width: page.chunk_size.0,
        heights: rows..=page.chunk_size.1,
        components: page.samples_per_chunk_pixel() as usize,
        bits: page.bits_per_sample,
        is_signed: page.sample_format == SampleFormat::Int,
    };
    let components = embedded::decode(compressed, &expected)
        .map_err(|err| io::Error::new(ErrorKind::InvalidData, err.to_string()))?;
    let pixels = components.iter().map(Vec::len).min().unwrap_or(0);
    let bits = page.bits_per_sample as i32;
    // the decoder adds half of the range to signed samples
    let offset = if expected.is_signed { libm::ldexp(1.0, bits - 1) } else { 0.0 };
    let max = libm::ldexp(1.0, bits) - 1.0;
    let mut data = Vec::with_capacity(pixels * components.len() * bits as usize / 8);
    for at in 0..pixels {
        for samples in &components {
            let value = libm::round(f64::from(samples[at])).clamp(0.0, max) - offset;
            match (bits, page.is_little_endian) {
                (8, _) => data.push(value as i32 as u8),
                (_, true) => data.extend((value as i32 as u16).to_le_bytes()),
                (_, false) => data.extend((value as i32 as u16).to_be_bytes()),
            }
        }
    }
    Ok(data)
}
