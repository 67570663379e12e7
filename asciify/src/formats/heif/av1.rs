//! Decodes AV1 still pictures (AV1 Bitstream & Decoding Process Specification) with the decoder
//! `re_rav1d`. Its panics abort the process, so it runs in one of its own.

use re_rav1d::{
    Decoder, Error as Av1Error, Picture, PixelLayout, PlanarImageComponent, Plane, Settings,
    pixel::YUVRange,
};

use super::AVIF;
use super::color::Coding;
use super::tile::{Tile, TileDecoder};
use crate::error::Error;
use crate::format::Format;

/// Frames that an item may have: layers of a progressive image, and frames that are only referred to.
const MAX_FRAMES: usize = 8;
/// Types of open bitstream units (OBUs): 6.2.2.
const OBU_SEQUENCE_HEADER: u8 = 1;
const OBU_FRAME_HEADER: u8 = 3;
const OBU_FRAME: u8 = 6;

/// What an `av1C` property configures (AV1 Codec ISO Media File Format Binding, 2.3).
pub(super) struct Av1Decoder {
    bits: u32,
    /// `None` if pictures have no chroma.
    chroma_shift: Option<(u32, u32)>,
    /// Units that precede the item's own: a sequence header, or none.
    units: Vec<u8>,
    /// Width and height of the pictures in pixels.
    sides: (u32, u32),
}

impl Av1Decoder {
    /// A decoder of pictures of that width and height.
    ///
    /// # Errors
    /// The property is damaged, or of a later version.
    pub(super) fn new(config: &[u8], sides: (u32, u32)) -> Result<Self, Error> {
        let Some(([0x81, _, flags, _], units)) = config.split_first_chunk() else {
            return Err(Error::malformed(AVIF, "the configuration of its decoder is damaged"));
        };
        let flag = |bit: u8| flags >> bit & 1;
        Ok(Self {
            bits: match (flag(6), flag(5)) {
                (0, _) => 8,
                (_, 0) => 10,
                _ => 12,
            },
            chroma_shift: (flag(4) == 0).then(|| (flag(3).into(), flag(2).into())),
            units: units.to_vec(),
            sides,
        })
    }
}

impl TileDecoder for Av1Decoder {
    fn format(&self) -> Format {
        AVIF
    }

    fn bits(&self) -> u32 {
        self.bits
    }

    fn is_monochrome(&self) -> bool {
        self.chroma_shift.is_none()
    }

    fn bytes_per_px(&self) -> u64 {
        let samples = match self.chroma_shift {
            None => 2,
            Some((1, 1)) => 3,
            Some((1, 0)) => 4,
            Some(_) => 6,
        };
        if self.bits == 8 { u64::div_ceil(samples, 2) } else { samples }
    }

    fn working_bytes_per_px(&self) -> u64 {
        // a second picture if there is film grain, and what is known of blocks
        self.bytes_per_px() + 2
    }

    fn max_pixels_per_byte(&self) -> u64 {
        // blocks of 128 × 128 pixels without a residual take few bits
        1 << 16
    }

    /// Decodes a temporal unit (AV1 Image File Format, 2.1). The highest layer of its first operating
    /// point is the picture.
    fn decode(&self, data: Vec<u8>) -> Result<Box<dyn Tile>, Error> {
        let kinds =
            unit_types(&data).ok_or_else(|| Error::cut_off(AVIF, "its picture is complete"))?;
        let is_frame = |kind: &&u8| matches!(**kind, OBU_FRAME | OBU_FRAME_HEADER);
        if kinds.iter().filter(is_frame).count() > MAX_FRAMES {
            return Err(Error::malformed(AVIF, "one of its pictures has too many frames"));
        }
        let data = match kinds.contains(&OBU_SEQUENCE_HEADER) {
            true => data,
            false => [&self.units[..], &data].concat(),
        };
        let picture = first_picture(data, self.sides).map_err(explain)?;
        let tile = Av1Picture::new(picture);
        let is_as_configured = tile.sides() == self.sides
            && tile.bits() == self.bits
            && tile.chroma_shift() == self.chroma_shift;
        match is_as_configured {
            true => Ok(Box::new(tile)),
            false => Err(Error::malformed(AVIF, "it describes its pictures twice, differently")),
        }
    }
}

/// The types of all units in a temporal unit (5.3). `None` if it ends within one.
fn unit_types(data: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut types) = (data, Vec::new());
    while let Some((header, tail)) = rest.split_first() {
        types.push(header >> 3 & 15);
        let (has_extension, has_size) = (header >> 2 & 1 == 1, header >> 1 & 1 == 1);
        rest = tail.get(usize::from(has_extension)..)?;
        // without a size, it is the last one
        let size = if has_size { leb128(&mut rest)? } else { rest.len() };
        rest = rest.get(size..)?;
    }
    Some(types)
}

/// An integer of seven bits a byte (4.10.5), which is removed from `bytes`.
fn leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for place in 0..8 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 127) << (7 * place);
        if byte & 128 == 0 {
            break;
        }
    }
    usize::try_from(value).ok()
}

/// The first picture that is shown.
fn first_picture(data: Vec<u8>, (width, height): (u32, u32)) -> Result<Picture, Av1Error> {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(width.saturating_mul(height));
    let mut decoder = Decoder::with_settings(&settings)?;
    let is_again = |err: &Av1Error| *err == Av1Error::Again;
    decoder
        .send_data(data, None, None, None)
        .or_else(|err| is_again(&err).then_some(()).ok_or(err))?;
    // each attempt decodes a frame at least
    for _ in 0..2 * MAX_FRAMES {
        match decoder.get_picture() {
            Err(Av1Error::Again) => {}
            result => return result,
        }
        match decoder.send_pending_data() {
            Ok(()) | Err(Av1Error::Again) => {}
            Err(err) => return Err(err),
        }
    }
    Err(Av1Error::InvalidArgument)
}

/// Translates the decoder's error.
fn explain(err: Av1Error) -> Error {
    match err {
        Av1Error::NotEnoughMemory => std::process::abort(),
        Av1Error::UnsupportedBitstream => {
            Error::Unsupported(format!("this {AVIF} uses a feature of AV1 that we cannot decode"))
        }
        _ => Error::malformed(AVIF, "its picture cannot be decoded"),
    }
}

struct Av1Picture {
    picture: Picture,
    /// Luma, Cb and Cr, or luma.
    planes: Vec<Plane>,
}

impl Av1Picture {
    fn new(picture: Picture) -> Self {
        use PlanarImageComponent::{U, V, Y};
        let components: &[_] = match picture.pixel_layout() {
            PixelLayout::I400 => &[Y],
            _ => &[Y, U, V],
        };
        let planes = components.iter().map(|it| picture.plane(*it)).collect();
        Self { picture, planes }
    }
}

impl Tile for Av1Picture {
    fn sides(&self) -> (u32, u32) {
        (self.picture.width(), self.picture.height())
    }

    fn chroma_shift(&self) -> Option<(u32, u32)> {
        match self.picture.pixel_layout() {
            PixelLayout::I400 => None,
            PixelLayout::I420 => Some((1, 1)),
            PixelLayout::I422 => Some((1, 0)),
            PixelLayout::I444 => Some((0, 0)),
        }
    }

    fn bits(&self) -> u32 {
        self.picture.bit_depth() as u32
    }

    fn coding(&self) -> Coding {
        Coding {
            primaries: self.picture.color_primaries() as u16,
            matrix: self.picture.matrix_coefficients() as u16,
            is_full_range: self.picture.color_range() == YUVRange::Full,
        }
    }

    fn read_row(&self, plane: usize, y: u32, samples: &mut Vec<u16>) {
        let component = PlanarImageComponent::from(plane);
        // the crate's strides are in bytes
        let stride = self.picture.stride(component) as usize;
        let row = self.planes[plane].chunks_exact(stride).nth(y as usize).unwrap_or_default();
        samples.clear();
        match self.bits() {
            8 => samples.extend(row.iter().copied().map(u16::from)),
            _ => samples.extend(row.as_chunks().0.iter().map(|pair| u16::from_ne_bytes(*pair))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_walked_to_their_end() {
        // a temporal delimiter, a sequence header of 3 bytes, and a frame to the end
        let units = [0x12, 0, 0x0a, 3, 1, 2, 3, 0x30, 9, 9];
        assert_eq!(unit_types(&units), Some(vec![2, OBU_SEQUENCE_HEADER, OBU_FRAME]));
        // with an extension, and a size of two bytes
        assert_eq!(unit_types(&[0x16, 0, 0x80, 0]), Some(vec![2]));
        assert_eq!(unit_types(&units[..5]), None);
        assert_eq!(unit_types(&[0x12]), None);
        assert_eq!(unit_types(&[0x12, 0xff]), None);
    }
}
