//! JPEGs of the kinds that the common decoders refuse: with arithmetic coding, with 12 bits a
//! sample, and lossless ones. Clauses are those of ITU-T T.81.
//!
//! Damage costs what it hides and no more: whatever cannot be read stays grey.

mod arithmetic;
mod coding;
mod data;
mod frame;
mod lossless;
mod output;
mod scan;
mod symbols;
mod tables;
mod transform;

use frame::Frame;
use output::Colours;
use scan::Scan;
use tables::Tables;

use crate::light::Row;

const SOI: [u8; 2] = [0xff, 0xd8];
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const JFIF: u8 = 0xe0;
const ADOBE: u8 = 0xee;
/// Encoders that try hard make about 25.
const MOST_SCANS: usize = 100;

/// Decodes a whole file and calls `take` with each row, from the top: grey or RGB, of 8 bits where
/// the samples have no more, else scaled to 16.
///
/// It reads Huffman codes (SOF0 to SOF2) and arithmetic ones (SOF9, SOF10) of 8 and 12 bits, and
/// lossless Huffman codes (SOF3) of 2 to 16 bits; 1, 3 or 4 components. `None`, before any row, for
/// another kind, and where there is not even the beginning of a scan.
///
/// It is the caller's to know that the sides keep the limits. Two bytes are taken for each sample of
/// each component, with sides rounded up to whole units of 32 px at most, and beside that as much
/// for one row of units, and the data between two restarts.
pub(crate) fn rows(file: &[u8], take: impl FnMut(Row<'_>)) -> Option<()> {
    let mut reader = Reader::default();
    // It ends where nothing more makes sense, be it the proper end or not.
    let _end = reader.read(file.strip_prefix(&SOI)?);
    let frame = reader.frame.filter(|_| reader.scans > 0)?;
    let colours = Colours::of(&frame, reader.has_jfif, reader.adobe);
    output::rows(&frame, colours, take);
    Some(())
}

#[derive(Default)]
struct Reader {
    frame: Option<Frame>,
    tables: Tables,
    scans: usize,
    has_jfif: bool,
    /// The transform of colours that Adobe's programs note.
    adobe: Option<u8>,
    /// Steps of decoding that no bit of the file pays for: see [`coding::effort`].
    effort: u64,
}

impl Reader {
    fn read(&mut self, file: &[u8]) -> Option<()> {
        let mut at = 0;
        while self.scans < MOST_SCANS {
            at += memchr::memchr(0xff, file.get(at..)?)? + 1;
            let marker = *file.get(at)?;
            match marker {
                0xff => continue,
                EOI => break,
                // No markers, or those without a segment.
                0 | 0x01 | 0xd0..=0xd8 => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
            let length = usize::from(u16::from_be_bytes(*file.get(at + 1..)?.first_chunk()?));
            let segment = file.get(at + 3..at + 1 + length)?;
            at += 1 + length;
            match marker {
                0xc0..=0xc3 | 0xc9 | 0xca if self.frame.is_none() => {
                    let frame = Frame::read(segment, marker)?;
                    self.effort = coding::effort(frame.parts(), file.len());
                    self.frame = Some(frame);
                }
                SOS => {
                    let frame = self.frame.as_mut()?;
                    let scan = Scan::read(segment, frame)?;
                    at = data::decode(&scan, frame, &self.tables, &mut self.effort, file, at)?;
                    self.scans += 1;
                }
                JFIF => self.has_jfif |= segment.starts_with(b"JFIF\0"),
                ADOBE if segment.starts_with(b"Adobe") => self.adobe = segment.get(11).copied(),
                0xe0..=0xef | 0xfe => {}
                _ => self.tables.read(marker, segment)?,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
