//! PNG and APNG: a signature, then chunks up to IEND (W3C PNG, third edition, 5).

use std::io::{BufRead, Seek};

use super::{EXIF_KEPT, Structure, Walk, orientation};
use crate::Error;

pub(super) fn walk<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Structure, Error> {
    walk.skip(8)?;
    let mut found = header(walk)?;
    walk.awaited = "its IEND chunk";
    let mut has_pixels = false;
    loop {
        let length = u64::from(walk.u32_be()?);
        let kind: [u8; 4] = walk.array()?;
        match &kind {
            b"IEND" if has_pixels => {
                walk.skip(length + CHECKSUM)?;
                return Ok(found);
            }
            b"IEND" => return Err(walk.malformed("it holds no picture")),
            b"IDAT" => {
                has_pixels = true;
                walk.skip(length)?;
            }
            b"acTL" if length >= 4 => {
                found.frames = walk.u32_be()?.max(1);
                walk.skip(length - 4)?;
            }
            b"eXIf" if !has_pixels => {
                found.orientation = orientation(&walk.bytes(length, EXIF_KEPT)?)
            }
            _ => walk.skip(length)?,
        }
        walk.skip(CHECKSUM)?;
    }
}

/// Follows every chunk, in bytes.
const CHECKSUM: u64 = 4;

/// IHDR, the first chunk: the picture's size and kind.
fn header<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Structure, Error> {
    let length = walk.u32_be()?;
    let kind: [u8; 4] = walk.array()?;
    if (length, &kind) != (13, b"IHDR") {
        return Err(walk.malformed("it does not begin with its IHDR chunk"));
    }
    let (width, height) = (walk.u32_be()?, walk.u32_be()?);
    let [depth, color, _compression, _filter, _interlace] = walk.array()?;
    walk.skip(CHECKSUM)?;
    // Transparency may be added by a later chunk: room for alpha is counted always.
    let channels: u64 = if matches!(color, 0 | 4) { 2 } else { 4 };
    Ok(Structure::still(width, height, channels * if depth == 16 { 2 } else { 1 }))
}
