//! TIFF: pages of strips or tiles, read row by row from the smallest overview that suffices.
//!
//! Sources: TIFF 6.0 (Adobe, 1992) and its Technical Notes; BigTIFF; OGC GeoTIFF and Cloud
//! Optimized GeoTIFF for overviews, masks and missing values; libtiff for further compressions.

mod band_names;
mod codes;
mod decompress;
mod geo;
mod ifd;
#[cfg(feature = "jp2")]
mod jpeg2000;
mod lerc;
mod levels;
mod memo;
mod page;
mod picture_rows;
mod pictures;
mod pixels;
mod predictor;
mod preview;
mod rows;
mod samples;
mod support;
mod value_range;
mod values;
mod xz;
mod zstd;

use std::cell::RefCell;

use crate::error::{Error, Limits};
use crate::formats::decoder::{Decoder, Driver, Input, Probed, in_groups};
use crate::formats::reader::ByteReader;
use crate::formats::value_rows::{TakeValues, ValueQuery};
use crate::kept::{Question, Ranges};
use crate::sample::area::SourceGeometry;
use crate::sample::band_numbers::BandDirectory;
use crate::sample::used_range::UsedRange;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::spec::Spec;
use crate::spec::bands::Stretch;
use crate::spec::region::Region;

use ifd::{BIG_TIFF_VERSION, CLASSIC_VERSION, FORMAT, Tiff};
use levels::{Level, decodable};
use value_range::{ValueRange, level_with_enough_pixels};

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| match start {
        [b'I', b'I', version, 0, ..] | [b'M', b'M', 0, version, ..] => {
            matches!(*version, CLASSIC_VERSION | BIG_TIFF_VERSION)
        }
        _ => false,
    },
    probe,
};

/// Camera raws: [`DRIVER`] reads those that begin as a TIFF.
pub(super) const RAW_DRIVER: Driver = Driver {
    format: preview::FORMAT,
    identify: preview::is_relative_of_tiff,
    probe: preview::probe_relative,
};

fn probe(reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let mut tiff = Tiff::open(reader)?;
    let is_raw = preview::is_camera_raw(&mut tiff)?;
    if is_raw && let Some(probed) = preview::probe(&mut tiff, limits)? {
        return Ok(probed);
    }
    let (levels, frames) = tiff.first_page(limits)?;
    let page = &levels[0].page;
    let decodable = decodable(&levels, limits);
    Ok(Probed {
        format: if is_raw { preview::FORMAT } else { FORMAT },
        decodable: decodable[0].page.sides(),
        decoded_bytes: decodable.iter().map(|it| it.decoded_bytes()).max().unwrap_or(0),
        region_bytes: levels
            .iter()
            .map(|it| it.decoded_bytes().min(limits.max_decoded_bytes))
            .max(),
        frames: if is_raw { 1 } else { frames },
        band_names: page.band_names.names.clone(),
        // a damaged tag does not keep the page from being drawn
        geo: geo::read(&mut tiff, &levels).unwrap_or_default(),
        profile: page.profile(&mut tiff).unwrap_or_default(),
        bits: page.bits_per_sample,
        orientation: page.orientation(),
        ..Probed::still(FORMAT, page.sides(), page.bands(), 0, Pages)
    })
}

struct Pages;

impl Decoder for Pages {
    fn has_frames_of_own_sides(&self) -> bool {
        true
    }

    fn bands(&self, input: &mut Input<'_, '_>, frame: u32) -> Result<BandDirectory, Error> {
        let mut tiff = Tiff::open(ByteReader::new(input.source, FORMAT)?)?;
        let page = tiff.levels(frame, input.limits)?.swap_remove(0).page;
        // a damaged tag does not keep the page from being drawn
        let vertical = geo::vertical_unit_m(&mut tiff, &page).unwrap_or_default();
        let units = page.band_names.units_m.iter().map(|unit| unit.or(vertical));
        let units_m = units.map(|unit| unit.unwrap_or(1.0)).collect();
        Ok(BandDirectory { units_m, ..page.band_directory() })
    }

    fn read_values(
        &self,
        input: &mut Input<'_, '_>,
        query: ValueQuery<'_>,
        take: &mut dyn TakeValues,
    ) -> Result<(), Error> {
        let (limits, cancellation) = (input.limits, input.source.cancellation());
        let mut tiff = Tiff::open(ByteReader::new(input.source, FORMAT)?)?;
        tiff.cancellation = Some(cancellation);
        let levels = tiff.levels(query.spec.frame(), limits)?;
        let first = &levels[0];
        let orientation = first.page.orientation();
        let geometry = |level: &Level| {
            let (full, held) = (first.page.sides(), level.page.sides());
            SourceGeometry { full, held, scale: 1, orientation }
        };
        query.spec.check_region(geometry(first).upright())?;
        let window = |level: &Level| geometry(level).window(query.spec.region());
        let within = levels.iter().filter(|it| it.is_within(&window(it), limits));
        let mut readable: Vec<&Level> = within.collect();
        if readable.is_empty() {
            readable = decodable(&levels, limits);
        }
        let sufficient = readable.iter().rposition(|it| geometry(it).suffices(query.spec));
        let level = readable[sufficient.unwrap_or(0)];
        values::read(&RefCell::new(tiff), (first, level), geometry(level), query, limits, take)
    }

    /// Samples each spec from the smallest overview that suffices for it, or the largest that is
    /// within the limits. Of a region, only the chunks that it touches are read.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let (cancellation, answers) = (input.source.cancellation(), input.source.answers());
        let mut tiff = Tiff::open(ByteReader::new(input.source, FORMAT)?)?;
        tiff.cancellation = Some(cancellation);
        let levels = tiff.levels(view.frame, input.limits)?;
        let view = levels[0].page.resolved(view);
        let full = levels[0].page.sides();
        let orientation = levels[0].page.orientation();
        let geometry = |level: &Level| {
            let held = level.page.sides();
            SourceGeometry { full, held, scale: 1, orientation }
        };
        // overviews have none of their own
        let profile = levels[0].page.profile(&mut tiff).filter(|_| view.has_colors());
        let is_full = view.region == Region::Full;
        let window = |level: &Level| geometry(level).window(view.region);
        specs.iter().try_for_each(|spec| spec.check_region(geometry(&levels[0]).upright()))?;
        let decodable = decodable(&levels, input.limits);
        // of a region, more may be within the limits than of the whole
        let mut shown: Vec<&Level> = match is_full {
            true => Vec::new(),
            false => levels.iter().filter(|it| it.is_within(&window(it), input.limits)).collect(),
        };
        if shown.is_empty() {
            shown.clone_from(&decodable);
        }
        let tiff = RefCell::new(tiff);
        let has_profile = profile.is_some();
        let profile = profile.unwrap_or_default();
        let range = |view| ValueRange::of(&tiff, &decodable, view, has_profile, input.limits);
        let kept = |question, find: &dyn Fn() -> Result<Ranges, Error>| {
            // all specs of a view have the same
            specs.first().map_or_else(find, |spec| answers.get(question, spec, find))
        };
        let auto = kept(Question::Ranges, &|| range(view).map(|range| Some(range.pairs())))?;
        let auto = auto.and_then(|pairs| ValueRange::from_pairs(&pairs)).expect("it was made so");
        let smallest =
            |spec: &Spec| shown.iter().rposition(|it| geometry(it).suffices(spec)).unwrap_or(0);
        in_groups(specs, smallest, |level, specs| {
            let level = shown[level];
            level.page.check_limits_of(&window(level), input.limits)?;
            // others are stretched already, or have a profile and are no measurements
            let counts = view.stretch == Stretch::Auto
                && profile.is_srgb()
                && (has_profile || level.page.is_displayable());
            let push = |specs, level, view, range: &ValueRange, counts: bool| {
                let (geometry, bits) = (geometry(level), level.page.bits_per_sample);
                let used_range = counts.then(|| UsedRange::new(geometry.pushed(), bits, None));
                let mut picture = Picture::new(specs, &geometry, profile.clone(), cancellation)
                    .cut_to_window()
                    .with_used_range(used_range);
                let cmyk = profile.cmyk();
                picture_rows::push_rows(&tiff, level, view, cmyk, range, &mut picture)?;
                Ok::<_, Error>(picture)
            };
            // the whole picture says whether it uses a small range
            let (counted, used) = match (is_full, counts) {
                (true, _) => {
                    let picture = push(specs, level, view, &auto, counts)?;
                    let used = picture.small_range();
                    (Some(picture), used)
                }
                (false, true) => {
                    let used = kept(Question::UsedRange, &|| {
                        let level = level_with_enough_pixels(&decodable);
                        let counted = push(&[], level, view, &auto, counts)?;
                        Ok(counted.small_range().map(|used| vec![used]))
                    })?;
                    (None, used.and_then(|used| used.first().copied()))
                }
                (false, false) => (None, None),
            };
            let picture = match (used, counted) {
                (Some(fractions), _) => {
                    let view = View { stretch: level.page.stretch(fractions), ..view };
                    push(specs, level, view, &range(view)?, false)?
                }
                (None, Some(counted)) => counted,
                (None, None) => push(specs, level, view, &auto, false)?,
            };
            Ok(picture.finish().collect())
        })
    }
}
