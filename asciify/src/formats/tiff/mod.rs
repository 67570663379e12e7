//! TIFF: pages of strips or tiles, read row by row from the smallest overview that suffices.
//!
//! Sources: TIFF 6.0 (Adobe, 1992) and its Technical Notes; BigTIFF; OGC GeoTIFF and Cloud
//! Optimized GeoTIFF for overviews, masks and missing values.

mod codes;
mod decompress;
mod ifd;
mod levels;
mod memo;
mod page;
mod pixels;
mod predictor;
mod rows;
mod samples;
mod support;

use std::cell::RefCell;

use crate::error::{Error, Limits};
use crate::formats::decoder::{Decoder, Driver, Input, Probed, in_groups};
use crate::formats::reader::ByteReader;
use crate::sample::area::SourceGeometry;
use crate::sample::used_range::UsedRange;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::spec::Spec;
use crate::spec::bands::Stretch;

use ifd::{BIG_TIFF_VERSION, CLASSIC_VERSION, FORMAT, Tiff};
use levels::Level;
use pixels::ValueRange;

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

fn probe(reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let (page, frames, decoded_bytes) = Tiff::open(reader)?.pages(limits)?;
    Ok(Probed {
        frames,
        bits: page.bits_per_sample,
        orientation: page.orientation(),
        decoded_bytes,
        ..Probed::still(FORMAT, page.sides(), page.bands(), 0, Pages)
    })
}

struct Pages;

impl Decoder for Pages {
    /// Samples each spec from the smallest overview that suffices for it.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let cancellation = input.source.cancellation();
        let mut tiff = Tiff::open(ByteReader::new(input.source, FORMAT)?)?;
        let levels = tiff.levels(view.frame, input.limits)?;
        let full = levels[0].page.sides();
        let orientation = levels[0].page.orientation();
        let geometry = |level: &Level| {
            let held = level.page.sides();
            SourceGeometry { full, held, scale: 1, orientation }
        };
        let tiff = RefCell::new(tiff);
        let (bands, stretch) = (view.bands, view.stretch);
        let range = |stretch| ValueRange::of(&tiff, &levels, bands, stretch, input.limits);
        let auto = range(stretch)?;
        let smallest =
            |spec: &Spec| levels.iter().rposition(|it| geometry(it).suffices(spec)).unwrap_or(0);
        in_groups(specs, smallest, |level, specs| {
            let level = &levels[level];
            level.page.check_limits(input.limits)?;
            let geometry = geometry(level);
            let mut picture = Picture::new(specs, &geometry, cancellation);
            if stretch == Stretch::Auto && level.page.is_displayable() {
                let used_range =
                    UsedRange::new(geometry.pushed(), level.page.bits_per_sample, None);
                picture = picture.with_used_range(used_range);
            }
            pixels::push_rows(&tiff, level, bands, stretch, &auto, &mut picture)?;
            if let Some(fractions) = picture.small_range() {
                let stretch = level.page.stretch(fractions);
                picture = Picture::new(specs, &geometry, cancellation);
                pixels::push_rows(&tiff, level, bands, stretch, &range(stretch)?, &mut picture)?;
            }
            Ok(picture.finish().collect())
        })
    }
}
