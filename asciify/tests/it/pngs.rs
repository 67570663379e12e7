//! PNGs whose end, checksums or animation are unusual.

use std::io::Cursor;

use asciify::{Header, Limits, probe};
use image::DynamicImage;

use testkit::pictures::{drawn, exif, lopsided, png, text};
use testkit::samples::foreign;

const SPEC: &str = "width=24&match=ramp&tone=natural";

fn header(file: &[u8]) -> Header {
    probe(Cursor::new(file), &Limits::default()).expect("a header")
}

/// The offset of the length of the first chunk of that type.
fn chunk_at(file: &[u8], kind: &[u8; 4]) -> usize {
    file.windows(4).position(|it| it == kind).expect("a chunk of that type") - 4
}

/// Where the data of the only IDAT chunk begin and end.
fn data(file: &[u8]) -> (usize, usize) {
    let at = chunk_at(file, b"IDAT");
    let length = u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"));
    (at + 8, at + 8 + length as usize)
}

/// A chunk with a checksum of 0: checksums are not compared.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat()
}

/// Files by row and as a whole.
fn files() -> [Vec<u8>; 3] {
    let deep = DynamicImage::from(lopsided().to_luma16());
    [png(&lopsided()), png(&deep), foreign("imagemagick-interlaced.png")]
}

#[test]
fn a_png_with_all_its_rows_is_whole_whatever_its_end_is() {
    for file in files() {
        let (end, (_, data_end)) = (chunk_at(&file, b"IEND"), data(&file));
        let mut wrong_idat = file.clone();
        wrong_idat[data_end..data_end + 4].fill(0);
        let cut = |length: usize| file[..length].to_vec();
        let ends = [
            ("no IEND", cut(end)),
            ("half of IEND", cut(end + 6)),
            ("IEND with a wrong checksum", [&file[..end], &chunk(b"IEND", b"")].concat()),
            ("zeros in place of IEND", [&file[..end], &[0; 64]].concat()),
            ("junk in place of IEND", [&file[..end], &[0xff; 64]].concat()),
            ("IDAT with a wrong checksum", wrong_idat),
            ("IDAT without a checksum", cut(data_end)),
        ];
        for (what, changed) in ends {
            assert!(header(&changed).is_whole, "{what}");
            assert_eq!(text(&changed, SPEC), text(&file, SPEC), "{what}");
        }
    }
}

#[test]
fn a_png_without_all_its_rows_is_cut_off_and_drawn_in_part() {
    for file in files() {
        let (start, end) = data(&file);
        for cut in [start + 2, (start + end) / 2, end - 26] {
            let err = header(&file[..cut]).check_whole().expect_err("rows are missing");
            assert!(err.to_string().contains("cut off"), "{err}");
            assert!(drawn(&file[..cut], SPEC).is_ok());
        }
    }
}

#[test]
fn exif_behind_the_pixels_is_not_obeyed() {
    let file = png(&lopsided());
    let exif = chunk(b"eXIf", &exif(6));
    let with_exif = |kind| {
        let at = chunk_at(&file, kind);
        [&file[..at], &exif, &file[at..]].concat()
    };
    let (early, late) = (with_exif(b"IDAT"), with_exif(b"IEND"));
    assert_eq!((header(&early).orientation, header(&late).orientation), (6, 1));
    assert_eq!(text(&late, SPEC), text(&file, SPEC));
    assert_ne!(text(&early, SPEC), text(&file, SPEC));
}

/// An APNG of 4 × 2 px whose frames have these levels of grey. With `still`, a static image of that
/// level comes first, and is no frame of the animation.
fn animation(still: Option<u8>, frames: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 4, 2);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(frames.len() as u32, 0).expect("frames");
    encoder.set_sep_def_img(still.is_some()).expect("animated");
    let mut writer = encoder.write_header().expect("it is in memory");
    for level in still.iter().chain(frames) {
        writer.write_image_data(&[*level; 8]).expect("a small frame");
    }
    writer.finish().expect("it is in memory");
    file
}

#[test]
fn a_static_image_that_is_no_frame_is_frame_0_and_the_animation_follows() {
    let spec =
        |frame| format!("width=4&height=2&fit=stretch&match=ramp&tone=natural&frame={frame}");
    let levels = |file: &[u8]| -> Vec<String> {
        (0..header(file).frames).map(|frame| text(file, &spec(frame))).collect()
    };
    let flat = |level: u8| {
        text(&png(&image::GrayImage::from_pixel(4, 2, image::Luma([level])).into()), &spec(0))
    };
    let separate = animation(Some(0), &[120, 255]);
    assert_eq!(levels(&separate), [flat(0), flat(120), flat(255)]);
    let alone = animation(Some(0), &[255]);
    assert_eq!(levels(&alone), [flat(0), flat(255)]);
    let plain = animation(None, &[120, 255]);
    assert_eq!(levels(&plain), [flat(120), flat(255)]);
    let err = drawn(&separate, &spec(3)).expect_err("there are three");
    assert!(err.to_string().contains("below 3"), "{err}");
}
