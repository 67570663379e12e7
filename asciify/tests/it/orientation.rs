//! EXIF orientation: a picture from a camera held sideways gives the same text as one held upright.

use std::io::Cursor;

use asciify::{Limits, probe};
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageEncoder};

use testkit::pictures::{app1, encoded, exif, lopsided, named, png, text};

const SPECS: [&str; 4] =
    ["width=30", "height=9", "width=20&height=30&fit=cover", "width=31&height=8&fit=stretch"];

#[test]
fn a_jpeg_is_turned_as_its_exif_says() {
    let plain = encoded(&lopsided(), named("JPEG"));
    let stored = image::load_from_memory(&plain).expect("the library reads what it wrote");
    for value in 1..=8 {
        let mut tagged = plain[..2].to_vec();
        tagged.extend(app1(value));
        tagged.extend(&plain[2..]);
        assert_drawn_upright(&tagged, &stored, value);
    }
}

#[test]
fn a_jpeg_that_is_read_at_reduced_size_is_turned_as_well() {
    let large = lopsided().resize_exact(960, 640, FilterType::Nearest);
    let plain = encoded(&large, named("JPEG"));
    for value in 1..=8 {
        let tagged = [&plain[..2], &app1(value), &plain[2..]].concat();
        let mut upright = large.clone();
        upright.apply_orientation(Orientation::from_exif(value).expect("1 to 8"));
        let upright = png(&upright);
        for spec in ["width=10&match=ramp", "width=9&height=7&fit=cover&match=ramp"] {
            let (found, wanted) = (text(&tagged, spec), text(&upright, spec));
            assert_eq!(found.len(), wanted.len(), "orientation {value}, {spec}");
            // JPEG is lossy: a few characters may be the next ones of the ramp
            let others = found.chars().zip(wanted.chars()).filter(|(a, b)| a != b).count();
            assert!(others * 10 <= wanted.len(), "orientation {value}, {spec}\n{found}\n{wanted}");
        }
    }
}

#[test]
fn a_png_and_a_webp_are_turned_as_their_exif_says() {
    let stored = lopsided();
    let pixels = stored.to_rgb8();
    for value in 1..=8 {
        let mut file = Vec::new();
        let mut encoder = PngEncoder::new(&mut file);
        encoder.set_exif_metadata(exif(value)).expect("PNG holds EXIF");
        encoder
            .write_image(&pixels, 48, 32, image::ExtendedColorType::Rgb8)
            .expect("the picture is small");
        assert_drawn_upright(&file, &stored, value);

        let mut file = Vec::new();
        let mut encoder = WebPEncoder::new_lossless(&mut file);
        encoder.set_exif_metadata(exif(value)).expect("WebP holds EXIF");
        encoder
            .write_image(&pixels, 48, 32, image::ExtendedColorType::Rgb8)
            .expect("the picture is small");
        assert_drawn_upright(&file, &stored, value);
    }
}

fn assert_drawn_upright(tagged: &[u8], stored: &DynamicImage, value: u8) {
    let mut upright = stored.clone();
    upright.apply_orientation(Orientation::from_exif(value).expect("1 to 8"));
    let header = probe(Cursor::new(tagged), &Limits::default()).expect("the file is valid");
    assert_eq!(
        (header.width, header.height),
        (upright.width(), upright.height()),
        "orientation {value}"
    );
    let upright = png(&upright);
    for spec in SPECS {
        assert_eq!(text(tagged, spec), text(&upright, spec), "orientation {value}, {spec}");
    }
}
