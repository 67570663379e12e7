//! Decodes JPEGs at full size of the kinds that common decoders refuse or cannot convert: with
//! arithmetic coding, with 12 bits per sample, lossless ones, CMYK with a colour profile; and damaged
//! ones.
//!
//! Damage affects the data up to the next restart marker; samples that cannot be decoded stay grey.

mod arithmetic;
mod entropy;
mod entropy_coded;
mod frame;
mod huffman;
mod idct;
mod lossless;
mod output;
mod scan;

use std::io::BufRead;
use std::ops::ControlFlow;

use frame::{Frame, Keeps};
use output::{ColorTransform, Output};
use scan::Scan;

use super::markers::{APP0, APP14, APP15, COM, EOI, SOF0, SOF3, SOF9, SOF10, SOS};
use super::scans::MAX_SCANS;
use super::stream::Stream;
use super::tables::Tables;
use crate::cancellation::Cancellation;
use crate::color_profile::Lut;
use crate::light::Row;

/// Decodes a file of that length and calls `take` with each row from the top, until it breaks: grey or RGB, of 8 bits where
/// samples have at most 8, else scaled to 16. CMYK becomes RGB of 16 bits by the table `cmyk`, if
/// there is one.
///
/// Supported are Huffman coding (SOF0 to SOF2) and arithmetic coding (SOF9, SOF10) of 8 and 12
/// bits, and lossless Huffman coding (SOF3) of 2 to 16 bits; 1, 3 or 4 components. `None`, before
/// any row, for other kinds, and where not one data unit can be read.
///
/// Holds the coefficients of the picture as [`packed`](super::packed), or the samples of the lossless
/// process, of two bytes each; of a sequential frame of one scan, only the DC coefficients and a row of
/// MCUs. The caller checks the sides against the limits.
///
/// Time is bounded by the file's length: where its data codes more blocks than
/// [`entropy::budget`] allows, decoding stops and draws what it has. When the caller has cancelled,
/// rows are missing.
pub(super) fn decode(
    source: &mut dyn BufRead,
    file_bytes: u64,
    cmyk: Option<&Lut>,
    cancellation: &Cancellation<'_>,
    take: impl FnMut(Row<'_>) -> ControlFlow<()>,
) -> Option<()> {
    let mut reader = Reader::new(file_bytes);
    let mut output = Output::new(cmyk, take);
    reader.read_file(source, cancellation, &mut |frame, transform, mcu_row| {
        output.write(frame, transform, mcu_row, cancellation)
    });
    let transform = reader.transform();
    let mut frame = reader.frame.filter(Frame::has_units)?;
    frame.close();
    // when the caller has cancelled, rows are missing
    let _whether_all =
        output.write(&frame, transform, frame.header.mcus(frame.unit_side()).1, cancellation);
    Some(())
}

/// Whether any data unit of a file can be read. Reads little more than the first ones.
pub(super) fn has_units(source: &mut dyn BufRead, cancellation: &Cancellation<'_>) -> bool {
    let mut reader = Reader { budget: entropy::FEW_BLOCKS, ..Reader::default() };
    reader.read_file(source, cancellation, &mut |_, _, _| None);
    reader.frame.as_ref().is_some_and(Frame::has_units)
}

/// Whether all data units of a file can be read to the last bit of their coefficients. Takes a bit of
/// memory for each coefficient of the progressive process, and two bytes for each sample of the lossless
/// one.
pub(super) fn is_complete(
    source: &mut dyn BufRead,
    file_bytes: u64,
    cancellation: &Cancellation<'_>,
) -> bool {
    let mut reader = Reader { keeps: Keeps::Significance, ..Reader::new(file_bytes) };
    reader.read_file(source, cancellation, &mut |_, _, _| Some(()));
    reader.frame.as_ref().is_some_and(Frame::is_complete)
}

/// Takes the rows of MCUs of a frame up to an index. `None` ends reading.
type TakeRows<'a> = dyn FnMut(&Frame, ColorTransform, usize) -> Option<()> + 'a;

#[derive(Default)]
struct Reader {
    frame: Option<Frame>,
    keeps: Keeps,
    tables: Tables,
    /// Scans read so far.
    scans: usize,
    has_jfif: bool,
    /// The color transform of Adobe's APP14 segment: 0 is none, 1 is YCbCr, 2 is YCCK.
    adobe_transform: Option<u8>,
    /// Remaining steps of decoding: see [`entropy::budget`].
    budget: u64,
}

impl Reader {
    /// With the budget of a file.
    fn new(file_bytes: u64) -> Self {
        Self { budget: entropy::budget(file_bytes), ..Self::default() }
    }

    /// Reads a file up to EOI, or to where it is damaged.
    fn read_file(
        &mut self,
        source: &mut dyn BufRead,
        cancellation: &Cancellation<'_>,
        take: &mut TakeRows<'_>,
    ) {
        if let Some(stream) = Stream::new(source) {
            let _end = self.read(stream, cancellation, take);
        }
    }

    /// How components become colours. Without a frame, it means nothing.
    fn transform(&self) -> ColorTransform {
        let of = |frame| ColorTransform::of(frame, self.has_jfif, self.adobe_transform);
        self.frame.as_ref().map(of).unwrap_or_default()
    }

    /// Reads segments and scans, from behind SOI to EOI. Rows of a frame that has only one scan are taken
    /// and forgotten as soon as they are read. `None` where it stops before.
    fn read(
        &mut self,
        mut stream: Stream<'_>,
        cancellation: &Cancellation<'_>,
        take: &mut TakeRows<'_>,
    ) -> Option<()> {
        while self.scans < MAX_SCANS {
            let marker = stream.skip_to_marker()?;
            if marker == EOI {
                break;
            }
            let segment = stream.segment()?;
            match marker {
                SOF0..=SOF3 | SOF9 | SOF10 if self.frame.is_none() => {
                    self.frame = Some(Frame::parse(&segment, marker, self.keeps)?);
                }
                SOS => {
                    let transform = self.transform();
                    let frame = self.frame.as_mut()?;
                    let scan = Scan::parse(&segment, frame)?;
                    let is_only_one = scan.is_only_one_of(frame);
                    let mut taken = 0;
                    let mut begin_row = |frame: &mut Frame, mcu_row| {
                        cancellation.check().ok()?;
                        if is_only_one && frame.has_units() {
                            frame.close();
                            take(frame, transform, mcu_row)?;
                            frame.forget(taken..mcu_row);
                            taken = mcu_row;
                        }
                        Some(())
                    };
                    let (tables, budget) = (&self.tables, &mut self.budget);
                    stream = entropy_coded::decode(
                        stream,
                        &scan,
                        frame,
                        tables,
                        budget,
                        &mut begin_row,
                    )?;
                    self.scans += 1;
                    // without a budget, no other scan adds anything
                    if is_only_one || self.budget < entropy::BLOCK_STEPS {
                        break;
                    }
                }
                APP0 => self.has_jfif |= segment.starts_with(b"JFIF\0"),
                APP14 if segment.starts_with(b"Adobe") => {
                    self.adobe_transform = segment.get(11).copied();
                }
                APP0..=APP15 | COM => {}
                _ => self.tables.read(marker, &segment)?,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
