//! Decodes common progressive files at full size, into the same pixels as the
//! [`library`](super::library). The file is read once; of what its scans have, the coefficients of the
//! blocks that are needed are held, as [`packed`](super::packed), and then become rows of pixels.
//!
//! Whatever is not as it should be is left to other decoders: they know what to do with damage.

mod band;
mod scan;

use std::io::BufRead;
use std::ops::Range;

use super::block::{BLOCK_LEN, BLOCK_SIDE, ZIGZAG};
use super::coefficients::excess_of;
use super::huffman::BitReader;
use super::markers::{APP0, APP15, COM, DHT, DQT, DRI, EOI, SOF2, SOS};
use super::packed::{PackedBlocks, for_each_bit};
use super::pixels::{self, Output, Samples};
use super::scans::{self, MAX_SCANS};
use super::segments::{FrameComponent, FrameHeader, ScanHeader};
use super::stream::{ScanData, Stream};
use super::tables::{MAX_TABLES, Tables};
use crate::cancellation::Cancellation;
use crate::formats::decoder::TakeRows;
use crate::spec::region::PixelRect;
use scan::Scan;

/// Decodes a grey or YCbCr file of 8 bits and of that length in bytes, which is sampled as the
/// library's, and calls `take` with each row from the top, until it breaks. `None` if the file is of
/// another kind or damaged, when some rows may have been taken, and when the caller has cancelled.
pub(super) fn decode(
    source: &mut dyn BufRead,
    file_bytes: u64,
    cancellation: &Cancellation<'_>,
    take: &mut dyn TakeRows,
) -> Option<()> {
    let picture = read(source, file_bytes, cancellation, &take.needed())?;
    let output = Output::new(&picture.frame, take);
    picture.write(cancellation, output)
}

/// The coefficients of the blocks that are needed.
struct Picture {
    frame: FrameHeader,
    components: Vec<Component>,
}

struct Component {
    /// Blocks across and down in an MCU.
    h: usize,
    v: usize,
    /// Those of the rows that are not below all needed ones.
    blocks: PackedBlocks,
    /// The columns and rows of the blocks whose AC coefficients are held. Of others, later scans need to
    /// know which are not 0.
    held: (Range<usize>, Range<usize>),
    /// In zigzag order.
    quantization: [u16; BLOCK_LEN],
    /// By coefficient, in zigzag order: how many of its low bits no scan had; [`UNREAD`] if none had it.
    /// Those of AC coefficients are not held.
    missing_bits: [u8; BLOCK_LEN],
}

/// See [`Component::missing_bits`].
const UNREAD: u8 = u8::MAX;

/// Reads all scans.
fn read(
    source: &mut dyn BufRead,
    file_bytes: u64,
    cancellation: &Cancellation<'_>,
    needed: &PixelRect,
) -> Option<Picture> {
    let mut stream = Stream::new(source)?;
    // the library has no default tables
    let none = || [const { None }; MAX_TABLES];
    let mut tables = Tables { dc: none(), ac: none(), ..Tables::default() };
    let (mut frame, mut picture) = (None, None);
    let (mut scans, mut blocks, mut has_restarts, mut is_damaged) = (0, 0, false, false);
    // without EOI, the data may have been cut off behind a scan
    let has_eoi = loop {
        if stream.is_at_end() {
            break false;
        }
        let marker = stream.marker()?;
        if marker == EOI {
            break true;
        }
        let segment = stream.segment()?;
        match marker {
            SOF2 if frame.is_none() && picture.is_none() => {
                frame = Some(FrameHeader::parse(&segment)?);
            }
            DQT | DHT | DRI => {
                has_restarts |= marker == DRI;
                tables.read(marker, &segment)?;
            }
            SOS => {
                let picture = match (&mut picture, frame.take()) {
                    (Some(picture), _) => picture,
                    (none, frame) => none.insert(Picture::new(frame?, &tables, needed)?),
                };
                scans += 1;
                blocks += scans::blocks_of_scan(&picture.frame, &segment);
                if scans > MAX_SCANS || blocks > scans::max_blocks(file_bytes) {
                    return None;
                }
                let header = ScanHeader::parse(&segment, &picture.frame)?;
                let mut scan = Scan::new(header, &tables, picture)?;
                let mut bits = BitReader::new(ScanData::new(stream));
                let is_whole = scan.read(&mut bits, picture, cancellation)?;
                is_damaged |= scan.is_damaged(&bits);
                stream = bits.into_stream();
                if !is_whole {
                    stream.skip_scan();
                }
            }
            APP0..=APP15 | COM => {}
            _ => return None,
        }
    };
    // the library goes on behind such damage, if the file has EOI and nothing to find its place at
    let is_complete = |picture: &Picture| {
        let mut missing = picture.components.iter().flat_map(|it| it.missing_bits);
        !is_damaged && missing.all(|bits| bits == 0)
    };
    picture.filter(|picture| has_eoi && !has_restarts || is_complete(picture))
}

impl Picture {
    /// `None` for other samplings, and where a quantization table is missing.
    fn new(frame: FrameHeader, tables: &Tables, needed: &PixelRect) -> Option<Self> {
        if frame.precision != 8 || !pixels::is_sampling_known(&frame.components) {
            return None;
        }
        let (columns, rows) = frame.mcus(BLOCK_SIDE);
        let component = |it: &FrameComponent| {
            let mut samples = Samples::new(it, &frame);
            samples.need(needed, &frame);
            let held = samples.needed_blocks((columns * it.h, rows * it.v));
            Some(Component {
                h: it.h,
                v: it.v,
                blocks: PackedBlocks::new(columns * it.h, held.1.end.next_multiple_of(it.v)),
                held,
                quantization: (*tables.quantization.get(it.quantization_table)?)?,
                missing_bits: [UNREAD; BLOCK_LEN],
            })
        };
        let components = frame.components.iter().map(component).collect::<Option<_>>()?;
        Some(Self { frame, components })
    }

    /// Passes the rows of pixels. `None` where a number exceeds 16 bits, and when the caller has
    /// cancelled.
    fn write(self, cancellation: &Cancellation<'_>, mut output: Output<'_>) -> Option<()> {
        let Self { frame, components } = self;
        let new = |it| Samples::new(it, &frame);
        let mut samples: Vec<_> = frame.components.iter().map(new).collect();
        let (_, rows) = frame.mcus(BLOCK_SIDE);
        for row in 0..rows {
            cancellation.check().ok()?;
            for (component, samples) in components.iter().zip(&mut samples) {
                let v = component.v;
                (row * v..(row + 1) * v).try_for_each(|y| component.write(y, samples))?;
            }
            if output.write(&samples, row, row + 1 == rows).is_break() {
                break;
            }
            samples.iter_mut().for_each(Samples::begin_next_row);
        }
        Some(())
    }
}

impl Component {
    /// Writes the samples of a row of blocks. `None` where a number exceeds 16 bits.
    fn write(&self, y: usize, samples: &mut Samples) -> Option<()> {
        let Self { blocks, held, quantization, missing_bits, .. } = self;
        if !held.1.contains(&y) {
            return Some(());
        }
        let (significance, mut values) = blocks.row(y);
        for x in held.0.clone() {
            let dc = blocks.row_of_dcs(y)[x];
            let significance = significance.get(x).copied().unwrap_or(0);
            let mut block = [0; BLOCK_LEN];
            let dc = i32::from(dc) * i32::from(quantization[0]);
            block[0] = dc as i16;
            let mut excess = excess_of(dc);
            for_each_bit(significance, |at| {
                let value = values.next() << missing_bits[at];
                let value = value.wrapping_mul(quantization[at].into());
                excess |= excess_of(value);
                block[ZIGZAG[at]] = value as i16;
            });
            if excess != 0 {
                return None;
            }
            let last = significance.checked_ilog2().unwrap_or(0) as usize;
            samples.write(x, y, &block, last)?;
        }
        Some(())
    }
}
