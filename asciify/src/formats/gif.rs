//! GIF: a screen, then frames and extensions, each a chain of short blocks (GIF89a, 18 to 27).

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Driver, Probed, area};
use crate::formats::fallback::Whole;
use crate::formats::reader::ByteReader;

const FORMAT: Format = Format::new("GIF", "image/gif", "gif");

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| start.starts_with(b"GIF87a") || start.starts_with(b"GIF89a"),
    probe,
};

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let reader = &mut reader;
    reader.skip(6)?;
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let [flags, _background, _aspect] = reader.array()?;
    reader.skip(palette_length(flags))?;
    reader.awaited = "its frame is complete";

    let mut probed =
        Probed::still(FORMAT, (width.into(), height.into()), 3, 4, Whole(ImageFormat::Gif));
    probed.frames = 0;
    loop {
        // A missing trailer is common, and what follows the last frame does not matter.
        let block =
            if probed.frames > 0 && reader.rest() == 0 { TRAILER } else { reader.byte()? };
        match block {
            FRAME => {
                let [_left, _top] = [reader.u16_le()?, reader.u16_le()?];
                let (width, height) = (reader.u16_le()?, reader.u16_le()?);
                let flags = reader.byte()?;
                reader.skip(palette_length(flags))?;
                reader.skip(1)?;
                pass_blocks(reader)?;
                probed.frames += 1;
                probed.saw_frame(width.into(), height.into());
                Error::over("frames", probed.frames.into(), limits.max_frames.into())?;
            }
            EXTENSION => {
                reader.skip(1)?;
                pass_blocks(reader)?;
            }
            _ if probed.frames > 0 => break,
            TRAILER => return Err(reader.malformed("it holds no picture")),
            _ => {
                return Err(
                    reader.malformed("it has a block of an unknown kind before its first frame")
                );
            }
        }
    }
    // the longest string of LZW is 4096 indices, of a code of 12 bits
    reader.can_hold(area(probed.width, probed.height), 4096)?;
    // Beside the screen, a frame is held as colours and as indices; of an animation, the screen as it
    // was before, too.
    let (width, height) = probed.largest_frame;
    let screens = if probed.frames > 1 { 2 } else { 1 };
    let frame = area(width, height).saturating_mul(5);
    probed.decoded_bytes = probed.decoded_bytes.saturating_mul(screens).saturating_add(frame);
    Ok(probed)
}

const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2c;
const TRAILER: u8 = 0x3b;

fn palette_length(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Each block begins with its length; one of length 0 ends the chain.
fn pass_blocks(reader: &mut ByteReader<'_>) -> Result<(), Error> {
    loop {
        match reader.byte()? {
            0 => return Ok(()),
            length => reader.skip(length.into())?,
        }
    }
}
