//! Files of other formats that lack an end mark, or state a length that they do not have.

use std::io::Cursor;

use asciify::{Error, Limits, probe};

use testkit::pictures::{drawn, encoded, lopsided, named, text};

const SPEC: &str = "width=24&match=ramp&tone=natural";

fn is_whole(file: &[u8]) -> Result<(), Error> {
    probe(Cursor::new(file), &Limits::default())?.check_whole()
}

#[test]
fn a_qoi_with_all_its_pixels_is_whole_without_its_end_marker() {
    let file = encoded(&lopsided(), named("QOI"));
    let wanted = text(&file, SPEC);
    let pixels = file.len() - 8;
    for end in [pixels, pixels + 3] {
        assert!(is_whole(&file[..end]).is_ok());
        assert_eq!(text(&file[..end], SPEC), wanted);
    }
    for cut in [pixels / 2, pixels - 1] {
        let err = is_whole(&file[..cut]).expect_err("a pixel is missing");
        assert!(err.to_string().contains("cut off"), "{err}");
        assert!(drawn(&file[..cut], SPEC).is_err());
    }
}

#[test]
fn a_webp_whose_header_states_too_much_is_whole_if_its_picture_is() {
    let file = encoded(&lopsided(), named("WebP"));
    let mut long = file.clone();
    long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(is_whole(&long).is_ok());
    assert_eq!(text(&long, SPEC), text(&file, SPEC));
    let err = is_whole(&long[..file.len() - 2]).expect_err("the picture is cut off");
    assert!(err.to_string().contains("cut off"), "{err}");
}
