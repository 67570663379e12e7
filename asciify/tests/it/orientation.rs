//! EXIF orientation: a picture from a camera held sideways gives the same text as one held upright.

use std::io::Cursor;

use asciify::{Limits, probe};
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageEncoder};

#[cfg(feature = "jxl")]
use testkit::pictures::drawn;
use testkit::pictures::{app1, encoded, exif, lopsided, named, png, text};
#[cfg(feature = "jxl")]
use testkit::samples::foreign;
use testkit::tiffs::{Tags, by_hand};

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

#[test]
fn a_tiff_is_turned_as_its_tag_says() {
    let stored = lopsided();
    let pixels = stored.to_rgb8().into_raw();
    for value in 1..=8 {
        let orientation = [u32::from(value)];
        let tags: &Tags<'_> = &[
            (256, &[48]),
            (257, &[32]),
            (258, &[8, 8, 8]),
            (262, &[2]),
            (274, &orientation),
            (277, &[3]),
        ];
        assert_drawn_upright(&by_hand(&[(tags, &pixels)]), &stored, value);
    }
}

/// A codestream whose header has the three bits of another orientation, 1 to 8.
#[cfg(feature = "jxl")]
fn turned_jxl(file: &[u8], value: u8) -> Vec<u8> {
    let set = |file: &[u8], position: usize, value: u8| {
        let mut changed = file.to_vec();
        for bit in 0..3 {
            let (byte, mask) = ((position + bit) / 8, 1 << ((position + bit) % 8));
            changed[byte] &= !mask;
            changed[byte] |= if (value - 1) >> bit & 1 == 1 { mask } else { 0 };
        }
        changed
    };
    let orientation = |file: &[u8]| {
        probe(Cursor::new(file), &Limits::default()).ok().map(|header| header.orientation)
    };
    // behind the signature and the size, at no fixed place
    let is_place = |position: &usize| {
        (1..=8).all(|value| orientation(&set(file, *position, value)) == Some(value))
    };
    let position = (16..200).find(is_place).expect("the orientation of a codestream");
    set(file, position, value)
}

#[cfg(feature = "jxl")]
#[test]
fn a_jpeg_xl_is_turned_as_its_header_says() {
    let file = foreign("libjxl-orientation-6.jxl");
    let spec = "width=24&height=24&fit=stretch&symbols=chars:%23&color=full&tone=natural";
    let pixels = |file: &[u8]| -> Vec<[u8; 3]> {
        let grid = drawn(file, spec).expect("a picture");
        grid.lines().flatten().map(|cell| cell.foreground.map_or([0; 3], |it| it.rgb())).collect()
    };
    for value in 1..=8 {
        let turned = turned_jxl(&file, value);
        let mut upright = lopsided();
        upright.apply_orientation(Orientation::from_exif(value).expect("1 to 8"));
        let header = probe(Cursor::new(&turned), &Limits::default()).expect("the file is valid");
        assert_eq!((header.width, header.height), (upright.width(), upright.height()));
        let pairs = pixels(&turned).into_iter().zip(pixels(&png(&upright)));
        let off = pairs.flat_map(|(is, of)| [0, 1, 2].map(|it| is[it].abs_diff(of[it]))).max();
        assert!(off < Some(60), "orientation {value}: {off:?}; the picture was a JPEG");
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
