//! Passes the rows of a page or an overview to a picture.

use std::cell::RefCell;

use super::codes::Photometric;
use super::ifd::Tiff;
use super::levels::Level;
use super::memo::Memo;
use super::page::Page;
use super::pixels::{damaged, for_each_sample_row, too_many_pixels};
use super::rows::RowReader;
use super::value_range::ValueRange;
use crate::color_profile::Lut;
use crate::error::Error;
use crate::light::Row;
use crate::sample::Picture;
use crate::sample::view::View;

/// Passes each row of a level to `picture`, from the top. Pixels without data are transparent. CMYK
/// becomes sRGB by the table of its colour profile, if it has one.
///
/// # Errors
/// A strip or a tile is damaged, or there is no such band.
pub(super) fn push_rows(
    tiff: &RefCell<Tiff<'_>>,
    level: &Level,
    view: View,
    cmyk: Option<&Lut>,
    range: &ValueRange,
    picture: &mut Picture,
) -> Result<(), Error> {
    let (page, bands) = (&level.page, view.bands);
    let is_unchanged = view.has_colors() && level.mask.is_none();
    if let Some(samples) = page.coded_samples().filter(|_| is_unchanged) {
        return push_coded_rows(tiff, page, samples, picture);
    }
    let is_inverted = page.photometric == Photometric::WhiteIsZero;
    let is_associated = page.alpha.is_some_and(|alpha| alpha.is_associated);
    let file_bytes = tiff.borrow().reader.end;
    let mut palette = Memo::new(page, file_bytes, |samples| {
        range.apply(&page.pixel(samples, bands, true, cmyk), is_inverted, is_associated)
    });
    // numbers may be no data by themselves
    let is_opaque =
        !page.is_float() && page.alpha.is_none() && page.nodata.is_none() && level.mask.is_none();
    let mut colors = vec![[0; 4]; page.width as usize];
    let mut opaque = Vec::new();
    for_each_sample_row(tiff, level, bands, |row| {
        if row.changed.is_empty() {
            picture.repeat(1);
            return Ok(());
        }
        for pixels in row.changed {
            for x in pixels.clone() {
                let is_repeated = x > pixels.start
                    && row.equals_left(x)
                    && row.is_shown(x) == row.is_shown(x - 1);
                colors[x] = match is_repeated {
                    true => colors[x - 1],
                    false => palette.color(row.samples(x), row.is_shown(x)),
                };
            }
        }
        if palette.is_spent() {
            return Err(too_many_pixels());
        }
        if is_opaque {
            opaque.clear();
            opaque.extend(colors.iter().map(|[r, g, b, _]| [*r, *g, *b]));
            picture.push(Row::Rgb16(&opaque));
        } else {
            picture.push(Row::Rgba16(&colors));
        }
        Ok(())
    })
}

/// [`push_rows`] for pages whose bytes can be used as they are: see [`Page::coded_samples`].
fn push_coded_rows(
    tiff: &RefCell<Tiff<'_>>,
    page: &Page,
    samples: usize,
    picture: &mut Picture,
) -> Result<(), Error> {
    let mut rows = RowReader::new(tiff, page, &[]);
    let mut row = vec![0; page.width as usize * samples];
    for _ in 0..page.height {
        let mut is_repeated = true;
        let read = rows.next(|first, _, bytes| {
            is_repeated = false;
            let slots = &mut row[first * samples..];
            let length = slots.len().min(page.chunk_size.0 as usize * samples);
            match bytes.get(..length) {
                Some(bytes) => slots[..length].copy_from_slice(bytes),
                None => slots[..length].fill(0),
            }
        });
        read.map_err(damaged)?;
        match samples {
            _ if is_repeated => picture.repeat(1),
            1 => picture.push(Row::Grey8(row.as_chunks().0)),
            2 => picture.push(Row::GreyAlpha8(row.as_chunks().0)),
            3 => picture.push(Row::Rgb8(row.as_chunks().0)),
            _ => picture.push(Row::Rgba8(row.as_chunks().0)),
        }
    }
    Ok(())
}
