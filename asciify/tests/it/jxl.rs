//! JPEG XL: headers, orientation, and damaged files.

use std::io::Cursor;

use asciify::{Error, Limits, probe};
use image::DynamicImage;
use testkit::attacks::draw;
use testkit::mutator::with_mutations;
use testkit::pictures::{drawn, lopsided, png};
use testkit::samples::foreign;

#[test]
fn headers_say_what_the_encoder_wrote() {
    // width, height, values a pixel, bits, orientation
    for (name, expected) in [
        ("16-bits", (24, 16, 3, 16, 1)),
        ("alpha", (16, 32, 4, 8, 1)),
        ("animation", (24, 16, 3, 8, 1)),
        ("container", (24, 16, 3, 8, 1)),
        ("dot", (1, 1, 3, 8, 1)),
        ("float", (24, 16, 3, 32, 1)),
        ("jpeg", (24, 16, 3, 8, 1)),
        ("lossless-grey", (24, 16, 1, 8, 1)),
        ("lossy", (24, 16, 3, 8, 1)),
        // 48 × 32 as stored
        ("orientation-6", (32, 48, 3, 8, 6)),
        ("progressive", (64, 64, 3, 8, 1)),
    ] {
        let file = foreign(&format!("libjxl-{name}.jxl"));
        let is = probe(Cursor::new(&file), &Limits::default()).expect(name);
        let is = (is.width, is.height, is.bands, is.bit_depth, is.orientation);
        assert_eq!(is, expected, "{name}");
    }
}

#[test]
fn the_orientation_of_the_header_is_applied() {
    let spec = "width=32&height=48&fit=stretch&symbols=chars:%23&color=full&tone=natural";
    let pixels = |file: &[u8]| -> Vec<[u8; 3]> {
        let grid = drawn(file, spec).expect("a picture");
        grid.lines().flatten().map(|cell| cell.foreground.map_or([0; 3], |it| it.rgb())).collect()
    };
    let upright = pixels(&png(&DynamicImage::from(lopsided().to_rgb8()).rotate90()));
    let turned = pixels(&foreign("libjxl-orientation-6.jxl"));
    let off = turned
        .iter()
        .zip(&upright)
        .flat_map(|(is, of)| [0, 1, 2].map(|it| is[it].abs_diff(of[it])));
    assert!(off.max() < Some(60), "it was a JPEG");
}

#[test]
fn a_file_without_its_end_is_malformed() {
    for name in ["lossy", "lossless", "jpeg", "container", "progressive"] {
        let file = foreign(&format!("libjxl-{name}.jxl"));
        for length in [file.len() / 2, file.len() - 12] {
            let err = drawn(&file[..length], "width=8").expect_err(name);
            assert!(matches!(err, Error::Malformed(_)), "{name} to {length}: {err:?}");
            assert!(err.to_string().contains("cut off"), "{name} to {length}: {err}");
        }
    }
}

#[test]
fn later_frames_of_an_animation_are_not_offered() {
    let err = drawn(&foreign("libjxl-animation.jxl"), "width=8&frame=1").expect_err("one frame");
    assert!(matches!(err, Error::Missing { option: "frame", .. }), "{err:?}");
}

#[test]
fn damaged_files_are_drawn_or_refused() {
    let seeds: Vec<(String, Vec<u8>)> =
        draw::seeds().into_iter().filter(|(name, _)| name.contains("JPEG XL")).collect();
    let (mut drawn, mut refused) = (0, 0);
    let rounds = 2_000_usize.div_ceil(seeds.len());
    with_mutations(seeds, rounds, |bytes| match draw::attack(bytes) {
        Ok(()) => drawn += 1,
        Err(_) => refused += 1,
    });
    assert!(drawn > 50 && refused > 100, "{drawn} drawn, {refused} refused");
}
