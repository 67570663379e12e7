//! Draws later frames of an animated WebP (RFC 9649, section 2.7.1), from the last frame that hides
//! all before it.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, DynamicImage};

use super::{ALPHA_FLAG, ANIMATION_FLAG, FORMAT, VP8X_BYTES};
use crate::error::Error;
use crate::formats::animation::{Rect, check_pixels};
use crate::formats::decoder::Input;
use crate::formats::whole_image::explain;

/// The blending method of ANMF: the frame replaces what is below it.
const NO_BLENDING: u8 = 2;
/// Where the header of a RIFF file ends, in bytes.
const RIFF_HEADER_BYTES: usize = 12;
const CHUNK_HEADER_BYTES: usize = 8;
/// The `image` crate copies the canvas for each frame. This takes as long as so many times fewer
/// pixels of a frame.
const COPIED_PIXELS: u64 = 4;

/// The pixels that show in the frame of that index, by the time that they take.
///
/// # Errors
/// [`Error::OverLimit`], or the file ends before.
pub(super) fn check(input: &mut Input<'_, '_>, index: u32) -> Result<u64, Error> {
    let file = input.bytes()?;
    let sides = input.probed.sides();
    let animation = Animation::read(&file, index)?;
    let canvas = u64::from(sides.0) * u64::from(sides.1) / COPIED_PIXELS;
    let frames = animation.frames[animation.first_shown(sides)..].iter();
    let pixels = frames.map(|frame| frame.rect.area() * frame.weight() + canvas).sum();
    check_pixels(pixels, file.len() as u64, input.limits)?;
    Ok(pixels)
}

/// The frame of that index, above 0, as it is shown.
///
/// # Errors
/// What is damaged.
pub(super) fn later_frame(input: &mut Input<'_, '_>, index: u32) -> Result<DynamicImage, Error> {
    let file = input.bytes()?;
    let animation = Animation::read(&file, index)?;
    let first = animation.first_shown(input.probed.sides());
    let explained = |err| explain(err, FORMAT);
    let short = animation.short_file(first);
    let decoder = WebPDecoder::new(Cursor::new(&short)).map_err(explained)?;
    let frame = decoder.into_frames().nth(index as usize - first);
    let frame = frame.ok_or_else(|| Error::cut_off(FORMAT, "that frame"))?;
    Ok(frame.map_err(explained)?.into_buffer().into())
}

/// The chunks of an animation up to a frame.
struct Animation<'a> {
    vp8x: &'a [u8],
    anim: &'a [u8],
    frames: Vec<Frame<'a>>,
}

struct Frame<'a> {
    /// Its ANMF chunk.
    chunk: &'a [u8],
    rect: Rect,
    is_blended: bool,
    /// It is of a kind without alpha.
    is_opaque: bool,
}

impl<'a> Animation<'a> {
    /// Reads the frames up to that of an index.
    ///
    /// # Errors
    /// There is no such frame, or it is no animation.
    fn read(file: &'a [u8], index: u32) -> Result<Self, Error> {
        let read = Self::read_frames(file, index as usize + 1);
        read.ok_or_else(|| Error::cut_off(FORMAT, "that frame"))
    }

    fn read_frames(file: &'a [u8], count: usize) -> Option<Self> {
        let mut rest = file.get(RIFF_HEADER_BYTES..)?;
        let (mut vp8x, mut anim, mut frames) = (None, None, Vec::new());
        while frames.len() < count {
            let (&[a, b, c, d, l0, l1, l2, l3], _) = rest.split_first_chunk()?;
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let chunk = rest.get(..length.checked_add(CHUNK_HEADER_BYTES)?)?;
            match &[a, b, c, d] {
                b"VP8X" => vp8x = Some(chunk),
                b"ANIM" => anim = Some(chunk),
                b"ANMF" => frames.push(Frame::read(chunk)?),
                _ => {}
            }
            rest = rest.get(chunk.len().checked_next_multiple_of(2)?..).unwrap_or_default();
        }
        let flags = *vp8x?.get(CHUNK_HEADER_BYTES)?;
        let is_animated = flags & ANIMATION_FLAG != 0;
        is_animated.then_some(Self { vp8x: vp8x?, anim: anim?, frames })
    }

    /// The index of the last frame that hides all before it.
    fn first_shown(&self, sides: (u32, u32)) -> usize {
        self.frames.iter().rposition(|frame| frame.hides_all(sides)).unwrap_or(0)
    }

    /// A file that begins with the frame of that index.
    fn short_file(&self, first: usize) -> Vec<u8> {
        let mut vp8x = self.vp8x[..CHUNK_HEADER_BYTES + VP8X_BYTES as usize].to_vec();
        vp8x[4..8].copy_from_slice(&(VP8X_BYTES as u32).to_le_bytes());
        // colour profile and metadata are left out
        vp8x[CHUNK_HEADER_BYTES] &= ALPHA_FLAG | ANIMATION_FLAG;
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        let frames = self.frames[first..].iter().map(|frame| frame.chunk);
        for chunk in [&vp8x, self.anim].into_iter().chain(frames) {
            file.extend_from_slice(chunk);
            file.resize(file.len().next_multiple_of(2), 0);
        }
        let length = (file.len() - CHUNK_HEADER_BYTES) as u32;
        file[4..8].copy_from_slice(&length.to_le_bytes());
        file
    }
}

impl<'a> Frame<'a> {
    /// Reads an ANMF chunk from its header on.
    fn read(chunk: &'a [u8]) -> Option<Self> {
        let data = chunk.get(CHUNK_HEADER_BYTES..)?;
        let (header, rest) = data.split_first_chunk::<16>()?;
        let u24 = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
        Some(Self {
            chunk,
            rect: Rect { left: 2 * u24(0), top: 2 * u24(3), width: u24(6) + 1, height: u24(9) + 1 },
            is_blended: header[15] & NO_BLENDING == 0,
            is_opaque: rest.starts_with(b"VP8 "),
        })
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
