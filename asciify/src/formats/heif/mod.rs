//! HEIC and AVIF: HEIF (ISO/IEC 23008-12) of HEVC or of AV1, each one picture or a grid of equal
//! tiles.
//!
//! The item that `meta` declares as primary is drawn. Its properties `irot` and `imir` say its
//! orientation; Exif is ignored, as the standard says.
//!
//! A row of tiles is decoded and converted at a time. Of a sequence, which also has a `meta` box, the
//! primary item is drawn.

#[cfg(feature = "avif")]
mod av1;
mod color;
#[cfg(feature = "heic")]
mod hevc;
mod meta;
mod picture;
mod tile;
mod transform;

use crate::error::Error;
use crate::format::Format;
use crate::formats::decoder::{Decoder, Driver, Input, Probed, TakeRows, process_bytes};
use crate::formats::isobmff::{Announced, announced};
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;
use crate::spec::region::PixelRect;

use meta::Meta;
use picture::{CodedPicture, TileRow};
use transform::Transform;

#[cfg(feature = "avif")]
const AVIF: Format = Format::new("AVIF", "image/avif", "avif");
#[cfg(feature = "heic")]
const HEIC: Format = Format::new("HEIC", "image/heic", "heic").also(&["heif", "hif"]);

#[cfg(feature = "avif")]
pub(super) const AVIF_DRIVER: Driver = Driver {
    format: AVIF,
    identify: |start| announced(start) == Some(Announced::Avif),
    probe: |reader, _limits| probe(reader),
};

#[cfg(feature = "heic")]
pub(super) const HEIC_DRIVER: Driver = Driver {
    format: HEIC,
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
    let bands = colours + u32::from(alpha.is_some());
    // the codec, whatever the brands announced
    let format = picture.format();
    let (sides, orientation, bits) = (transform.sides, transform.orientation(), picture.bits());
    let decoded_bytes = picture.decoded_bytes().saturating_add(alpha_bytes);
    let profile = picture.profile.clone();
    let decoded_bytes = [decoded_bytes, process_bytes(reader.end), BASE_BYTES]
        .into_iter()
        .fold(0, u64::saturating_add);
    let heif = Heif { picture, alpha, transform };
    let probed = Probed::still(format, sides, bands, 0, heif);
    Ok(Probed { orientation, bits, decoded_bytes, profile, ..probed })
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
    /// Decodes the tiles of the shown part that are needed, and pushes its rows from the top.
    fn decode(&self, input: &mut Input<'_, '_>, push: &mut dyn TakeRows) -> Result<(), Error> {
        let ((left, top), (width, height)) = (self.transform.corner, self.transform.sides);
        let shown = left as usize..(left + width) as usize;
        let mut tiles = TileRow::new(&self.picture);
        let mut alpha_tiles = self.alpha.as_ref().map(|alpha| TileRow::new(&alpha.picture));
        let is_premultiplied = self.alpha.as_ref().is_some_and(|alpha| alpha.is_premultiplied);
        let (mut colours, mut opacity) = (Vec::new(), Vec::new());
        let (mut with_alpha, mut greys) = (Vec::new(), Vec::new());
        for y in top..top + height {
            let PixelRect { x: needed, y: needed_rows } = push.needed();
            let needed = match y - top < needed_rows.start {
                true => 0..0,
                false => left + needed.start.min(width)..left + needed.end.min(width),
            };
            let is_grey = tiles.read(input, y, &needed, &mut colours)?;
            let Some(alpha_tiles) = &mut alpha_tiles else {
                let row: &[[u16; 3]] = &colours[shown.clone()];
                let flow = if is_grey {
                    greys.clear();
                    greys.extend(row.iter().map(|[grey, _, _]| [*grey]));
                    push.push(Row::Grey16(&greys))
                } else {
                    push.push(Row::Rgb16(row))
                };
                if flow.is_break() {
                    break;
                }
                continue;
            };
            alpha_tiles.read_luma(input, y, &needed, &mut opacity)?;
            with_alpha.clear();
            let pixels = colours[shown.clone()].iter().zip(&opacity[shown.clone()]);
            with_alpha.extend(pixels.map(|(rgb, alpha)| {
                let [r, g, b] = match is_premultiplied {
                    true => rgb.map(|value| straight(value, *alpha)),
                    false => *rgb,
                };
                [r, g, b, *alpha]
            }));
            if push.push(Row::Rgba16(&with_alpha)).is_break() {
                break;
            }
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
