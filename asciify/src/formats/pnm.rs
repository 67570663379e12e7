//! PNM (Netpbm): PBM, PGM and PPM, plain or raw, and PAM: a header of words and comments, then
//! samples as text or as bytes.

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Driver, Probed, area};
use crate::formats::reader::ByteReader;
use crate::formats::whole_image::WholeImage;

const FORMAT: Format =
    Format::new("PNM", "image/x-portable-anymap", "pnm").also(&["pbm", "pgm", "ppm", "pam"]);

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| matches!(start, [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..]),
    probe,
};

const MAX_HEADER_BYTES: u32 = 1 << 16;

fn still(sides: (u32, u32), bands: u32, bytes_per_px: u64) -> Probed {
    Probed::still(FORMAT, sides, bands, bytes_per_px, WholeImage(ImageFormat::Pnm))
}

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    let mut header = Words { reader: &mut reader, bytes_left: MAX_HEADER_BYTES };
    let magic = header.word()?;
    if magic == "P7" {
        return probe_pam(header);
    }
    let (width, height) = (header.number()?, header.number()?);
    let is_bitmap = matches!(magic.as_str(), "P1" | "P4");
    let max_value = if is_bitmap { 1 } else { header.number()? };
    let bands = if matches!(magic.as_str(), "P3" | "P6") { 3 } else { 1 };
    let (channels, sample_bytes) = (u64::from(bands), if max_value > 255 { 2 } else { 1 });
    let length = match magic.as_str() {
        "P4" => u64::from(width.div_ceil(8)).saturating_mul(height.into()),
        "P5" | "P6" => area(width, height).saturating_mul(channels * sample_bytes),
        // each sample is a digit at least
        _ => area(width, height).saturating_mul(channels),
    };
    header.reader.awaited = "its last row";
    if header.reader.remaining() < length {
        return Err(header.reader.cut_off());
    }
    let bits = max_value.checked_ilog2().map_or(0, |highest| highest + 1);
    let bytes_per_px = 2 * channels * sample_bytes;
    Ok(Probed { bits, ..still((width, height), bands, bytes_per_px) })
}

/// PAM: the header consists of names and values, up to ENDHDR.
fn probe_pam(mut header: Words<'_, '_>) -> Result<Probed, Error> {
    let [mut width, mut height, mut depth, mut max_value] = [0; 4];
    loop {
        match header.word()?.as_str() {
            "WIDTH" => width = header.number()?,
            "HEIGHT" => height = header.number()?,
            "DEPTH" => depth = header.number()?,
            "MAXVAL" => max_value = header.number()?,
            "ENDHDR" => break,
            _ => {}
        }
    }
    let sample_bytes = if max_value > 255 { 2 } else { 1 };
    let bytes_per_px = u64::from(depth).saturating_mul(sample_bytes);
    header.reader.awaited = "its last row";
    if header.reader.remaining() < area(width, height).saturating_mul(bytes_per_px) {
        return Err(header.reader.cut_off());
    }
    let bits = max_value.checked_ilog2().map_or(0, |highest| highest + 1);
    let bytes_per_px = bytes_per_px.max(1).saturating_mul(2);
    Ok(Probed { bits, ..still((width, height), depth, bytes_per_px) })
}

/// Reads words of a header, which white space separates. `#` begins a comment up to the end of the
/// line.
struct Words<'a, 'b> {
    reader: &'a mut ByteReader<'b>,
    /// How many more bytes the header may have.
    bytes_left: u32,
}

impl Words<'_, '_> {
    fn word(&mut self) -> Result<String, Error> {
        let mut word = String::new();
        loop {
            match self.byte()? {
                b'#' => while self.byte()? != b'\n' {},
                space if space.is_ascii_whitespace() => {
                    if !word.is_empty() {
                        return Ok(word);
                    }
                }
                byte => word.push(byte.into()),
            }
        }
    }

    fn number(&mut self) -> Result<u32, Error> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| self.reader.malformed("its header has a word where a number must be"))
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.bytes_left = match self.bytes_left.checked_sub(1) {
            Some(left) => left,
            None => return Err(self.reader.malformed("its header does not end")),
        };
        self.reader.byte()
    }
}
