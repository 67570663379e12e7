//! ICO: a directory of pictures, each a PNG or a BMP; the deepest and then largest is drawn.

use std::io::Cursor;

use image::ImageFormat;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::bmp::BitmapInfo;
use crate::formats::decoder::{Decoder, Driver, Input, Probed};
use crate::formats::reader::ByteReader;
use crate::formats::{fallback, png};
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::source::Source;
use crate::spec::Spec;

const FORMAT: Format = Format::new("ICO", "image/vnd.microsoft.icon", "ico");

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| matches!(start, [0, 0, 1, 0, low, high, ..] if (*low, *high) != (0, 0)),
    probe,
};

struct Ico {
    /// Where the picture begins, in bytes, if it is a PNG.
    png_at: Option<u64>,
}

impl Decoder for Ico {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            if let Some(at) = self.png_at {
                let file = input.bytes()?;
                let mut png = Cursor::new(file.get(at as usize..).unwrap_or_default());
                let sides = input.probed.sides();
                if png::rows(&mut Source::new(&mut png), sides, &mut *push)? {
                    return Ok(());
                }
            }
            fallback::rows(input, ImageFormat::Ico, view.frame, push)
        })
    }
}

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    reader.skip(4)?;
    let mut pictures = Vec::new();
    for _ in 0..reader.u16_le()? {
        let [width, height, _colors, _reserved] = reader.array()?;
        let [_planes, bits] = [reader.u16_le()?, reader.u16_le()?];
        let [length, at] = [reader.u32_le()?, reader.u32_le()?];
        // 0 stands for 256.
        let side = |side: u8| if side == 0 { 256 } else { u32::from(side) };
        pictures.push(((bits, side(width) * side(height)), (at, length)));
    }
    // Of equals the decoder takes the last of the directory, or else the first.
    let Some(mut best) = pictures.pop() else {
        return Err(reader.malformed("it holds no picture"));
    };
    for picture in pictures {
        if picture.0 > best.0 {
            best = picture;
        }
    }
    let (_, (at, length)) = best;
    reader.awaited = "its picture is complete";
    if u64::from(at) + u64::from(length) > reader.end {
        return Err(reader.cut_off());
    }
    reader.go_to(at.into())?;
    let mut png_at = None;
    let (width, height) = if reader.u32_be()? == 0x8950_4e47 {
        reader.skip(12)?;
        png_at = Some(at.into());
        (reader.u32_be()?, reader.u32_be()?)
    } else {
        reader.go_to(at.into())?;
        let info = BitmapInfo::read(&mut reader)?;
        // The mask counts as a second half of the picture's height.
        (info.width, info.height / 2)
    };
    Ok(Probed::still(FORMAT, (width, height), 4, 4, Ico { png_at }))
}
