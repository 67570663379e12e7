//! GIF: a screen, then frames and extensions, each a chain of short blocks (GIF89a, 18 to 27).

use std::io::{BufRead, Seek};

use super::{Structure, area};
use crate::walk::Walk;
use crate::{Error, Limits};

pub(super) fn walk<R: BufRead + Seek>(
    walk: &mut Walk<'_, R>,
    limits: &Limits,
) -> Result<Structure, Error> {
    walk.skip(6)?;
    let (width, height) = (walk.u16_le()?, walk.u16_le()?);
    let [flags, _background, _aspect] = walk.array()?;
    walk.skip(palette_length(flags))?;
    walk.awaited = "its frame is complete";

    let mut found = Structure::still(width.into(), height.into(), 3, 4);
    found.frames = 0;
    loop {
        // A missing trailer is common, and what follows the last frame does not matter.
        let block = if found.frames > 0 && walk.rest() == 0 { TRAILER } else { walk.byte()? };
        match block {
            FRAME => {
                let [_left, _top] = [walk.u16_le()?, walk.u16_le()?];
                let (width, height) = (walk.u16_le()?, walk.u16_le()?);
                let flags = walk.byte()?;
                walk.skip(palette_length(flags))?;
                walk.skip(1)?;
                pass_blocks(walk)?;
                found.frames += 1;
                found.saw_frame(width.into(), height.into());
                Error::over("frames", found.frames.into(), limits.max_frames.into())?;
            }
            EXTENSION => {
                walk.skip(1)?;
                pass_blocks(walk)?;
            }
            _ if found.frames > 0 => break,
            TRAILER => return Err(walk.malformed("it holds no picture")),
            _ => {
                return Err(
                    walk.malformed("it has a block of an unknown kind before its first frame")
                );
            }
        }
    }
    // the longest string of LZW is 4096 indices, of a code of 12 bits
    walk.can_hold(area(found.width, found.height), 4096)?;
    // Beside the screen, a frame is held as colours and as indices; of an animation, the screen as it
    // was before, too.
    let (width, height) = found.largest_frame;
    let screens = if found.frames > 1 { 2 } else { 1 };
    let frame = area(width, height).saturating_mul(5);
    found.decoded_bytes = found.decoded_bytes.saturating_mul(screens).saturating_add(frame);
    Ok(found)
}

const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2c;
const TRAILER: u8 = 0x3b;

fn palette_length(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Each block begins with its length; one of length 0 ends the chain.
fn pass_blocks<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<(), Error> {
    loop {
        match walk.byte()? {
            0 => return Ok(()),
            length => walk.skip(length.into())?,
        }
    }
}
