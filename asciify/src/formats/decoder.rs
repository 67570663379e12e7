//! What every format provides: a driver that identifies and probes files, and a decoder that
//! samples their pixels.

use std::io::{Read, Seek, SeekFrom};

use image::metadata::Orientation;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::area::SourceGeometry;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::source::Source;
use crate::spec::Spec;

/// How files of one format are identified and probed.
pub(crate) struct Driver {
    pub(crate) format: Format,
    /// Whether a file that begins with these bytes is of this format. Short files give fewer bytes.
    pub(crate) identify: fn(&[u8]) -> bool,
    /// Reads the headers, chunk by chunk; decodes no pixel and keeps next to nothing. What follows
    /// the file's proper end is ignored.
    pub(crate) probe: fn(ByteReader<'_>, &Limits) -> Result<Probed, Error>,
}

/// Samples the pictures of one file.
pub(crate) trait Decoder {
    /// Samples for each of `specs`, in their order. All of them show `view`.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error>;
}

/// What a file's headers say. Nothing of it is checked against limits, unless memory depended on it.
pub(crate) struct Probed {
    pub(crate) format: Format,
    /// Sides of the stored picture in pixels, before the orientation is applied.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames: u32,
    /// Sides in pixels of the frame of most pixels, which may exceed the picture's own.
    pub(crate) largest_frame: (u32, u32),
    pub(crate) orientation: Orientation,
    /// Values of a pixel: see [`Header::bands`](crate::Header::bands).
    pub(crate) bands: u32,
    /// Bits of each value.
    pub(crate) bits: u32,
    /// Whether the file reaches its end.
    pub(crate) is_whole: bool,
    /// An upper estimate, in bytes: saturates.
    pub(crate) decoded_bytes: u64,
    /// Samples the file's pixels.
    pub(crate) decoder: Box<dyn Decoder>,
}

impl Probed {
    /// A still picture of 8 bits a value that takes `bytes_per_px` while it is decoded.
    pub(crate) fn still(
        format: Format,
        (width, height): (u32, u32),
        bands: u32,
        bytes_per_px: u64,
        decoder: impl Decoder + 'static,
    ) -> Self {
        Self {
            format,
            width,
            height,
            frames: 1,
            largest_frame: (0, 0),
            orientation: Orientation::NoTransforms,
            bands,
            bits: 8,
            is_whole: true,
            decoded_bytes: area(width, height).saturating_mul(bytes_per_px),
            decoder: Box::new(decoder),
        }
    }

    /// Sides of the stored picture in pixels, before the orientation is applied.
    pub(crate) fn sides(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Another frame of that size, in pixels, exists.
    pub(crate) fn saw_frame(&mut self, width: u32, height: u32) {
        if area(width, height) > area(self.largest_frame.0, self.largest_frame.1) {
            self.largest_frame = (width, height);
        }
    }
}

/// Pixels of a picture of these sides: any two sides' product fits.
pub(crate) fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// EXIF blocks are at most 64 KiB in JPEG; elsewhere the orientation stands near the beginning.
pub(crate) const EXIF_KEPT: u64 = 1 << 16;

/// No transformation where the block is damaged or does not say, as other viewers do.
pub(crate) fn exif_orientation(exif: &[u8]) -> Orientation {
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// A probed file that is being decoded.
pub(crate) struct Input<'a, 's> {
    pub(crate) source: &'a mut Source<'s>,
    pub(crate) probed: &'a Probed,
    pub(crate) limits: &'a Limits,
}

impl Input<'_, '_> {
    /// All of the picture, as it is stored.
    pub(crate) fn geometry(&self) -> SourceGeometry {
        let sides = self.probed.sides();
        SourceGeometry { full: sides, held: sides, scale: 1, orientation: self.probed.orientation }
    }

    /// Samples rows that `decode` pushes from the top, each as wide as `geometry` says.
    ///
    /// # Errors
    /// What `decode` returns.
    pub(crate) fn sample_rows<E>(
        &mut self,
        geometry: &SourceGeometry,
        view: View,
        specs: &[&Spec],
        decode: impl FnOnce(&mut Self, &mut dyn FnMut(Row<'_>)) -> Result<(), E>,
    ) -> Result<Vec<Sampled>, E> {
        let mut picture = Picture::new(specs, geometry);
        // the value that white has in the file
        let white = libm::ldexp(1.0, self.probed.bits.min(16) as i32) - 1.0;
        decode(self, &mut |row| view.apply(row, white, |row| picture.push(row)))?;
        Ok(picture.finish().collect())
    }

    /// The whole file.
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        let mut file = Vec::new();
        let end = self.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        self.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        file.reserve_exact(usize::try_from(end).unwrap_or(0));
        self.source.read_to_end(&mut file).map_err(Error::Read)?;
        Ok(file)
    }
}

/// Samples specs that share a key together, and returns the results in the order of `specs`.
pub(crate) fn in_groups<K: PartialEq>(
    specs: &[&Spec],
    key: impl Fn(&Spec) -> K,
    mut sample: impl FnMut(K, &[&Spec]) -> Result<Vec<Sampled>, Error>,
) -> Result<Vec<Sampled>, Error> {
    let mut sampled: Vec<Option<Sampled>> = specs.iter().map(|_| None).collect();
    while let Some(next) = sampled.iter().position(Option::is_none) {
        let of_next = key(specs[next]);
        let places: Vec<usize> =
            (next..specs.len()).filter(|place| key(specs[*place]) == of_next).collect();
        let group: Vec<&Spec> = places.iter().map(|place| specs[*place]).collect();
        let results = sample(of_next, &group)?;
        places.into_iter().zip(results).for_each(|(place, it)| sampled[place] = Some(it));
    }
    Ok(sampled.into_iter().flatten().collect())
}
