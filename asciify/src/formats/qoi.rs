//! QOI (specification 1.0): magic, width, height, channels and colour space, then pixels of unknown
//! length and an end marker.

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Driver, Probed, area};
use crate::formats::reader::ByteReader;
use crate::formats::whole_image::WholeImage;

const FORMAT: Format = Format::new("QOI", "image/qoi", "qoi");

pub(super) const DRIVER: Driver =
    Driver { format: FORMAT, identify: |start| start.starts_with(b"qoif"), probe };

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    reader.skip(4)?;
    let (width, height) = (reader.u32_be()?, reader.u32_be()?);
    let [channels, _color_space] = reader.array()?;
    // a byte of pixels at least, and the end marker of eight bytes
    reader.awaited = "its end marker";
    if reader.remaining() < 9 {
        return Err(reader.cut_off());
    }
    // QOI_OP_RUN codes up to 62 pixels in a byte
    reader.can_hold(area(width, height), 62)?;
    Ok(Probed::still(FORMAT, (width, height), channels.into(), 4, WholeImage(ImageFormat::Qoi)))
}
