//! Test images, and their expected renders.

use std::io::Cursor;

use asciify::{Limits, Spec};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// The formats of the tests with damaged files.
pub const FORMATS: [(ImageFormat, &str); 6] = [
    (ImageFormat::Jpeg, "image/jpeg"),
    (ImageFormat::Png, "image/png"),
    (ImageFormat::Gif, "image/gif"),
    (ImageFormat::WebP, "image/webp"),
    (ImageFormat::Bmp, "image/bmp"),
    (ImageFormat::Tiff, "image/tiff"),
];

/// A PNG that is brighter to the right, with a dark corner: it has no symmetry.
pub fn picture(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| match x < width / 3 && y < height / 2 {
        true => Rgb([10, 20, 60]),
        false => Rgb([(x * 255 / width) as u8, (y * 200 / height) as u8, (x ^ y) as u8]),
    })
    .into()
}

pub fn file(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(width, height).write_to(&mut bytes, format).expect("write a picture");
    bytes.into_inner()
}

pub fn png(width: u32, height: u32) -> Vec<u8> {
    file(ImageFormat::Png, width, height)
}

/// A PNG that is slow to decode and cannot be compressed.
pub fn noise(side: u32, seed: u64) -> Vec<u8> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let noise = RgbImage::from_fn(side, side, |_, _| Rgb([0; 3].map(|_| chance.u8(..))));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(noise).write_to(&mut bytes, ImageFormat::Png).expect("write a picture");
    bytes.into_inner()
}

/// A PNG whose header declares this size.
pub fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(8, 8);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// A PNG with valid chunks whose pixels cannot be decompressed.
pub fn png_with_broken_pixels() -> Vec<u8> {
    let mut bytes = png(64, 64);
    let data = bytes.windows(4).position(|name| name == b"IDAT").expect("pixels") + 4;
    let length = u32::from_be_bytes(bytes[data - 8..data - 4].try_into().expect("four")) as usize;
    bytes[data..data + length].fill(0xaa);
    let checksum = crc32(&bytes[data - 4..data + length]);
    bytes[data + length..data + length + 4].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// The engine's render of `bytes`.
pub fn drawn(bytes: &[u8], spec: &str) -> String {
    let spec: Spec = spec.parse().expect("a spec");
    let grids = asciify::render(Cursor::new(bytes), &[spec], &Limits::default());
    asciify::write::txt(&grids.expect("a picture")[0])
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}
