//! The rows of a bitmap, from the top, as red, green, blue and alpha.

use std::ops::ControlFlow;

use super::header::{Bitmap, Coding};
use super::rle;
use crate::error::Error;
use crate::formats::reader::ByteReader;

/// Bytes of rows that are read together, unless a row has more.
const BLOCK_BYTES: u64 = 1 << 16;

impl Bitmap {
    /// An upper estimate of the memory that reading rows takes, in bytes, if they are not run-length
    /// coded.
    pub(super) fn working_bytes(&self) -> u64 {
        let rows = u64::from(self.width).saturating_mul(40) + 2 * self.row_bytes();
        rows.saturating_add(2 * BLOCK_BYTES).saturating_add(1 << 18)
    }

    /// Calls `take` with each row from the top, until it breaks. Pixels of a bitmap without alpha are
    /// opaque.
    ///
    /// # Errors
    /// The file is cut off, or the source failed.
    pub(in crate::formats) fn for_each_row(
        &self,
        reader: &mut ByteReader<'_>,
        mut take: impl FnMut(&[[u8; 4]]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        if self.coding == Coding::RunLength {
            let pixels = rle::decode(self, reader)?;
            let _whether_it_broke =
                pixels.chunks_exact(self.width.max(1) as usize).try_for_each(take);
            return Ok(());
        }
        let fields = self.masks.map(Field::new);
        let mut row = vec![[0; 4]; self.width as usize];
        self.for_each_stored_row(reader, |bytes| {
            self.read_row(bytes, &fields, &mut row);
            take(&row).is_continue()
        })
    }

    /// Whether any pixel is not transparent. Some writers leave all alpha at 0, and mean an opaque
    /// picture.
    ///
    /// # Errors
    /// As [`for_each_row`](Self::for_each_row).
    pub(in crate::formats) fn has_visible_pixels(
        &self,
        reader: &mut ByteReader<'_>,
    ) -> Result<bool, Error> {
        let word_bytes = self.bit_count as usize / 8;
        let alpha = Field::new(self.masks[3]);
        let mut is_visible = false;
        self.for_each_stored_row(reader, |bytes| {
            let mut words = bytes.chunks_exact(word_bytes).take(self.width as usize);
            is_visible = words.any(|it| alpha.of(word(it)) > 0);
            !is_visible
        })?;
        Ok(is_visible)
    }

    /// Calls `take` with the bytes of each row from the top, until it returns false.
    fn for_each_stored_row(
        &self,
        reader: &mut ByteReader<'_>,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let (row_bytes, height) = (self.row_bytes().max(1), u64::from(self.height));
        let rows_per_block = (BLOCK_BYTES / row_bytes).max(1);
        let mut top = 0;
        while top < height {
            let rows = rows_per_block.min(height - top);
            let first = if self.is_top_down { top } else { height - top - rows };
            reader.seek_to(self.pixels_start + first * row_bytes)?;
            // the padding of the last row may be missing
            let length = (rows * row_bytes).min(reader.remaining());
            let mut block = reader.bytes(length, length)?;
            block.resize((rows * row_bytes) as usize, 0);
            let mut stored = block.chunks_exact(row_bytes as usize);
            let next = || match self.is_top_down {
                true => stored.next(),
                false => stored.next_back(),
            };
            if !std::iter::from_fn(next).all(&mut take) {
                break;
            }
            top += rows;
        }
        Ok(())
    }

    fn read_row(&self, bytes: &[u8], fields: &[Field; 4], row: &mut [[u8; 4]]) {
        match (self.coding, self.bit_count as usize) {
            (Coding::Indexed, bits) => {
                let per_byte = 8 / bits;
                for (x, pixel) in row.iter_mut().enumerate() {
                    let shift = 8 - bits * (x % per_byte + 1);
                    let index = usize::from(bytes[x / per_byte] >> shift) & ((1 << bits) - 1);
                    *pixel = self.color(index);
                }
            }
            (Coding::Bgr, _) => {
                for (pixel, [b, g, r]) in row.iter_mut().zip(bytes.as_chunks().0) {
                    *pixel = [*r, *g, *b, 255];
                }
            }
            (_, bits) => {
                for (pixel, bytes) in row.iter_mut().zip(bytes.chunks_exact(bits / 8)) {
                    let [r, g, b, a] = fields.map(|field| field.of(word(bytes)));
                    *pixel = [r, g, b, if self.has_alpha { a } else { 255 }];
                }
            }
        }
    }

    /// A colour of the palette; black where it has none.
    pub(super) fn color(&self, index: usize) -> [u8; 4] {
        let [r, g, b] = self.palette.get(index).copied().unwrap_or_default();
        [r, g, b, 255]
    }
}

/// A little-endian word of two or four bytes.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// The bits of one colour in a word.
#[derive(Clone, Copy)]
struct Field {
    shift: u32,
    /// The highest value; 0 for a mask without bits.
    max: u32,
}

impl Field {
    fn new(mask: u32) -> Self {
        let shift = mask.trailing_zeros() % 32;
        Self { shift, max: mask >> shift }
    }

    /// The value in a word, from 0 to 255.
    fn of(self, word: u32) -> u8 {
        let (value, max) = (u64::from(word >> self.shift & self.max), u64::from(self.max));
        (value * 255 + max / 2).checked_div(max).unwrap_or(0) as u8
    }
}
