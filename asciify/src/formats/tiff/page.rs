//! One image of a TIFF, as the tags of its IFD describe it: a page, an overview or a mask.

use std::ops::Range;

use image::metadata::Orientation;

use super::band_names::BandNames;
use super::codes::{Compression, LercCompression, Photometric, Predictor, SampleFormat};
use super::ifd::{FORMAT, Ifd, IfdEntry, Tiff, tag};
use super::zstd::{MAX_BLOCK_BYTES, MAX_WINDOW_BYTES};
use crate::color_profile::{ColorModel, ColorProfile, MAX_ICC_BYTES};
use crate::error::{Error, Limits};
use crate::formats::decoder::process_bytes_for;
use crate::spec::region::PixelRect;

/// Bits of NewSubfileType: an overview of another page, and a transparency mask of another page.
pub(super) const REDUCED_RESOLUTION: u32 = 1;
pub(super) const MASK: u32 = 4;

/// Memory that a mask may take more than its page, in bytes.
pub(super) const MAX_MASK_BYTES: u64 = 1 << 20;
/// Decompressed bytes of all chunks per pixel that the limits allow: four bands of 32 bits.
const MAX_BYTES_PER_PX: u64 = 16;
/// Planes that are read together: three colours and alpha.
const MAX_PLANES: u32 = 4;
/// Working memory of the decompression of one plane, in bytes, with a strip of
/// [`MAX_HELD_STRIP_BYTES`](super::rows::MAX_HELD_STRIP_BYTES).
const DECOMPRESSOR_BYTES: u64 = 1 << 18;
/// What compressed data may take at least, in bytes: a chunk of few samples has a header, too.
const MIN_COMPRESSED_BYTES: u64 = 1 << 16;
/// Memory of the decoder of JPEG 2000, in bytes per sample, and per pixel.
const JPEG_2000_BYTES_PER_SAMPLE: u64 = 12;
/// Memory of the decoder of WebP, in bytes per pixel.
const WEBP_BYTES_PER_PX: u64 = 16;
/// The longest text of a number, in bytes.
const MAX_NUMBER_BYTES: u64 = 64;
/// Samples whose depths are compared, and that may be alpha.
const MAX_SAMPLES: u64 = 1 << 10;
const MAX_SUB_IFDS: u64 = 64;
/// JPEG tables, in bytes: four quantization tables and eight Huffman tables take less.
const MAX_JPEG_TABLE_BYTES: u64 = 1 << 14;
const MAX_LERC_PARAMETERS: u64 = 2;
/// Values of a ColorMap for indices of 16 bits.
const MAX_COLOR_MAP_VALUES: u64 = 3 << 16;

/// The extra sample that is alpha.
#[derive(Debug, Clone, Copy)]
pub(super) struct AlphaSample {
    /// Its index in a pixel.
    pub(super) sample: usize,
    /// Whether colours are multiplied by it.
    pub(super) is_associated: bool,
}

/// An image of a TIFF. Fields are named after the tags.
pub(super) struct Page {
    /// ImageWidth, in pixels.
    pub(super) width: u32,
    /// The length of the file in bytes.
    pub(super) file_bytes: u64,
    /// ImageLength, in pixels.
    pub(super) height: u32,
    pub(super) bits_per_sample: u32,
    pub(super) samples_per_pixel: u32,
    pub(super) sample_format: SampleFormat,
    /// Whether all samples have the same depth and format.
    pub(super) is_uniform: bool,
    pub(super) photometric: Photometric,
    pub(super) compression: Compression,
    pub(super) predictor: Predictor,
    /// PlanarConfiguration 2: each chunk has one sample of its pixels.
    pub(super) is_planar: bool,
    /// FillOrder 2: bytes have their lowest bit first.
    pub(super) has_reversed_bits: bool,
    orientation: u32,
    is_tiled: bool,
    /// Width and height of a chunk (a strip or a tile) in pixels.
    pub(super) chunk_size: (u32, u32),
    /// StripOffsets or TileOffsets.
    pub(super) chunk_offsets: Option<IfdEntry>,
    /// StripByteCounts or TileByteCounts.
    pub(super) chunk_byte_counts: Option<IfdEntry>,
    pub(super) alpha: Option<AlphaSample>,
    pub(super) band_names: BandNames,
    /// GDAL_NODATA: the value of missing samples.
    pub(super) nodata: Option<f64>,
    /// ColorMap: red, green and blue by index, 0 to 65535.
    pub(super) color_map: Vec<[u16; 3]>,
    /// The byte order of samples.
    #[cfg(feature = "jp2")]
    pub(super) is_little_endian: bool,
    pub(super) jpeg_tables: Vec<u8>,
    pub(super) lerc_compression: LercCompression,
    /// YCbCrSubSampling: pixels across and down that share a Cb and a Cr. (1, 1) for JPEG and
    /// JPEG 2000, whose decoders upsample them.
    pub(super) ycbcr_sub_sampling: (u32, u32),
    pub(super) t4_options: u32,
    /// ICCProfile (ICC.1:2022, B.4).
    icc_profile: Option<IfdEntry>,
    /// ModelPixelScale, ModelTiepoint, ModelTransformation and GeoKeyDirectory.
    pub(super) geo_tags: [Option<IfdEntry>; 4],
    /// Whether this is an overview: a copy of another page at reduced resolution.
    is_overview: bool,
    /// Whether this says where another page has data.
    pub(super) is_mask: bool,
    /// Offsets of the IFDs that belong to this page.
    pub(super) sub_ifds: Vec<u64>,
}

impl Page {
    /// Reads the tags of an IFD.
    ///
    /// # Errors
    /// A tag has values of a wrong type, or the file ends before them.
    pub(super) fn read(tiff: &mut Tiff<'_>, ifd: &Ifd) -> Result<Self, Error> {
        let mut number = |tag, default| tiff.number(ifd, tag, default);
        let (width, height) = (number(tag::IMAGE_WIDTH, 0)?, number(tag::IMAGE_LENGTH, 0)?);
        let samples_per_pixel = number(tag::SAMPLES_PER_PIXEL, 1)?;
        let compression = Compression(number(tag::COMPRESSION, 1)?);
        let photometric = number(tag::PHOTOMETRIC_INTERPRETATION, Photometric::BLACK_IS_ZERO)?;
        let photometric = match compression {
            Compression::APERIO_YCBCR => Photometric::YCbCr,
            _ => Photometric::from_code(photometric),
        };
        let subfile_type = number(tag::NEW_SUBFILE_TYPE, 0)?;
        let orientation = number(tag::ORIENTATION, 1)?;
        let predictor = Predictor::from_code(number(tag::PREDICTOR, 1)?);
        let planar_configuration = number(tag::PLANAR_CONFIGURATION, 1)?;
        let fill_order = number(tag::FILL_ORDER, 1)?;
        let t4_options = number(tag::T4_OPTIONS, 0)?;
        let is_tiled = ifd.entry(tag::TILE_OFFSETS).is_some();
        let (chunk_size, chunk_offsets, chunk_byte_counts) = match is_tiled {
            true => (
                (number(tag::TILE_WIDTH, 0)?, number(tag::TILE_LENGTH, 0)?),
                tag::TILE_OFFSETS,
                tag::TILE_BYTE_COUNTS,
            ),
            // strips may claim to be higher than the page
            false => (
                (width, number(tag::ROWS_PER_STRIP, u32::MAX)?.min(height)),
                tag::STRIP_OFFSETS,
                tag::STRIP_BYTE_COUNTS,
            ),
        };
        let depths = tiff.numbers(ifd, tag::BITS_PER_SAMPLE, MAX_SAMPLES)?;
        let formats = tiff.numbers(ifd, tag::SAMPLE_FORMAT, MAX_SAMPLES)?;
        let is_uniform = |values: &[u64]| values.iter().all(|value| *value == values[0]);
        let bands = u64::from(samples_per_pixel).min(MAX_SAMPLES) as usize;
        let band_names = match photometric {
            Photometric::Bands | Photometric::WhiteIsZero => BandNames::read(tiff, ifd, bands)?,
            _ => BandNames::default(),
        };
        Ok(Self {
            width,
            height,
            bits_per_sample: depths
                .first()
                .map_or(1, |bits| u32::try_from(*bits).unwrap_or(u32::MAX)),
            samples_per_pixel,
            sample_format: SampleFormat::from_code(formats.first().copied().unwrap_or(1)),
            is_uniform: is_uniform(&depths) && is_uniform(&formats),
            photometric,
            compression,
            predictor: if compression.has_predictor() { predictor } else { Predictor::None },
            is_planar: planar_configuration == 2 && samples_per_pixel > 1,
            // JPEG data has its own order
            has_reversed_bits: fill_order == 2 && compression != Compression::JPEG,
            orientation,
            is_tiled,
            chunk_size,
            chunk_offsets: ifd.entry(chunk_offsets),
            chunk_byte_counts: ifd.entry(chunk_byte_counts),
            alpha: match (read_alpha(tiff, ifd, samples_per_pixel)?, band_names.alpha) {
                (None, Some(sample)) => Some(AlphaSample { sample, is_associated: false }),
                (alpha, _) => alpha,
            },
            band_names,
            nodata: read_nodata(tiff, ifd)?,
            color_map: read_color_map(tiff, ifd)?,
            #[cfg(feature = "jp2")]
            is_little_endian: tiff.is_little_endian,
            jpeg_tables: tiff.bytes(ifd, tag::JPEG_TABLES, MAX_JPEG_TABLE_BYTES)?,
            lerc_compression: LercCompression::from_parameters(&tiff.numbers(
                ifd,
                tag::LERC_PARAMETERS,
                MAX_LERC_PARAMETERS,
            )?),
            ycbcr_sub_sampling: read_sub_sampling(tiff, ifd, photometric, compression)?,
            t4_options,
            icc_profile: ifd.entry(tag::ICC_PROFILE),
            geo_tags: [
                tag::MODEL_PIXEL_SCALE,
                tag::MODEL_TIEPOINT,
                tag::MODEL_TRANSFORMATION,
                tag::GEO_KEY_DIRECTORY,
            ]
            .map(|tag| ifd.entry(tag)),
            file_bytes: tiff.reader.end,
            is_overview: subfile_type & REDUCED_RESOLUTION != 0,
            is_mask: subfile_type & MASK != 0,
            sub_ifds: tiff.numbers(ifd, tag::SUB_IFDS, MAX_SUB_IFDS)?,
        })
    }

    /// How many bands can be selected: red, green and blue where samples mean colours.
    pub(super) fn bands(&self) -> u32 {
        match self.photometric {
            Photometric::Bands | Photometric::WhiteIsZero => self.samples_per_pixel,
            _ => 3 + u32::from(self.alpha.is_some()),
        }
    }

    /// Its colour profile. `None` if it has none that can be used.
    pub(super) fn profile(&self, tiff: &mut Tiff<'_>) -> Option<ColorProfile> {
        let model = match self.photometric {
            Photometric::CieLab => return None,
            Photometric::Separated => ColorModel::Cmyk,
            Photometric::Palette | Photometric::YCbCr => ColorModel::Rgb,
            Photometric::Bands | Photometric::WhiteIsZero => {
                let colors = self.samples_per_pixel - u32::from(self.alpha.is_some());
                if colors < 3 { ColorModel::Grey } else { ColorModel::Rgb }
            }
        };
        let profile = tiff.bytes_of(self.icc_profile?, MAX_ICC_BYTES + 1).ok()?;
        ColorProfile::from_icc(&profile, model)
    }

    pub(super) fn chunks_across(&self) -> u32 {
        self.width.div_ceil(self.chunk_size.0.max(1))
    }

    pub(super) fn chunks_down(&self) -> u32 {
        self.height.div_ceil(self.chunk_size.1.max(1))
    }

    /// The columns and the rows of chunks that a window touches.
    pub(super) fn chunks_in(&self, window: &PixelRect) -> PixelRect {
        let chunks = |pixels: &Range<u32>, side: u32| {
            pixels.start / side.max(1)..pixels.end.div_ceil(side.max(1))
        };
        PixelRect {
            x: chunks(&window.x, self.chunk_size.0),
            y: chunks(&window.y, self.chunk_size.1),
        }
    }

    /// Whether a chunk has its rows one after the other, without compression.
    pub(super) fn is_stored_plainly(&self) -> bool {
        self.compression == Compression::NONE && self.ycbcr_sub_sampling == (1, 1)
    }

    /// Samples of a pixel that are stored in the same chunk.
    pub(super) fn samples_per_chunk_pixel(&self) -> u32 {
        if self.is_planar { 1 } else { self.samples_per_pixel }
    }

    /// Bytes of a row of a chunk, decompressed.
    pub(super) fn chunk_row_bytes(&self) -> u64 {
        let samples =
            u64::from(self.chunk_size.0).saturating_mul(self.samples_per_chunk_pixel().into());
        samples.saturating_mul(self.bits_per_sample.into()).div_ceil(8)
    }

    /// Bytes of a chunk, decompressed. Saturates.
    pub(super) fn chunk_bytes(&self) -> u64 {
        self.chunk_row_bytes().saturating_mul(self.chunk_size.1.into())
    }

    /// The most bytes that a chunk may have which is read as a whole before it is decompressed.
    pub(super) fn max_compressed_bytes(&self) -> u64 {
        let samples = self.chunk_bytes();
        samples.saturating_add(samples / 2).saturating_add(MIN_COMPRESSED_BYTES)
    }

    /// Whether the last sample of a pixel is alpha.
    pub(super) fn has_alpha_last(&self) -> bool {
        self.alpha.is_some_and(|alpha| alpha.sample + 1 == self.samples_per_pixel as usize)
    }

    /// Whether chunks are decompressed as a whole rather than row by row.
    fn holds_whole_chunks(&self) -> bool {
        self.is_tiled || self.compression.is_fax() || self.compression.needs_whole_chunks()
    }

    /// Working memory of the decompression of a chunk besides its data, in bytes.
    fn working_bytes(&self) -> u64 {
        let chunk = self.chunk_bytes();
        let pixels = u64::from(self.chunk_size.0).saturating_mul(self.chunk_size.1.into());
        let working = match self.compression {
            // coefficients; its data is much shorter
            Compression::JPEG => return chunk.saturating_mul(5),
            // the window, which grows by copying
            Compression::ZSTD => {
                chunk.min(MAX_WINDOW_BYTES).saturating_mul(4) + 4 * MAX_BLOCK_BYTES
            }
            // the dictionary, which grows by copying, and the data of a block
            Compression::LZMA => chunk.saturating_mul(4),
            // values twice, masks twice, and data that is compressed once more
            Compression::LERC => {
                let values = chunk.saturating_mul(8).saturating_add(6 * MAX_BLOCK_BYTES);
                values.saturating_add(pixels.saturating_mul(2))
            }
            compression if compression.is_jpeg_2000() => {
                let samples = pixels.saturating_mul(self.samples_per_chunk_pixel().into());
                let buffers = samples.saturating_add(pixels);
                buffers.saturating_mul(JPEG_2000_BYTES_PER_SAMPLE).saturating_add(1 << 22)
            }
            Compression::WEBP => pixels.saturating_mul(WEBP_BYTES_PER_PX),
            _ => return 0,
        };
        match self.compression.needs_whole_chunks() {
            true => working.saturating_add(self.max_compressed_bytes()),
            false => working,
        }
    }

    /// Whether samples may be NaN.
    pub(super) fn is_float(&self) -> bool {
        matches!(self.sample_format, SampleFormat::Float | SampleFormat::ComplexFloat)
    }

    /// Planes that are read at a time, at most.
    fn planes_read(&self) -> u64 {
        if self.is_planar { self.samples_per_pixel.min(MAX_PLANES).into() } else { 1 }
    }

    /// Decompressed bytes of all chunks that are read for a window, with the padding of tiles.
    fn decompressed_bytes(&self, window: &PixelRect) -> u64 {
        let (across, down) = self.chunks_in(window).sides();
        let chunks = u64::from(across).saturating_mul(down.into());
        let chunk = self.chunk_row_bytes().saturating_mul(self.chunk_size.1.into());
        chunk.saturating_mul(chunks).saturating_mul(self.planes_read())
    }

    /// An upper estimate of the memory that decoding takes, in bytes.
    pub(super) fn decoded_bytes(&self) -> u64 {
        self.decoded_bytes_of(&PixelRect::whole(self.sides()))
    }

    /// The same for a window of the page.
    pub(super) fn decoded_bytes_of(&self, window: &PixelRect) -> u64 {
        // the last row is held for comparison
        let rows = if self.holds_whole_chunks() { self.chunk_size.1.saturating_add(1) } else { 2 };
        let chunk = self.chunk_row_bytes().saturating_mul(rows.into());
        // the last of several chunks is held until the next one is read
        let across = u64::from(self.chunks_in(window).sides().0);
        let across = if across > 1 { across + 1 } else { across };
        let chunks = chunk.saturating_mul(self.planes_read()).saturating_mul(across);
        // samples and pixels of a row
        let row = u64::from(window.sides().0).saturating_mul(8 * (u64::from(MAX_PLANES) + 4));
        // chunks of several planes or columns are decompressed one after the other, but strips of
        // Zstandard while they are read
        let working = self.working_bytes().saturating_mul(self.planes_read());
        let decompressors = self.planes_read() * DECOMPRESSOR_BYTES;
        let process = match self.compression.needs_whole_chunks() {
            true => process_bytes_for(self.compression.work(self.chunk_bytes()), self.file_bytes),
            false => 0,
        };
        [row, working, decompressors, process].into_iter().fold(chunks, u64::saturating_add)
    }

    /// No transformation where the tag has an invalid value.
    pub(super) fn orientation(&self) -> Orientation {
        let orientation = u8::try_from(self.orientation).ok().and_then(Orientation::from_exif);
        orientation.unwrap_or(Orientation::NoTransforms)
    }

    /// Width and height in pixels, before the orientation is applied.
    pub(super) fn sides(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The number of pixels.
    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Whether the other page is an overview that can be drawn instead of this one.
    pub(super) fn has_overview(&self, other: &Self) -> bool {
        let kind = |page: &Self| {
            (page.bits_per_sample, page.samples_per_pixel, page.sample_format, page.photometric)
        };
        other.is_overview
            && kind(self) == kind(other)
            && other.width <= self.width
            && other.height <= self.height
    }

    /// Checks the memory and the time that decoding takes against the limits.
    ///
    /// # Errors
    /// [`Error::OverLimit`].
    pub(super) fn check_limits(&self, limits: &Limits) -> Result<(), Error> {
        self.check_limits_of(&PixelRect::whole(self.sides()), limits)
    }

    /// The same for a window of the page.
    ///
    /// # Errors
    /// [`Error::OverLimit`].
    pub(super) fn check_limits_of(&self, window: &PixelRect, limits: &Limits) -> Result<(), Error> {
        limits.check(FORMAT, window.sides(), self.decoded_bytes_of(window))?;
        let max = limits.max_pixels.saturating_mul(MAX_BYTES_PER_PX);
        Error::over("bytes when unpacked", self.decompressed_bytes(window), max)
    }
}

/// The first of the ExtraSamples that is alpha, associated (1) or not (2).
fn read_alpha(
    tiff: &mut Tiff<'_>,
    ifd: &Ifd,
    samples_per_pixel: u32,
) -> Result<Option<AlphaSample>, Error> {
    let extra = tiff.numbers(ifd, tag::EXTRA_SAMPLES, MAX_SAMPLES)?;
    let count = ifd.entry(tag::EXTRA_SAMPLES).map_or(0, |entry| entry.count);
    let first = u64::from(samples_per_pixel).saturating_sub(count) as usize;
    let alpha = extra.iter().position(|kind| matches!(kind, 1 | 2));
    Ok(alpha.map(|at| AlphaSample { sample: first + at, is_associated: extra[at] == 1 }))
}

/// GDAL_NODATA is text.
fn read_nodata(tiff: &mut Tiff<'_>, ifd: &Ifd) -> Result<Option<f64>, Error> {
    let text = tiff.bytes(ifd, tag::GDAL_NODATA, MAX_NUMBER_BYTES)?;
    Ok(String::from_utf8_lossy(&text).trim_matches(['\0', ' ']).parse().ok())
}

/// ColorMap: all reds, then all greens, then all blues.
fn read_color_map(tiff: &mut Tiff<'_>, ifd: &Ifd) -> Result<Vec<[u16; 3]>, Error> {
    let values = tiff.numbers(ifd, tag::COLOR_MAP, MAX_COLOR_MAP_VALUES)?;
    let count = values.len() / 3;
    let color = |index| [0, 1, 2].map(|channel| values[channel * count + index] as u16);
    let mut colors: Vec<[u16; 3]> = (0..count).map(color).collect();
    // white is 255, 65 280 or 65 535, depending on the writer
    let has_8_bits = colors.as_flattened().iter().all(|value| *value < 256);
    for value in colors.as_flattened_mut() {
        *value = if has_8_bits { *value } else { *value >> 8 } * 257;
    }
    Ok(colors)
}

/// YCbCrSubSampling, 2 × 2 by default (TIFF 6.0, section 21).
fn read_sub_sampling(
    tiff: &mut Tiff<'_>,
    ifd: &Ifd,
    photometric: Photometric,
    compression: Compression,
) -> Result<(u32, u32), Error> {
    let factors = tiff.numbers(ifd, tag::YCBCR_SUB_SAMPLING, 2)?;
    let is_upsampled = compression == Compression::JPEG || compression.is_jpeg_2000();
    if photometric != Photometric::YCbCr || is_upsampled {
        return Ok((1, 1));
    }
    Ok(match factors.as_slice() {
        [h, v] => (*h as u32, *v as u32),
        _ => (2, 2),
    })
}
