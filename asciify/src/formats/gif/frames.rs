//! Draws frames of a GIF (GIF89a, section 23: disposal methods), from the last frame that
//! hides all before it.

use std::io::{ErrorKind, Seek, SeekFrom};

use gif::{ColorOutput, DecodeOptions, DecodingError, DisposalMethod, MemoryLimit};
use image::DynamicImage;

use super::FORMAT;
use crate::error::Error;
use crate::formats::animation::{Canvas, Rect, check_pixels};
use crate::formats::decoder::Input;
use crate::formats::whole_image::reason;
use crate::source::Source;

/// What a frame does to the canvas.
struct Frame {
    rect: Rect,
    disposal: DisposalMethod,
    is_opaque: bool,
}

impl Frame {
    /// Whether its pixels are on the canvas after it was disposed of.
    fn is_kept(&self) -> bool {
        matches!(self.disposal, DisposalMethod::Any | DisposalMethod::Keep)
    }
}

/// The frame of that index, as it is shown.
///
/// # Errors
/// What is damaged, or [`Error::OverLimit`] where too many pixels show in it.
pub(super) fn frame(input: &mut Input<'_, '_>, index: u32) -> Result<DynamicImage, Error> {
    let sides = input.probed.sides();
    let mut frames = Vec::new();
    let mut reader = open(input.source)?;
    // a screen without pixels lies where its first frame does
    let is_empty = reader.width() == 0 || reader.height() == 0;
    let (mut left, mut top) = (0, 0);
    while frames.len() <= index as usize {
        let Some(frame) = reader.next_frame_info().map_err(explain)? else {
            return Err(Error::cut_off(FORMAT, "that frame"));
        };
        if is_empty && frames.is_empty() {
            (left, top) = (frame.left, frame.top);
        }
        frames.push(Frame {
            rect: Rect {
                left: frame.left.saturating_sub(left).into(),
                top: frame.top.saturating_sub(top).into(),
                width: frame.width.into(),
                height: frame.height.into(),
            },
            disposal: frame.dispose,
            is_opaque: frame.transparent.is_none(),
        });
    }
    drop(reader);
    let last = index as usize;
    let hides = |at: &usize| {
        let frame = &frames[*at];
        frame.rect.covers(sides) && frame.is_opaque && (*at == last || frame.is_kept())
    };
    let clears = |at: &usize| {
        frames[*at].rect.covers(sides) && frames[*at].disposal == DisposalMethod::Background
    };
    let hiding = (0..=last).rfind(hides).unwrap_or(0);
    let first = (0..last).rfind(clears).map_or(hiding, |at| hiding.max(at + 1));
    let is_drawn = |at: usize| at >= first && (at == last || frames[at].is_kept());
    let drawn = (0..=last).filter(|at| is_drawn(*at));
    let end = input.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    check_pixels(drawn.map(|at| frames[at].rect.area()).sum(), end, input.limits)?;

    let mut canvas = Canvas::new(sides, input.source.cancellation());
    let mut reader = open(input.source)?;
    for (at, frame) in frames.iter().enumerate() {
        reader.next_frame_info().map_err(explain)?;
        if is_drawn(at) {
            let mut pixels = vec![0; reader.buffer_size()];
            reader.read_into_buffer(&mut pixels).map_err(explain)?;
            canvas.draw(frame.rect, pixels.as_chunks().0, |under, over| {
                if over[3] != 0 {
                    *under = over;
                }
            });
        } else if at >= first && frame.disposal == DisposalMethod::Background {
            canvas.clear(frame.rect);
        }
    }
    Ok(canvas.into_image())
}

fn open<'s, 'a>(source: &'s mut Source<'a>) -> Result<gif::Decoder<&'s mut Source<'a>>, Error> {
    source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    // probing has checked the size of each frame
    options.set_memory_limit(MemoryLimit::Unlimited);
    options.read_info(source).map_err(explain)
}

fn explain(err: DecodingError) -> Error {
    match err {
        DecodingError::Io(err) if err.kind() == ErrorKind::UnexpectedEof => {
            Error::cut_off(FORMAT, "its picture is complete")
        }
        err => Error::malformed(FORMAT, reason(&err)),
    }
}
