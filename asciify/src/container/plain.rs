//! The formats that are a header and then pixels: BMP, ICO, PNM, QOI.

use std::io::{BufRead, Seek};

use super::{Structure, area};
use crate::Error;
use crate::walk::Walk;

/// BMP: a file header, an information header that begins with its own length, pixels.
pub(super) fn bmp<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Structure, Error> {
    walk.skip(10)?;
    let pixels_at = u64::from(walk.u32_le()?);
    let info = BmpInfo::read(walk)?;
    walk.awaited = "its last row";
    let row = u64::from(info.width).saturating_mul(info.bits.into()).div_ceil(32).saturating_mul(4);
    let pixels = row.saturating_mul(info.height.into());
    if info.is_plain && pixels_at.saturating_add(pixels) > walk.end {
        return Err(walk.cut_off());
    }
    Ok(Structure::still(info.width, info.height, 3, 4))
}

struct BmpInfo {
    width: u32,
    height: u32,
    bits: u16,
    /// Rows are stored as they are, so that their length is known.
    is_plain: bool,
}

impl BmpInfo {
    fn read<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Self, Error> {
        if walk.u32_le()? == 12 {
            let (width, height) = (walk.u16_le()?, walk.u16_le()?);
            let [_planes, bits] = [walk.u16_le()?, walk.u16_le()?];
            return Ok(Self { width: width.into(), height: height.into(), bits, is_plain: true });
        }
        let (width, height) =
            (walk.array().map(i32::from_le_bytes)?, walk.array().map(i32::from_le_bytes)?);
        let [_planes, bits] = [walk.u16_le()?, walk.u16_le()?];
        let compression = walk.u32_le()?;
        // A negative height says that rows go from the top; a negative width says nothing.
        let Ok(width) = u32::try_from(width) else {
            return Err(walk.malformed("its width is negative"));
        };
        Ok(Self {
            width,
            height: height.unsigned_abs(),
            bits,
            is_plain: matches!(compression, 0 | 3),
        })
    }
}

/// ICO: a directory of pictures, each a PNG or a BMP; the deepest and then largest is drawn.
pub(super) fn ico<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Structure, Error> {
    walk.skip(4)?;
    let mut pictures = Vec::new();
    for _ in 0..walk.u16_le()? {
        let [width, height, _colors, _reserved] = walk.array()?;
        let [_planes, bits] = [walk.u16_le()?, walk.u16_le()?];
        let [length, at] = [walk.u32_le()?, walk.u32_le()?];
        // 0 stands for 256.
        let side = |side: u8| if side == 0 { 256 } else { u32::from(side) };
        pictures.push(((bits, side(width) * side(height)), (at, length)));
    }
    // Of equals the decoder takes the last of the directory, or else the first.
    let Some(mut best) = pictures.pop() else {
        return Err(walk.malformed("it holds no picture"));
    };
    for picture in pictures {
        if picture.0 > best.0 {
            best = picture;
        }
    }
    let (_, (at, length)) = best;
    walk.awaited = "its picture is complete";
    if u64::from(at) + u64::from(length) > walk.end {
        return Err(walk.cut_off());
    }
    walk.go_to(at.into())?;
    let mut png_at = None;
    let (width, height) = if walk.u32_be()? == 0x8950_4e47 {
        walk.skip(12)?;
        png_at = Some(at.into());
        (walk.u32_be()?, walk.u32_be()?)
    } else {
        walk.go_to(at.into())?;
        let info = BmpInfo::read(walk)?;
        // The mask counts as a second half of the picture's height.
        (info.width, info.height / 2)
    };
    Ok(Structure { png_at, ..Structure::still(width, height, 4, 4) })
}

/// QOI: magic, sides, channels, colour space; then pixels of unknown length.
pub(super) fn qoi<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Structure, Error> {
    walk.skip(4)?;
    let (width, height) = (walk.u32_be()?, walk.u32_be()?);
    let [channels, _color_space] = walk.array()?;
    // Two bytes are the shortest pixels that can be followed by the eight of the end marker.
    walk.awaited = "its end marker";
    if walk.rest() < 9 {
        return Err(walk.cut_off());
    }
    // a run is 62 pixels in a byte
    walk.can_hold(area(width, height), 62)?;
    Ok(Structure::still(width, height, channels.into(), 4))
}

/// PNM: a header of words, comments between; then numbers as text or as bytes.
pub(super) fn pnm<R: BufRead + Seek>(walk: &mut Walk<'_, R>) -> Result<Structure, Error> {
    let mut header = Words { walk, budget: 1 << 16 };
    let magic = header.word()?;
    if magic == "P7" {
        return pam(header);
    }
    let (width, height) = (header.number()?, header.number()?);
    let bitmap = matches!(magic.as_str(), "P1" | "P4");
    let most = if bitmap { 1 } else { header.number()? };
    let bands = if matches!(magic.as_str(), "P3" | "P6") { 3 } else { 1 };
    let (channels, sample) = (u64::from(bands), if most > 255 { 2 } else { 1 });
    let length = match magic.as_str() {
        "P4" => u64::from(width.div_ceil(8)).saturating_mul(height.into()),
        "P5" | "P6" => area(width, height).saturating_mul(channels * sample),
        // As text, every sample is at least a digit.
        _ => area(width, height).saturating_mul(channels),
    };
    header.walk.awaited = "its last row";
    if header.walk.rest() < length {
        return Err(header.walk.cut_off());
    }
    let bits = most.checked_ilog2().map_or(0, |highest| highest + 1);
    Ok(Structure { bits, ..Structure::still(width, height, bands, 2 * channels * sample) })
}

/// PAM: the header is lines of a name and a value, up to ENDHDR.
fn pam<R: BufRead + Seek>(mut header: Words<'_, '_, R>) -> Result<Structure, Error> {
    let [mut width, mut height, mut depth, mut most] = [0; 4];
    loop {
        match header.word()?.as_str() {
            "WIDTH" => width = header.number()?,
            "HEIGHT" => height = header.number()?,
            "DEPTH" => depth = header.number()?,
            "MAXVAL" => most = header.number()?,
            "ENDHDR" => break,
            _ => {}
        }
    }
    let sample = if most > 255 { 2 } else { 1 };
    let bytes_per_px = u64::from(depth).saturating_mul(sample);
    header.walk.awaited = "its last row";
    if header.walk.rest() < area(width, height).saturating_mul(bytes_per_px) {
        return Err(header.walk.cut_off());
    }
    let bits = most.checked_ilog2().map_or(0, |highest| highest + 1);
    let bytes_per_px = bytes_per_px.max(1).saturating_mul(2);
    Ok(Structure { bits, ..Structure::still(width, height, depth, bytes_per_px) })
}

/// Words of a header, between white space; `#` begins a comment that ends with its line.
struct Words<'a, 'b, R> {
    walk: &'a mut Walk<'b, R>,
    /// How many more bytes the header may take.
    budget: u32,
}

impl<R: BufRead + Seek> Words<'_, '_, R> {
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
            .map_err(|_| self.walk.malformed("its header has a word where a number must be"))
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.budget = match self.budget.checked_sub(1) {
            Some(rest) => rest,
            None => return Err(self.walk.malformed("its header does not end")),
        };
        self.walk.byte()
    }
}
