//! Decodes the first frame with the decoder `jxl`.

use jxl::api::{
    AlphaMode, Endianness, Event, JxlColorEncoding, JxlColorProfile, JxlColorType, JxlDataFormat,
    JxlDecoder, JxlDecoderOptions, JxlOutputBuffer, JxlPixelFormat, JxlPrimaries,
    JxlTransferFunction, JxlWhitePoint, ProfileLevel,
};
use jxl::error::Error as JxlError;

use super::FORMAT;
use super::header::{ExtraChannel, Header};
use crate::color_profile::{ColorModel, ColorProfile, Lut, MAX_ICC_BYTES};
use crate::error::Error;
use crate::formats::decoder::{Decoder, Input, TakeRows, area};
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

/// A file whose header was read.
pub(super) struct Jxl {
    /// The kind of pixels that the decoder is asked for.
    color_type: JxlColorType,
    /// Whether samples have 16 bits, not 8.
    is_deep: bool,
    /// Bits of the file's samples.
    bits: u32,
    extra_channels: usize,
}

impl Jxl {
    pub(super) fn new(header: &Header) -> Self {
        let has = |channel| header.extra_channels.contains(&channel);
        Self {
            color_type: match (header.is_grey, has(ExtraChannel::Alpha)) {
                (false, _) if has(ExtraChannel::Black) => JxlColorType::Cmyk,
                (true, false) => JxlColorType::Grayscale,
                (true, true) => JxlColorType::GrayscaleAlpha,
                (false, false) => JxlColorType::Rgb,
                (false, true) => JxlColorType::Rgba,
            },
            is_deep: header.depth.bits > 8 || header.depth.is_float,
            bits: header.depth.bits,
            extra_channels: header.extra_channels.len(),
        }
    }

    /// Bits of a sample.
    pub(super) fn bits(&self) -> u32 {
        self.bits
    }

    /// Values of a pixel: see [`Header::bands`](crate::Header::bands).
    pub(super) fn bands(&self) -> u32 {
        match self.color_type {
            JxlColorType::Cmyk => 3,
            color_type => color_type.samples_per_pixel() as u32,
        }
    }

    /// Bytes of a decoded pixel.
    pub(super) fn bytes_per_px(&self) -> u64 {
        (self.color_type.samples_per_pixel() * if self.is_deep { 2 } else { 1 }) as u64
    }

    fn pixel_format(&self) -> JxlPixelFormat {
        let deep = JxlDataFormat::U16 { endianness: Endianness::native(), bit_depth: 16 };
        JxlPixelFormat {
            color_type: self.color_type,
            color_data_format: Some(match self.is_deep {
                true => deep,
                false => JxlDataFormat::U8 { bit_depth: 8 },
            }),
            extra_channel_format: vec![None; self.extra_channels],
        }
    }

    /// A decoder that has read the header of a file, and the rest of the file.
    fn open<'a>(
        &self,
        file: &'a [u8],
        (width, height): (u32, u32),
    ) -> Result<(JxlDecoder, &'a [u8]), JxlFailure> {
        let mut options = JxlDecoderOptions::default();
        options.adjust_orientation = false;
        options.alpha_mode = AlphaMode::Unpremultiplied;
        options.max_profile_level = ProfileLevel::Main10;
        // the decoder counts lines of 16 pixels at least, and refuses what reaches the limit
        let samples = area(width.max(16), height) * (3 + self.extra_channels as u64);
        options.sample_limit = usize::try_from(samples + 1).ok();
        let mut decoder = JxlDecoder::new(options);
        let mut rest = file;
        let event = decoder.process(&mut rest, None, None)?;
        let Some(info) = decoder.basic_info() else { return Err(unfinished(event)) };
        if info.size != (width as usize, height as usize) {
            return Err(JxlFailure::Undecodable);
        }
        decoder.set_pixel_format(self.pixel_format())?;
        Ok((decoder, rest))
    }

    /// The pixels of the first frame, row by row, as bytes.
    fn pixels(&self, file: &[u8], sides: (u32, u32)) -> Result<Pixels, JxlFailure> {
        let (mut decoder, mut rest) = self.open(file, sides)?;
        let mut pixels = Pixels::new(sides, self.bytes_per_px());
        loop {
            let mut buffer = [pixels.buffer()];
            match decoder.process(&mut rest, Some(&mut buffer), None)? {
                Event::FrameComplete { .. } => return Ok(pixels),
                Event::BasicInfo | Event::FrameHeader => {}
                event => return Err(unfinished(event)),
            }
        }
    }
}

/// Why there is no picture.
enum JxlFailure {
    CutOff,
    Undecodable,
    Jxl(JxlError),
}

impl JxlFailure {
    fn explain(self, input: &Input<'_, '_>) -> Error {
        match self {
            Self::CutOff => Error::cut_off(FORMAT, "its picture is complete"),
            Self::Jxl(JxlError::OutOfMemory(_) | JxlError::ImageOutOfMemory(..)) => {
                Error::too_much_memory(FORMAT, input.probed.decoded_bytes)
            }
            Self::Jxl(_) | Self::Undecodable => {
                Error::malformed(FORMAT, "its picture cannot be decoded")
            }
        }
    }
}

impl From<JxlError> for JxlFailure {
    fn from(err: JxlError) -> Self {
        Self::Jxl(err)
    }
}

/// An event before the first frame is complete.
fn unfinished(event: Event) -> JxlFailure {
    match event {
        Event::NeedMoreInput { .. } => JxlFailure::CutOff,
        _ => JxlFailure::Undecodable,
    }
}

impl Decoder for Jxl {
    /// Decodes the first frame.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.source.cancellation().require_own_process()?;
        let profile = self.profile(input)?;
        let inks = profile.clone();
        input.sample_rows_of(profile, &input.geometry(), view, specs, |input, push| {
            self.decode(input, inks.cmyk(), push)
        })
    }
}

impl Jxl {
    /// What the values of the pixels mean.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn profile(&self, input: &mut Input<'_, '_>) -> Result<ColorProfile, Error> {
        let file = input.bytes()?;
        let opened = self.open(&file, input.probed.sides());
        let (decoder, _) = opened.map_err(|failure| failure.explain(input))?;
        let model = match self.color_type {
            JxlColorType::Cmyk => ColorModel::Cmyk,
            _ if self.bands() < 3 => ColorModel::Grey,
            _ => ColorModel::Rgb,
        };
        let profile = match decoder.output_color_profile() {
            Some(JxlColorProfile::Simple(encoding)) => cicp(encoding)
                .map(|(primaries, transfer)| ColorProfile::from_cicp(primaries, transfer)),
            _ => None,
        };
        let icc = || {
            let profile = decoder.output_color_profile()?.try_as_icc()?.into_owned();
            let is_readable = profile.len() as u64 <= MAX_ICC_BYTES;
            is_readable.then(|| ColorProfile::from_icc(&profile, model))
        };
        Ok(profile.or_else(icc).flatten().unwrap_or_default())
    }

    /// Decodes the first frame, and pushes its rows from the top. CMYK becomes RGB by the table `cmyk`, if
    /// there is one.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn decode(
        &self,
        input: &mut Input<'_, '_>,
        cmyk: Option<&Lut>,
        push: &mut dyn TakeRows,
    ) -> Result<(), Error> {
        let sides = input.probed.sides();
        let file = input.bytes()?;
        let pixels = self.pixels(&file, sides).map_err(|failure| failure.explain(input))?;
        let (mut words, mut colors) = (Vec::new(), Vec::new());
        for row in pixels.rows() {
            if self.is_deep {
                words.clear();
                words.extend(row.as_chunks().0.iter().map(|pair| u16::from_ne_bytes(*pair)));
            }
            let flow =
                push.push(match (self.color_type, self.is_deep) {
                    (JxlColorType::Grayscale, false) => Row::Grey8(row.as_chunks().0),
                    (JxlColorType::Grayscale, true) => Row::Grey16(words.as_chunks().0),
                    (JxlColorType::GrayscaleAlpha, false) => Row::GreyAlpha8(row.as_chunks().0),
                    (JxlColorType::GrayscaleAlpha, true) => Row::GreyAlpha16(words.as_chunks().0),
                    (JxlColorType::Rgba, false) => Row::Rgba8(row.as_chunks().0),
                    (JxlColorType::Rgba, true) => Row::Rgba16(words.as_chunks().0),
                    (JxlColorType::Cmyk, is_deep) => {
                        if !is_deep {
                            words.clear();
                            words.extend(row.iter().map(|sample| u16::from(*sample) * 257));
                        }
                        colors.clear();
                        let inks = words.as_chunks().0.iter().copied();
                        match cmyk {
                            Some(cmyk) => colors.extend(inks.map(|inks| {
                                cmyk.srgb(&inks.map(|it| 1.0 - f64::from(it) / 65_535.0))
                            })),
                            None => colors.extend(inks.map(without_ink)),
                        }
                        Row::Rgb16(&colors)
                    }
                    (_, false) => Row::Rgb8(row.as_chunks().0),
                    (_, true) => Row::Rgb16(words.as_chunks().0),
                });
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// `ColourPrimaries` and `TransferCharacteristics` (ITU-T H.273) of an encoding. `None` if only an ICC profile can say it.
fn cicp(encoding: &JxlColorEncoding) -> Option<(u16, u16)> {
    let (primaries, transfer) = match encoding {
        JxlColorEncoding::RgbColorSpace { white_point, primaries, transfer_function, .. } => {
            let primaries = match (primaries, white_point) {
                (JxlPrimaries::SRGB, JxlWhitePoint::D65) => 1,
                (JxlPrimaries::BT2100, JxlWhitePoint::D65) => 9,
                (JxlPrimaries::P3, JxlWhitePoint::DCI) => 11,
                (JxlPrimaries::P3, JxlWhitePoint::D65) => 12,
                _ => return None,
            };
            (primaries, transfer_function)
        }
        JxlColorEncoding::GrayscaleColorSpace { transfer_function, .. } => (1, transfer_function),
        JxlColorEncoding::XYB { .. } => return None,
    };
    let transfer = match transfer {
        JxlTransferFunction::BT709 => 1,
        JxlTransferFunction::Linear => 8,
        JxlTransferFunction::SRGB => 13,
        JxlTransferFunction::PQ => 16,
        JxlTransferFunction::DCI => 17,
        JxlTransferFunction::HLG => 18,
        JxlTransferFunction::Gamma(_) => return None,
    };
    Some((primaries, transfer))
}

/// Red, green and blue of cyan, magenta, yellow and black, which are stored inverted: 65 535 is no
/// ink.
fn without_ink([c, m, y, k]: [u16; 4]) -> [u16; 3] {
    [c, m, y].map(|ink| ((u32::from(ink) * u32::from(k) + 32_767) / 65_535) as u16)
}

/// A buffer for a picture, aligned for samples of two bytes.
struct Pixels {
    bytes: Vec<u8>,
    /// Where the picture begins.
    start: usize,
    rows: usize,
    row_bytes: usize,
}

impl Pixels {
    fn new((width, height): (u32, u32), bytes_per_px: u64) -> Self {
        let (rows, row_bytes) = (height as usize, width as usize * bytes_per_px as usize);
        let bytes = vec![0; rows * row_bytes + 1];
        let start = bytes.as_ptr().addr() % 2;
        Self { bytes, start, rows, row_bytes }
    }

    fn buffer(&mut self) -> JxlOutputBuffer<'_> {
        JxlOutputBuffer::new(&mut self.bytes[self.start..], self.rows, self.row_bytes)
    }

    fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes[self.start..].chunks_exact(self.row_bytes).take(self.rows)
    }
}
