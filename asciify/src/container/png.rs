//! PNG and APNG: a signature, then chunks up to IEND (W3C PNG, third edition, 5).

use std::io::{BufRead, Seek};

use super::{EXIF_KEPT, Structure, area, orientation};
use crate::Error;
use crate::walk::Walk;

pub(super) fn walk<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Structure, Error> {
    walk.skip(8)?;
    let mut found = header(walk)?;
    walk.awaited = "its IDAT chunk";
    while !chunk(walk, &mut found)? {}
    found.is_whole = walk.has_end(b"IEND\xae\x42\x60\x82")?;
    Ok(found)
}

/// Follows every chunk, in bytes.
const CHECKSUM: u64 = 4;

/// Passes over a chunk; stops before the first of pixels, and tells so.
fn chunk<R: BufRead + Seek>(walk: &mut Walk<'_, R>, found: &mut Structure) -> Result<bool, Error> {
    let length = u64::from(walk.u32_be()?);
    let kind: [u8; 4] = walk.array()?;
    match &kind {
        b"IEND" => return Err(walk.malformed("it holds no picture")),
        b"IDAT" => return Ok(true),
        b"acTL" if length >= 4 => {
            found.frames = walk.u32_be()?.max(1);
            // a later frame is drawn over those before it
            if found.frames > 1 {
                found.decoded_bytes = area(found.width, found.height).saturating_mul(16);
            }
            walk.skip(length - 4)?;
        }
        b"tRNS" => {
            found.bands = found.bands.next_multiple_of(2);
            walk.skip(length)?;
        }
        b"eXIf" => found.orientation = orientation(&walk.bytes(length, EXIF_KEPT)?),
        _ => walk.skip(length)?,
    }
    walk.skip(CHECKSUM)?;
    Ok(false)
}

/// IHDR, the first chunk: the picture's size and kind.
fn header<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Structure, Error> {
    let length = walk.u32_be()?;
    let kind: [u8; 4] = walk.array()?;
    if (length, &kind) != (13, b"IHDR") {
        return Err(walk.malformed("it does not begin with its IHDR chunk"));
    }
    let (width, height) = (walk.u32_be()?, walk.u32_be()?);
    let [depth, color, _compression, _filter, interlace] = walk.array()?;
    walk.skip(CHECKSUM)?;
    const PALETTE: u8 = 3;
    let bands = match color {
        0 => 1,
        4 => 2,
        6 => 4,
        _ => 3,
    };
    // Transparency may be added by a later chunk: room for alpha is counted always.
    let bytes_per_px = 4 * if depth == 16 { 2 } else { 1 };
    let mut found = Structure::still(width, height, bands, bytes_per_px);
    found.bits = if color == PALETTE { 8 } else { depth.into() };
    if interlace == 0 {
        // a few rows at a time
        found.decoded_bytes = area(width, 8).saturating_mul(bytes_per_px).saturating_add(1 << 18);
    } else {
        // deflate packs at most 1032 bytes into one, of 8 pixels at most
        walk.can_hold(area(width, height), 8 * 1032)?;
    }
    Ok(found)
}
