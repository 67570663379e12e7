//! Decompresses chunks as they are read.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use fax::decoder::{decode_g3, decode_g4};
use flate2::bufread::ZlibDecoder;
use weezl::BitOrder;
use weezl::decode::Decoder as Lzw;

use super::codes::Compression;
#[cfg(feature = "jp2")]
use super::jpeg2000;
use super::page::Page;
use super::zstd::ZstdReader;
use super::{lerc, pictures, xz};

/// Bytes that are read from the file at once, at most.
const MAX_BUFFER_BYTES: u64 = 1 << 14;

/// A reader of the decompressed data of a chunk of `rows` rows, whose compressed data has `length`
/// bytes.
///
/// # Errors
/// The data is damaged, or the source failed.
pub(super) fn open<'a>(
    compressed: impl Read + 'a,
    length: u64,
    page: &Page,
    rows: u32,
) -> io::Result<Box<dyn Read + 'a>> {
    let buffer_bytes = length.clamp(64, MAX_BUFFER_BYTES) as usize;
    let compressed: Box<dyn BufRead + 'a> = match page.has_reversed_bits {
        true => Box::new(BufReader::with_capacity(buffer_bytes, ReversedBits(compressed))),
        false => Box::new(BufReader::with_capacity(buffer_bytes, compressed)),
    };
    let data: Box<dyn Read + 'a> = match page.compression {
        Compression::CCITT_T4 | Compression::CCITT_T6 => {
            Box::new(Cursor::new(decode_fax(compressed, page, rows)?))
        }
        Compression::LZW => Box::new(LzwReader::new(compressed)?),
        Compression::DEFLATE | Compression::OLD_DEFLATE => Box::new(ZlibDecoder::new(compressed)),
        Compression::ZSTD => Box::new(ZstdReader::new(compressed, page.chunk_bytes())?),
        compression if compression.needs_whole_chunks() => {
            let compressed = whole_chunk(compressed, page)?;
            Box::new(Cursor::new(match compression {
                Compression::LZMA => xz::decompress(&compressed, page.chunk_bytes())?,
                Compression::LERC => lerc::decode(&compressed, page, rows)?,
                #[cfg(feature = "jp2")]
                compression if compression.is_jpeg_2000() => {
                    jpeg2000::decode(&compressed, page, rows)?
                }
                Compression::WEBP => pictures::decode_webp(&compressed, page, rows)?,
                _ => pictures::decode_jpeg(&compressed, page, rows)?,
            }))
        }
        Compression::PACK_BITS => {
            Box::new(PackBitsReader { compressed, run_left: 0, repeated: None })
        }
        _ => compressed,
    };
    Ok(match page.ycbcr_sub_sampling {
        (1, 1) => data,
        (h, v) => Box::new(ChromaUpsampler {
            data,
            h: h as usize,
            v: v as usize,
            width: page.chunk_size.0 as usize,
            rows: Cursor::default(),
        }),
    })
}

/// Reads the compressed data of a chunk. More than half as long again as its samples is damage.
fn whole_chunk(compressed: impl Read, page: &Page) -> io::Result<Vec<u8>> {
    let max_bytes = page.max_compressed_bytes();
    let mut data = Vec::new();
    compressed.take(max_bytes.saturating_add(1)).read_to_end(&mut data)?;
    match data.len() as u64 > max_bytes {
        true => Err(damaged("a chunk that is longer than its samples")),
        false => Ok(data),
    }
}

/// The error for damaged data; only its kind is used.
fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Reverses the bits of each byte: FillOrder 2.
struct ReversedBits<R>(R);

impl<R: Read> Read for ReversedBits<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buf)?;
        buf[..read].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        Ok(read)
    }
}

/// LZW (TIFF 6.0, section 13), and its older form, whose codes begin with their lowest bit.
struct LzwReader<R> {
    compressed: R,
    decoder: Lzw,
}

impl<R: BufRead> LzwReader<R> {
    fn new(mut compressed: R) -> io::Result<Self> {
        // data begins with ClearCode, 256
        let is_old = matches!(compressed.fill_buf()?, [0, second, ..] if second & 1 == 1);
        let decoder = match is_old {
            true => Lzw::new(BitOrder::Lsb, 8),
            false => Lzw::with_tiff_size_switch(BitOrder::Msb, 8),
        };
        Ok(Self { compressed, decoder })
    }
}

impl<R: BufRead> Read for LzwReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let compressed = self.compressed.fill_buf()?;
            let done = self.decoder.decode_bytes(compressed, buf);
            let is_finished = compressed.is_empty() || self.decoder.has_ended();
            self.compressed.consume(done.consumed_in);
            done.status.map_err(|_| damaged("LZW"))?;
            if done.consumed_out > 0 || is_finished || buf.is_empty() {
                return Ok(done.consumed_out);
            }
        }
    }
}

/// PackBits (TIFF 6.0, section 9).
struct PackBitsReader<R> {
    compressed: R,
    /// Remaining bytes of the current run.
    run_left: usize,
    /// The byte of a repeating run; `None` for a run of literal bytes.
    repeated: Option<u8>,
}

impl<R: BufRead> PackBitsReader<R> {
    fn next_byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.compressed.fill_buf()?.first().copied();
        self.compressed.consume(byte.iter().len());
        Ok(byte)
    }
}

impl<R: BufRead> Read for PackBitsReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.run_left == 0 && !buf.is_empty() {
            let Some(head) = self.next_byte()? else { return Ok(0) };
            match head {
                0..=127 => (self.run_left, self.repeated) = (usize::from(head) + 1, None),
                128 => {}
                129..=255 => {
                    self.run_left = 257 - usize::from(head);
                    self.repeated = self.next_byte()?;
                }
            }
        }
        let count = buf.len().min(self.run_left);
        let read = match self.repeated {
            Some(byte) => {
                buf[..count].fill(byte);
                count
            }
            None => self.compressed.read(&mut buf[..count])?,
        };
        self.run_left -= read;
        Ok(read)
    }
}

/// Fax group 3 or 4 (ITU-T T.4, T.6), as rows of one bit per pixel, where 1 is black. Damaged data
/// is decoded as far as possible; the rest is white.
fn decode_fax(compressed: impl BufRead, page: &Page, rows: u32) -> io::Result<Vec<u8>> {
    let width = u16::try_from(page.chunk_size.0).map_err(|_| damaged("fax"))?;
    let row_bytes = page.chunk_row_bytes() as usize;
    let mut data = Vec::new();
    let rows_left = Cell::new(rows);
    let mut line = |transitions: &[u16]| {
        let Some(left) = rows_left.get().checked_sub(1) else { return };
        rows_left.set(left);
        let start = data.len();
        data.resize(start + row_bytes, 0);
        fill_black_runs(&mut data[start..], transitions, width.into());
    };
    let mut failed = None;
    let bytes = compressed.bytes().take_while(|_| rows_left.get() > 0);
    let bytes = bytes.map_while(|byte| byte.map_err(|err| failed = Some(err)).ok());
    // the result only says that it stopped at damage
    let _ = match page.compression {
        Compression::CCITT_T6 => decode_g4(bytes, width, u16::try_from(rows).ok(), &mut line),
        // the last row needs its EOL code, which may be missing
        _ => decode_g3(bytes.chain([0, 1]), &mut line),
    };
    data.resize(row_bytes * rows as usize, 0);
    failed.map_or(Ok(data), Err)
}

/// Sets the bits of the black pixels of a row of `width` pixels. Its colour changes at each of
/// `transitions`, from white; one that lies before the last one is a run of no pixels.
fn fill_black_runs(row: &mut [u8], transitions: &[u16], width: usize) {
    let (mut x, mut last, mut is_black) = (0, 0, false);
    let runs = transitions.iter().map(|at| {
        let run = at.saturating_sub(last);
        last = *at;
        usize::from(run)
    });
    for run in runs.chain([usize::from(u16::MAX)]) {
        let end = width.min(x + run);
        if is_black {
            fill_bits(row, x, end);
        }
        (x, is_black) = (end, !is_black);
    }
}

/// Sets the bits from `start` up to `end`, counted from the highest bit of each byte.
fn fill_bits(row: &mut [u8], start: usize, end: usize) {
    if start >= end {
        return;
    }
    let (first, last) = (start / 8, (end - 1) / 8);
    let (from_start, to_end) = (0xff >> (start % 8), !0 << (7 - (end - 1) % 8));
    if first == last {
        row[first] |= from_start & to_end;
    } else {
        row[first] |= from_start;
        row[first + 1..last].fill(0xff);
        row[last] |= to_end;
    }
}

/// Upsamples the chroma of uncompressed YCbCr (TIFF 6.0, section 21). A data unit has the luma of
/// `h` × `v` pixels, then one Cb and one Cr.
struct ChromaUpsampler<R> {
    data: R,
    /// YCbCrSubSampling.
    h: usize,
    v: usize,
    /// Pixels in a row of the chunk.
    width: usize,
    /// `v` rows of Y, Cb and Cr for each pixel, row-major, at the position that is read next.
    rows: Cursor<Vec<u8>>,
}

impl<R: Read> Read for ChromaUpsampler<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.rows.fill_buf()?.is_empty() {
            let lumas = self.h * self.v;
            let mut units = vec![0; self.width.div_ceil(self.h) * (lumas + 2)];
            self.data.read_exact(&mut units)?;
            let mut rows = Vec::with_capacity(self.v * self.width * 3);
            for y in 0..self.v {
                for x in 0..self.width {
                    let unit = &units[x / self.h * (lumas + 2)..][..lumas + 2];
                    let luma = unit[y * self.h + x % self.h];
                    rows.extend([luma, unit[lumas], unit[lumas + 1]]);
                }
            }
            self.rows = Cursor::new(rows);
        }
        self.rows.read(buf)
    }
}
