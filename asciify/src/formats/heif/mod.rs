//! HEIC: HEIF (ISO/IEC 23008-12) of HEVC, each one picture or a grid of equal tiles.
//!
//! The item that `meta` declares as primary is drawn. Its properties `irot` and `imir` say its
//! orientation; Exif is ignored, as the standard says.
//!
//! A row of tiles is decoded and converted at a time.

mod color;
mod hevc;
mod meta;
mod picture;
mod transform;

use crate::error::Error;
use crate::formats::decoder::{Decoder, Driver, Input, Probed};
use crate::formats::isobmff::{Announced, announced};
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

use meta::{FORMAT, Meta};
use picture::{CodedPicture, TileRow};
use transform::Transform;

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| announced(start) == Some(Announced::Heic),
    probe: |reader, _limits| probe(reader),
};

/// Memory for the items, the rows that are converted, and the decoder's tables, in bytes.
const BASE_BYTES: u64 = 1 << 20;

/// An image with its alpha plane.
struct Heif {
    picture: CodedPicture,
    alpha: Option<Alpha>,
    transform: Transform,
}

struct Alpha {
    picture: CodedPicture,
    /// Whether the colours are multiplied by it.
    is_premultiplied: bool,
}

fn probe(mut reader: ByteReader<'_>) -> Result<Probed, Error> {
    let reader = &mut reader;
    let meta = Meta::read(reader)?;
    reader.awaited = "its picture is complete";
    let picture = CodedPicture::read(&meta, meta.primary, reader)?;
    let alpha = match meta.alpha(meta.primary) {
        None => None,
        Some((item, is_premultiplied)) => {
            let alpha = CodedPicture::read(&meta, item, reader)?;
            if alpha.sides != picture.sides {
                return Err(reader.unsupported("an alpha plane of another size than its picture"));
            }
            Some(Alpha { picture: alpha, is_premultiplied })
        }
    };
    let transform = Transform::new(picture.sides, meta.properties(meta.primary))
        .ok_or_else(|| reader.malformed("it is cropped to an area outside it"))?;
    let alpha_bytes = alpha.as_ref().map_or(0, |alpha| alpha.picture.decoded_bytes());
    let colours = if picture.is_monochrome() { 1 } else { 3 };
    Ok(Probed {
        orientation: transform.orientation(),
        bits: picture.bits(),
        profile: picture.profile.clone(),
        decoded_bytes: picture
            .decoded_bytes()
            .saturating_add(alpha_bytes)
            .saturating_add(BASE_BYTES),
        ..Probed::still(
            FORMAT,
            transform.sides,
            colours + u32::from(alpha.is_some()),
            0,
            Heif { picture, alpha, transform },
        )
    })
}

impl Decoder for Heif {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.sample_rows(&input.geometry(), view, specs, |input, push| self.decode(input, push))
    }
}

impl Heif {
    /// Decodes the shown part, and pushes its rows from the top.
    fn decode(
        &self,
        input: &mut Input<'_, '_>,
        push: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), Error> {
        let ((left, top), (width, height)) = (self.transform.corner, self.transform.sides);
        let shown = left as usize..(left + width) as usize;
        let mut tiles = TileRow::new(&self.picture);
        let mut alpha_tiles = self.alpha.as_ref().map(|alpha| TileRow::new(&alpha.picture));
        let is_premultiplied = self.alpha.as_ref().is_some_and(|alpha| alpha.is_premultiplied);
        let (mut colours, mut opacity) = (Vec::new(), Vec::new());
        let (mut with_alpha, mut greys) = (Vec::new(), Vec::new());
        for y in top..top + height {
            let is_grey = tiles.read(input, y, &mut colours)?;
            let Some(alpha_tiles) = &mut alpha_tiles else {
                let row: &[[u16; 3]] = &colours[shown.clone()];
                if is_grey {
                    greys.clear();
                    greys.extend(row.iter().map(|[grey, _, _]| [*grey]));
                    push(Row::Grey16(&greys));
                } else {
                    push(Row::Rgb16(row));
                }
                continue;
            };
            alpha_tiles.read_luma(input, y, &mut opacity)?;
            with_alpha.clear();
            let pixels = colours[shown.clone()].iter().zip(&opacity[shown.clone()]);
            with_alpha.extend(pixels.map(|(rgb, alpha)| {
                let [r, g, b] = match is_premultiplied {
                    true => rgb.map(|value| straight(value, *alpha)),
                    false => *rgb,
                };
                [r, g, b, *alpha]
            }));
            push(Row::Rgba16(&with_alpha));
        }
        Ok(())
    }
}

/// A colour that was multiplied by alpha, without it.
fn straight(value: u16, alpha: u16) -> u16 {
    match alpha {
        0 => 0,
        alpha => (u32::from(value) * 65_535 / u32::from(alpha)).min(65_535) as u16,
    }
}
