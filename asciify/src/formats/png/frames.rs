//! Draws frames of an APNG (W3C PNG, third edition, 11.3.3.2: fcTL), from the last frame that hides
//! all before it.

use std::io::{Seek, SeekFrom};

use image::DynamicImage;
use png::{BlendOp, ColorType, DecodingError, DisposeOp, FrameControl, Reader, Transformations};

use super::rows::{self, FORMAT, is_cut_off};
use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::formats::animation::{Canvas, Rect, blend, check_pixels};
use crate::formats::decoder::{Input, area};
use crate::formats::whole_image::reason;
use crate::source::Source;

/// What a frame does to the canvas.
struct Frame {
    rect: Rect,
    blend: BlendOp,
    disposal: DisposeOp,
}

impl Frame {
    fn new(control: &FrameControl) -> Self {
        let FrameControl { x_offset: left, y_offset: top, width, height, .. } = *control;
        Self {
            rect: Rect { left, top, width, height },
            blend: control.blend_op,
            disposal: control.dispose_op,
        }
    }
}

/// The frame of that index in the animation, as it is shown.
///
/// # Errors
/// What is damaged, or [`Error::OverLimit`] where too many pixels show in it.
pub(super) fn frame(input: &mut Input<'_, '_>, index: u32) -> Result<DynamicImage, Error> {
    let sides = input.probed.sides();
    let last = index as usize;
    let mut frames = Vec::new();
    let mut reader = open(input.source)?;
    while frames.len() <= last {
        let frame =
            if frames.is_empty() { first_frame(&mut reader) } else { next_frame(&mut reader) };
        frames.push(frame?);
    }
    // there is nothing before the first frame
    if let Some(first) = frames.first_mut().filter(|it| it.disposal == DisposeOp::Previous) {
        first.disposal = DisposeOp::Background;
    }
    let (color_type, _) = reader.output_color_type();
    drop(reader);
    let has_alpha = matches!(color_type, ColorType::GrayscaleAlpha | ColorType::Rgba);
    let is_opaque = |frame: &Frame| frame.blend == BlendOp::Source || !has_alpha;
    let hides = |at: &usize| {
        let frame = &frames[*at];
        frame.rect.covers(sides)
            && is_opaque(frame)
            && (*at == last || frame.disposal != DisposeOp::Previous)
    };
    let first = (0..=last).rfind(hides).unwrap_or(0);
    // frames whose disposal restores what was before them do not show in the last one
    let is_drawn =
        |at: usize| at >= first && (at == last || frames[at].disposal != DisposeOp::Previous);
    let drawn = (0..=last).filter(|at| is_drawn(*at));
    let end = input.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    let pixels = drawn.map(|at| frames[at].rect.area()).sum();
    check_pixels(pixels, end, input.limits)?;
    let cancellation = input.source.cancellation();
    cancellation.begin_long_work(pixels.max(area(sides.0, sides.1)))?;

    let mut canvas = Canvas::new(sides, cancellation);
    let mut reader = open(input.source)?;
    let too_large = || Error::malformed(FORMAT, "a frame is too large");
    let mut samples = vec![0; reader.output_buffer_size().ok_or_else(too_large)?];
    for (at, frame) in frames.iter().enumerate() {
        match at {
            0 => first_frame(&mut reader)?,
            _ => next_frame(&mut reader)?,
        };
        if !is_drawn(at) {
            continue;
        }
        let pixels = read(&mut reader, frame.rect, &mut samples, cancellation)?;
        match is_opaque(frame) {
            true => canvas.draw(frame.rect, &pixels, |under, over| *under = over),
            false => canvas.draw(frame.rect, &pixels, blend),
        }
        if at < last && frame.disposal == DisposeOp::Background {
            canvas.clear(frame.rect);
        }
    }
    Ok(canvas.into_image())
}

fn open<'s, 'a>(source: &'s mut Source<'a>) -> Result<Reader<&'s mut Source<'a>>, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    rows::open(source, Transformations::EXPAND | Transformations::STRIP_16).map_err(explain)
}

/// The frame that the reader is at, or the one behind a static image that is no frame.
fn first_frame(reader: &mut Reader<&mut Source<'_>>) -> Result<Frame, Error> {
    match reader.info().frame_control() {
        Some(control) => Ok(Frame::new(control)),
        None => next_frame(reader),
    }
}

/// Skips the rest of a frame.
fn next_frame(reader: &mut Reader<&mut Source<'_>>) -> Result<Frame, Error> {
    reader.next_frame_info().map(Frame::new).map_err(explain)
}

/// The pixels of the frame that the reader is at. `buffer` is as large as the largest frame.
fn read(
    reader: &mut Reader<&mut Source<'_>>,
    rect: Rect,
    buffer: &mut [u8],
    cancellation: &Cancellation<'_>,
) -> Result<Vec<[u8; 4]>, Error> {
    let read = reader.next_frame(buffer).map_err(explain)?;
    if (read.width, read.height) != (rect.width, rect.height) {
        return Err(Error::malformed(FORMAT, "a frame is not of the size that it states"));
    }
    let samples = &buffer[..read.buffer_size()];
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
