//! Strips and tiles, unpacked as they are read.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use fax::decoder::{decode_g3, decode_g4, pels};
use flate2::bufread::ZlibDecoder;
use weezl::BitOrder;
use weezl::decode::Decoder as Lzw;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::page::Page;

/// Bytes that are read from the file at once.
const BUFFER: usize = 1 << 14;

/// The bytes of a piece of that many rows, out of what the file holds for it.
pub(super) fn open<'a>(
    packed: impl Read + 'a,
    page: &Page,
    rows: u32,
) -> io::Result<Box<dyn Read + 'a>> {
    let mut packed: Box<dyn BufRead + 'a> = match page.is_reversed {
        true => Box::new(BufReader::with_capacity(BUFFER, Reversed(packed))),
        false => Box::new(BufReader::with_capacity(BUFFER, packed)),
    };
    let unpacked: Box<dyn Read + 'a> = match page.compression {
        3 | 4 => Box::new(Cursor::new(fax(packed, page, rows)?)),
        5 => Box::new(LzwReader::new(packed)?),
        7 => Box::new(Cursor::new(jpeg(&mut packed, page, rows)?)),
        8 | 32_946 => Box::new(ZlibDecoder::new(packed)),
        32_773 => Box::new(PackBits { packed, left: 0, repeated: None }),
        _ => packed,
    };
    Ok(match page.subsampling {
        (1, 1) => unpacked,
        (across, down) => Box::new(SharedChroma {
            packed: unpacked,
            across: across as usize,
            down: down as usize,
            width: page.piece.0 as usize,
            rows: Cursor::default(),
        }),
    })
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Bytes whose lowest bit comes first.
struct Reversed<R>(R);

impl<R: Read> Read for Reversed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buf)?;
        buf[..read].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        Ok(read)
    }
}

/// LZW (TIFF 6.0, section 13), and its elder form with bits the other way round.
struct LzwReader<R> {
    packed: R,
    decoder: Lzw,
}

impl<R: BufRead> LzwReader<R> {
    fn new(mut packed: R) -> io::Result<Self> {
        // a stream begins with the code 256
        let is_old = matches!(packed.fill_buf()?, [0, second, ..] if second & 1 == 1);
        let decoder = match is_old {
            true => Lzw::new(BitOrder::Lsb, 8),
            false => Lzw::with_tiff_size_switch(BitOrder::Msb, 8),
        };
        Ok(Self { packed, decoder })
    }
}

impl<R: BufRead> Read for LzwReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let packed = self.packed.fill_buf()?;
            let done = self.decoder.decode_bytes(packed, buf);
            let is_stuck = packed.is_empty() || self.decoder.has_ended();
            self.packed.consume(done.consumed_in);
            done.status.map_err(|_| damaged("LZW"))?;
            if done.consumed_out > 0 || is_stuck || buf.is_empty() {
                return Ok(done.consumed_out);
            }
        }
    }
}

/// PackBits (TIFF 6.0, section 9).
struct PackBits<R> {
    packed: R,
    /// Bytes of the current run that are still to come.
    left: usize,
    /// What they are, unless they stand in the file.
    repeated: Option<u8>,
}

impl<R: BufRead> PackBits<R> {
    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.packed.fill_buf()?.first().copied();
        self.packed.consume(byte.iter().len());
        Ok(byte)
    }
}

impl<R: BufRead> Read for PackBits<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && !buf.is_empty() {
            let Some(head) = self.byte()? else { return Ok(0) };
            match head {
                0..=127 => (self.left, self.repeated) = (usize::from(head) + 1, None),
                128 => {}
                129..=255 => {
                    self.left = 257 - usize::from(head);
                    self.repeated = self.byte()?;
                }
            }
        }
        let most = buf.len().min(self.left);
        let read = match self.repeated {
            Some(byte) => {
                buf[..most].fill(byte);
                most
            }
            None => self.packed.read(&mut buf[..most])?,
        };
        self.left -= read;
        Ok(read)
    }
}

/// Fax of group 3 or 4 (ITU-T T.4, T.6): black is 1.
fn fax(packed: impl BufRead, page: &Page, rows: u32) -> io::Result<Vec<u8>> {
    let width = u16::try_from(page.piece.0).map_err(|_| damaged("fax"))?;
    let length = page.row_bytes() as usize;
    let mut unpacked = Vec::new();
    let rows_left = Cell::new(rows);
    let mut line = |transitions: &[u16]| {
        let Some(left) = rows_left.get().checked_sub(1) else { return };
        rows_left.set(left);
        let start = unpacked.len();
        unpacked.resize(start + length, 0);
        for (x, color) in pels(transitions, width).enumerate() {
            if color == fax::Color::Black {
                unpacked[start + x / 8] |= 128 >> (x % 8);
            }
        }
    };
    let mut failed = None;
    let bytes = packed.bytes().take_while(|_| rows_left.get() > 0);
    let bytes = bytes.map_while(|byte| byte.map_err(|err| failed = Some(err)).ok());
    // it stops at damage, and what came before is there
    let _ = match page.compression {
        4 => decode_g4(bytes, width, u16::try_from(rows).ok(), &mut line),
        // the last line needs its end, which may be missing
        _ => decode_g3(bytes.chain([0, 1]), &mut line),
    };
    unpacked.resize(length * rows as usize, 0);
    failed.map_or(Ok(unpacked), Err)
}

/// JPEG, whose tables may stand in the directory (TIFF Technical Note 2).
fn jpeg(packed: &mut impl Read, page: &Page, rows: u32) -> io::Result<Vec<u8>> {
    let mut file = page.jpeg_tables.strip_suffix(b"\xff\xd9").unwrap_or_default().to_vec();
    let tables = file.len();
    packed.read_to_end(&mut file)?;
    if tables > 0 && file[tables..].starts_with(b"\xff\xd8") {
        file.drain(tables..tables + 2);
    }
    let (width, height) = (page.piece.0 as usize, page.piece.1 as usize);
    let options = DecoderOptions::default().set_max_width(width).set_max_height(height);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(|_| damaged("JPEG"))?;
    let info = decoder.info().ok_or_else(|| damaged("JPEG"))?;
    let is_whole = usize::from(info.width) == width
        && usize::from(info.height) >= rows as usize
        && u32::from(info.components) == page.together();
    // as it is stored: the page says what samples mean
    let stored = decoder.input_colorspace().filter(|_| is_whole);
    let stored = stored.ok_or_else(|| damaged("JPEG of other sides"))?;
    decoder.set_options(options.jpeg_set_out_colorspace(stored));
    decoder.decode().map_err(|_| damaged("JPEG"))
}

/// YCbCr whose pixels share their chroma (TIFF 6.0, section 21), spread to each its own.
struct SharedChroma<R> {
    packed: R,
    /// Pixels that share.
    across: usize,
    down: usize,
    width: usize,
    /// So many rows as share, at the place that is read next.
    rows: Cursor<Vec<u8>>,
}

impl<R: Read> Read for SharedChroma<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.rows.fill_buf()?.is_empty() {
            let lumas = self.across * self.down;
            let mut units = vec![0; self.width.div_ceil(self.across) * (lumas + 2)];
            self.packed.read_exact(&mut units)?;
            let mut rows = Vec::with_capacity(self.down * self.width * 3);
            for y in 0..self.down {
                for x in 0..self.width {
                    let unit = &units[x / self.across * (lumas + 2)..][..lumas + 2];
                    let luma = unit[y * self.across + x % self.across];
                    rows.extend([luma, unit[lumas], unit[lumas + 1]]);
                }
            }
            self.rows = Cursor::new(rows);
        }
        self.rows.read(buf)
    }
}
