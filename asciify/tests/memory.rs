//! How much memory drawing takes, counted by the allocator: alone in its program, since others
//! would be counted as well.

use std::io::Cursor;

use asciify::{Limits, Spec, render};
use image::{ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const SIDES: (u16, u16) = (2400, 1600);
const MIB: usize = 1 << 20;

/// The most that was taken at once while the file was drawn, in bytes.
fn peak(file: &[u8]) -> usize {
    let specs: Vec<Spec> = ["width=60", "width=60&color=full&symbols=quad&color_on=both"]
        .map(|spec| spec.parse().expect("a spec"))
        .to_vec();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let grids = render(Cursor::new(file), &specs, &Limits::default()).expect("a picture");
    assert_eq!(grids.len(), 2);
    MEMORY.peak_usage() - before
}

#[test]
fn memory_does_not_grow_with_the_picture() {
    let picture = RgbImage::from_fn(SIDES.0.into(), SIDES.1.into(), |x, y| {
        image::Rgb([(x / 10) as u8, (y / 8) as u8, (x ^ y) as u8])
    });
    let whole = picture.as_raw().len();
    assert!(whole > 10 * MIB);

    for progressive in [false, true] {
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 80);
        encoder.set_progressive(progressive);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&picture, SIDES.0, SIDES.1, ColorType::Rgb).expect("it is in memory");
        // the file itself is read as a whole
        let taken = peak(&jpeg) - jpeg.len();
        assert!(taken < 4 * MIB, "progressive: {progressive}, {taken} bytes beside the file");
    }
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let mut file = Cursor::new(Vec::new());
        match format {
            ImageFormat::Png => picture.write_to(&mut file, format),
            // 16 bits, stretched
            _ => image::DynamicImage::from(picture.clone()).to_rgb16().write_to(&mut file, format),
        }
        .expect("it is in memory");
        let taken = peak(file.get_ref());
        assert!(taken < 4 * MIB, "{format:?}: {taken} bytes");
    }
}
