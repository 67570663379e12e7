//! Reads the frames of an APNG (W3C PNG, third edition, 11.3.3.2: fcTL).

use std::io::{BufRead, Cursor, Seek, SeekFrom};
use std::mem;
use std::time::Duration;

use image::DynamicImage;
use png::{BlendOp, ColorType, DecodingError, DisposeOp, FrameControl, Reader, Transformations};

use super::CRC_BYTES;
use super::rows::{self, FORMAT, is_cut_off};
use crate::cancellation::Cancellation;
use crate::color_profile::ColorProfile;
use crate::error::Error;
use crate::formats::animation::{Animation, Canvas, FileBytes, Rect, Timing, blend};
use crate::formats::decoder::{Input, Probed};
use crate::formats::frame_player::{Disposal, Frame, FramePlayer, ReadFrames};
use crate::formats::reader::ByteReader;
use crate::formats::whole_image::reason;

/// Length of the signature before the first chunk, in bytes.
const SIGNATURE_BYTES: usize = 8;
/// Data of fcTL, in bytes.
const FCTL_BYTES: usize = 26;

/// What a frame does to the canvas, if its pixels may be transparent where it is blended over.
fn frame_of(control: &FrameControl) -> Frame {
    let FrameControl { x_offset: left, y_offset: top, width, height, .. } = *control;
    let disposal = match control.dispose_op {
        DisposeOp::None => Disposal::Keep,
        DisposeOp::Background => Disposal::Background,
        DisposeOp::Previous => Disposal::Previous,
    };
    let is_opaque = control.blend_op == BlendOp::Source;
    Frame { rect: Rect { left, top, width, height }, disposal, is_opaque }
}

/// The frame of that index in the animation, as it is shown.
///
/// # Errors
/// What is damaged, or [`Error::OverLimit`] where too many pixels show in it.
pub(super) fn frame(input: &mut Input<'_, '_>, index: u32) -> Result<DynamicImage, Error> {
    let (last, cancellation) = (index as usize, input.source.cancellation());
    let mut frames = Vec::new();
    input.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut reader = open(&mut *input.source)?;
    while frames.len() <= last {
        let is_first = frames.is_empty();
        frames.push(if is_first { first_frame(&mut reader) } else { next_frame(&mut reader) }?);
    }
    drop(reader);
    let file_bytes = input.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    input.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let reader = open(&mut *input.source)?;
    let player = player(reader, frames, input.probed.sides(), file_bytes);
    player.into_frame(last, input.limits, cancellation)
}

/// The frames of a file, to be played. `first_frame` is the number of the first one.
///
/// # Errors
/// What is damaged.
pub(super) fn animation(
    file: &FileBytes,
    probed: &Probed,
    first_frame: u32,
) -> Result<Option<Animation>, Error> {
    let count = probed.frames.saturating_sub(first_frame) as usize;
    let (plays, mut controls) = read_controls(file.as_ref());
    controls.truncate(count);
    if controls.len() < 2 {
        return Ok(None);
    }
    let durations = controls.iter().map(|(_, duration)| *duration);
    let timing = Timing::new(first_frame, durations, plays);
    let frames = controls.into_iter().map(|(frame, _)| frame).collect();
    let reader = open(Cursor::new(file.clone()))?;
    let player = player(reader, frames, probed.sides(), file.as_ref().len() as u64);
    Ok(Some(Animation { timing, frames: Box::new(player), profile }))
}

/// The colour profile of a file that was probed.
fn profile(file: &FileBytes) -> ColorProfile {
    let mut bytes = Cursor::new(file.clone());
    let reader = ByteReader::new(&mut bytes, FORMAT);
    let header = reader.and_then(|mut reader| super::read_header(&mut reader));
    header.map(|header| header.profile).unwrap_or_default()
}

/// How often the animation is played, 0 without end, and its frames with their durations (11.3.3: acTL,
/// fcTL).
fn read_controls(file: &[u8]) -> (u32, Vec<(Frame, Duration)>) {
    let u32_at = |data: &[u8], at: usize| {
        data.get(at..at + 4).map_or(0, |it| u32::from_be_bytes([it[0], it[1], it[2], it[3]]))
    };
    let u16_at = |data: &[u8], at: usize| u32_at(data, at) >> 16;
    let (mut plays, mut controls) = (0, Vec::new());
    let mut rest = file.get(SIGNATURE_BYTES..).unwrap_or_default();
    while let Some((header, data)) = rest.split_at_checked(8) {
        let length = u32_at(header, 0) as usize;
        match &header[4..] {
            b"acTL" => plays = u32_at(data, 4),
            b"fcTL" if length == FCTL_BYTES && data.len() >= length => {
                let (numerator, denominator) = (u16_at(data, 20), u16_at(data, 22));
                let denominator = if denominator == 0 { 100 } else { denominator };
                let micros = u64::from(numerator) * 1_000_000 / u64::from(denominator);
                let rect = Rect {
                    width: u32_at(data, 4),
                    height: u32_at(data, 8),
                    left: u32_at(data, 12),
                    top: u32_at(data, 16),
                };
                let disposal = match data[24] {
                    1 => Disposal::Background,
                    2 => Disposal::Previous,
                    _ => Disposal::Keep,
                };
                let is_opaque = data[25] == 0;
                controls.push((Frame { rect, disposal, is_opaque }, Duration::from_micros(micros)));
            }
            b"IEND" => break,
            _ => {}
        }
        rest = data.get(length.saturating_add(CRC_BYTES as usize)..).unwrap_or_default();
    }
    (plays, controls)
}

/// A player of the file that `reader` is at the start of.
fn player<R: BufRead + Seek>(
    reader: Reader<R>,
    mut frames: Vec<Frame>,
    sides: (u32, u32),
    file_bytes: u64,
) -> FramePlayer<PngFrames<R>> {
    let (color_type, _) = reader.output_color_type();
    if !matches!(color_type, ColorType::GrayscaleAlpha | ColorType::Rgba) {
        frames.iter_mut().for_each(|frame| frame.is_opaque = true);
    }
    FramePlayer::new(PngFrames { reader, is_at_start: true }, frames, sides, file_bytes)
}

struct PngFrames<R: BufRead + Seek> {
    reader: Reader<R>,
    is_at_start: bool,
}

impl<R: BufRead + Seek> ReadFrames for PngFrames<R> {
    fn next(&mut self) -> Result<(), Error> {
        match mem::take(&mut self.is_at_start) {
            true => first_frame(&mut self.reader).map(drop),
            false => next_frame(&mut self.reader).map(drop),
        }
    }

    fn draw(
        &mut self,
        frame: &Frame,
        canvas: &mut Canvas,
        cancellation: &Cancellation<'_>,
    ) -> Result<(), Error> {
        let pixels = read(&mut self.reader, frame.rect, cancellation)?;
        match frame.is_opaque {
            true => canvas.draw(frame.rect, &pixels, cancellation, |under, over| *under = over),
            false => canvas.draw(frame.rect, &pixels, cancellation, blend),
        }
        Ok(())
    }
}

/// A decoder of the file that `source` is at the start of.
fn open<R: BufRead + Seek>(source: R) -> Result<Reader<R>, Error> {
    rows::open(source, Transformations::EXPAND | Transformations::STRIP_16).map_err(explain)
}

/// The frame that the reader is at, or the one behind a static image that is no frame.
fn first_frame<R: BufRead + Seek>(reader: &mut Reader<R>) -> Result<Frame, Error> {
    match reader.info().frame_control() {
        Some(control) => Ok(frame_of(control)),
        None => next_frame(reader),
    }
}

/// Skips the rest of a frame.
fn next_frame<R: BufRead + Seek>(reader: &mut Reader<R>) -> Result<Frame, Error> {
    reader.next_frame_info().map(frame_of).map_err(explain)
}

/// The pixels of the frame that the reader is at.
fn read<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    rect: Rect,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<[u8; 4]>, Error> {
    let damaged = || Error::malformed(FORMAT, "a frame is too large");
    let mut samples = vec![0; reader.output_buffer_size().ok_or_else(damaged)?];
    let read = reader.next_frame(&mut samples).map_err(explain)?;
    if (read.width, read.height) != (rect.width, rect.height) {
        return Err(Error::malformed(FORMAT, "a frame is not of the size that it states"));
    }
    // the buffer is as large as the largest frame
    let samples = &samples[..read.buffer_size()];
    Ok(match read.color_type {
        ColorType::Grayscale => cancellation.collect(samples.iter().map(|y| [*y, *y, *y, 255]))?,
        ColorType::GrayscaleAlpha => {
            cancellation.collect(samples.as_chunks().0.iter().map(|[y, a]| [*y, *y, *y, *a]))?
        }
        // EXPAND has replaced palettes by RGB
        ColorType::Rgb | ColorType::Indexed => {
            cancellation.collect(samples.as_chunks().0.iter().map(|[r, g, b]| [*r, *g, *b, 255]))?
        }
        ColorType::Rgba => cancellation.collect(samples.as_chunks().0.iter().copied())?,
    })
}

fn explain(err: DecodingError) -> Error {
    match err {
        DecodingError::Parameter(_) => Error::cut_off(FORMAT, "that frame"),
        err if is_cut_off(&err) => Error::cut_off(FORMAT, "its picture is complete"),
        err => Error::malformed(FORMAT, reason(&err)),
    }
}
