//! TIFFs whose pixels have no data: by GDAL's tag, by alpha, by a mask, or because they are left out.

use testkit::pictures::text;
use testkit::tiffs::{SIDES, by_hand, packed, page, tiff, values};
use tiff::encoder::Predictor;
use tiff::encoder::colortype::{
    ColorType, Gray8, Gray16, Gray32Float, Gray64Float, GrayI8, GrayI16, GrayI32,
};

const SPEC: &str = "width=30&match=ramp&tone=natural&stretch=none";

/// The first row over a dark and over a light backdrop: blank and full where it is transparent.
fn rows(file: &[u8]) -> [String; 2] {
    ["dark", "light"].map(|backdrop| {
        let text = text(file, &format!("{SPEC}&alpha={backdrop}"));
        text.lines().next().expect("a row").to_owned()
    })
}

/// Whether the left third is transparent, and nothing else.
fn is_left_transparent(file: &[u8]) -> bool {
    let [dark, light] = rows(file);
    let (left, right) = (|row: &str| row[..10].to_owned(), |row: &str| row[11..].to_owned());
    left(&dark) == " ".repeat(10) && left(&light) == "@".repeat(10) && right(&dark) == right(&light)
}

fn is_opaque(file: &[u8]) -> bool {
    let [dark, light] = rows(file);
    dark == light
}

/// A file whose left third has the value `missing`, and whose tag GDAL_NODATA has that text.
fn marked<C: ColorType<Inner = T>, T: Copy>(missing: T, present: T, tag: &str) -> Vec<u8>
where
    [T]: tiff::encoder::TiffValue,
{
    let values = values(|column| if column < 20.0 { missing } else { present });
    tiff::<C>(&values, Predictor::None, Some(tag))
}

#[test]
fn the_value_of_the_tag_is_missing_whatever_its_type_and_notation() {
    for file in [
        marked::<Gray8, u8>(0, 100, "0"),
        marked::<Gray8, u8>(255, 100, "255"),
        marked::<Gray8, u8>(7, 100, " 7.0 "),
        marked::<GrayI8, i8>(-128, 100, "-128"),
        marked::<Gray16, u16>(65_535, 100, "65535"),
        marked::<GrayI16, i16>(-9999, 100, "-9999"),
        marked::<GrayI32, i32>(i32::MIN, 100, "-2147483648"),
        marked::<Gray32Float, f32>(-9999.0, 0.5, "-9999"),
        marked::<Gray32Float, f32>(f32::MIN, 0.5, "-3.4028234663852886e+38"),
        // more digits than a sample has
        marked::<Gray32Float, f32>(0.1, 0.5, "0.1"),
        marked::<Gray32Float, f32>(f32::NAN, 0.5, "nan"),
        marked::<Gray64Float, f64>(f64::NAN, 0.5, "NaN"),
        marked::<Gray64Float, f64>(-1.797_693_134_862_315_7e308, 0.5, "-1.7976931348623157e+308"),
        marked::<Gray32Float, f32>(f32::INFINITY, 0.5, "inf"),
    ] {
        assert!(is_left_transparent(&file));
    }
}

#[test]
fn a_value_that_no_sample_can_have_is_ignored() {
    for file in [
        marked::<Gray8, u8>(0, 100, "-9999"),
        marked::<Gray8, u8>(1, 100, "257"),
        marked::<Gray8, u8>(0, 100, "nan"),
        marked::<Gray8, u8>(0, 100, "0.5"),
        marked::<Gray8, u8>(0, 100, "none"),
        marked::<Gray8, u8>(0, 100, ""),
        marked::<Gray16, u16>(0, 100, "65536"),
        marked::<GrayI16, i16>(-1, 100, "65535"),
        marked::<Gray32Float, f32>(0.0, 0.5, "1e99"),
    ] {
        assert!(is_opaque(&file));
    }
}

#[test]
fn alpha_and_a_mask_hide_as_the_tag_does() {
    let grey_alpha = values(|column| [100, if column < 20.0 { 0 } else { 255 }]).concat();
    for kind in [1, 2] {
        let kind = [kind];
        let tags = page(&[8, 8], &[(277, &[2]), (338, &kind)]);
        // associated alpha multiplies
        let data: Vec<u8> = match kind {
            [1] => values(|column| if column < 20.0 { [0, 0] } else { [100, 255] }).concat(),
            _ => grey_alpha.clone(),
        };
        assert!(is_left_transparent(&by_hand(&[(&tags, &data)])), "{kind:?}");
    }
    let whole = page(&[8], &[]);
    let mask = page(&[1], &[(254, &[4]), (262, &[4])]);
    let right = packed(1, |x| u64::from(x >= 20));
    assert!(is_left_transparent(&by_hand(&[(&whole, &values(|_| 100)), (&mask, &right)])));
}

#[test]
fn tiles_and_planes_that_are_left_out_are_drawn_as_zeros() {
    // tiles of 32 × 32 pixels: the right one is left out
    let row = |x: u32| if x < 32 { 100 } else { 0 };
    let whole: Vec<u8> = (0..SIDES.1).flat_map(|_| (0..SIDES.0).map(row)).collect();
    let whole = by_hand(&[(&page(&[8], &[]), &whole)]);
    let tags = page(&[8], &[(322, &[32]), (323, &[32]), (324, &[8, 0]), (325, &[32 * 32, 0])]);
    assert_eq!(rows(&by_hand(&[(&tags, &[100; 32 * 32])])), rows(&whole));
    // a plane of three is left out
    let size = SIDES.0 * SIDES.1;
    let interleaved = page(&[8, 8, 8], &[(277, &[3]), (262, &[2])]);
    let pixels = by_hand(&[(&interleaved, &values(|_| [100, 0, 50]).concat())]);
    let places = [8, 0, 8 + size];
    let lengths = [size, 0, size];
    let planes = page(
        &[8, 8, 8],
        &[
            (277, &[3]),
            (262, &[2]),
            (284, &[2]),
            (322, &[SIDES.0]),
            (323, &[SIDES.1]),
            (324, &places),
            (325, &lengths),
        ],
    );
    let data = [values(|_| 100_u8), values(|_| 50_u8)].concat();
    let colored = |file: &[u8]| {
        let spec = "width=8&color=full&color_on=both&symbols=half&tone=natural";
        asciify::write::ansi(&testkit::pictures::drawn(file, spec).expect("a picture"))
    };
    assert_eq!(colored(&by_hand(&[(&planes, &data)])), colored(&pixels));
}
