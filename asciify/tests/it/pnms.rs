//! PNMs of every kind, with comments where they are allowed.

use std::io::Cursor;

use asciify::{Error, Limits, probe};
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use testkit::pictures::{drawn, png, text};

const SPEC: &str = "width=3&height=2&fit=stretch&symbols=chars:%23&color=full";

fn grid(file: &[u8]) -> asciify::Grid {
    drawn(file, SPEC).unwrap_or_else(|err| panic!("{err}: {}", file.escape_ascii()))
}

fn grey(levels: [u8; 6]) -> asciify::Grid {
    let picture = GrayImage::from_raw(3, 2, levels.to_vec()).expect("six pixels");
    grid(&png(&picture.into()))
}

#[test]
fn every_kind_is_drawn() {
    let colors = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0, 0, 255, 255, 255, 0, 255];
    let rgb = RgbImage::from_raw(3, 2, colors.to_vec()).expect("six pixels");
    let rgb: DynamicImage = rgb.into();
    let text: Vec<String> = colors.iter().map(|it| (it / 51).to_string()).collect();
    let files = [
        format!("P3 3 2 5 {}", text.join(" ")).into_bytes(),
        [b"P6 3 2 255\n", &colors[..]].concat(),
        [b"P7\nWIDTH 3\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n", &colors[..]]
            .concat(),
        [&b"P6\n3 2\n65535\n"[..], &colors.map(|it| [it; 2]).concat()].concat(),
    ];
    for file in files {
        assert_eq!(grid(&file), grid(&png(&rgb)), "{}", file.escape_ascii());
    }
    let levels = [0, 51, 102, 153, 204, 255];
    let wide: Vec<u8> = levels.iter().flat_map(|it| (u16::from(*it) * 4).to_be_bytes()).collect();
    for file in [
        b"P2 3 2 5 0 1 2 3 4 5".to_vec(),
        b"P5 3 2 5 \0\x01\x02\x03\x04\x05".to_vec(),
        [b"P5 3 2 1020 ", &wide[..]].concat(),
    ] {
        assert_eq!(grid(&file), grey(levels), "{}", file.escape_ascii());
    }
    for file in [&b"P1 3 2 010 101"[..], b"P1 3 2 0 1 0 1 0 1", b"P4 3 2 \x40\xa0"] {
        assert_eq!(grid(file), grey([255, 0, 255, 0, 255, 0]), "{}", file.escape_ascii());
    }
    let alpha = [9, 9, 9, 0, 255, 255, 255, 255].repeat(3);
    let picture = RgbaImage::from_raw(3, 2, alpha.clone()).expect("six pixels");
    let pam = b"P7\nWIDTH 3\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
    assert_eq!(grid(&[pam, &alpha[..]].concat()), grid(&png(&picture.into())));
}

#[test]
fn a_comment_ends_with_its_line_and_ends_the_number_before_it() {
    let levels = [0, 51, 102, 153, 204, 255];
    for header in [
        "P2\n3# three\n2# two\n5\n",
        "P2\n3 # three\n2\t#two\n5 ",
        "P2 # 9 9\n# 8 8\n\n3 2 5 ",
        "P2#\n3\n#\n#\n2\n5#\n",
        "P2\r\n3# three\r\n2# two\r\n5\r\n",
    ] {
        let file = format!("{header}0 1 2 # 9 9 9\n3 4 5\n");
        assert_eq!(grid(file.as_bytes()), grey(levels), "{header:?}");
    }
    let raw = [&b"P5\n3# three\n2# two\n255# white\n"[..], &levels].concat();
    assert_eq!(grid(&raw), grey(levels));
    let bits = b"P4\n3#\n2# two\n\x40\xa0";
    assert_eq!(grid(bits), grey([255, 0, 255, 0, 255, 0]));
}

#[test]
fn a_pnm_that_is_cut_off_or_makes_no_sense_is_refused() {
    for (file, said) in [
        (&b"P5 3 2 255 12345"[..], "cut off"),
        (b"P2 3 2 5 0 1 2 3", "cut off"),
        (b"P2 3 2 5 0 1 2 3 x 5", "no number"),
        (b"P1 3 2 010 102", "neither 0 nor 1"),
        (b"P5 3 2 0 123456", "maxval"),
        (b"P5 3 2 65536 123456123456", "maxval"),
        (b"P5 3 two 255 123456", "where a number must be"),
    ] {
        let err = drawn(file, SPEC).expect_err("damaged");
        assert!(matches!(err, Error::Malformed(_)) && err.to_string().contains(said), "{err}");
    }
}

#[test]
fn values_of_a_stretch_are_those_of_the_file() {
    // white is 1000, in no file of 10 bits alone
    let values = [0_u16, 300, 500, 500, 500, 500];
    let samples: Vec<u8> = values.iter().flat_map(|it| it.to_be_bytes()).collect();
    let file = [&b"P5 3 2 1000 "[..], &samples].concat();
    let stretched = drawn(&file, &format!("{SPEC}&stretch=0:500")).expect("a picture");
    assert_eq!(stretched, grey([0, 153, 255, 255, 255, 255]));
    assert_eq!(probe(Cursor::new(&file), &Limits::default()).expect("a header").bit_depth, 10);
    assert!(!text(&file, "width=3").is_empty());
}
