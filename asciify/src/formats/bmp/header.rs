//! The header of a bitmap: BITMAPCOREHEADER, or BITMAPINFOHEADER and its successors, then masks and a
//! palette. ICO files have it, too.

use crate::error::Error;
use crate::formats::decoder::area;
use crate::formats::reader::ByteReader;

/// The sizes of headers, in bytes.
const CORE_HEADER_BYTES: u32 = 12;
const OS2_SHORT_HEADER_BYTES: u32 = 16;
const INFO_HEADER_BYTES: u32 = 40;
const V2_HEADER_BYTES: u32 = 52;
const V3_HEADER_BYTES: u32 = 56;
const OS2_HEADER_BYTES: u32 = 64;

/// Values of `biCompression`.
const BI_RGB: u32 = 0;
const BI_RLE8: u32 = 1;
const BI_RLE4: u32 = 2;
const BI_BITFIELDS: u32 = 3;
/// In OS/2's header alone.
const BI_RLE24: u32 = 4;
const BI_ALPHABITFIELDS: u32 = 6;

/// How pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Indices of the palette, of 1, 2, 4 or 8 bits.
    Indexed,
    /// Blue, green and red, a byte each.
    Bgr,
    /// Little-endian words of 16 or 32 bits with the fields of [`Bitmap::masks`].
    Masked,
    /// Runs of 4, 8 or 24 bits for each pixel.
    RunLength,
}

/// A device-independent bitmap.
#[derive(Debug)]
pub(in crate::formats) struct Bitmap {
    pub(in crate::formats) width: u32,
    pub(in crate::formats) height: u32,
    /// Rows are stored from the top, not from the bottom.
    pub(super) is_top_down: bool,
    /// Bits of a pixel.
    pub(in crate::formats) bit_count: u32,
    pub(super) coding: Coding,
    /// The bits of red, green, blue and alpha in a word.
    pub(in crate::formats) masks: [u32; 4],
    /// Whether the header says that pixels have alpha.
    pub(in crate::formats) has_alpha: bool,
    /// Red, green and blue by index.
    pub(super) palette: Vec<[u8; 3]>,
    /// The offset in the file of the first stored row.
    pub(super) pixels_start: u64,
}

impl Bitmap {
    /// Reads a header and its palette, from the header's size on. Pixels are expected behind them.
    ///
    /// # Errors
    /// It is cut off or damaged, or of an unsupported kind.
    pub(in crate::formats) fn read(reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        let start = reader.position;
        let size = reader.u32_le()?;
        let is_core = size == CORE_HEADER_BYTES;
        let (width, height) = match is_core {
            true => (i32::from(reader.u16_le()?), i32::from(reader.u16_le()?)),
            false => {
                (reader.array().map(i32::from_le_bytes)?, reader.array().map(i32::from_le_bytes)?)
            }
        };
        // planes: some writers leave a 0
        let [_planes, bit_count] = [reader.u16_le()?, reader.u16_le()?];
        let (mut compression, mut colors_used) = (BI_RGB, 0);
        if size >= INFO_HEADER_BYTES {
            compression = reader.u32_le()?;
            reader.skip(12)?; // the size of the image, and its resolution
            colors_used = reader.u32_le()?;
            reader.skip(4)?; // the number of important colours
        }
        let is_os2 = matches!(size, OS2_SHORT_HEADER_BYTES | OS2_HEADER_BYTES);
        // the masks are a part of the header, or follow it
        let stated_masks = match (size, compression) {
            (OS2_HEADER_BYTES | ..INFO_HEADER_BYTES, _) => 0,
            (INFO_HEADER_BYTES, BI_BITFIELDS) => 3,
            (INFO_HEADER_BYTES, BI_ALPHABITFIELDS) => 4,
            (INFO_HEADER_BYTES, _) => 0,
            (V2_HEADER_BYTES..V3_HEADER_BYTES, _) => 3,
            _ => 4,
        };
        let mut masks = [0; 4];
        for mask in &mut masks[..stated_masks] {
            *mask = reader.u32_le()?;
        }
        let header_end = start + u64::from(size);
        if header_end > reader.position {
            reader.seek_to(header_end)?;
        }
        // a negative height means that rows are stored from the top; a negative width is invalid
        let Ok(width) = u32::try_from(width) else {
            return Err(reader.malformed("its width is negative"));
        };
        let coding = match (compression, bit_count) {
            (BI_RGB, 1 | 2 | 4 | 8) => Coding::Indexed,
            (BI_RGB, 24) => Coding::Bgr,
            (BI_RGB, 16 | 32) => Coding::Masked,
            (BI_BITFIELDS | BI_ALPHABITFIELDS, 16 | 32) if !is_os2 => Coding::Masked,
            (BI_RLE8, 8) | (BI_RLE4, 4) => Coding::RunLength,
            (BI_RLE24, 24) if is_os2 => Coding::RunLength,
            (BI_RGB | BI_BITFIELDS | BI_ALPHABITFIELDS, _) => {
                return Err(reader.unsupported("a number of bits per pixel"));
            }
            _ => return Err(reader.unsupported("a compression")),
        };
        if compression == BI_RGB {
            masks = match bit_count {
                16 => [0x7c00, 0x3e0, 0x1f, 0],
                _ => [0xff_0000, 0xff00, 0xff, masks[3] & 0xff00_0000],
            };
        }
        let has_alpha = masks[3] != 0 && coding == Coding::Masked;
        let mut bitmap = Self {
            width,
            height: height.unsigned_abs(),
            is_top_down: height < 0,
            bit_count: bit_count.into(),
            coding,
            masks,
            has_alpha,
            palette: Vec::new(),
            pixels_start: 0,
        };
        bitmap.read_palette(reader, colors_used, if is_core { 3 } else { 4 })?;
        bitmap.pixels_start = reader.position;
        Ok(bitmap)
    }

    /// Reads blue, green and red of each colour, in so many bytes. A palette may be cut off by the
    /// pixels or by the end of the file.
    fn read_palette(
        &mut self,
        reader: &mut ByteReader<'_>,
        colors_used: u32,
        bytes_per_color: u64,
    ) -> Result<(), Error> {
        let most = if self.bit_count <= 8 { 1_u32 << self.bit_count } else { 0 };
        // a picture without a palette may have one for displays of few colours
        let count = if colors_used == 0 { most } else { colors_used };
        let length = u64::from(count).saturating_mul(bytes_per_color).min(reader.remaining());
        let bytes = reader.bytes(length, u64::from(most) * bytes_per_color)?;
        let colors = bytes.chunks_exact(bytes_per_color as usize);
        self.palette = colors.map(|it| [it[2], it[1], it[0]]).collect();
        Ok(())
    }

    /// Checks that the file is long enough for the pixels.
    ///
    /// # Errors
    /// It is not.
    pub(in crate::formats) fn check_length(&self, reader: &ByteReader<'_>) -> Result<(), Error> {
        match self.coding {
            // a run of two bytes has up to 255 pixels
            Coding::RunLength => {
                reader.can_hold(area(self.width, self.height), 255_u64.div_ceil(2))
            }
            _ if self.pixels_end() > reader.end => Err(reader.cut_off()),
            _ => Ok(()),
        }
    }

    /// The length of a stored row, with padding to four bytes.
    pub(super) fn row_bytes(&self) -> u64 {
        area(self.width, self.bit_count).div_ceil(32) * 4
    }

    /// The offset in the file behind the last pixel, without padding.
    fn pixels_end(&self) -> u64 {
        let last_row = area(self.width, self.bit_count).div_ceil(8);
        let other_rows = self.row_bytes().saturating_mul(u64::from(self.height).saturating_sub(1));
        self.pixels_start.saturating_add(other_rows).saturating_add(last_row)
    }

    /// The offset in the file behind all rows with their padding.
    pub(in crate::formats) fn rows_end(&self) -> u64 {
        let rows = self.row_bytes().saturating_mul(self.height.into());
        self.pixels_start.saturating_add(rows)
    }
}
