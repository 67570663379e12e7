//! Undoes the predictors and the byte order of a row (TIFF 6.0, section 14; TIFF Technical Note 3).

use super::codes::{Predictor, SampleFormat};
use super::page::Page;

/// Undoes the predictor of a row of a chunk and makes its samples little-endian.
pub(super) fn undo_predictor(row: &mut [u8], page: &Page, is_little_endian: bool) {
    let sample_bytes = page.bits_per_sample as usize / 8;
    let samples = page.samples_per_chunk_pixel() as usize;
    let is_float_predictor = page.predictor == Predictor::FloatingPoint;
    if is_float_predictor {
        undo_float_predictor(row, samples, sample_bytes);
    }
    // the floating-point predictor leaves the highest byte first
    let is_big_endian = !is_little_endian || is_float_predictor;
    if is_big_endian && has_byte_order(page) {
        let number_bytes = match page.sample_format {
            SampleFormat::ComplexInt | SampleFormat::ComplexFloat => sample_bytes / 2,
            _ => sample_bytes,
        };
        row.chunks_exact_mut(number_bytes).for_each(<[u8]>::reverse);
    }
    if page.predictor == Predictor::Horizontal {
        match sample_bytes {
            1 => undo_horizontal_predictor(row, samples, |a: [u8; 1], b| [a[0].wrapping_add(b[0])]),
            2 => undo_horizontal_predictor(row, samples, |a, b| {
                u16::from_le_bytes(a).wrapping_add(u16::from_le_bytes(b)).to_le_bytes()
            }),
            4 => undo_horizontal_predictor(row, samples, |a, b| {
                u32::from_le_bytes(a).wrapping_add(u32::from_le_bytes(b)).to_le_bytes()
            }),
            _ => undo_horizontal_predictor(row, samples, |a, b| {
                u64::from_le_bytes(a).wrapping_add(u64::from_le_bytes(b)).to_le_bytes()
            }),
        }
    }
}

/// Whether samples are stored in the file's byte order. Integers of other widths are packed from
/// the highest bit on, as GDAL writes them; so are those of 24 bits.
fn has_byte_order(page: &Page) -> bool {
    matches!(page.bits_per_sample, 16 | 32 | 64 | 128) || page.sample_format == SampleFormat::Float
}

/// Undoes horizontal differencing (section 14): adds to each sample that of the pixel before.
/// `samples` is the number of samples of a pixel.
fn undo_horizontal_predictor<const N: usize>(
    row: &mut [u8],
    samples: usize,
    sum: impl Fn([u8; N], [u8; N]) -> [u8; N],
) {
    let (values, _) = row.as_chunks_mut::<N>();
    for at in samples..values.len() {
        values[at] = sum(values[at], values[at - samples]);
    }
}

/// Undoes the floating-point predictor (Technical Note 3). The row has the highest bytes of all
/// samples, then the next ones, and so on, as differences of bytes. Its samples become big-endian.
fn undo_float_predictor(row: &mut [u8], samples: usize, sample_bytes: usize) {
    if samples == 1 {
        let mut last = 0_u8;
        for byte in &mut *row {
            last = last.wrapping_add(*byte);
            *byte = last;
        }
    } else {
        for at in samples..row.len() {
            row[at] = row[at].wrapping_add(row[at - samples]);
        }
    }
    let planes = row.to_vec();
    match sample_bytes {
        2 => interleave::<2>(&planes, row),
        3 => interleave::<3>(&planes, row),
        4 => interleave::<4>(&planes, row),
        _ => interleave::<8>(&planes, row),
    }
}

/// Puts the bytes of each sample together: `planes` has the first bytes of all of them, then the
/// second ones, and so on.
fn interleave<const N: usize>(planes: &[u8], row: &mut [u8]) {
    let count = row.len() / N;
    for (index, sample) in row.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        for (plane, byte) in sample.iter_mut().enumerate() {
            *byte = planes[plane * count + index];
        }
    }
}
