//! What every format provides: a driver that identifies and probes files, and a decoder that
//! samples their pixels.

use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use image::metadata::Orientation;

use crate::cancellation::is_long_work;
use crate::color_profile::ColorProfile;
use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::animation::{Animation, FileBytes};
use crate::formats::reader::ByteReader;
use crate::formats::stretch::{SAMPLED_PIXELS, of_values};
use crate::formats::value_rows::{ColorValues, TakeValues, ValueQuery};
use crate::geo::Geo;
use crate::kept::Question;
use crate::light::{LastRow, Row};
use crate::sample::area::SourceGeometry;
use crate::sample::band_numbers::{BandDirectory, BandNumbers};
use crate::sample::used_range::UsedRange;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::source::Source;
use crate::spec::Spec;
use crate::spec::bands::Stretch;
use crate::spec::region::PixelRect;

/// How files of one format are identified and probed.
pub(crate) struct Driver {
    pub(crate) format: Format,
    /// Whether a file that begins with these bytes is of this format. Short files give fewer bytes.
    pub(crate) identify: fn(&[u8]) -> bool,
    /// Reads the headers. What follows the format's end marker is ignored.
    pub(crate) probe: fn(ByteReader<'_>, &Limits) -> Result<Probed, Error>,
}

/// Samples the images of one file. A decoder that calls a library which decodes many pixels at one go
/// calls [`begin_long_work`](crate::cancellation::Cancellation::begin_long_work) before.
pub(crate) trait Decoder {
    /// Decodes `view` and returns samples for each of `specs`, in their order.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error>;

    /// What the file says about the bands of a frame.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn bands(&self, input: &mut Input<'_, '_>, _frame: u32) -> Result<BandDirectory, Error> {
        let Probed { bands: count, band_names: names, .. } = input.probed;
        // grey and alpha, or red, green, blue and alpha
        let alpha = matches!(count, 2 | 4).then_some(*count as usize - 1);
        let names = names.clone();
        let has_any_number = true;
        Ok(BandDirectory {
            count: *count,
            names,
            alpha,
            has_any_number,
            ..BandDirectory::default()
        })
    }

    /// Passes the values that a query asks for.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn read_values(
        &self,
        input: &mut Input<'_, '_>,
        query: ValueQuery<'_>,
        take: &mut dyn TakeValues,
    ) -> Result<(), Error> {
        let Input { ref mut source, probed, limits, .. } = *input;
        let mut input = Input { source, probed, limits, values: Some((query, take)) };
        self.sample(&mut input, query.view(), &[query.spec]).map(drop)
    }

    /// The animation that the file holds; `None` for other files, also those of several pages.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn animation(&self, _file: &FileBytes, _probed: &Probed) -> Result<Option<Animation>, Error> {
        Ok(None)
    }

    /// Whether later frames may have other sides than the first one.
    fn has_frames_of_own_sides(&self) -> bool {
        false
    }
}

/// Takes the rows of a picture.
pub(crate) trait TakeRows {
    /// Takes the next row, from the top. Breaks when it needs no further row.
    fn push(&mut self, row: Row<'_>) -> ControlFlow<()>;

    /// The pixels of further rows that anything depends on: others may have any values.
    fn needed(&self) -> PixelRect {
        PixelRect::whole((u32::MAX, u32::MAX))
    }
}

impl<F: FnMut(Row<'_>) -> ControlFlow<()>> TakeRows for F {
    fn push(&mut self, row: Row<'_>) -> ControlFlow<()> {
        self(row)
    }
}

/// Passes what a view shows of each row to a picture.
struct ViewRows<'a, 'b> {
    view: View,
    white: f64,
    picture: &'a mut Picture<'b>,
    last: LastRow,
}

impl TakeRows for ViewRows<'_, '_> {
    fn push(&mut self, row: Row<'_>) -> ControlFlow<()> {
        let Self { view, white, picture, last } = self;
        match picture.is_above_window() {
            true if picture.counts_values() => view.apply(row, *white, |row| picture.push(row)),
            true => picture.skip(),
            false if last.is_repeated_by(row) => picture.repeat(1),
            false => view.apply(row, *white, |row| picture.push(row)),
        }
        picture.flow()
    }

    fn needed(&self) -> PixelRect {
        match self.picture.counts_values() {
            true => PixelRect::whole((u32::MAX, u32::MAX)),
            false => self.picture.window().clone(),
        }
    }
}

/// What a file's headers say. The caller checks it against the limits.
pub(crate) struct Probed {
    pub(crate) format: Format,
    /// Width and height of the stored image in pixels, before the orientation is applied.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Width and height of the largest resolution of the image that is decoded: smaller than the
    /// image itself only where that exceeds the limits.
    pub(crate) decodable: (u32, u32),
    /// Frames of an animation, pages of a TIFF, planes of a FITS cube; 1 for a still image.
    pub(crate) frames: u32,
    /// Width and height of the frame with the most pixels, which may exceed the image's own. Zeros
    /// where no frame has a size of its own.
    pub(crate) largest_frame: (u32, u32),
    pub(crate) orientation: Orientation,
    /// Values per pixel: see [`Header::bands`](crate::Header::bands).
    pub(crate) bands: u32,
    /// The names of the bands: see [`Header::band_names`](crate::Header::band_names).
    pub(crate) band_names: Vec<Option<String>>,
    /// Where the image lies on the Earth, if the file says it.
    pub(crate) geo: Option<Geo>,
    /// Bits of each value.
    pub(crate) bits: u32,
    /// How many bits of each value the file says it uses, the low ones, where they may be fewer.
    pub(crate) significant_bits: Option<u32>,
    /// The value that is white; `None` for the highest of `bits`.
    pub(crate) white: Option<u32>,
    /// Whether the data of all pixels are there: see [`Header::is_whole`](crate::Header::is_whole).
    pub(crate) is_whole: bool,
    /// An upper estimate of the memory that decoding takes, in bytes, without the colour profile.
    /// Saturates.
    pub(crate) decoded_bytes: u64,
    /// The same for a region of it, where that may be decoded at a higher resolution than the whole.
    pub(crate) region_bytes: Option<u64>,
    /// What the coded values mean. Formats that state it set this.
    pub(crate) profile: ColorProfile,
    /// Samples the file's pixels.
    pub(crate) decoder: Box<dyn Decoder>,
}

impl Probed {
    /// A still image of 8 bits per value that takes `bytes_per_px` bytes of memory per pixel while
    /// it is decoded.
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
            decodable: (width, height),
            frames: 1,
            largest_frame: (0, 0),
            orientation: Orientation::NoTransforms,
            bands,
            band_names: Vec::new(),
            geo: None,
            bits: 8,
            significant_bits: None,
            white: None,
            is_whole: true,
            decoded_bytes: area(width, height).saturating_mul(bytes_per_px),
            region_bytes: None,
            profile: ColorProfile::default(),
            decoder: Box::new(decoder),
        }
    }

    /// The same with these names of the bands.
    pub(crate) fn with_band_names(self, band_names: Vec<Option<String>>) -> Self {
        Self { band_names, ..self }
    }

    /// Width and height of the stored image in pixels, before the orientation is applied.
    pub(crate) fn sides(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The value that is white; of more than 16 bits, those are scaled to 16.
    fn white(&self) -> f64 {
        self.white.map_or_else(|| libm::ldexp(1.0, self.bits.min(16) as i32) - 1.0, f64::from)
    }

    /// What turns rows of colours into the values of a query.
    pub(crate) fn values_of(&self, query: ValueQuery<'_>) -> ColorValues {
        let alpha = if self.bands == 2 { 1 } else { 3 };
        let channel = |band: &usize| if *band >= alpha { 3 } else { *band };
        let channels = query.bands.iter().map(channel).collect();
        ColorValues::new(query, channels, vec![(0.0, self.white()); query.bands.len()])
    }

    /// Takes the size of another frame into account for `largest_frame`.
    pub(crate) fn add_frame_size(&mut self, width: u32, height: u32) {
        if area(width, height) > area(self.largest_frame.0, self.largest_frame.1) {
            self.largest_frame = (width, height);
        }
    }
}

/// Pixels of an image of this width and height. The product cannot overflow.
pub(crate) fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Memory of a decoding process besides the picture and the file, in bytes: the program's own data,
/// buffers, and small tables.
const PROGRAM_BYTES: u64 = 16 << 20;

/// Memory that a process of its own takes to decode a file of so many bytes, besides the picture, in
/// bytes.
pub(crate) fn process_bytes(file_bytes: u64) -> u64 {
    file_bytes.saturating_add(PROGRAM_BYTES)
}

/// The same for a library that decodes `pixels` at one go: 0 where it does so in this process.
pub(crate) fn process_bytes_for(pixels: u64, file_bytes: u64) -> u64 {
    if is_long_work(pixels) { process_bytes(file_bytes) } else { 0 }
}

/// Bytes of an Exif block that are searched for the orientation. It has at most 64 KiB in JPEG;
/// elsewhere the orientation is near its beginning.
pub(crate) const MAX_EXIF_BYTES: u64 = 1 << 16;

/// The orientation that an Exif block (a TIFF file) states. A block that is damaged or has none
/// means no transformation, as in other viewers.
pub(crate) fn exif_orientation(exif: &[u8]) -> Orientation {
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// A probed file that is being decoded.
pub(crate) struct Input<'a, 's> {
    pub(crate) source: &'a mut Source<'s>,
    pub(crate) probed: &'a Probed,
    pub(crate) limits: &'a Limits,
    /// What takes the values of the rows, in place of samples.
    pub(crate) values: Option<(ValueQuery<'a>, &'a mut dyn TakeValues)>,
}

impl Input<'_, '_> {
    /// The geometry of an image that is decoded at full size.
    pub(crate) fn geometry(&self) -> SourceGeometry {
        let sides = self.probed.sides();
        SourceGeometry { full: sides, held: sides, scale: 1, orientation: self.probed.orientation }
    }

    /// Samples the rows that `decode` pushes from the top, which must have the width of `geometry`. A
    /// picture that uses a small range of values is decoded again, and stretched to it, unless the
    /// view has a range of its own. `decode` may end when `push` breaks: below the view's region, once
    /// the picture has shown that its range is not small.
    ///
    /// # Errors
    /// What `decode` returns.
    pub(crate) fn sample_rows<E>(
        &mut self,
        geometry: &SourceGeometry,
        view: View,
        specs: &[&Spec],
        decode: impl FnMut(&mut Self, &mut dyn TakeRows) -> Result<(), E>,
    ) -> Result<Vec<Sampled>, E> {
        self.sample_rows_of(self.probed.profile.clone(), geometry, view, specs, decode)
    }

    /// As [`sample_rows`](Self::sample_rows), with a colour profile that the headers do not have.
    ///
    /// # Errors
    /// What `decode` returns.
    pub(crate) fn sample_rows_of<E>(
        &mut self,
        profile: ColorProfile,
        geometry: &SourceGeometry,
        view: View,
        specs: &[&Spec],
        mut decode: impl FnMut(&mut Self, &mut dyn TakeRows) -> Result<(), E>,
    ) -> Result<Vec<Sampled>, E> {
        if let Some((query, take)) = self.values.take() {
            let values = self.probed.values_of(query);
            let passed = pass_values(values, self, geometry, take, decode);
            self.values = Some((query, take));
            return passed.map(|()| vec![Sampled::default()]);
        }
        let view = match view.stretch {
            Stretch::Percentiles(parts) => {
                let answers = self.source.answers();
                let mut find = || self.percentiles(view, parts, &mut decode).map(Some);
                // all specs of a view have the same
                let ranges = match specs.first() {
                    Some(spec) => answers.get(Question::Ranges, spec, find)?,
                    None => find()?,
                };
                let ranges = ranges.and_then(|ranges| ranges.try_into().ok());
                View { stretch: Stretch::Ranges(ranges.expect("as many as bands")), ..view }
            }
            _ => view,
        };
        // chosen bands, and values of a chosen range, are no colours
        let profile = if view.has_colors() { profile } else { ColorProfile::default() };
        let cancellation = self.source.cancellation();
        // values with a profile are no measurements
        let used_range = (view.stretch == Stretch::Auto && profile.is_srgb()).then(|| {
            let Probed { bits, significant_bits, .. } = *self.probed;
            UsedRange::new(geometry.pushed(), bits, significant_bits)
        });
        let mut picture =
            Picture::new(specs, geometry, profile, cancellation).with_used_range(used_range);
        self.push_rows(view, &mut picture, &mut decode)?;
        if let Some((low, high)) = picture.small_range() {
            let white = self.probed.white();
            let view = View { stretch: Stretch::Range(low * white, high * white), ..view };
            picture = Picture::new(specs, geometry, ColorProfile::default(), cancellation);
            self.push_rows(view, &mut picture, &mut decode)?;
        }
        Ok(picture.finish().collect())
    }

    /// The percentiles of each band that `decode` pushes, of parts in percent.
    fn percentiles<E>(
        &mut self,
        view: View,
        parts: [(f64, f64); 3],
        decode: &mut impl FnMut(&mut Self, &mut dyn TakeRows) -> Result<(), E>,
    ) -> Result<Vec<(f64, f64)>, E> {
        let white = self.probed.white();
        let bands = View { stretch: Stretch::None, ..view };
        let every = area(self.probed.width, self.probed.height).div_ceil(SAMPLED_PIXELS);
        let step = every.isqrt().max(1);
        let (mut values, mut y) = ([const { Vec::new() }; 3], 0);
        decode(self, &mut |row: Row<'_>| {
            if y % step == 0 {
                bands.apply(row, white, |row| {
                    let mut x = 0;
                    row.values(|[r, g, b, alpha]| {
                        if alpha > 0.0 && x % step == 0 {
                            let channels = values.iter_mut().zip([r, g, b]);
                            channels.for_each(|(values, value): (&mut Vec<f64>, _)| {
                                values.push(value * white);
                            });
                        }
                        x += 1;
                    });
                });
            }
            y += 1;
            ControlFlow::Continue(())
        })?;
        let is_grey = self.probed.bands < 3;
        let parts = if is_grey { [parts[0]; 3] } else { parts };
        Ok(of_values(&mut values, Stretch::Percentiles(parts)))
    }

    /// Passes what the view shows of each row that `decode` pushes to `picture`.
    fn push_rows<E>(
        &mut self,
        view: View,
        picture: &mut Picture<'_>,
        decode: &mut impl FnMut(&mut Self, &mut dyn TakeRows) -> Result<(), E>,
    ) -> Result<(), E> {
        let (white, last) = (self.probed.white(), LastRow::default());
        decode(self, &mut ViewRows { view, white, picture, last })
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        let mut file = Vec::new();
        let end = self.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        self.source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        file.reserve_exact(usize::try_from(end).unwrap_or(0));
        self.source.read_to_end(&mut file).map_err(Error::Read)?;
        Ok(file)
    }
}

/// Passes the values of the rows that `decode` pushes, which must have the width of `geometry`, until
/// no further row is wanted.
fn pass_values<'a, 's, E>(
    mut values: ColorValues,
    input: &mut Input<'a, 's>,
    geometry: &SourceGeometry,
    take: &mut dyn TakeValues,
    mut decode: impl FnMut(&mut Input<'a, 's>, &mut dyn TakeRows) -> Result<(), E>,
) -> Result<(), E> {
    let window = take.begin(&values.source(geometry, input.probed.bits));
    let mut y = 0;
    decode(input, &mut |row: Row<'_>| {
        y += 1;
        match y > window.y.start && y <= window.y.end {
            true if take.push(values.of(row.part(&window.x))).is_break() => ControlFlow::Break(()),
            _ if y >= window.y.end => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    })
}

/// Decodes a file and returns samples for each of `specs`, in their order.
///
/// # Errors
/// What is wrong with the file, or [`Error::Missing`].
pub(crate) fn sample(input: &mut Input<'_, '_>, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
    let views = specs.iter().map(|spec| view(spec, input)).collect::<Result<Vec<_>, _>>()?;
    in_groups_of(&views, specs, |view, specs| input.probed.decoder.sample(input, view, specs))
}

/// The view of a spec. The names of its bands are looked up in the file.
///
/// # Errors
/// [`Error::Missing`] where no band has such a name.
pub(crate) fn view(spec: &Spec, input: &mut Input<'_, '_>) -> Result<View, Error> {
    let (frame, decoder) = (spec.frame(), &input.probed.decoder);
    let bands = match BandNumbers::of(spec.bands()) {
        Some(numbers) => numbers,
        None => decoder.bands(input, frame)?.numbers(spec.bands())?,
    };
    Ok(View { frame, bands, stretch: spec.stretch(), region: spec.region() })
}

/// Calls `sample` once for each group of specs with the same key. Returns the results in the order
/// of `specs`.
pub(crate) fn in_groups<K: PartialEq + Copy>(
    specs: &[&Spec],
    key: impl Fn(&Spec) -> K,
    sample: impl FnMut(K, &[&Spec]) -> Result<Vec<Sampled>, Error>,
) -> Result<Vec<Sampled>, Error> {
    let keys: Vec<K> = specs.iter().map(|spec| key(spec)).collect();
    in_groups_of(&keys, specs, sample)
}

/// The same with the key of each spec.
fn in_groups_of<K: PartialEq + Copy>(
    keys: &[K],
    specs: &[&Spec],
    mut sample: impl FnMut(K, &[&Spec]) -> Result<Vec<Sampled>, Error>,
) -> Result<Vec<Sampled>, Error> {
    let mut sampled: Vec<Option<Sampled>> = specs.iter().map(|_| None).collect();
    while let Some(next) = sampled.iter().position(Option::is_none) {
        let key_of_next = keys[next];
        let indices: Vec<usize> =
            (next..specs.len()).filter(|it| keys[*it] == key_of_next).collect();
        let group: Vec<&Spec> = indices.iter().map(|it| specs[*it]).collect();
        let results = sample(key_of_next, &group)?;
        indices.into_iter().zip(results).for_each(|(index, it)| sampled[index] = Some(it));
    }
    Ok(sampled.into_iter().flatten().collect())
}
