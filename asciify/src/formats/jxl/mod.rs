//! JPEG XL (ISO/IEC 18181): codestreams, and containers of one.
//!
//! Of an animation, the first frame is drawn. The decoder keeps frames that others refer to, which no
//! header announces, so it runs in a process with a limit on memory.

mod codestream;
mod decode;
mod header;

use image::metadata::Orientation;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Driver, Probed, area, process_bytes};
use crate::formats::isobmff::is_jpeg_xl;
use crate::formats::reader::ByteReader;

use decode::Jxl;
use header::{ExtraChannel, Header};

const FORMAT: Format = Format::new("JPEG XL", "image/jxl", "jxl");

pub(super) const DRIVER: Driver = Driver { format: FORMAT, identify: is_jpeg_xl, probe };

/// Memory for the decoder's tables, and for the groups of 256 × 256 pixels that it decodes, in bytes.
const BASE_BYTES: u64 = 4 << 20;

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    let start = codestream::start(&mut reader)?;
    let header = Header::read(&start).map_err(|err| match err {
        header::Invalid::CutOff => reader.cut_off(),
        header::Invalid::Value(what) => reader.malformed(what),
    })?;
    // the decoder gives either the black ink or the alpha
    let has = |channel| header.extra_channels.contains(&channel);
    if has(ExtraChannel::Black) && has(ExtraChannel::Alpha) {
        return Err(reader.unsupported("CMYK with alpha"));
    }
    let jxl = Jxl::new(&header);
    let bytes_per_px = jxl.bytes_per_px() + header.working_bytes_per_px();
    let picture = area(header.width, header.height).saturating_mul(bytes_per_px);
    // the decoder gets a copy of the file
    let others = process_bytes(reader.end.saturating_mul(2)).saturating_add(BASE_BYTES);
    let decoded_bytes = picture.saturating_add(others);
    let sides = (header.width, header.height);
    Ok(Probed {
        orientation: Orientation::from_exif(header.orientation)
            .unwrap_or(Orientation::NoTransforms),
        bits: jxl.bits(),
        decoded_bytes,
        ..Probed::still(FORMAT, sides, jxl.bands(), 0, jxl)
    })
}
