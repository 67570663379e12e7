//! Test images in all supported formats, each different.

use std::{io::Cursor, sync::Arc};

use bytes::Bytes;
use image::{ImageFormat, Rgb, RgbImage};

const FORMATS: [ImageFormat; 8] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Gif,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Pnm,
    ImageFormat::Qoi,
];

/// A file to upload.
pub(crate) struct Picture {
    pub name: String,
    pub bytes: Bytes,
}

/// `count` files of various formats and sizes.
pub(crate) fn pictures(count: u32) -> Vec<Arc<Picture>> {
    (0..count).map(picture).collect()
}

/// One of them.
pub(crate) fn picture(seed: u32) -> Arc<Picture> {
    let format = FORMATS[seed as usize % FORMATS.len()];
    let (width, height) = match seed % 10 {
        // large enough to keep a worker busy for a moment
        9 => (1200, 900),
        _ => (9 + seed * 37 % 240, 7 + seed * 53 % 200),
    };
    let pixels = RgbImage::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(73) ^ y.wrapping_mul(151) ^ seed.wrapping_mul(40_503)) % 64;
        let ramp = 191 * x / width;
        Rgb([(ramp + noise) as u8, (191 * y / height + noise) as u8, (seed % 192 + noise) as u8])
    });
    let mut file = Cursor::new(Vec::new());
    pixels.write_to(&mut file, format).unwrap();
    let extension = format.extensions_str()[0];
    let name = format!("picture-{seed}.{extension}");
    Arc::new(Picture { name, bytes: file.into_inner().into() })
}
