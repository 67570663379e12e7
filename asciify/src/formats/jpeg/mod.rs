//! JPEG (ITU-T T.81 | ISO/IEC 10918-1).
//!
//! [`header`] reads the marker segments up to the first scan. Where an eighth of the size suffices,
//! [`dc`] decodes the DC coefficients alone. Full size is decoded by the `image` crate, or by
//! [`full`] where a file is of a kind that the crate refuses or gets wrong, or is damaged.

mod dc;
mod full;
mod header;
mod huffman;

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Decoder, Driver, Input, Probed, in_groups};
use crate::formats::fallback;
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::area::SourceGeometry;
use crate::sample::view::View;
use crate::spec::Spec;

const FORMAT: Format = Format::new("JPEG", "image/jpeg", "jpg");

pub(super) const DRIVER: Driver =
    Driver { format: FORMAT, identify: |start| start.starts_with(&[0xff, 0xd8, 0xff]), probe };

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    let header = header::read(&mut reader)?;
    let decoder = Jpeg { is_rare: header.is_rare, is_thin: header.is_thin };
    let sides = (header.width, header.height);
    Ok(Probed {
        orientation: header.orientation,
        bits: header.precision,
        is_whole: header.is_whole,
        decoded_bytes: header.decoded_bytes,
        ..Probed::still(FORMAT, sides, header.components, 0, decoder)
    })
}

struct Jpeg {
    /// Of a kind that common decoders refuse, or get wrong.
    is_rare: bool,
    /// So short that most of what it claims cannot be there: no memory is taken for the rest.
    is_thin: bool,
}

impl Decoder for Jpeg {
    /// At an eighth of the size where that gives what a spec needs.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let full = input.geometry();
        let eighth = SourceGeometry { scale: dc::SCALE, ..full };
        let by_dc = |spec: &Spec| self.is_thin || eighth.suffices(spec);
        in_groups(specs, by_dc, |by_dc, specs| {
            let picture = if by_dc { dc::read(input.bytes()?) } else { None };
            match picture {
                Some(picture) => input.sample_rows(&eighth, view, specs, |_, push| {
                    picture.rows(|row| push(Row::Rgb8(row)));
                    Ok(())
                }),
                None if self.is_thin => Err(Error::cut_off(FORMAT, "its picture is complete")),
                None => input.sample_rows(&full, view, specs, |input, push| {
                    self.decode(input, view.frame, push)
                }),
            }
        })
    }
}

impl Jpeg {
    fn decode(
        &self,
        input: &mut Input<'_, '_>,
        frame: u32,
        push: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), Error> {
        if self.is_rare && full::rows(&input.bytes()?, &mut *push).is_some() {
            return Ok(());
        }
        match fallback::rows(input, ImageFormat::Jpeg, frame, push) {
            // what is left of a damaged one is drawn, as browsers do
            Err(err) => full::rows(&input.bytes()?, push).ok_or(err),
            drawn => drawn,
        }
    }
}
