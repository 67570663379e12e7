//! TIFF piece by piece, for values of any kind and any number of bands, as satellites send them.
//! Pages of 8-bit grey and RGB, and what is rarer, are left to a decoder of whole pictures.

use std::io::{BufRead, Seek, SeekFrom};

use tiff::decoder::{Decoder, DecodingResult, Limits as DecoderLimits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use crate::light::{Row, from_ycbcr};
use crate::probe::Found;
use crate::source::Source;
use crate::{Error, Format, Limits};

/// The part of all values that is darker than black, and brighter than white.
const CROP: f64 = 0.02;
/// About so many values are looked at to find those.
const LOOKED_AT: u64 = 1 << 16;
/// GDAL's tag for the value of pixels that hold none, as text.
const NO_DATA: Tag = Tag::Unknown(42_113);
/// Bytes of a number as text.
const LONGEST_NUMBER: u64 = 64;

/// Calls `take` with each row of the first page. Three bands or more are red, green and blue, fewer
/// are grey; values of more than 8 bits are stretched from their 2nd to their 98th percentile.
/// Alpha and pixels without data are transparent.
///
/// Whether the page is of a kind that is read here.
///
/// # Errors
/// A strip or a tile is damaged.
pub(crate) fn rows<R: BufRead + Seek>(
    source: &mut Source<R>,
    found: &Found,
    limits: &Limits,
    mut take: impl FnMut(Row<'_>),
) -> Result<bool, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let Some(mut pieces) = Pieces::open(source, found, limits) else { return Ok(false) };
    let damaged =
        |_: TiffError| Error::malformed(Format::Tiff, "a strip or a tile of it is damaged");

    let scale = match pieces.is_bytes {
        true => Scale { low: 0.0, high: 255.0 },
        false => {
            let every = (u64::from(found.stored.0) * u64::from(found.stored.1)).div_ceil(LOOKED_AT);
            let (mut values, mut count) = (Vec::new(), 0_u64);
            for down in 0..pieces.down {
                let band = pieces.band(down).map_err(damaged)?;
                for y in 0..pieces.rows(down) {
                    pieces.row(&band, y, |pixel| {
                        count += 1;
                        if count.is_multiple_of(every) && pixel.alpha > 0.0 {
                            values.extend(pixel.color.iter().filter(|value| value.is_finite()));
                        }
                    });
                }
            }
            Scale::of(values)
        }
    };
    let width = found.stored.0 as usize;
    let mut row = Vec::with_capacity(width);
    for down in 0..pieces.down {
        let band = pieces.band(down).map_err(damaged)?;
        for y in 0..pieces.rows(down) {
            row.clear();
            pieces.row(&band, y, |pixel| row.push(scale.apply(pixel)));
            take(Row::Rgba16(&row));
        }
    }
    Ok(true)
}

/// A pixel's values as they are; alpha from 0 to 1.
struct Pixel {
    color: [f32; 3],
    alpha: f32,
}

/// Which values are black and white.
struct Scale {
    low: f32,
    high: f32,
}

impl Scale {
    fn of(mut values: Vec<f32>) -> Self {
        values.sort_unstable_by(f32::total_cmp);
        let at = |part: f64| values.get((values.len() as f64 * part) as usize).copied();
        let low = at(CROP).unwrap_or(0.0);
        let high = at(1.0 - CROP).unwrap_or(1.0);
        Self { low, high: if high > low { high } else { low + 1.0 } }
    }

    fn apply(&self, Pixel { color, alpha }: Pixel) -> [u16; 4] {
        let [r, g, b] = color.map(|value| (value - self.low) / (self.high - self.low));
        // what is no number becomes 0
        [r, g, b, alpha].map(|part| (part.clamp(0.0, 1.0) * 65_535.0) as u16)
    }
}

/// The strips or tiles of a page.
struct Pieces<'a, R: BufRead + Seek> {
    decoder: Decoder<&'a mut Source<R>>,
    width: u32,
    height: u32,
    piece: (u32, u32),
    /// How many, across and down.
    across: u32,
    down: u32,
    samples: usize,
    /// 1 where all samples of a pixel stand together, else one for each.
    planes: usize,
    alpha: Option<usize>,
    no_data: Option<f32>,
    is_bytes: bool,
    is_ycbcr: bool,
}

impl<'a, R: BufRead + Seek> Pieces<'a, R> {
    fn open(source: &'a mut Source<R>, found: &Found, limits: &Limits) -> Option<Self> {
        let most = usize::try_from(limits.max_decoded_bytes).unwrap_or(usize::MAX);
        let mut decoder_limits = DecoderLimits::default();
        decoder_limits.decoding_buffer_size = most;
        decoder_limits.intermediate_buffer_size = most;
        let mut decoder = Decoder::new(source).ok()?.with_limits(decoder_limits);
        let color = decoder.colortype().ok()?;
        let (samples, bits) = match color {
            ColorType::Gray(bits) => (1, bits),
            ColorType::GrayA(bits) => (2, bits),
            ColorType::RGB(bits) | ColorType::YCbCr(bits) => (3, bits),
            ColorType::RGBA(bits) => (4, bits),
            ColorType::Multiband { bit_depth, num_samples } => (num_samples.into(), bit_depth),
            _ => return None,
        };
        let is_other = matches!(color, ColorType::YCbCr(_) | ColorType::Multiband { .. });
        let planar = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).ok()?;
        let (width, height) = decoder.dimensions().ok()?;
        let piece = decoder.chunk_dimensions();
        let is_plain = (width, height) == found.stored
            && samples > 0
            && (bits > 8 || bits == 8 && is_other)
            && piece.0 > 0
            && piece.1 > 0;
        let extra =
            decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok()?.unwrap_or_default();
        // 1 and 2 are alpha, multiplied already and not
        let alpha = extra.iter().position(|kind| matches!(kind, 1 | 2));
        let no_data = match decoder.image_ifd().find_entry(NO_DATA) {
            Some(entry) if entry.count() <= LONGEST_NUMBER => {
                decoder.get_tag_ascii_string(NO_DATA).ok()
            }
            _ => None,
        };
        is_plain.then(|| Self {
            decoder,
            width,
            height,
            piece,
            across: width.div_ceil(piece.0),
            down: height.div_ceil(piece.1),
            samples,
            alpha: alpha.map(|place| place + samples.saturating_sub(extra.len())),
            no_data: no_data.and_then(|text| text.trim_matches(['\0', ' ']).parse().ok()),
            planes: if planar == Some(2) { samples } else { 1 },
            is_bytes: bits == 8,
            is_ycbcr: matches!(color, ColorType::YCbCr(_)),
        })
    }

    /// How many rows of the picture those pieces hold.
    fn rows(&self, down: u32) -> usize {
        self.piece.1.min(self.height - down * self.piece.1) as usize
    }

    /// The pieces beside each other, plane by plane.
    fn band(&mut self, down: u32) -> Result<Vec<DecodingResult>, TiffError> {
        let first = down * self.across;
        let (in_a_plane, planes) = (self.across * self.down, self.planes as u32);
        let indices = (0..self.across)
            .flat_map(|across| (0..planes).map(move |plane| plane * in_a_plane + first + across));
        indices.map(|index| self.decoder.read_chunk(index)).collect()
    }

    /// Calls `take` with each pixel of a row of a band, from the left.
    fn row(&self, band: &[DecodingResult], y: usize, mut take: impl FnMut(Pixel)) {
        let mut pixel = vec![0.0; self.samples];
        let together = self.samples / self.planes;
        let mut left = self.width as usize;
        for pieces in band.chunks_exact(self.planes) {
            let width = left.min(self.piece.0 as usize);
            left -= width;
            for x in 0..width {
                let start = (y * width + x) * together;
                for (samples, piece) in pixel.chunks_exact_mut(together).zip(pieces) {
                    for (place, sample) in (start..).zip(samples) {
                        *sample = value(piece, place);
                    }
                }
                take(self.pixel(&pixel));
            }
        }
    }

    fn pixel(&self, values: &[f32]) -> Pixel {
        let color = match *values {
            [y, cb, cr] if self.is_ycbcr => from_ycbcr(y as u8, cb as u8, cr as u8).map(f32::from),
            [r, g, b, ..] => [r, g, b],
            [grey, ..] => [grey; 3],
            [] => [0.0; 3],
        };
        let is_missing = |value: &f32| value.is_nan() || Some(*value) == self.no_data;
        let alpha = match self.alpha.and_then(|place| values.get(place)) {
            _ if color.iter().all(is_missing) => 0.0,
            Some(alpha) if self.is_bytes => alpha / 255.0,
            Some(alpha) => f32::from(*alpha > 0.0),
            None => 1.0,
        };
        Pixel { color, alpha }
    }
}

/// 0 where a piece is shorter than it should be.
fn value(piece: &DecodingResult, place: usize) -> f32 {
    fn at<T: Copy>(values: &[T], place: usize) -> Option<T> {
        values.get(place).copied()
    }
    let value = match piece {
        DecodingResult::U8(all) => at(all, place).map(f32::from),
        DecodingResult::U16(all) => at(all, place).map(f32::from),
        DecodingResult::U32(all) => at(all, place).map(|value| value as f32),
        DecodingResult::U64(all) => at(all, place).map(|value| value as f32),
        DecodingResult::I8(all) => at(all, place).map(f32::from),
        DecodingResult::I16(all) => at(all, place).map(f32::from),
        DecodingResult::I32(all) => at(all, place).map(|value| value as f32),
        DecodingResult::I64(all) => at(all, place).map(|value| value as f32),
        DecodingResult::F16(all) => at(all, place).map(f32::from),
        DecodingResult::F32(all) => at(all, place),
        DecodingResult::F64(all) => at(all, place).map(|value| value as f32),
    };
    value.unwrap_or(0.0)
}
