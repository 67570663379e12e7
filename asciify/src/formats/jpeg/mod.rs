//! JPEG (ITU-T T.81 | ISO/IEC 10918-1). Clauses, tables and figures named in this folder are
//! T.81's.
//!
//! [`header`] reads the marker segments up to the first scan. Where an eighth of the size suffices,
//! [`dc`] decodes the DC coefficients alone. At full size, [`baseline`] and [`progressive`] decode what
//! is common, a [`library`] files in RGB or CMYK, and [`full`] those that are damaged or of a kind that the
//! library refuses or decodes wrongly.

mod baseline;
mod block;
mod coefficients;
mod dc;
mod default_tables;
mod full;
mod header;
mod huffman;
mod icc;
mod library;
mod markers;
mod packed;
mod pixels;
mod progressive;
mod restarts;
pub(super) mod scans;
mod segments;
mod stream;
mod tables;

use std::io::{Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use crate::cancellation::Cancellation;
use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Decoder, Driver, Input, Probed, TakeRows, area, in_groups};
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::area::SourceGeometry;
use crate::sample::view::View;
use crate::source::{Checks, Source};
use crate::spec::Spec;

use header::Header;

const FORMAT: Format = Format::new("JPEG", "image/jpeg", "jpg").also(&["jpeg"]);

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| start.starts_with(&[0xff, markers::SOI, 0xff]),
    probe,
};

/// The largest memory for what must be held of a file without EOI to read its last scans, in bytes: a
/// bit for each coefficient, two bytes for each sample of the lossless process. A larger file counts as
/// truncated.
const MAX_CHECKED_BYTES: u64 = 1 << 26;

/// The longest side of an MCU of kinds that the library decodes, in pixels.
const MAX_MCU_SIDE: u32 = 16;

/// Held while a file without EOI is read, so that only one takes memory at a time.
static CHECKING: Mutex<()> = Mutex::new(());

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let header = header::read(&mut reader)?;
    let sides = (header.width, header.height);
    let exceeds = |limits: &Limits| limits.check(FORMAT, sides, header.decoded_bytes).is_err();
    let only_eighth = header.has_eighth() && exceeds(limits);
    let decoder = Jpeg {
        is_rare: header.is_rare,
        is_streamed: header.is_streamed,
        is_progressive: header.is_progressive,
        is_too_short: header.is_too_short,
        only_eighth,
        has_eoi: header.has_eoi,
        has_restarts: header.has_restarts,
        height_at: header.height_at,
    };
    let (decodable, decoded_bytes) = match only_eighth {
        true => (header.eighth(), header.eighth_bytes),
        false => (sides, header.decoded_bytes),
    };
    let is_whole = header.has_eoi
        || reader.checks == Checks::Data && {
            limits.check(FORMAT, decodable, decoded_bytes)?;
            has_all_blocks(&mut reader, &header)?
        };
    Ok(Probed {
        decodable,
        orientation: header.orientation,
        profile: header.profile,
        bits: header.precision,
        is_whole,
        decoded_bytes,
        ..Probed::still(FORMAT, sides, header.components, 0, decoder)
    })
}

/// Whether a file has the data of all its blocks. The EOI marker alone may be missing, as in files of
/// cameras and of interrupted writers.
fn has_all_blocks(reader: &mut ByteReader<'_>, header: &Header) -> Result<bool, Error> {
    if header.is_too_short {
        return Ok(false);
    }
    // a poisoned lock protects no data
    let _alone = CHECKING.lock().unwrap_or_else(PoisonError::into_inner);
    let source = &mut *reader.source;
    if !header.is_progressive {
        source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        if let Some(image) = dc::decode(source, &Cancellation::never()) {
            return Ok(image.is_complete);
        }
    }
    let samples = area(header.width, header.height).saturating_mul(header.components.into());
    let held = if header.is_lossless { samples.saturating_mul(2) } else { samples / 8 };
    if held > MAX_CHECKED_BYTES {
        return Ok(false);
    }
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    Ok(full::is_complete(source, reader.end, &Cancellation::never()))
}

/// The file from its beginning, and its length in bytes.
fn opened<'a, 's>(input: &'a mut Input<'_, 's>) -> Result<(&'a mut Source<'s>, u64), Error> {
    let bytes = input.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    input.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    Ok((&mut *input.source, bytes))
}

/// Whether all blocks can be read.
fn is_complete(input: &mut Input<'_, '_>) -> Result<bool, Error> {
    let cancellation = input.source.cancellation();
    let (source, bytes) = opened(input)?;
    Ok(full::is_complete(source, bytes, cancellation))
}

struct Jpeg {
    /// Of a kind that common decoders refuse or decode wrongly.
    is_rare: bool,
    /// Decoded by [`baseline`] or [`progressive`] at full size, unless it is damaged.
    is_streamed: bool,
    is_progressive: bool,
    /// The file is too short for most of the blocks that it claims: only [`dc`] decodes it, which
    /// takes no memory for the others.
    is_too_short: bool,
    /// Only an eighth of its size is within the limits.
    only_eighth: bool,
    has_eoi: bool,
    has_restarts: bool,
    /// Where the file states its height, if it has only one scan.
    height_at: Option<u64>,
}

impl Decoder for Jpeg {
    /// Samples at an eighth of the size for specs that this suffices for.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let (full, cancellation) = (input.geometry(), input.source.cancellation());
        let eighth = SourceGeometry { scale: dc::SCALE, ..full };
        let only_dc = self.is_too_short || self.only_eighth;
        let by_dc = |spec: &Spec| only_dc || eighth.suffices(spec);
        let has_full = !specs.iter().all(|spec| by_dc(spec));
        if has_full && self.is_for_library() {
            // before others are sampled in vain
            cancellation.begin_long_work(area(input.probed.width, input.probed.height))?;
        }
        in_groups(specs, by_dc, |by_dc, specs| {
            let image = match by_dc {
                true => dc::decode(opened(input)?.0, cancellation),
                false => None,
            };
            match image {
                Some(image) => input.sample_rows(&eighth, view, specs, |_, push| {
                    image.for_each_row(|row| push.push(Row::Rgb8(row)));
                    Ok(())
                }),
                None if only_dc => Err(Error::cut_off(FORMAT, "its picture is complete")),
                None => {
                    if self.is_streamed && !self.is_damaged(input)? {
                        let sampled = input.sample_rows(&full, view, specs, |input, push| {
                            self.stream(input, push)
                        });
                        match sampled {
                            Ok(sampled) => return Ok(sampled),
                            Err(Some(err)) => return Err(err),
                            Err(None) => {} // it is damaged
                        }
                    }
                    let end = full.window(view.region).y.end;
                    input.sample_rows(&full, view, specs, |input, push| {
                        self.decode(input, end, push)
                    })
                }
            }
        })
    }
}

impl Jpeg {
    /// Whether the library may decode it. Of sequential files with several scans, it mixes the blocks up.
    fn is_for_library(&self) -> bool {
        let has_one_scan = self.height_at.is_some();
        !self.is_rare && !self.is_streamed && (self.is_progressive || has_one_scan)
    }

    /// Whether a file that is streamed has damage that its decoder may not notice.
    fn is_damaged(&self, input: &mut Input<'_, '_>) -> Result<bool, Error> {
        let width = input.probed.width;
        let may_be_damaged = !self.is_progressive && (self.has_restarts || !self.has_eoi);
        Ok(!library::has_common_colors(opened(input)?.0, width)
            || may_be_damaged && !is_complete(input)?)
    }

    /// Decodes a file that is streamed. `None` if it is damaged.
    fn stream(
        &self,
        input: &mut Input<'_, '_>,
        push: &mut dyn TakeRows,
    ) -> Result<(), Option<Error>> {
        let cancellation = input.source.cancellation();
        let (source, bytes) = opened(input).map_err(Some)?;
        let decoded = match self.is_progressive {
            true => progressive::decode(source, bytes, cancellation, push),
            false => baseline::decode(source, cancellation, push),
        };
        decoded.ok_or(None)
    }

    /// Decodes at full size and pushes rows from the top, until `push` breaks: usually before the row
    /// of index `end`.
    fn decode(
        &self,
        input: &mut Input<'_, '_>,
        end: u32,
        push: &mut dyn TakeRows,
    ) -> Result<(), Error> {
        let cancellation = input.source.cancellation();
        let cmyk = input.probed.profile.cmyk();
        let (width, height) = input.probed.sides();
        // the library converts CMYK without a profile, draws a file without any data in grey, and its
        // time is not bounded by the file's length
        let is_for_library = self.is_for_library()
            && cmyk.is_none()
            && full::has_units(opened(input)?.0, cancellation)
            && (!self.is_progressive || {
                let (source, bytes) = opened(input)?;
                scans::are_bounded(source, bytes)
            });
        if is_for_library {
            let mut file = input.bytes()?;
            // behind damage, it does not find its place at the next restart marker
            let has_restarts = memchr::memmem::find(&file, &[0xff, markers::DRI]).is_some();
            let is_damaged = (has_restarts || !self.has_eoi) && !is_complete(input)?;
            if !self.has_eoi {
                file.extend([0xff, markers::EOI]);
            }
            if !is_damaged && self.decode_by_library(&mut file, width, height, end, push).is_some()
            {
                return Ok(());
            }
        }
        let nothing = || Error::malformed(FORMAT, "not one block of its picture can be read");
        let (source, bytes) = opened(input)?;
        full::decode(source, bytes, cmyk, cancellation, |row| push.push(row)).ok_or_else(nothing)
    }

    /// Decodes the rows up to `end`, and the others if `push` has not broken then. `None`, before any
    /// row, if the library cannot.
    fn decode_by_library(
        &self,
        file: &mut [u8],
        width: u32,
        height: u32,
        end: u32,
        push: &mut dyn TakeRows,
    ) -> Option<()> {
        let mut pushed = 0;
        // chroma of the last row of MCUs depends on what follows
        let decoded = end.next_multiple_of(MAX_MCU_SIDE) + MAX_MCU_SIDE;
        if let Some(at) = self.height_at
            && decoded < height
        {
            let stated = file.get_mut(at as usize..)?.first_chunk_mut::<2>()?;
            let whole = std::mem::replace(stated, (decoded as u16).to_be_bytes());
            let mut has_broken = false;
            let _whether_decoded = library::decode(file, width, |row| {
                if pushed == end {
                    return ControlFlow::Break(());
                }
                pushed += 1;
                let flow = push.push(row);
                has_broken = flow.is_break();
                flow
            });
            if has_broken {
                return Some(());
            }
            file[at as usize..][..2].copy_from_slice(&whole);
        }
        let mut above = pushed;
        library::decode(file, width, |row| match above.checked_sub(1) {
            Some(left) => {
                above = left;
                ControlFlow::Continue(())
            }
            None => push.push(row),
        })
    }
}

#[cfg(test)]
mod tests;
