//! Decodes one picture of a file that has passed the door, in the quickest way that will do.

use std::cell::RefCell;
use std::error::Error as Cause;
use std::io::{BufRead, ErrorKind, Read, Seek, SeekFrom};

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::error::{LimitErrorKind, UnsupportedErrorKind};
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};
use png::DecodingError;

use crate::container::Walk;
use crate::eighth::{self, Eighth};
use crate::light::{self, Row};
use crate::picture::{Picture, Sampled};
use crate::probe::{Found, admit};
use crate::sample::{Pixels, Sampler};
use crate::selection::Selection;
use crate::source::Source;
use crate::spec::Spec;
use crate::tiff::{self, Scale, Tiff};
use crate::{Error, Format, Limits, rare_jpeg, scanlines};

/// Samples for each of `specs`, in their order.
pub(crate) fn sample<R: BufRead + Seek>(
    source: &mut Source<R>,
    found: &Found,
    specs: &[Spec],
    limits: &Limits,
) -> Result<Vec<Sampled>, Error> {
    let mut file = File { source, found, limits };
    let mut sampled: Vec<Option<Sampled>> = specs.iter().map(|_| None).collect();
    while let Some(next) = sampled.iter().position(Option::is_none) {
        // what shows the same part of the file is decoded once
        let selection = Selection::of(&specs[next]);
        let places: Vec<usize> =
            (next..specs.len()).filter(|it| Selection::of(&specs[*it]) == selection).collect();
        let alike: Vec<&Spec> = places.iter().map(|place| &specs[*place]).collect();
        let samples = match found.header.format {
            Format::Tiff => file.tiff(selection, &alike)?,
            Format::Jpeg => file.jpeg(selection, &alike)?,
            _ => file.rows(selection, &alike)?,
        };
        places.into_iter().zip(samples).for_each(|(place, it)| sampled[place] = Some(it));
    }
    Ok(sampled.into_iter().flatten().collect())
}

struct File<'a, R> {
    source: &'a mut Source<R>,
    found: &'a Found,
    limits: &'a Limits,
}

impl<R: BufRead + Seek> File<'_, R> {
    /// From the smallest copy that gives what each spec needs.
    fn tiff(&mut self, selection: Selection, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
        let mut tiff = Tiff::open(Walk::new(self.source, Format::Tiff)?)?;
        let levels = tiff.levels(selection.frame, self.limits)?;
        let full = levels[0].page.sides();
        let orientation = levels[0].page.orientation();
        let pixels = |held| Pixels { full, held, scale: 1, orientation };
        let suffices = |level: &tiff::Level, spec: &Spec| {
            Sampler::new(spec, &pixels(level.page.sides())).has_pixels_enough()
        };
        let level_of = |spec: &&Spec| levels.iter().rposition(|it| suffices(it, spec)).unwrap_or(0);
        let chosen: Vec<usize> = specs.iter().map(level_of).collect();

        let tiff = RefCell::new(tiff);
        let values = (selection.bands, selection.stretch);
        admit(Format::Tiff, full, levels[0].decoded_bytes(), self.limits)?;
        let scale = Scale::of(&tiff, &levels, values)?;
        let mut sampled: Vec<(usize, Sampled)> = Vec::new();
        for (index, level) in levels.iter().enumerate().filter(|(it, _)| chosen.contains(it)) {
            let places: Vec<usize> =
                (0..specs.len()).filter(|place| chosen[*place] == index).collect();
            let alike: Vec<&Spec> = places.iter().map(|place| specs[*place]).collect();
            let mut picture = Picture::new(&alike, &pixels(level.page.sides()));
            tiff::rows(&tiff, level, values, &scale, |row| picture.push(row))?;
            sampled.extend(places.into_iter().zip(picture.finish()));
        }
        sampled.sort_by_key(|(place, _)| *place);
        Ok(sampled.into_iter().map(|(_, sampled)| sampled).collect())
    }

    /// At an eighth of the size where that gives what a spec needs.
    fn jpeg(&mut self, selection: Selection, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
        let (pixels, most) = (Pixels { scale: eighth::SCALE, ..self.pixels() }, self.most());
        let suffices = |spec: &&Spec| Sampler::new(spec, &pixels).has_pixels_enough();
        // so little of it is there that no memory is taken for the rest
        let end = self.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        let is_thin = pixels.area() > end.saturating_mul(MOST_PIXELS_A_BYTE);
        let small = match is_thin || specs.iter().any(suffices) {
            true => self.eighth()?,
            false => None,
        };
        if is_thin && small.is_none() {
            return Err(Error::cut_off(Format::Jpeg, "its picture is complete"));
        }
        let is_small = |spec: &&Spec| small.is_some() && (is_thin || suffices(spec));
        let (few, many): (Vec<&Spec>, Vec<&Spec>) = specs.iter().partition(|it| is_small(it));
        let mut from_small = small.iter().flat_map(|small| {
            let mut picture = Picture::new(&few, &pixels);
            small.rows(|row| {
                selection.apply(Row::Rgb8(row), most, |row| picture.push(row));
            });
            picture.finish()
        });
        let from_whole = match many.is_empty() {
            true => Vec::new(),
            false => self.rows(selection, &many)?,
        };
        let mut from_whole = from_whole.into_iter();
        let next = |spec| if is_small(&spec) { from_small.next() } else { from_whole.next() };
        Ok(specs.iter().copied().filter_map(next).collect())
    }

    /// From all rows of the picture.
    fn rows(&mut self, selection: Selection, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
        let (pixels, most) = (self.pixels(), self.most());
        let mut picture = Picture::new(specs, &pixels);
        let mut push = |row: Row<'_>| selection.apply(row, most, |row| picture.push(row));
        let is_streamed = match (self.found.header.format, selection.frame) {
            (Format::Png, 0) => {
                let told = |err: DecodingError| Error::malformed(Format::Png, reason(&err));
                scanlines::rows(self.source, self.found.stored, told, &mut push)?
            }
            (Format::Jpeg, _) if self.found.is_rare => {
                let damaged = || Error::malformed(Format::Jpeg, "its picture cannot be decoded");
                rare_jpeg::rows(&self.file()?, &mut push).ok_or_else(damaged)?;
                true
            }
            _ => false,
        };
        if is_streamed {
            return Ok(picture.finish().collect());
        }
        match (self.found.header.format, self.whole(selection.frame)) {
            (_, Ok(whole)) => light::rows(&whole, &mut push),
            // what is left of a damaged one is drawn, as browsers do
            (Format::Jpeg, Err(err)) => {
                rare_jpeg::rows(&self.file()?, &mut push).ok_or(err)?;
            }
            (_, Err(err)) => return Err(err),
        }
        Ok(picture.finish().collect())
    }

    /// All of the picture, as the format alone says.
    fn pixels(&self) -> Pixels {
        let stored = self.found.stored;
        Pixels { full: stored, held: stored, scale: 1, orientation: self.found.orientation }
    }

    /// The value that white has in the file.
    fn most(&self) -> f64 {
        libm::ldexp(1.0, self.found.header.bit_depth.min(16) as i32) - 1.0
    }

    /// A frame as it is stored: not yet turned upright.
    fn whole(&mut self, frame: u32) -> Result<DynamicImage, Error> {
        let (found, limits) = (self.found, self.limits);
        let format = found.header.format;
        self.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        let mut library_limits = image::Limits::no_limits();
        library_limits.max_image_width = Some(found.stored.0);
        library_limits.max_image_height = Some(found.stored.1);
        library_limits.max_alloc = Some(found.header.decoded_bytes.saturating_add(METADATA_BYTES));
        let told = |err| explain(err, format);
        if frame > 0 {
            let later = later_frame(self.source, format, frame, library_limits);
            let later = later.transpose().map_err(told)?;
            return later.ok_or_else(|| Error::cut_off(format, "that frame"));
        }
        let mut reader = ImageReader::with_format(&mut *self.source, library_format(format));
        reader.limits(library_limits);
        let decoder = reader.into_decoder().map_err(told)?;
        // The decoder reads the header again, by its own lights: what it is about to allocate must be
        // what was admitted.
        if decoder.dimensions() != found.stored {
            return Err(Error::malformed(format, "it states its size twice, differently"));
        }
        Error::over("bytes when decoded", decoder.total_bytes(), limits.max_decoded_bytes)?;
        DynamicImage::from_decoder(decoder).map_err(told)
    }

    /// A JPEG at an eighth of its size, in a fraction of the time; `None` where only the whole will
    /// do.
    fn eighth(&mut self) -> Result<Option<Eighth>, Error> {
        self.file().map(eighth::read)
    }

    /// All of its bytes.
    fn file(&mut self) -> Result<Vec<u8>, Error> {
        let mut file = Vec::new();
        let end = self.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        self.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        file.reserve_exact(usize::try_from(end).unwrap_or(0));
        self.source.read_to_end(&mut file).map_err(Error::Read)?;
        Ok(file)
    }
}

/// A later frame of an animation, with what those before it left; those behind it are not decoded.
fn later_frame<R: BufRead + Seek>(
    source: &mut Source<R>,
    format: Format,
    frame: u32,
    limits: image::Limits,
) -> Option<Result<DynamicImage, ImageError>> {
    let frames = match format {
        Format::Gif => GifDecoder::new(source).and_then(|mut it| {
            it.set_limits(limits)?;
            Ok(it.into_frames())
        }),
        Format::WebP => WebPDecoder::new(source).map(AnimationDecoder::into_frames),
        Format::Png => PngDecoder::with_limits(source, limits)
            .and_then(PngDecoder::apng)
            .map(AnimationDecoder::into_frames),
        _ => return None,
    };
    match frames {
        Ok(mut frames) => {
            let later = frames.nth(frame as usize)?;
            Some(later.map(|frame| frame.into_buffer().into()))
        }
        Err(err) => Some(Err(err)),
    }
}

/// A block of a JPEG takes a bit at least.
const MOST_PIXELS_A_BYTE: u64 = 8 * 64;
/// Room for what decoders unpack beside the pixels: colour profiles, texts, directories.
const METADATA_BYTES: u64 = 8 << 20;

fn library_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::WebP => ImageFormat::WebP,
        Format::Bmp => ImageFormat::Bmp,
        // read by ourselves
        Format::Tiff => ImageFormat::Tiff,
        Format::Ico => ImageFormat::Ico,
        Format::Pnm => ImageFormat::Pnm,
        Format::Qoi => ImageFormat::Qoi,
    }
}

/// The library's error in our words: what is damaged, or what is not supported.
fn explain(err: ImageError, format: Format) -> Error {
    match err {
        // Where the source itself failed, it has noted so: what is left is the decoder's way to say
        // that the data makes no sense to it.
        ImageError::IoError(err) if err.kind() == ErrorKind::UnexpectedEof => {
            Error::cut_off(format, "its picture is complete")
        }
        ImageError::Unsupported(err) => {
            let detail = match err.kind() {
                UnsupportedErrorKind::Color(_) => "a kind of pixels",
                _ => "a feature of the format",
            };
            Error::Unsupported(format!("this {format} uses {detail} that we cannot decode"))
        }
        ImageError::Limits(err) => match err.kind() {
            LimitErrorKind::DimensionError => {
                Error::malformed(format, "it states its size twice, differently")
            }
            _ => Error::malformed(
                format,
                "it takes more memory to decode than a picture of its size should",
            ),
        },
        err => Error::malformed(format, reason(&err)),
    }
}

/// The innermost cause, on one line, unless it talks of the insides of a program.
fn reason(err: &dyn Cause) -> String {
    const LONGEST: usize = 100;
    let mut cause = err;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    let line = text.trim_end_matches('.');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | ',' | '-');
    let is_identifier = |word: &str| {
        word.chars().skip(1).any(|c| c.is_ascii_uppercase()) && word.contains(char::is_lowercase)
    };
    if line.is_empty()
        || line.len() > LONGEST
        || !line.chars().all(is_plain)
        || line.split(' ').any(is_identifier)
    {
        return "its picture cannot be decoded".to_owned();
    }
    line.to_owned()
}
