//! Zstandard (RFC 8878), as libtiff writes it: one frame for each chunk.

use std::io::{self, Chain, Cursor, ErrorKind, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::ifd::FORMAT;
use crate::formats::foreign::guarded;

/// The largest window, in bytes, as in the reference decoder.
pub(super) const MAX_WINDOW_BYTES: u64 = 1 << 27;
/// The largest block, in bytes (section 3.1.1.2.4).
pub(super) const MAX_BLOCK_BYTES: u64 = 1 << 17;

/// The magic number of a frame (section 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The flag of Frame_Header_Descriptor: the window is as long as the content (section 3.1.1.1.1).
const SINGLE_SEGMENT: u8 = 0x20;

/// Reads the data of a frame.
pub(super) struct ZstdReader<R> {
    compressed: Chain<Cursor<Vec<u8>>, R>,
    decoder: FrameDecoder,
}

impl<R: Read> ZstdReader<R> {
    /// Reads the header of a frame whose data has at most `max_bytes` bytes.
    ///
    /// The decoder holds back a window of data, and encoders claim large windows for little data.
    /// The window is made no longer than the data, so that this bounds the memory: about four times
    /// `max_bytes`, and four blocks.
    ///
    /// # Errors
    /// This is no frame, or its window is too large.
    pub(super) fn new(mut compressed: R, max_bytes: u64) -> io::Result<Self> {
        let max_window = max_bytes.max(MAX_BLOCK_BYTES);
        let mut header = vec![0; MAGIC.len() + 1];
        compressed.read_exact(&mut header)?;
        if !header.starts_with(&MAGIC) {
            return Err(damaged());
        }
        if header[MAGIC.len()] & SINGLE_SEGMENT == 0 {
            let mut descriptor = [0];
            compressed.read_exact(&mut descriptor)?;
            let sufficient = (0..=u8::MAX).find(|it| window_bytes(*it) >= max_window);
            header.push(descriptor[0].min(sufficient.unwrap_or(u8::MAX)));
        }
        let mut compressed = Cursor::new(header).chain(compressed);
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size((max_window + max_window / 4).min(MAX_WINDOW_BYTES));
        let started = guarded(FORMAT, || Ok(decoder.init(&mut compressed).is_ok()));
        match started {
            Ok(true) => Ok(Self { compressed, decoder }),
            _ => Err(damaged()),
        }
    }
}

/// The window that Window_Descriptor states, in bytes (section 3.1.1.1.2). It grows with the
/// descriptor.
fn window_bytes(descriptor: u8) -> u64 {
    let base = 1 << (10 + (descriptor >> 3));
    base + base / 8 * u64::from(descriptor & 7)
}

fn damaged() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "Zstandard")
}

impl<R: Read> Read for ZstdReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Self { compressed, decoder } = self;
        let read = guarded(FORMAT, || {
            while decoder.can_collect() == 0 && !decoder.is_finished() {
                let one_block = BlockDecodingStrategy::UptoBlocks(1);
                if decoder.decode_blocks(&mut *compressed, one_block).is_err() {
                    return Ok(Err(damaged()));
                }
            }
            Ok(decoder.read(buf))
        });
        read.unwrap_or_else(|_| Err(damaged()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_of_the_standard() {
        assert_eq!((window_bytes(0), window_bytes(7)), (1 << 10, (1 << 10) + 7 * (1 << 7)));
        assert_eq!(window_bytes(u8::MAX), (1 << 41) + 7 * (1 << 38));
        assert!((1..=u8::MAX).all(|it| window_bytes(it - 1) < window_bytes(it)));
    }
}
