//! Decodes one tile with the decoder `hayro-jpeg2000`.
//!
//! The decoder gets a codestream of that tile alone: the main header with an image area that is the
//! tile's, then its tile-parts. Coordinates on the reference grid stay as they are, and so do the
//! samples. So a picture is decoded a tile at a time, at any resolution, and its file is never held
//! as a whole.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use hayro_jpeg2000::{ComponentData, DecodeSettings, DecoderContext, Image};

use super::boxes::SIGNATURE;
use super::codestream::{Codestream, FORMAT, SOC_SIZ, marker};
use super::grid::Rect;
use crate::error::Error;
use crate::formats::decoder::Input;
use crate::formats::foreign::guarded;

/// The boxes before the codestream: `ftyp`, and a JP2 header box that states sRGB, so that the
/// decoder does not convert colours.
pub(super) const BOXES: &[u8] = b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 \
    \0\0\0\x17jp2h\0\0\0\x0fcolr\x01\0\0\0\0\0\x10\0\0\0\0jp2c";

/// The samples of a tile at some resolution.
pub(super) struct TileSamples<'a> {
    components: &'a [ComponentData],
    /// The decoded rectangle: coordinates of the picture at the decoder's reduction.
    decoded: Rect,
    /// How often sides are halved once more, by leaving out samples. The decoder does not reduce a
    /// tile to less than one sample.
    left_out: u32,
    /// The rectangle of the samples: coordinates of the reduced picture.
    pub(super) rect: Rect,
}

impl TileSamples<'_> {
    /// The sample of a component at a place in `rect`, with an offset of half of its range if it is
    /// signed. It is not clamped.
    #[inline]
    pub(super) fn at(&self, component: usize, x: u32, y: u32) -> f32 {
        let (column, row) =
            ((x << self.left_out) - self.decoded.x0, (y << self.left_out) - self.decoded.y0);
        let index = row as usize * self.decoded.width() as usize + column as usize;
        let samples = self.components.get(component).map(ComponentData::samples);
        samples.and_then(|it| it.get(index)).copied().unwrap_or_default()
    }
}

/// Decodes a tile with its sides halved `reduction` times, and passes its samples to `take`.
///
/// # Errors
/// The tile is damaged, the source failed, or what `take` returns.
pub(super) fn decode<T>(
    input: &mut Input<'_, '_>,
    codestream: &Codestream,
    index: u32,
    reduction: u32,
    take: impl FnOnce(&TileSamples<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    input.source.cancellation().check()?;
    let pixels = codestream.grid.tile_pixels(index);
    let rect = pixels.reduced(reduction);
    let (width, height) = (pixels.width(), pixels.height());
    if rect.width() == 0 || rect.height() == 0 {
        return take(&TileSamples { components: &[], decoded: rect, left_out: 0, rect });
    }
    let decoded_reduction = reduction.min(width.ilog2()).min(height.ilog2());
    let file = tile_file(input, codestream, index)?;
    // what the decoder divides the sides by to find the reduction
    let target = (width >> decoded_reduction, height >> decoded_reduction);
    let settings = DecodeSettings { target_resolution: Some(target), ..DecodeSettings::default() };
    guarded(FORMAT, || {
        let damaged = |_| Error::malformed(FORMAT, "a tile of it is damaged");
        let image = Image::new(&file, &settings).map_err(damaged)?;
        let mut context = DecoderContext::default();
        let decoded = image.decode(&mut context).map_err(damaged)?;
        take(&TileSamples {
            components: decoded.components(),
            decoded: pixels.reduced(decoded_reduction),
            left_out: reduction - decoded_reduction,
            rect,
        })
    })
}

/// A file of one tile of the picture.
fn tile_file(
    input: &mut Input<'_, '_>,
    codestream: &Codestream,
    index: u32,
) -> Result<Vec<u8>, Error> {
    let Rect { x0, y0, x1, y1 } = codestream.grid.tile(index);
    let components = &codestream.components;
    let parts_bytes: u64 = codestream.parts_of(index).map(|part| part.end - part.start).sum();
    let header_bytes =
        SIGNATURE.len() + BOXES.len() + 48 + 3 * components.len() + codestream.header.len();
    let mut file = Vec::with_capacity(header_bytes + usize::try_from(parts_bytes).unwrap_or(0));
    file.extend(SIGNATURE);
    file.extend(BOXES);
    file.extend(SOC_SIZ);
    // Lsiz and Rsiz
    file.extend([38 + 3 * components.len() as u16, 0].map(u16::to_be_bytes).as_flattened());
    let sizes = [x1, y1, x0, y0, x1 - x0, y1 - y0, x0, y0];
    file.extend(sizes.map(u32::to_be_bytes).as_flattened());
    file.extend((components.len() as u16).to_be_bytes());
    for component in components {
        let depth = (component.bits as u8 - 1) | if component.is_signed { 0x80 } else { 0 };
        file.extend([depth, component.step.0 as u8, component.step.1 as u8]);
    }
    file.extend(&codestream.header);
    for part in codestream.parts_of(index) {
        let start = file.len();
        input.source.seek(SeekFrom::Start(part.start)).map_err(Error::Read)?;
        let mut data = (&mut *input.source).take(part.end - part.start);
        data.read_to_end(&mut file).map_err(Error::Read)?;
        // Isot
        match file.get_mut(start + 4..start + 6) {
            Some(tile_index) => tile_index.fill(0),
            None => return Err(Error::Read(ErrorKind::UnexpectedEof.into())),
        }
    }
    file.extend([0xff, marker::EOC]);
    Ok(file)
}
