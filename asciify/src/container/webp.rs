//! WebP: a RIFF file of one VP8 or VP8L picture, or of the extended kind (RFC 9649, 2).

use std::io::{BufRead, Seek};

use super::{EXIF_KEPT, Structure, orientation};
use crate::walk::Walk;
use crate::{Error, Limits};

/// Canvas, frame and planes or transforms, at four bytes each.
const BYTES_PER_PX: u64 = 12;

/// A flag of VP8X (RFC 9649, 2.7.1).
const HAS_ALPHA: u8 = 0x10;

pub(super) fn walk<R: BufRead + Seek>(
    walk: &mut Walk<'_, R>,
    limits: &Limits,
) -> Result<Structure, Error> {
    walk.skip(4)?;
    let riff_end = u64::from(walk.u32_le()?) + 8;
    walk.skip(4)?;
    walk.awaited = "the length that its header states";
    if riff_end > walk.end {
        return Err(walk.cut_off());
    }

    let chunk = Chunk::next(walk)?;
    let mut found = match &chunk.kind {
        b"VP8 " | b"VP8L" => {
            let (width, height) = picture_size(walk, &chunk)?;
            let mut found = Structure::still(width, height, 3, BYTES_PER_PX);
            found.decoded_bytes = found.decoded_bytes.saturating_add(walk.end);
            return Ok(found);
        }
        b"VP8X" if chunk.length >= 10 => {
            let [flags, _, _, _] = walk.array()?;
            let (width, height) = (u24(walk)?.saturating_add(1), u24(walk)?.saturating_add(1));
            let bands = if flags & HAS_ALPHA == 0 { 3 } else { 4 };
            Structure::still(width, height, bands, BYTES_PER_PX)
        }
        _ => return Err(walk.malformed("it does not begin with a VP8, VP8L or VP8X chunk")),
    };
    chunk.leave(walk)?;
    found.decoded_bytes = found.decoded_bytes.saturating_add(walk.end);
    extended(walk, riff_end, limits, &mut found)?;
    Ok(found)
}

/// The chunks after VP8X: a picture of the canvas's size, or frames inside it; EXIF.
fn extended<R: BufRead + Seek>(
    walk: &mut Walk<'_, R>,
    riff_end: u64,
    limits: &Limits,
    found: &mut Structure,
) -> Result<(), Error> {
    let canvas = (found.width, found.height);
    let mut stills = 0_u32;
    let mut frames = 0_u32;
    while walk.at.saturating_add(8) <= riff_end {
        let chunk = Chunk::next(walk)?;
        match &chunk.kind {
            b"VP8 " | b"VP8L" => {
                stills = stills.saturating_add(1);
                if picture_size(walk, &chunk)? != canvas {
                    return Err(
                        walk.malformed("its picture is not of the size that its header states")
                    );
                }
            }
            b"ANMF" => {
                frames = frames.saturating_add(1);
                Error::over("frames", frames.into(), limits.max_frames.into())?;
                frame(walk, &chunk, canvas)?;
            }
            b"EXIF" => {
                let block =
                    walk.bytes(chunk.end.min(walk.end).saturating_sub(walk.at), EXIF_KEPT)?;
                found.orientation = orientation(block.strip_prefix(b"Exif\0\0").unwrap_or(&block));
            }
            _ => {}
        }
        chunk.leave(walk)?;
    }
    if stills == 0 && frames == 0 {
        return Err(walk.malformed("it holds no picture"));
    }
    found.frames = frames.max(1);
    Ok(())
}

/// ANMF: where the frame stands on the canvas, then its chunks.
fn frame<R: BufRead + Seek>(
    walk: &mut Walk<'_, R>,
    frame: &Chunk,
    canvas: (u32, u32),
) -> Result<(), Error> {
    let (left, top) = (u24(walk)?.saturating_mul(2), u24(walk)?.saturating_mul(2));
    let (width, height) = (u24(walk)?.saturating_add(1), u24(walk)?.saturating_add(1));
    walk.skip(4)?;
    if left.saturating_add(width) > canvas.0 || top.saturating_add(height) > canvas.1 {
        return Err(walk.malformed("a frame lies outside its canvas"));
    }
    while walk.at.saturating_add(8) <= frame.end {
        let chunk = Chunk::next(walk)?;
        if matches!(&chunk.kind, b"VP8 " | b"VP8L")
            && picture_size(walk, &chunk)? != (width, height)
        {
            return Err(walk.malformed("a frame is not of the size that its header states"));
        }
        chunk.leave(walk)?;
    }
    Ok(())
}

struct Chunk {
    kind: [u8; 4],
    length: u64,
    /// Where its payload ends, before the padding.
    end: u64,
}

impl Chunk {
    fn next<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Self, Error> {
        let kind = walk.array()?;
        let length = u64::from(walk.u32_le()?);
        let end = walk.at.saturating_add(length);
        if end > walk.end { Err(walk.cut_off()) } else { Ok(Self { kind, length, end }) }
    }

    /// Chunks are padded to even lengths; at the file's end the padding may be missing.
    fn leave<R: BufRead + Seek>(&self, walk: &mut Walk<'_, R>) -> Result<(), Error> {
        let next = (self.end + self.length % 2).min(walk.end);
        match next.checked_sub(walk.at) {
            Some(rest) => walk.skip(rest),
            None => Err(walk.malformed("a chunk is shorter than what it holds")),
        }
    }
}

/// The size that the picture's own bit stream states (RFC 6386, 9.1; RFC 9649, 3.4).
fn picture_size<R: BufRead + Seek>(
    walk: &mut Walk<'_, R>,
    chunk: &Chunk,
) -> Result<(u32, u32), Error> {
    if &chunk.kind == b"VP8L" {
        let signature = walk.byte()?;
        let bits = walk.u32_le()?;
        if signature != 0x2f {
            return Err(walk.malformed("its lossless picture has no signature"));
        }
        return Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1));
    }
    let [_, _, _, start @ ..]: [u8; 6] = walk.array()?;
    if start != [0x9d, 0x01, 0x2a] {
        return Err(walk.malformed("its picture does not begin with a key frame"));
    }
    let (width, height) = (walk.u16_le()? & 0x3fff, walk.u16_le()? & 0x3fff);
    Ok((width.into(), height.into()))
}

fn u24<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<u32, Error> {
    let [a, b, c] = walk.array()?;
    Ok(u32::from_le_bytes([a, b, c, 0]))
}
