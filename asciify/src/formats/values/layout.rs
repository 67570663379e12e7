//! Where the samples of a picture lie in a file that stores them without compression.

use std::ops::ControlFlow;

use super::StoredRows;
use super::sample_type::SampleType;
use crate::error::Error;
use crate::formats::decoder::Input;
use crate::formats::reader::ByteReader;
use crate::spec::region::PixelRect;

/// The places of samples, in bytes. All steps are from a sample to its neighbour.
pub(in crate::formats) struct Layout {
    pub(in crate::formats) sample_type: SampleType,
    /// Width and height in pixels.
    pub(in crate::formats) sides: (u32, u32),
    pub(in crate::formats) bands: u32,
    /// The offset in the file of the first sample.
    pub(in crate::formats) start: u64,
    pub(in crate::formats) pixel_step: u64,
    pub(in crate::formats) row_step: u64,
    pub(in crate::formats) band_step: u64,
    pub(in crate::formats) frame_step: u64,
}

/// How the bands of a picture are interleaved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) enum Interleave {
    /// Band after band.
    Band,
    /// The rows of all bands, then the next ones.
    Line,
    /// The samples of a pixel, then the next ones.
    Pixel,
}

impl Layout {
    /// The offset behind the last sample of so many frames. Saturates.
    pub(in crate::formats) fn end(&self, frames: u32) -> u64 {
        let last = |count: u32, step: u64| u64::from(count.saturating_sub(1)).saturating_mul(step);
        [
            last(frames, self.frame_step),
            last(self.bands, self.band_step),
            last(self.sides.1, self.row_step),
            last(self.sides.0, self.pixel_step),
            self.sample_type.bytes(),
        ]
        .into_iter()
        .fold(self.start, u64::saturating_add)
    }

    /// Whether the samples of several bands lie between each other.
    fn is_by_pixel(&self) -> bool {
        self.pixel_step != self.sample_type.bytes()
    }

    /// Bytes from the first to the last sample of a row: of a band, or of all where they lie between
    /// each other.
    pub(in crate::formats) fn row_bytes(&self) -> u64 {
        self.bytes_of(self.sides.0)
    }

    /// The same for so many pixels of a row.
    fn bytes_of(&self, pixels: u32) -> u64 {
        let pixels = u64::from(pixels.saturating_sub(1)).saturating_mul(self.pixel_step);
        let others = u64::from(self.bands.saturating_sub(1)).saturating_mul(self.band_step);
        let others = if self.is_by_pixel() { others } else { 0 };
        pixels.saturating_add(others).saturating_add(self.sample_type.bytes())
    }
}

impl StoredRows for Layout {
    fn for_each_row(
        &self,
        input: &mut Input<'_, '_>,
        frame: u32,
        bands: &[usize],
        window: &PixelRect,
        take: &mut dyn FnMut(&[f64]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut reader = ByteReader::new(&mut *input.source, input.probed.format)?;
        reader.awaited = "its last row";
        let start = self.start.saturating_add(u64::from(frame).saturating_mul(self.frame_step));
        let (width, _) = window.sides();
        let before = u64::from(window.x.start).saturating_mul(self.pixel_step);
        let mut data = vec![0; self.bytes_of(width) as usize];
        let mut values = vec![f64::NAN; width as usize * bands.len()];
        for y in window.y.clone() {
            let row = start.saturating_add(u64::from(y).saturating_mul(self.row_step));
            let mut held = None;
            for (index, band) in bands.iter().enumerate() {
                let offset = (*band as u64).saturating_mul(self.band_step);
                let (place, within) = match self.is_by_pixel() {
                    true => (row, offset as usize),
                    false => (row.saturating_add(offset), 0),
                };
                let slots = values.iter_mut().skip(index).step_by(bands.len());
                if place.saturating_add(self.row_bytes()) > reader.end {
                    // fails if the caller has cancelled
                    reader.source.fill_buf().map_err(Error::Read)?;
                    slots.for_each(|slot| *slot = f64::NAN);
                    continue;
                }
                if held != Some(place) {
                    reader.seek_to(place.saturating_add(before))?;
                    reader.fill(&mut data)?;
                    held = Some(place);
                }
                self.sample_type.read(&data[within..], self.pixel_step as usize, slots);
            }
            if take(&values).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn working_bytes(&self, _bands: u32) -> u64 {
        self.row_bytes()
    }
}
