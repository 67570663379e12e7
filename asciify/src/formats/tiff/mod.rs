//! TIFF, as cameras, scanners and satellites write it: read row by row, from the smallest copy of the
//! picture that will do.
//!
//! Sources: TIFF 6.0 (Adobe, 1992) with its Technical Notes; BigTIFF; OGC GeoTIFF and Cloud Optimized
//! GeoTIFF for copies, masks and missing values.

mod ifd;
mod levels;
mod page;
mod pixels;
mod rows;
mod unpack;
mod values;

use std::cell::RefCell;

use crate::error::{Error, Limits};
use crate::formats::decoder::{Decoder, Driver, Input, Probed, in_groups};
use crate::formats::reader::ByteReader;
use crate::sample::area::SourceGeometry;
use crate::sample::view::View;
use crate::sample::{Picture, Sampled};
use crate::spec::Spec;

use ifd::{FORMAT, Tiff};
use levels::Level;
use pixels::Scale;

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| matches!(start, [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..]),
    probe,
};

fn probe(reader: ByteReader<'_>, limits: &Limits) -> Result<Probed, Error> {
    let (page, frames, decoded_bytes) = Tiff::open(reader)?.pages(limits)?;
    Ok(Probed {
        frames,
        bits: page.bits,
        orientation: page.orientation(),
        decoded_bytes,
        ..Probed::still(FORMAT, page.sides(), page.bands(), 0, Pages)
    })
}

struct Pages;

impl Decoder for Pages {
    /// From the smallest copy that gives what each spec needs.
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let mut tiff = Tiff::open(ByteReader::new(input.source, FORMAT)?)?;
        let levels = tiff.levels(view.frame, input.limits)?;
        let full = levels[0].page.sides();
        let orientation = levels[0].page.orientation();
        let geometry = |level: &Level| {
            let held = level.page.sides();
            SourceGeometry { full, held, scale: 1, orientation }
        };
        let tiff = RefCell::new(tiff);
        let values = (view.bands, view.stretch);
        let scale = Scale::of(&tiff, &levels, values, input.limits)?;
        let smallest =
            |spec: &Spec| levels.iter().rposition(|it| geometry(it).suffices(spec)).unwrap_or(0);
        in_groups(specs, smallest, |level, specs| {
            let level = &levels[level];
            level.page.admit(input.limits)?;
            let mut picture = Picture::new(specs, &geometry(level));
            pixels::rows(&tiff, level, values, &scale, |row| picture.push(row))?;
            Ok(picture.finish().collect())
        })
    }
}
