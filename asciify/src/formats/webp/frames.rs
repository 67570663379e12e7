//! Draws later frames of an animated WebP (RFC 9649, section 2.7.1), from the last frame that hides
//! all before it.

use std::io::{Cursor, ErrorKind};
use std::ops::Range;
use std::time::Duration;

use image::buffer::ConvertBuffer;
use image::{DynamicImage, RgbImage, RgbaImage};
use image_webp::{DecodingError, WebPDecoder};

use super::{ALPHA_FLAG, ANIMATION_FLAG, FORMAT, VP8X_BYTES};
use crate::cancellation::Cancellation;
use crate::color_profile::{ColorModel, ColorProfile};
use crate::error::{Error, Limits};
use crate::formats::animation::{Animation, FileBytes, Frames, Rect, Timing, check_pixels};
use crate::formats::decoder::{Input, Probed, area};
use crate::formats::whole_image::reason;

/// The blending method of ANMF: the frame replaces what is below it.
const NO_BLENDING: u8 = 2;
/// Where the header of a RIFF file ends, in bytes.
const RIFF_HEADER_BYTES: usize = 12;
const CHUNK_HEADER_BYTES: usize = 8;
/// The decoder copies the canvas for each frame. This takes as long as so many times fewer pixels of
/// a frame.
const COPIED_PIXELS: u64 = 4;

/// The pixels that show in the frame of that index, by the time that they take.
///
/// # Errors
/// [`Error::OverLimit`], or the file ends before.
pub(super) fn check(input: &mut Input<'_, '_>, index: u32) -> Result<u64, Error> {
    let file = input.bytes()?;
    let chunks = Chunks::read(&file, index as usize + 1, input.probed.sides())?;
    let last = index as usize;
    chunks.check(chunks.frames[last].first_shown..last + 1, file.len() as u64, input.limits)
}

/// The frame of that index, above 0, as it is shown.
///
/// # Errors
/// What is damaged.
pub(super) fn later_frame(input: &mut Input<'_, '_>, index: u32) -> Result<DynamicImage, Error> {
    let file = input.bytes()?;
    let chunks = Chunks::read(&file, index as usize + 1, input.probed.sides())?;
    let mut run = Run::new(&file, &chunks, index as usize)?;
    run.advance(index as usize, input.source.cancellation())
}

/// The frames of a file, to be played.
///
/// # Errors
/// What is damaged.
pub(super) fn animation(file: &FileBytes, probed: &Probed) -> Result<Animation, Error> {
    let chunks = Chunks::read(file.as_ref(), probed.frames as usize, probed.sides())?;
    let durations = chunks.frames.iter().map(|frame| frame.duration);
    let timing = Timing::new(0, durations, chunks.plays(file.as_ref()));
    let shown = DynamicImage::new_rgba8(0, 0);
    let player = Player { file: file.clone(), chunks, run: None, shown };
    Ok(Animation { timing, frames: Box::new(player), profile })
}

/// The colour profile of a file that was probed: ICCP precedes the frames.
fn profile(file: &FileBytes) -> ColorProfile {
    let file = file.as_ref();
    let icc = Chunks::read_frames(file, 1, (0, 0)).and_then(|chunks| chunks.icc);
    let bytes = icc.map(|chunk| &file[chunk.start + CHUNK_HEADER_BYTES..chunk.end]);
    bytes.and_then(|bytes| ColorProfile::from_icc(bytes, ColorModel::Rgb)).unwrap_or_default()
}

/// Draws the frames of a file in their order.
struct Player {
    file: FileBytes,
    chunks: Chunks,
    run: Option<Run>,
    shown: DynamicImage,
}

impl Frames for Player {
    fn advance(
        &mut self,
        index: usize,
        limits: &Limits,
        cancellation: &Cancellation<'_>,
    ) -> Result<&DynamicImage, Error> {
        let Self { file, chunks, run, shown } = self;
        let file = file.as_ref();
        let mut kept = match run.take().filter(|run| run.leads_to(&chunks.frames[index])) {
            Some(run) => run,
            None => Run::new(file, chunks, index)?,
        };
        chunks.check(kept.next..index + 1, file.len() as u64, limits)?;
        *shown = kept.advance(index, cancellation)?;
        *run = Some(kept);
        Ok(shown)
    }
}

/// Decodes frames from one on that hides all before it, up to the next one that does.
struct Run {
    decoder: WebPDecoder<Cursor<Vec<u8>>>,
    first: usize,
    /// Whether the decoder clears what disposed frames leave.
    is_clearing: bool,
    /// The index of the frame that is decoded next.
    next: usize,
}

impl Run {
    /// Of the frames that show in that one.
    fn new(file: &[u8], chunks: &Chunks, index: usize) -> Result<Self, Error> {
        let Frame { first_shown: first, is_cleared_exactly: is_clearing, .. } =
            chunks.frames[index];
        let later = &chunks.frames[first..];
        let end = first + later.iter().take_while(|it| it.first_shown == first).count();
        let short = chunks.short_file(file, first..end);
        let mut decoder = WebPDecoder::new(Cursor::new(short)).map_err(explain)?;
        // without a colour, the decoder disposes of no frame
        if is_clearing {
            decoder.set_background_color([0; 4]).map_err(explain)?;
        }
        Ok(Self { decoder, first, is_clearing, next: first })
    }

    /// Whether a frame that is not decoded yet is one of these, and is drawn in the same way.
    fn leads_to(&self, frame: &Frame) -> bool {
        (self.first, self.is_clearing) == (frame.first_shown, frame.is_cleared_exactly)
    }

    /// Decodes up to that frame, and returns it.
    fn advance(
        &mut self,
        index: usize,
        cancellation: &Cancellation<'_>,
    ) -> Result<DynamicImage, Error> {
        let (width, height) = self.decoder.dimensions();
        let has_alpha = self.decoder.has_alpha();
        let (mut rgba, mut rgb) = match has_alpha {
            true => (RgbaImage::new(width, height), RgbImage::new(0, 0)),
            false => (RgbaImage::new(0, 0), RgbImage::new(width, height)),
        };
        while self.next <= index {
            cancellation.check()?;
            let pixels: &mut [u8] = if has_alpha { &mut rgba } else { &mut rgb };
            self.decoder.read_frame(pixels).map_err(explain)?;
            self.next += 1;
        }
        let rgba = if has_alpha { rgba } else { rgb.convert() };
        Ok(rgba.into())
    }
}

/// The chunks of an animation: where they are in the file.
struct Chunks {
    vp8x: Range<usize>,
    anim: Range<usize>,
    /// The ICCP chunk.
    icc: Option<Range<usize>>,
    frames: Vec<Frame>,
    /// Pixels of the canvas.
    canvas_px: u64,
}

struct Frame {
    /// Its ANMF chunk.
    chunk: Range<usize>,
    rect: Rect,
    duration: Duration,
    is_blended: bool,
    /// It is of a kind without alpha.
    is_opaque: bool,
    /// The index of the last frame up to this one that hides all before it; 0 if none does.
    first_shown: usize,
    /// Whether the decoder clears what disposed frames leave, from that frame to this one. Below a
    /// frame without alpha it clears other pixels, and below one that covers the canvas all of them.
    is_cleared_exactly: bool,
}

impl Chunks {
    /// Reads as many frames as `count` of a picture with these sides.
    ///
    /// # Errors
    /// There are fewer frames, or it is no animation.
    fn read(file: &[u8], count: usize, sides: (u32, u32)) -> Result<Self, Error> {
        let read = Self::read_frames(file, count, sides);
        read.ok_or_else(|| Error::cut_off(FORMAT, "that frame"))
    }

    fn read_frames(file: &[u8], count: usize, sides: (u32, u32)) -> Option<Self> {
        let mut start = RIFF_HEADER_BYTES;
        let (mut vp8x, mut anim, mut icc) = (None, None, None);
        let mut frames: Vec<Frame> = Vec::new();
        while frames.len() < count {
            let (&[a, b, c, d, l0, l1, l2, l3], _) = file.get(start..)?.split_first_chunk()?;
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let end = start.checked_add(length)?.checked_add(CHUNK_HEADER_BYTES)?;
            let data = file.get(start + CHUNK_HEADER_BYTES..end)?;
            match &[a, b, c, d] {
                b"VP8X" => vp8x = Some(start..end),
                b"ANIM" => anim = Some(start..end),
                b"ICCP" => icc = Some(start..end),
                b"ANMF" => {
                    let frame = Frame::read(start..end, data)?;
                    let placed = frame.behind(frames.last(), frames.len(), sides);
                    frames.push(placed);
                }
                _ => {}
            }
            start = end + length % 2;
        }
        let (vp8x, anim) = (vp8x?, anim?);
        let flags = *file.get(vp8x.start + CHUNK_HEADER_BYTES)?;
        let is_animated = flags & ANIMATION_FLAG != 0;
        is_animated.then_some(Self { vp8x, anim, icc, frames, canvas_px: area(sides.0, sides.1) })
    }

    /// How often the animation is played; 0 without end. It follows the background colour (section
    /// 2.7.1.1).
    fn plays(&self, file: &[u8]) -> u32 {
        let data = file[self.anim.clone()].get(CHUNK_HEADER_BYTES + 4..CHUNK_HEADER_BYTES + 6);
        data.map_or(1, |it| u16::from_le_bytes([it[0], it[1]]).into())
    }

    /// The pixels of these frames, by the time that they take.
    ///
    /// # Errors
    /// [`Error::OverLimit`].
    fn check(&self, range: Range<usize>, file_bytes: u64, limits: &Limits) -> Result<u64, Error> {
        let frames = self.frames[range].iter();
        let canvas = self.canvas_px / COPIED_PIXELS;
        let pixels = frames.map(|frame| frame.rect.area() * frame.weight() + canvas).sum();
        check_pixels(pixels, file_bytes, limits)?;
        Ok(pixels)
    }

    /// A file of these frames.
    fn short_file(&self, file: &[u8], range: Range<usize>) -> Vec<u8> {
        let header = self.vp8x.start..self.vp8x.start + CHUNK_HEADER_BYTES + VP8X_BYTES as usize;
        let mut vp8x = file[header].to_vec();
        vp8x[4..8].copy_from_slice(&(VP8X_BYTES as u32).to_le_bytes());
        // colour profile and metadata are left out
        vp8x[CHUNK_HEADER_BYTES] &= ALPHA_FLAG | ANIMATION_FLAG;
        let mut short = b"RIFF\0\0\0\0WEBP".to_vec();
        let frames = self.frames[range].iter().map(|frame| &file[frame.chunk.clone()]);
        for chunk in [&vp8x[..], &file[self.anim.clone()]].into_iter().chain(frames) {
            short.extend_from_slice(chunk);
            short.resize(short.len().next_multiple_of(2), 0);
        }
        let length = (short.len() - CHUNK_HEADER_BYTES) as u32;
        short[4..8].copy_from_slice(&length.to_le_bytes());
        short
    }
}

impl Frame {
    /// Reads the data of an ANMF chunk.
    fn read(chunk: Range<usize>, data: &[u8]) -> Option<Self> {
        let (header, rest) = data.split_first_chunk::<16>()?;
        let u24 = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
        Some(Self {
            chunk,
            rect: Rect { left: 2 * u24(0), top: 2 * u24(3), width: u24(6) + 1, height: u24(9) + 1 },
            duration: Duration::from_millis(u24(12).into()),
            is_blended: header[15] & NO_BLENDING == 0,
            is_opaque: rest.starts_with(b"VP8 "),
            first_shown: 0,
            is_cleared_exactly: true,
        })
    }

    /// The same as the frame of that index, behind `before`.
    fn behind(self, before: Option<&Self>, index: usize, sides: (u32, u32)) -> Self {
        let is_opaque = self.is_opaque;
        let (first_shown, is_cleared_exactly) = match before {
            Some(before) if !self.hides_all(sides) => {
                let is_exact = before.rect.covers(sides) || !self.rect.covers(sides);
                (before.first_shown, before.is_cleared_exactly && !is_opaque && is_exact)
            }
            _ => (index, !is_opaque),
        };
        Self { first_shown, is_cleared_exactly, ..self }
    }

    /// How many times longer a pixel takes than one of a GIF: lossless data has transforms, and alpha
    /// is blended.
    fn weight(&self) -> u64 {
        if self.is_opaque { 1 } else { 3 }
    }

    /// Whether nothing of the frames before it shows on a canvas of this width and height.
    fn hides_all(&self, sides: (u32, u32)) -> bool {
        self.rect.covers(sides) && (!self.is_blended || self.is_opaque)
    }
}

fn explain(err: DecodingError) -> Error {
    match err {
        DecodingError::IoError(err) if err.kind() == ErrorKind::UnexpectedEof => {
            Error::cut_off(FORMAT, "its picture is complete")
        }
        DecodingError::NoMoreFrames => Error::cut_off(FORMAT, "that frame"),
        err => Error::malformed(FORMAT, reason(&err)),
    }
}
