//! Where the codestream of a file begins: at once, or in boxes of a container (ISO/IEC 18181-2).

use crate::error::Error;
use crate::formats::reader::ByteReader;

/// Bytes of a codestream in which its header must end. Names of channels make it long.
const MAX_HEADER_BYTES: u64 = 1 << 16;

/// The first bytes of the codestream.
///
/// # Errors
/// There is none, or the file is cut off.
pub(super) fn start(reader: &mut ByteReader<'_>) -> Result<Vec<u8>, Error> {
    let mut start = reader.array::<2>()?.to_vec();
    if start == [0xff, 0x0a] {
        start.extend(next(reader, MAX_HEADER_BYTES)?);
        return Ok(start);
    }
    // the signature box
    reader.skip(10)?;
    reader.awaited = "its codestream";
    start.clear();
    while reader.remaining() > 0 && (start.len() as u64) < MAX_HEADER_BYTES {
        let (kind, length) = reader.box_header()?;
        let end = reader.position + length.min(reader.remaining());
        let wanted = MAX_HEADER_BYTES - start.len() as u64;
        match &kind {
            b"jxlc" => {
                start.extend(next(reader, length.min(wanted))?);
                return Ok(start);
            }
            b"jxlp" => {
                let index = reader.u32_be()?;
                start.extend(next(reader, length.saturating_sub(4).min(wanted))?);
                // the highest bit marks the last part
                if index >> 31 == 1 {
                    return Ok(start);
                }
            }
            _ => {}
        }
        reader.seek_to(end)?;
    }
    match start.is_empty() {
        true => Err(reader.malformed("it has no codestream")),
        false => Ok(start),
    }
}

/// At most `max` of the next bytes.
fn next(reader: &mut ByteReader<'_>, max: u64) -> Result<Vec<u8>, Error> {
    let length = reader.remaining().min(max);
    reader.bytes(length, length)
}
