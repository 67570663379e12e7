//! Decodes the first frame with the decoder `jxl`.

use jxl::api::{
    AlphaMode, Endianness, Event, JxlColorType, JxlDataFormat, JxlDecoder, JxlDecoderOptions,
    JxlOutputBuffer, JxlPixelFormat, ProfileLevel,
};
use jxl::error::Error as JxlError;

use super::FORMAT;
use super::header::{ExtraChannel, Header};
use crate::error::Error;
use crate::formats::decoder::{Input, RowDecoder, area};
use crate::light::Row;

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

    /// The pixels of the first frame, row by row, as bytes.
    fn pixels(&self, file: &[u8], (width, height): (u32, u32)) -> Result<Pixels, JxlFailure> {
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
        let mut pixels = Pixels::new((width, height), self.bytes_per_px());
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

impl RowDecoder for Jxl {
    fn decode(
        &self,
        input: &mut Input<'_, '_>,
        push: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), Error> {
        let sides = input.probed.sides();
        let file = input.bytes()?;
        let pixels = self.pixels(&file, sides).map_err(|failure| match failure {
            JxlFailure::CutOff => Error::cut_off(FORMAT, "its picture is complete"),
            JxlFailure::Jxl(JxlError::OutOfMemory(_) | JxlError::ImageOutOfMemory(..)) => {
                Error::too_much_memory(FORMAT, input.probed.decoded_bytes)
            }
            JxlFailure::Jxl(_) | JxlFailure::Undecodable => {
                Error::malformed(FORMAT, "its picture cannot be decoded")
            }
        })?;
        let (mut words, mut colors) = (Vec::new(), Vec::new());
        for row in pixels.rows() {
            if self.is_deep {
                words.clear();
                words.extend(row.as_chunks().0.iter().map(|pair| u16::from_ne_bytes(*pair)));
            }
            push(match (self.color_type, self.is_deep) {
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
                    colors.extend(words.as_chunks().0.iter().copied().map(without_ink));
                    Row::Rgb16(&colors)
                }
                (_, false) => Row::Rgb8(row.as_chunks().0),
                (_, true) => Row::Rgb16(words.as_chunks().0),
            });
        }
        Ok(())
    }
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
