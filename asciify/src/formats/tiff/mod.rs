//! TIFF: pages of strips or tiles, read row by row from the smallest overview that suffices.
//!
//! Sources: TIFF 6.0 (Adobe, 1992) and its Technical Notes; BigTIFF; OGC GeoTIFF and Cloud
//! Optimized GeoTIFF for overviews, masks and missing values; libtiff for further compressions.

mod band_names;
mod codes;
mod decompress;
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
mod xz;
mod zstd;

use std::cell::RefCell;

use crate::error::{Error, Limits};
use crate::formats::decoder::{Decoder, Driver, Input, Probed, in_groups};
use crate::formats::reader::ByteReader;
use crate::sample::area::SourceGeometry;
use crate::sample::band_numbers::BandDirectory;
use crate::sample::used_range::UsedRange;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::spec::Spec;
use crate::spec::bands::Stretch;

use ifd::{BIG_TIFF_VERSION, CLASSIC_VERSION, FORMAT, Tiff};
use levels::{Level, decodable};
use value_range::ValueRange;

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
        decoded_bytes: decodable.iter().map(Level::decoded_bytes).max().unwrap_or(0),
        frames: if is_raw { 1 } else { frames },
        band_names: page.band_names.names.clone(),
        profile: page.profile(&mut tiff).unwrap_or_default(),
        bits: page.bits_per_sample,
        orientation: page.orientation(),
        ..Probed::still(FORMAT, page.sides(), page.bands(), 0, Pages)
    })
}

struct Pages;

impl Decoder for Pages {
    fn bands(&self, input: &mut Input<'_, '_>, frame: u32) -> Result<BandDirectory, Error> {
        let mut tiff = Tiff::open(ByteReader::new(input.source, FORMAT)?)?;
        Ok(tiff.levels(frame, input.limits)?.swap_remove(0).page.band_directory())
    }

    /// Samples each spec from the smallest overview that suffices for it, or the largest that is
    /// within the limits.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let cancellation = input.source.cancellation();
        let mut tiff = Tiff::open(ByteReader::new(input.source, FORMAT)?)?;
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
        let levels = decodable(&levels, input.limits);
        let tiff = RefCell::new(tiff);
        let has_profile = profile.is_some();
        let profile = profile.unwrap_or_default();
        let range = |view| ValueRange::of(&tiff, levels, view, has_profile, input.limits);
        let auto = range(view)?;
        let smallest =
            |spec: &Spec| levels.iter().rposition(|it| geometry(it).suffices(spec)).unwrap_or(0);
        in_groups(specs, smallest, |level, specs| {
            let level = &levels[level];
            level.page.check_limits(input.limits)?;
            let geometry = geometry(level);
            // others are stretched already, or have a profile and are no measurements
            let counts = view.stretch == Stretch::Auto
                && profile.is_srgb()
                && (has_profile || level.page.is_displayable());
            let bits = level.page.bits_per_sample;
            let used_range = counts.then(|| UsedRange::new(geometry.pushed(), bits, None));
            let mut picture = Picture::new(specs, &geometry, profile.clone(), cancellation)
                .with_used_range(used_range);
            let cmyk = profile.cmyk();
            picture_rows::push_rows(&tiff, level, view, cmyk, &auto, &mut picture)?;
            if let Some(fractions) = picture.small_range() {
                let view = View { stretch: level.page.stretch(fractions), ..view };
                picture = Picture::new(specs, &geometry, profile.clone(), cancellation);
                picture_rows::push_rows(&tiff, level, view, cmyk, &range(view)?, &mut picture)?;
            }
            Ok(picture.finish().collect())
        })
    }
}
