//! Reads the frames of a GIF (GIF89a, sections 20 and 23).

use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, DecodingError, DisposalMethod, MemoryLimit, Repeat};
use image::DynamicImage;

use super::FORMAT;
use crate::cancellation::Cancellation;
use crate::color_profile::ColorProfile;
use crate::error::Error;
use crate::formats::animation::{Animation, Canvas, FileBytes, Rect, Timing};
use crate::formats::decoder::{Input, Probed};
use crate::formats::frame_player::{Disposal, Frame, FramePlayer, ReadFrames};
use crate::formats::whole_image::reason;

/// The frame of that index, as it is shown.
///
/// # Errors
/// What is damaged, or [`Error::OverLimit`] where too many pixels show in it.
pub(super) fn frame(input: &mut Input<'_, '_>, index: u32) -> Result<DynamicImage, Error> {
    let (sides, cancellation) = (input.probed.sides(), input.source.cancellation());
    input.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let frames = read_frames(&mut open(&mut *input.source)?, index as usize + 1)?;
    let frames = frames.into_iter().map(|(frame, _)| frame).collect();
    let file_bytes = input.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    input.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let reader = open(&mut *input.source)?;
    let player = FramePlayer::new(GifFrames(reader), frames, sides, file_bytes);
    player.into_frame(index as usize, input.limits, cancellation)
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
    let timing = Timing::new(0, frames.iter().map(|(_, duration)| *duration), plays);
    let frames = frames.into_iter().map(|(frame, _)| frame).collect();
    let reader = GifFrames(open(Cursor::new(file.clone()))?);
    let player = FramePlayer::new(reader, frames, probed.sides(), file.as_ref().len() as u64);
    Ok(Animation { timing, frames: Box::new(player), profile: |_| ColorProfile::default() })
}

/// What the first `count` frames do to the canvas, and how long each is shown.
fn read_frames<R: Read>(
    reader: &mut gif::Decoder<R>,
    count: usize,
) -> Result<Vec<(Frame, Duration)>, Error> {
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
        let rect = Rect {
            left: frame.left.saturating_sub(left).into(),
            top: frame.top.saturating_sub(top).into(),
            width: frame.width.into(),
            height: frame.height.into(),
        };
        let disposal = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
            DisposalMethod::Background => Disposal::Background,
            DisposalMethod::Previous => Disposal::Previous,
        };
        let duration = Duration::from_millis(10 * u64::from(frame.delay));
        frames.push((Frame { rect, disposal, is_opaque: frame.transparent.is_none() }, duration));
    }
    Ok(frames)
}

struct GifFrames<R: Read>(gif::Decoder<R>);

impl<R: Read> ReadFrames for GifFrames<R> {
    fn next(&mut self) -> Result<(), Error> {
        self.0.next_frame_info().map(drop).map_err(explain)
    }

    fn draw(
        &mut self,
        frame: &Frame,
        canvas: &mut Canvas,
        cancellation: &Cancellation<'_>,
    ) -> Result<(), Error> {
        let mut pixels = vec![0; self.0.buffer_size()];
        self.0.read_into_buffer(&mut pixels).map_err(explain)?;
        canvas.draw(frame.rect, pixels.as_chunks().0, cancellation, |under, over| {
            if over[3] != 0 {
                *under = over;
            }
        });
        Ok(())
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
