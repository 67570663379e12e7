//! Plays an animation: its frames one after another, each at the cost of what it adds.

use std::io::Cursor;
use std::sync::Arc;

use image::metadata::Orientation;

use crate::cancellation::Cancellation;
use crate::draw;
use crate::error::{Error, Limits};
use crate::formats::animation::{Animation, FileBytes, Timing};
use crate::formats::decoder::{Decoder, Input, Probed, area, view};
use crate::grid::Grid;
use crate::kept::KeptStatistics;
use crate::light;
use crate::probe::{self, Header};
use crate::render;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::source::Source;
use crate::spec::Spec;

/// The most pixels of a picture that is played: as many as a library decodes at one go in a tenth of a
/// second, in which it cannot be cancelled.
const MAX_PX: u64 = 1 << 23;

/// An animation that is being played. The frames that it draws are those that
/// [`crate::render()`] draws.
pub struct Playback {
    file: FileBytes,
    limits: Limits,
    header: Header,
    /// What sampling needs besides the colour profile, which cannot be moved between threads.
    sides: (u32, u32),
    significant_bits: Option<u32>,
    orientation: Orientation,
    animation: Animation,
    /// The number of the frame from which the animation goes on.
    next: u32,
}

impl Playback {
    /// Opens a file; `None` if it is not played: still images, files of several pages, and animations
    /// of more than 8 million pixels.
    ///
    /// # Errors
    /// What is wrong with the file: see [`crate::probe()`].
    pub fn open(
        file: impl AsRef<[u8]> + Send + Sync + 'static,
        limits: &Limits,
    ) -> Result<Option<Self>, Error> {
        Self::open_file(FileBytes(Arc::new(file)), limits)
    }

    fn open_file(file: FileBytes, limits: &Limits) -> Result<Option<Self>, Error> {
        let (mut bytes, never) = (Cursor::new(file.clone()), Cancellation::never());
        let mut source = Source::new(&mut bytes, &never);
        let probed = probe::inspect(&mut source, limits)?;
        let largest = probed.largest_frame;
        if area(probed.width, probed.height).max(area(largest.0, largest.1)) > MAX_PX {
            return Ok(None);
        }
        let animation = probed.decoder.animation(&file, &probed)?;
        let open = |animation: Animation| Self {
            file,
            limits: limits.clone(),
            header: Header::from(&probed),
            sides: probed.sides(),
            significant_bits: probed.significant_bits,
            orientation: probed.orientation,
            next: animation.timing.first_frame,
            animation,
        };
        Ok(animation.map(open))
    }

    /// How it is played.
    pub fn timing(&self) -> &Timing {
        &self.animation.timing
    }

    /// What the file says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The number of the frame from which it goes on.
    pub fn next_frame(&self) -> u32 {
        self.next
    }

    /// What [`bytes`](Self::bytes) is at least for a file of so many bytes.
    pub fn file_bytes(length: u64) -> u64 {
        length.saturating_mul(2)
    }

    /// An upper estimate of the memory that it holds between frames, in bytes: the file, two pictures,
    /// and what is known of each frame.
    pub fn bytes(&self) -> u64 {
        let pictures = area(self.sides.0, self.sides.1).saturating_mul(8);
        let frames = self.animation.timing.durations.len() as u64 * 128;
        Self::file_bytes(self.file.as_ref().len() as u64) + pictures + frames
    }

    /// Draws the frame that `spec` names, until `is_cancelled` returns true. Of the frames between the
    /// last one and this, what shows in it is decoded. An earlier frame is reached from the beginning
    /// of the file.
    ///
    /// After an error, the next frame is reached from the beginning of the file.
    ///
    /// # Errors
    /// As [`render_unless`](crate::render_unless).
    pub fn draw(&mut self, spec: &Spec, is_cancelled: &dyn Fn() -> bool) -> Result<Grid, Error> {
        self.header.offers(spec)?;
        let Timing { first_frame, ref durations, .. } = self.animation.timing;
        let index = spec.frame().checked_sub(first_frame).map(|it| it as usize);
        let index = match index
            .filter(|it| *it < durations.len() && spec.frame() > 0 && !spec.uses_values())
        {
            Some(index) => index,
            // the first picture may be decoded in other ways, as at a lower resolution
            None => {
                let mut file = Cursor::new(self.file.clone());
                let spec = std::slice::from_ref(spec);
                let kept = KeptStatistics::default();
                let grids =
                    render::render_unless(&mut file, spec, &self.limits, &kept, is_cancelled)?;
                return Ok(grids.into_iter().next().expect("there is one for each spec"));
            }
        };
        if spec.frame() < self.next {
            let again = Self::open_file(self.file.clone(), &self.limits)?;
            *self = again.expect("the same file is the same animation");
        }
        let drawn = self.draw_frame(index, spec, is_cancelled);
        match drawn {
            Ok(_) => self.next = spec.frame() + 1,
            Err(_) => self.next = u32::MAX,
        }
        drawn
    }

    fn draw_frame(
        &mut self,
        index: usize,
        spec: &Spec,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Grid, Error> {
        let cancellation = Cancellation::new(is_cancelled);
        let picture = self.animation.frames.advance(index, &self.limits, &cancellation)?;
        cancellation.check()?;
        let mut file = Cursor::new(self.file.clone());
        let mut source = Source::new(&mut file, &cancellation);
        let Header { format, bands, bit_depth, .. } = self.header;
        let probed = Probed {
            bits: bit_depth,
            significant_bits: self.significant_bits,
            orientation: self.orientation,
            profile: (self.animation.profile)(&self.file),
            ..Probed::still(format, self.sides, bands, 0, Played)
        };
        let limits = &self.limits;
        let mut input = Input { source: &mut source, probed: &probed, limits, values: None };
        let view = view(spec, &mut input)?;
        let sampled = input.sample_rows(&input.geometry(), view, &[spec], |_, push| {
            light::for_each_row(picture, |row| push.push(row));
            Ok::<_, Error>(())
        })?;
        cancellation.check()?;
        let sampled = sampled.into_iter().next().expect("there is one for each spec");
        Ok(draw::draw(spec, sampled, &cancellation)?)
    }
}

/// The decoder of a file of which [`Frames`](crate::formats::animation::Frames) gives the pictures.
struct Played;

impl Decoder for Played {
    fn sample(
        &self,
        _input: &mut Input<'_, '_>,
        _view: View,
        _specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        Ok(Vec::new())
    }
}
