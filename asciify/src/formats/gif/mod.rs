//! GIF: a logical screen descriptor, then images and extensions, whose data are chains of
//! sub-blocks (GIF89a, sections 18 to 27).

mod frames;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::animation::{Animation, FileBytes};
use crate::formats::decoder::{Decoder, Driver, Input, Probed, area, process_bytes_for};
use crate::formats::reader::ByteReader;
use crate::light;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

const FORMAT: Format = Format::new("GIF", "image/gif", "gif");

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| start.starts_with(b"GIF87a") || start.starts_with(b"GIF89a"),
    probe,
};

/// First bytes of blocks: extension introducer, image separator, trailer.
const EXTENSION: u8 = 0x21;
const IMAGE_DESCRIPTOR: u8 = 0x2c;
const TRAILER: u8 = 0x3b;

/// The longest string of an LZW code: a table has 4096 entries.
const MAX_PIXELS_PER_CODE: u64 = 4096;

struct Gif;

impl Decoder for Gif {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let image = frames::frame(input, view.frame)?;
        input.sample_rows(&input.geometry(), view, specs, |_, push| {
            light::for_each_row(&image, |row| push.push(row));
            Ok(())
        })
    }

    fn animation(&self, file: &FileBytes, probed: &Probed) -> Result<Option<Animation>, Error> {
        (probed.frames > 1).then(|| frames::animation(file, probed)).transpose()
    }
}

fn probe(mut reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let reader = &mut reader;
    reader.skip(6)?;
    // logical screen descriptor, section 18
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let [flags, _background, _aspect] = reader.array()?;
    reader.skip(color_table_bytes(flags))?;
    reader.awaited = "its frame is complete";

    // a screen without pixels has the size of its first frame
    let mut probed = Probed::still(FORMAT, (width.into(), height.into()), 3, 4, Gif);
    probed.frames = 0;
    loop {
        // many files have no trailer, and anything may follow the last frame
        let block =
            if probed.frames > 0 && reader.remaining() == 0 { TRAILER } else { reader.byte()? };
        match block {
            IMAGE_DESCRIPTOR => {
                let (width, height) = match skip_image(reader) {
                    // the complete frames are those before it
                    Err(Error::Malformed(_)) if probed.frames > 0 => break,
                    sides => sides?,
                };
                if probed.frames == 0 && area(probed.width, probed.height) == 0 {
                    probed = Probed::still(FORMAT, (width, height), 3, 4, Gif);
                    probed.frames = 0;
                }
                probed.frames += 1;
                probed.add_frame_size(width, height);
                Error::over("frames", probed.frames.into(), limits.max_frames.into())?;
            }
            EXTENSION => match skip_extension(reader) {
                Err(Error::Malformed(_)) if probed.frames > 0 => break,
                skipped => skipped?,
            },
            _ if probed.frames > 0 => break,
            TRAILER => return Err(reader.malformed("it holds no picture")),
            _ => {
                return Err(
                    reader.malformed("it has a block of an unknown kind before its first frame")
                );
            }
        }
    }
    reader.can_hold(area(probed.width, probed.height), MAX_PIXELS_PER_CODE)?;
    // The decoder holds the screen, a frame as RGBA and as indices and, of an animation, the screen
    // before the current frame.
    let (width, height) = probed.largest_frame;
    let screens = if probed.frames > 1 { 2 } else { 1 };
    let frame = area(width, height).saturating_mul(5);
    let screen = area(probed.width, probed.height).saturating_mul(4);
    let process = process_bytes_for(area(width, height).max(screen / 4), reader.end);
    probed.decoded_bytes =
        screen.saturating_mul(screens).saturating_add(frame).saturating_add(process);
    Ok(probed)
}

/// Skips an extension from behind its introducer (section 24).
fn skip_extension(reader: &mut ByteReader<'_>) -> Result<(), Error> {
    reader.skip(1)?; // its label
    skip_sub_blocks(reader)
}

/// Skips an image from behind its separator (sections 20 to 22). Returns its width and height.
fn skip_image(reader: &mut ByteReader<'_>) -> Result<(u32, u32), Error> {
    let [_left, _top] = [reader.u16_le()?, reader.u16_le()?];
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let flags = reader.byte()?;
    reader.skip(color_table_bytes(flags))?;
    reader.skip(1)?; // LZW minimum code size
    skip_sub_blocks(reader)?;
    Ok((width.into(), height.into()))
}

/// The length of the colour table that the flags of a descriptor announce.
fn color_table_bytes(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Skips data sub-blocks up to the block terminator (sections 15 and 16). Each begins with its
/// length; 0 is the terminator.
fn skip_sub_blocks(reader: &mut ByteReader<'_>) -> Result<(), Error> {
    loop {
        match reader.byte()? {
            0 => return Ok(()),
            length => reader.skip(length.into())?,
        }
    }
}
