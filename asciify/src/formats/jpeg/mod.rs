//! JPEG (ITU-T T.81 | ISO/IEC 10918-1). Clauses, tables and figures named in this folder are
//! T.81's.
//!
//! [`header`] reads the marker segments up to the first scan. Where an eighth of the size suffices,
//! [`dc`] decodes the DC coefficients alone. Full size is decoded by the `image` crate, or by
//! [`full`] where the file is damaged or of a kind that the crate refuses or decodes wrongly.

mod block;
mod dc;
mod full;
mod header;
mod huffman;
mod icc;
mod markers;
pub(super) mod scans;
mod segments;
mod tables;

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Decoder, Driver, Input, Probed, in_groups};
use crate::formats::reader::ByteReader;
use crate::formats::whole_image;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::area::SourceGeometry;
use crate::sample::view::View;
use crate::spec::Spec;

const FORMAT: Format = Format::new("JPEG", "image/jpeg", "jpg").also(&["jpeg"]);

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| start.starts_with(&[0xff, markers::SOI, 0xff]),
    probe,
};

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let header = header::read(&mut reader)?;
    let sides = (header.width, header.height);
    let exceeds = |limits: &Limits| limits.check(FORMAT, sides, header.decoded_bytes).is_err();
    let only_eighth = header.has_eighth() && exceeds(limits);
    let decoder = Jpeg {
        is_rare: header.is_rare,
        is_progressive: header.is_progressive,
        is_too_short: header.is_too_short,
        only_eighth,
    };
    let (decodable, decoded_bytes) = match only_eighth {
        true => (header.eighth(), header.eighth_bytes),
        false => (sides, header.decoded_bytes),
    };
    Ok(Probed {
        decodable,
        orientation: header.orientation,
        profile: header.profile,
        bits: header.precision,
        is_whole: header.is_whole,
        decoded_bytes,
        ..Probed::still(FORMAT, sides, header.components, 0, decoder)
    })
}

struct Jpeg {
    /// Of a kind that common decoders refuse or decode wrongly.
    is_rare: bool,
    is_progressive: bool,
    /// The file is too short for most of the blocks that it claims: only [`dc`] decodes it, which
    /// takes no memory for the others.
    is_too_short: bool,
    /// Only an eighth of its size is within the limits.
    only_eighth: bool,
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
        in_groups(specs, by_dc, |by_dc, specs| {
            let image = if by_dc { dc::decode(input.bytes()?, cancellation) } else { None };
            match image {
                Some(image) => input.sample_rows(&eighth, view, specs, |_, push| {
                    image.for_each_row(|row| push(Row::Rgb8(row)));
                    Ok(())
                }),
                None if only_dc => Err(Error::cut_off(FORMAT, "its picture is complete")),
                None => {
                    input.sample_rows(&full, view, specs, |input, push| self.decode(input, push))
                }
            }
        })
    }
}

impl Jpeg {
    /// Decodes at full size and pushes rows from the top.
    fn decode(
        &self,
        input: &mut Input<'_, '_>,
        push: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), Error> {
        let cancellation = input.source.cancellation();
        let cmyk = input.probed.profile.cmyk();
        // the crate converts CMYK without a profile
        if (self.is_rare || cmyk.is_some())
            && full::decode(&input.bytes()?, cmyk, cancellation, &mut *push).is_some()
        {
            return Ok(());
        }
        // the crate's time is not bounded by the file's length
        if self.is_progressive {
            let file = input.bytes()?;
            if !scans::are_bounded(&file) {
                let cut_off = || Error::cut_off(FORMAT, "its picture is complete");
                return full::decode(&file, cmyk, cancellation, push).ok_or_else(cut_off);
            }
        }
        match whole_image::decode(input, ImageFormat::Jpeg, push) {
            // what can be read of a damaged file is drawn, as browsers do
            Err(err) => full::decode(&input.bytes()?, cmyk, cancellation, push).ok_or(err),
            decoded => decoded,
        }
    }
}
