//! Draws frames of a GIF (GIF89a, section 23: disposal methods), from the last frame that
//! hides all before it.

use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, DecodingError, DisposalMethod, MemoryLimit, Repeat};
use image::DynamicImage;

use super::FORMAT;
use crate::cancellation::Cancellation;
use crate::color_profile::ColorProfile;
use crate::error::{Error, Limits};
use crate::formats::animation::{Animation, Canvas, FileBytes, Frames, Rect, Timing, check_pixels};
use crate::formats::decoder::{Input, Probed, area};
use crate::formats::whole_image::reason;

/// What a frame does to the canvas.
struct Frame {
    rect: Rect,
    disposal: DisposalMethod,
    is_opaque: bool,
    duration: Duration,
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
    let (sides, cancellation) = (input.probed.sides(), input.source.cancellation());
    input.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let frames = read_frames(&mut open(&mut *input.source)?, index as usize + 1)?;
    let file_bytes = input.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    input.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let reader = open(&mut *input.source)?;
    let mut player = Player::new(reader, frames, sides, file_bytes);
    player.advance_to(index as usize, input.limits, cancellation)?;
    Ok(player.canvas.into_image())
}

/// The frames of a file, to be played.
///
/// # Errors
/// What is damaged.
pub(super) fn animation(file: &FileBytes, probed: &Probed) -> Result<Animation, Error> {
    let mut reader = open(Cursor::new(file.clone()))?;
    let frames = read_frames(&mut reader, probed.frames as usize)?;
    let plays = match reader.repeat() {
        Repeat::Infinite => 0,
        // it says how often the first time is repeated
        Repeat::Finite(repetitions) => u32::from(repetitions) + 1,
    };
    let timing = Timing::new(0, frames.iter().map(|frame| frame.duration), plays);
    let reader = open(Cursor::new(file.clone()))?;
    let player = Player::new(reader, frames, probed.sides(), file.as_ref().len() as u64);
    Ok(Animation { timing, frames: Box::new(player), profile: |_| ColorProfile::default() })
}

/// What the first frames do to the canvas; of as many as `count`.
fn read_frames<R: Read>(reader: &mut gif::Decoder<R>, count: usize) -> Result<Vec<Frame>, Error> {
    let mut frames = Vec::new();
    // a screen without pixels lies where its first frame does
    let is_empty = reader.width() == 0 || reader.height() == 0;
    let (mut left, mut top) = (0, 0);
    while frames.len() < count {
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
            duration: Duration::from_millis(10 * u64::from(frame.delay)),
        });
    }
    Ok(frames)
}

/// Draws the frames of a file in their order.
struct Player<R: Read> {
    reader: gif::Decoder<R>,
    frames: Vec<Frame>,
    file_bytes: u64,
    canvas: Canvas,
    /// The index of the frame that is read next. The one before it is on the canvas.
    next: usize,
    /// What was on the canvas before the frame that is shown, where that is to be restored.
    before: Option<Canvas>,
}

impl<R: Read> Player<R> {
    fn new(
        reader: gif::Decoder<R>,
        frames: Vec<Frame>,
        sides: (u32, u32),
        file_bytes: u64,
    ) -> Self {
        Self { reader, frames, file_bytes, canvas: Canvas::new(sides), next: 0, before: None }
    }

    /// See [`Frames::advance`].
    fn advance_to(
        &mut self,
        last: usize,
        limits: &Limits,
        cancellation: &Cancellation<'_>,
    ) -> Result<(), Error> {
        let Self { reader, frames, canvas, .. } = self;
        let sides = canvas.sides();
        let passed = self.next..=last;
        let hides = |at: &usize| {
            let frame = &frames[*at];
            frame.rect.covers(sides) && frame.is_opaque && (*at == last || frame.is_kept())
        };
        let clears = |at: &usize| {
            frames[*at].rect.covers(sides) && frames[*at].disposal == DisposalMethod::Background
        };
        let hiding = passed.clone().rfind(hides);
        let clearing = (self.next..last).rfind(clears).map(|at| at + 1);
        let first = hiding.max(clearing);
        let is_drawn =
            |at: usize| first.is_none_or(|it| at >= it) && (at == last || frames[at].is_kept());
        let drawn = passed.clone().filter(|at| is_drawn(*at));
        let pixels = drawn.map(|at| frames[at].rect.area()).sum();
        check_pixels(pixels, self.file_bytes, limits)?;
        cancellation.begin_long_work(pixels.max(area(sides.0, sides.1)))?;

        let shown = self.next.checked_sub(1).map(|at| &frames[at]);
        match (self.before.take(), shown) {
            _ if first.is_some() => canvas.clear_all(),
            (Some(before), _) => *canvas = before,
            (None, Some(shown)) if shown.disposal == DisposalMethod::Background => {
                canvas.clear(shown.rect, cancellation);
            }
            _ => {}
        }
        for at in passed {
            cancellation.check()?;
            let frame = &frames[at];
            reader.next_frame_info().map_err(explain)?;
            if is_drawn(at) {
                if frame.disposal == DisposalMethod::Previous && at + 1 < frames.len() {
                    self.before = Some(canvas.copy());
                }
                let mut pixels = vec![0; reader.buffer_size()];
                reader.read_into_buffer(&mut pixels).map_err(explain)?;
                canvas.draw(frame.rect, pixels.as_chunks().0, cancellation, |under, over| {
                    if over[3] != 0 {
                        *under = over;
                    }
                });
            } else if first.is_none_or(|it| at >= it)
                && frame.disposal == DisposalMethod::Background
            {
                canvas.clear(frame.rect, cancellation);
            }
        }
        self.next = last + 1;
        Ok(())
    }
}

impl<R: Read + Send> Frames for Player<R> {
    fn advance(
        &mut self,
        index: usize,
        limits: &Limits,
        cancellation: &Cancellation<'_>,
    ) -> Result<&DynamicImage, Error> {
        self.advance_to(index, limits, cancellation)?;
        Ok(self.canvas.image())
    }
}

/// A decoder of the file that `source` is at the start of.
fn open<R: Read>(source: R) -> Result<gif::Decoder<R>, Error> {
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
