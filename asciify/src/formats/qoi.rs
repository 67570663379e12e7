//! QOI (specification 1.0): magic, width, height, channels and colour space, then pixels of unknown
//! length and an end marker. Read row by row.

use std::ops::ControlFlow;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Decoder, Driver, Input, Probed, area};
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::source::Checks;
use crate::spec::Spec;

const FORMAT: Format = Format::new("QOI", "image/qoi", "qoi");

pub(super) const DRIVER: Driver =
    Driver { format: FORMAT, identify: |start| start.starts_with(b"qoif"), probe };

const HEADER_BYTES: u64 = 14;
const END_MARKER: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
/// QOI_OP_RUN codes up to 62 pixels in a byte.
const MAX_RUN: u64 = 62;

/// First bytes of chunks; the others have a tag of two bits.
const QOI_OP_RGB: u8 = 0xfe;
const QOI_OP_RGBA: u8 = 0xff;

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    reader.skip(4)?;
    let sides = (reader.u32_be()?, reader.u32_be()?);
    let [channels, _color_space] = reader.array()?;
    reader.awaited = "its picture is complete";
    if reader.remaining() == 0 {
        return Err(reader.cut_off());
    }
    reader.can_hold(area(sides.0, sides.1), MAX_RUN)?;
    let probed = Probed::still(FORMAT, sides, channels.into(), 0, Qoi);
    // some rows at a time
    let decoded_bytes = area(sides.0, 64).saturating_add(1 << 18);
    limits.check(FORMAT, sides, decoded_bytes)?;
    let is_whole = reader.checks < Checks::Ends
        || reader.contains(&END_MARKER)?
        || reader.checks == Checks::Data && has_all_rows(&mut reader, sides)?;
    Ok(Probed { decoded_bytes, is_whole, ..probed })
}

/// Whether there are all pixels. The end marker alone may be missing.
fn has_all_rows(reader: &mut ByteReader<'_>, sides: (u32, u32)) -> Result<bool, Error> {
    match for_each_row(reader, sides, |_| ControlFlow::Continue(())) {
        Err(Error::Malformed(_)) => Ok(false),
        read => read.map(|()| true),
    }
}

struct Qoi;

impl Decoder for Qoi {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            let (sides, has_alpha) = (input.probed.sides(), input.probed.bands > 3);
            let mut reader = ByteReader::new(input.source, FORMAT)?;
            reader.awaited = "its picture is complete";
            let mut opaque: Vec<[u8; 3]> = Vec::new();
            for_each_row(&mut reader, sides, |row| {
                if has_alpha {
                    return push.push(Row::Rgba8(row));
                }
                opaque.clear();
                opaque.extend(row.iter().map(|[r, g, b, _]| [*r, *g, *b]));
                push.push(Row::Rgb8(&opaque))
            })
        })
    }
}

/// Calls `take` with each row from the top, until it breaks.
///
/// # Errors
/// The file is cut off, or the source failed.
fn for_each_row(
    reader: &mut ByteReader<'_>,
    (width, height): (u32, u32),
    mut take: impl FnMut(&[[u8; 4]]) -> ControlFlow<()>,
) -> Result<(), Error> {
    reader.seek_to(HEADER_BYTES)?;
    let mut seen = [[0; 4]; 64];
    let mut pixel = [0, 0, 0, 255];
    let mut run = 0;
    let mut row = vec![[0; 4]; width as usize];
    for _ in 0..height {
        for slot in &mut row {
            if run > 0 {
                run -= 1;
            } else {
                (pixel, run) = next_pixel(reader, pixel, &seen)?;
                let [r, g, b, a] = pixel.map(usize::from);
                seen[(3 * r + 5 * g + 7 * b + 11 * a) % 64] = pixel;
            }
            *slot = pixel;
        }
        if take(&row).is_break() {
            break;
        }
    }
    Ok(())
}

/// The pixel that the next chunk codes, and how often it is repeated.
fn next_pixel(
    reader: &mut ByteReader<'_>,
    last: [u8; 4],
    seen: &[[u8; 4]; 64],
) -> Result<([u8; 4], u8), Error> {
    let [r, g, b, a] = last;
    let first = reader.byte()?;
    // a difference is stored with a bias
    let plus =
        |value: u8, difference: u8, bias: u8| value.wrapping_add(difference).wrapping_sub(bias);
    Ok(match (first, first >> 6) {
        (QOI_OP_RGBA, _) => (reader.array()?, 0),
        (QOI_OP_RGB, _) => {
            let [r, g, b] = reader.array()?;
            ([r, g, b, a], 0)
        }
        (_, 0) => (seen[usize::from(first)], 0),
        (_, 1) => {
            let [dr, dg, db] = [4, 2, 0].map(|shift| first >> shift & 3);
            ([plus(r, dr, 2), plus(g, dg, 2), plus(b, db, 2), a], 0)
        }
        (_, 2) => {
            let second = reader.byte()?;
            let dg = (first & 63).wrapping_sub(32);
            let [dr, db] = [second >> 4, second & 15].map(|it| it.wrapping_add(dg));
            ([plus(r, dr, 8), g.wrapping_add(dg), plus(b, db, 8), a], 0)
        }
        _ => (last, first & 63),
    })
}
