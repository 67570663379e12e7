//! Run-length coded bitmaps: pairs of bytes, of which a first one of 0 begins an escape (Windows
//! GDI's "Bitmap Compression"; OS/2 has runs of 24-bit pixels, too).

use super::header::Bitmap;
use crate::error::Error;
use crate::formats::decoder::area;
use crate::formats::reader::ByteReader;

/// Second bytes of escapes: end of line, end of bitmap, delta. Higher ones are a number of pixels
/// that follow.
const END_OF_LINE: u8 = 0;
const END_OF_BITMAP: u8 = 1;
const DELTA: u8 = 2;

/// Codes between two questions whether to stop: of 255 pixels at most.
const CODES_UNASKED: u32 = 1 << 12;

/// Decodes all pixels, row-major from the top. Those that the data skips are black.
///
/// # Errors
/// The data ends before the last row.
pub(super) fn decode(bitmap: &Bitmap, reader: &mut ByteReader<'_>) -> Result<Vec<[u8; 4]>, Error> {
    reader.seek_to(bitmap.pixels_start)?;
    let data = reader.bytes(reader.remaining(), reader.remaining())?;
    let mut canvas = Canvas {
        pixels: vec![[0, 0, 0, 255]; area(bitmap.width, bitmap.height) as usize],
        width: bitmap.width as usize,
        rows: bitmap.height as usize,
        is_top_down: bitmap.is_top_down,
        x: 0,
        y: 0,
    };
    let (mut rest, mut codes) = (data.as_slice(), 0_u32);
    while let [first, second, after @ ..] = rest {
        rest = after;
        if codes.is_multiple_of(CODES_UNASKED) {
            // fails if the caller has cancelled
            reader.source.fill_buf().map_err(Error::Read)?;
        }
        codes = codes.wrapping_add(1);
        match (*first, *second) {
            (0, END_OF_LINE) => (canvas.x, canvas.y) = (0, canvas.y + 1),
            (0, END_OF_BITMAP) => return Ok(canvas.pixels),
            (0, DELTA) => {
                let Some(([right, up], after)) = rest.split_first_chunk() else { break };
                rest = after;
                canvas.x += usize::from(*right);
                canvas.y += usize::from(*up);
            }
            (0, count) => {
                let bytes = (usize::from(count) * bitmap.bit_count as usize).div_ceil(8);
                let (literal, after) = rest.split_at(bytes.min(rest.len()));
                rest = after.get(bytes % 2..).unwrap_or_default();
                (0..usize::from(count)).for_each(|index| canvas.put(color(bitmap, literal, index)));
            }
            (count, _) if bitmap.bit_count == 24 => {
                let Some((green_and_red, after)) = rest.split_first_chunk::<2>() else { break };
                rest = after;
                let [green, red] = *green_and_red;
                (0..count).for_each(|_| canvas.put([red, green, *second, 255]));
            }
            (count, index) => {
                let pair = [0, 1].map(|at| color(bitmap, &[index, index], at));
                // of 4 bits, a run alternates between two colours
                (0..usize::from(count)).for_each(|at| canvas.put(pair[at % 2]));
            }
        }
    }
    match canvas.is_full() {
        true => Ok(canvas.pixels),
        false => Err(reader.cut_off()),
    }
}

/// The colour of a pixel of uncompressed data.
fn color(bitmap: &Bitmap, data: &[u8], index: usize) -> [u8; 4] {
    let byte = |at: usize| data.get(at).copied().unwrap_or_default();
    match bitmap.bit_count {
        24 => [byte(3 * index + 2), byte(3 * index + 1), byte(3 * index), 255],
        8 => bitmap.color(byte(index).into()),
        _ => bitmap.color((byte(index / 2) >> (4 * (1 - index % 2)) & 15).into()),
    }
}

/// The pixels, and where the next one goes.
struct Canvas {
    pixels: Vec<[u8; 4]>,
    width: usize,
    rows: usize,
    is_top_down: bool,
    x: usize,
    /// Counted in stored order.
    y: usize,
}

impl Canvas {
    /// Draws a pixel, unless it lies outside.
    fn put(&mut self, color: [u8; 4]) {
        if self.x < self.width && self.y < self.rows {
            let row = if self.is_top_down { self.y } else { self.rows - 1 - self.y };
            self.pixels[row * self.width + self.x] = color;
        }
        self.x += 1;
    }

    /// Whether the last row was reached to its end.
    fn is_full(&self) -> bool {
        self.y >= self.rows || (self.y + 1 == self.rows && self.x >= self.width)
    }
}
