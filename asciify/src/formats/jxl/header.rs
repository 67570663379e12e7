//! The image header of a codestream (ISO/IEC 18181-1, D.2 and D.3), up to its colour encoding.

/// What an image header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Width and height of the stored image in pixels, before the orientation is applied.
    pub(super) width: u32,
    pub(super) height: u32,
    /// As in Exif: 1 to 8.
    pub(super) orientation: u8,
    pub(super) is_animated: bool,
    pub(super) depth: BitDepth,
    pub(super) extra_channels: Vec<ExtraChannel>,
    /// Whether colours are stored as XYB, as lossy images are, not in their original space.
    pub(super) is_xyb: bool,
    pub(super) is_grey: bool,
}

/// Bits of the samples of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BitDepth {
    pub(super) bits: u32,
    pub(super) is_float: bool,
}

const EIGHT_BITS: BitDepth = BitDepth { bits: 8, is_float: false };

/// What a channel besides the colours holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExtraChannel {
    Alpha,
    /// The black ink of CMYK.
    Black,
    Other,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invalid {
    /// It ends before the header does.
    CutOff,
    /// A clause that says what is wrong.
    Value(&'static str),
}

/// Channels that an image may have, besides the colours: level 10 of the standard.
const MAX_EXTRA_CHANNELS: u32 = 256;

impl Header {
    /// Reads the header at the start of a codestream.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn read(codestream: &[u8]) -> Result<Self, Invalid> {
        let bits = &mut Bits { bytes: codestream, position: 16 };
        let (width, height) = size(bits)?;
        let mut header = Self {
            width,
            height,
            orientation: 1,
            is_animated: false,
            depth: EIGHT_BITS,
            extra_channels: Vec::new(),
            is_xyb: true,
            is_grey: false,
        };
        // all fields have their defaults
        if bits.flag()? {
            return Ok(header);
        }
        if bits.flag()? {
            header.orientation = bits.read(3)? as u8 + 1;
            if bits.flag()? {
                size(bits)?;
            }
            if bits.flag()? {
                skip_preview(bits)?;
            }
            header.is_animated = bits.flag()?;
            if header.is_animated {
                skip_animation(bits)?;
            }
        }
        header.depth = bit_depth(bits)?;
        // whether 16 bits suffice for the decoder's samples
        bits.read(1)?;
        let count = bits.either([(0, 0), (0, 1), (4, 2), (12, 1)])?;
        if count > MAX_EXTRA_CHANNELS {
            return Err(Invalid::Value("it has more than 256 channels"));
        }
        for _ in 0..count {
            header.extra_channels.push(extra_channel(bits)?);
        }
        header.is_xyb = bits.flag()?;
        if !bits.flag()? {
            let _has_profile = bits.flag()?;
            header.is_grey = bits.enumeration()? == 1;
        }
        Ok(header)
    }

    /// Bytes of memory that decoding a typical picture takes for each pixel, besides the result.
    pub(super) fn working_bytes_per_px(&self) -> u64 {
        let extra_channels = self.extra_channels.len() as u64;
        let channels = 3 + extra_channels;
        // those that are coded in several resolutions are held as a whole
        let of_sample = if self.is_xyb || self.depth.bits <= 8 { 2 } else { 4 };
        // frames that others refer to
        let of_frames = if self.is_animated { channels * 4 } else { 0 };
        2 + channels * of_sample + extra_channels * 4 + of_frames
    }
}

/// A size header (D.2): width and height.
fn size(bits: &mut Bits<'_>) -> Result<(u32, u32), Invalid> {
    let is_small = bits.flag()?;
    let side = |bits: &mut Bits<'_>| match is_small {
        true => Ok(8 * (bits.read(5)? + 1)),
        false => bits.either([(9, 1), (13, 1), (18, 1), (30, 1)]),
    };
    let height = side(bits)?;
    let ratio = bits.read(3)?;
    let width = match ratio_of(ratio) {
        None => side(bits)?,
        Some((by, of)) => scaled(height, by, of)?,
    };
    Ok((width, height))
}

/// The ratio of width to height that a code stands for.
fn ratio_of(code: u32) -> Option<(u64, u64)> {
    [(1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)]
        .get(code.checked_sub(1)? as usize)
        .copied()
}

fn scaled(height: u32, by: u64, of: u64) -> Result<u32, Invalid> {
    u32::try_from(u64::from(height) * by / of).map_err(|_| Invalid::Value("it is too wide"))
}

/// A preview header (D.3.3).
fn skip_preview(bits: &mut Bits<'_>) -> Result<(), Invalid> {
    let is_div8 = bits.flag()?;
    let side = |bits: &mut Bits<'_>| match is_div8 {
        true => bits.either([(0, 16), (0, 32), (5, 1), (9, 33)]),
        false => bits.either([(6, 1), (8, 65), (10, 321), (12, 1345)]),
    };
    side(bits)?;
    if ratio_of(bits.read(3)?).is_none() {
        side(bits)?;
    }
    Ok(())
}

/// An animation header (D.3.4).
fn skip_animation(bits: &mut Bits<'_>) -> Result<(), Invalid> {
    bits.either([(0, 100), (0, 1000), (10, 1), (30, 1)])?;
    bits.either([(0, 1), (0, 1001), (8, 1), (10, 1)])?;
    bits.either([(0, 0), (3, 0), (16, 0), (32, 0)])?;
    bits.read(1).map(drop)
}

fn bit_depth(bits: &mut Bits<'_>) -> Result<BitDepth, Invalid> {
    let is_float = bits.flag()?;
    let count = match is_float {
        true => bits.either([(0, 32), (0, 16), (0, 24), (6, 1)])?,
        false => bits.either([(0, 8), (0, 10), (0, 12), (6, 1)])?,
    };
    if is_float {
        // bits of the exponent
        bits.read(4)?;
    }
    match count {
        0..=32 => Ok(BitDepth { bits: count, is_float }),
        _ => Err(Invalid::Value("its samples have more than 32 bits")),
    }
}

/// The description of a channel besides the colours (D.3.6).
fn extra_channel(bits: &mut Bits<'_>) -> Result<ExtraChannel, Invalid> {
    if bits.flag()? {
        return Ok(ExtraChannel::Alpha);
    }
    let kind = bits.enumeration()?;
    bit_depth(bits)?;
    // how much smaller than the image it is
    bits.either([(0, 0), (0, 3), (0, 4), (3, 1)])?;
    let name_bytes = bits.either([(0, 0), (4, 0), (5, 16), (10, 48)])?;
    bits.skip(8 * name_bytes as usize);
    Ok(match kind {
        0 => {
            // whether colours are multiplied by it
            bits.read(1)?;
            ExtraChannel::Alpha
        }
        2 => {
            // the colour of an ink: four numbers of 16 bits
            bits.skip(64);
            ExtraChannel::Other
        }
        4 => ExtraChannel::Black,
        5 => {
            bits.either([(0, 1), (2, 0), (4, 3), (8, 19)])?;
            ExtraChannel::Other
        }
        _ => ExtraChannel::Other,
    })
}

/// Reads numbers of any count of bits, the lowest bit of each byte first (B.2).
struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: usize,
}

impl Bits<'_> {
    /// A number of at most 32 bits.
    fn read(&mut self, count: usize) -> Result<u32, Invalid> {
        let mut number = 0;
        for place in 0..count {
            let byte = self.bytes.get(self.position / 8).ok_or(Invalid::CutOff)?;
            number |= u32::from(byte >> (self.position % 8) & 1) << place;
            self.position += 1;
        }
        Ok(number)
    }

    fn flag(&mut self) -> Result<bool, Invalid> {
        self.read(1).map(|bit| bit == 1)
    }

    fn skip(&mut self, count: usize) {
        self.position += count;
    }

    /// A number of one of four kinds: so many bits, and what is added to them. Two bits say which.
    fn either(&mut self, kinds: [(usize, u32); 4]) -> Result<u32, Invalid> {
        let (count, offset) = kinds[self.read(2)? as usize];
        // a sum of 32 bits wraps, as in the standard
        Ok(self.read(count)?.wrapping_add(offset))
    }

    /// The value of an enumeration (B.2.6).
    fn enumeration(&mut self) -> Result<u32, Invalid> {
        self.either([(0, 0), (0, 1), (4, 2), (6, 18)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of a codestream with the given fields, each a number and its count of bits.
    fn codestream(fields: &[(u32, u32)]) -> Vec<u8> {
        let mut bits = Vec::new();
        for (number, count) in fields {
            bits.extend((0..*count).map(|place| number >> place & 1));
        }
        let byte = |bits: &[u32]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | *bit as u8);
        [0xff, 0x0a].into_iter().chain(bits.chunks(8).map(byte)).collect()
    }

    #[test]
    fn sizes_and_fields_are_read() {
        // small: 24 high, 4 by 3, all defaults
        let small = Header::read(&codestream(&[(1, 1), (2, 5), (3, 3), (1, 1)])).unwrap();
        assert_eq!((small.width, small.height), (32, 24));
        assert_eq!((small.orientation, small.is_xyb, small.is_grey), (1, true, false));
        // 300 × 500; orientation 6, animated; 16 bits; alpha; not XYB; grey
        let fields = [
            (0, 1),
            (0, 2),
            (499, 9),
            (0, 3),
            (0, 2),
            (299, 9),
            (0, 1),
            (1, 1),
            (5, 3),
            (0, 1),
            (0, 1),
            (1, 1),
            (0, 2),
            (0, 2),
            (0, 2),
            (0, 1),
            (0, 1),
            (3, 2),
            (15, 6),
            (1, 1),
            (1, 2),
            (1, 1),
            (0, 1),
            (0, 1),
            (0, 1),
            (1, 2),
        ];
        let header = Header::read(&codestream(&fields)).unwrap();
        let expected = Header {
            width: 300,
            height: 500,
            orientation: 6,
            is_animated: true,
            depth: BitDepth { bits: 16, is_float: false },
            extra_channels: vec![ExtraChannel::Alpha],
            is_xyb: false,
            is_grey: true,
        };
        assert_eq!(header, expected);
        for length in 2..codestream(&fields).len() - 1 {
            assert_eq!(Header::read(&codestream(&fields)[..length]), Err(Invalid::CutOff));
        }
    }
}
