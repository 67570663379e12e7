//! JPEG 2000 inside of another format, whose headers say what it must be: a codestream, alone or in
//! the boxes of JP2, that is decoded as a whole.

use std::io::Cursor;
use std::ops::RangeInclusive;

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::boxes::{Boxes, SIGNATURE};
use super::codestream::{Codestream, FORMAT};
use super::tile::BOXES;
use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::formats::foreign::guarded;
use crate::formats::reader::ByteReader;
use crate::source::Source;

/// Memory for structures of the decoder, in bytes: per sample, and for any picture. Other memory is
/// bounded by the number of samples.
const STRUCTURE_BYTES_PER_SAMPLE: u64 = 2;
const FREE_STRUCTURE_BYTES: u64 = 1 << 21;

/// What a picture must be.
pub(in crate::formats) struct Expected {
    /// In pixels.
    pub(in crate::formats) width: u32,
    pub(in crate::formats) heights: RangeInclusive<u32>,
    pub(in crate::formats) components: usize,
    /// The most bits of a sample; exactly so many if it is signed.
    pub(in crate::formats) bits: u32,
    pub(in crate::formats) is_signed: bool,
}

/// The samples of each component, row-major, with an offset of half of their range if they are
/// signed. They are not clamped.
///
/// # Errors
/// The picture is damaged, is not what is expected, or takes too much memory.
pub(in crate::formats) fn decode(file: &[u8], expected: &Expected) -> Result<Vec<Vec<f32>>, Error> {
    let codestream = check(file, expected)?;
    guarded(FORMAT, || {
        let damaged = |_| Error::malformed(FORMAT, "its picture is damaged");
        // boxes of our own, so that the decoder does not convert colours
        let file = [SIGNATURE, BOXES, codestream].concat();
        let image = Image::new(&file, &DecodeSettings::default()).map_err(damaged)?;
        let mut context = DecoderContext::default();
        let decoded = image.decode(&mut context).map_err(damaged)?;
        Ok(decoded.components().iter().map(|it| it.samples().to_vec()).collect())
    })
}

/// The codestream, whose headers are as expected.
fn check<'a>(file: &'a [u8], expected: &Expected) -> Result<&'a [u8], Error> {
    let (mut bytes, never) = (Cursor::new(file), Cancellation::never());
    let mut source = Source::new(&mut bytes, &never);
    let mut reader = ByteReader::new(&mut source, FORMAT)?;
    let range = Boxes::read(&mut reader)?.codestream;
    let headers = Codestream::read(&mut reader, &range)?;
    let picture = headers.grid.picture();
    let samples = picture.pixels().saturating_mul(headers.components.len() as u64);
    let (across, down) = headers.grid.tile_counts();
    let structures = headers.structure_bytes.saturating_mul(u64::from(across) * u64::from(down));
    let max = samples.saturating_mul(STRUCTURE_BYTES_PER_SAMPLE) + FREE_STRUCTURE_BYTES;
    Error::over("bytes of code-blocks and precincts", structures, max)?;
    let is_expected = (picture.x0, picture.y0, picture.x1) == (0, 0, expected.width)
        && expected.heights.contains(&picture.y1)
        && headers.components.len() == expected.components
        && headers.components.iter().all(|component| {
            let has_bits = match expected.is_signed {
                true => component.bits == expected.bits,
                false => component.bits <= expected.bits,
            };
            has_bits
                && component.is_signed == expected.is_signed
                && matches!(component.step, (1 | 2 | 4, 1 | 2 | 4))
        });
    let codestream = file.get(range.start as usize..range.end as usize);
    codestream.filter(|_| is_expected).ok_or_else(|| {
        Error::malformed(FORMAT, "it has another size or other samples than the file says")
    })
}
