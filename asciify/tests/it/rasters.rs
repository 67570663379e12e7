//! TIFFs whose values are no shades of a screen, as instruments send them.

use std::io::Cursor;

use asciify::{Limits, probe};
use tiff::encoder::colortype::{
    ColorType, Gray16, Gray32, Gray32Float, Gray64, Gray64Float, GrayI16, GrayI32, RGB32Float,
};
use tiff::encoder::{Compression, Predictor, TiffEncoder, TiffValue};
use tiff::tags::Tag;

use crate::pictures::text;

const SIDES: (u32, u32) = (60, 20);
const SPEC: &str = "width=30&match=ramp&tone=natural";

/// A value a pixel, rising from the left to the right by 1 a step.
fn values<T>(value: impl Fn(f64) -> T) -> Vec<T> {
    (0..SIDES.1).flat_map(|_| (0..SIDES.0).map(f64::from)).map(value).collect()
}

fn tiff<C: ColorType>(values: &[C::Inner], predictor: Predictor, no_data: Option<&str>) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut file).expect("it is in memory");
    let mut encoder = encoder.with_compression(Compression::Lzw).with_predictor(predictor);
    let mut image = encoder.new_image::<C>(SIDES.0, SIDES.1).expect("it is in memory");
    image.rows_per_strip(7).expect("a few rows");
    if let Some(no_data) = no_data {
        image.encoder().write_tag(Tag::Unknown(42_113), no_data).expect("it is in memory");
    }
    image.write_data(values).expect("as many values as pixels");
    file.into_inner()
}

#[test]
fn values_of_every_kind_are_stretched_alike() {
    let plain = Predictor::None;
    let wanted = text(&tiff::<Gray16>(&values(|it| it as u16), plain, None), SPEC);
    let first = wanted.lines().next().expect("a row");
    assert!(first.starts_with(' ') && first.ends_with('@'), "{wanted}");
    let files = [
        tiff::<Gray16>(&values(|it| it as u16 * 1000), Predictor::Horizontal, None),
        tiff::<GrayI16>(&values(|it| it as i16 - 1000), Predictor::Horizontal, None),
        tiff::<Gray32>(&values(|it| it as u32 * 1_000_000), plain, None),
        tiff::<GrayI32>(&values(|it| -1_000_000_000 + 1_000_000 * it as i32), plain, None),
        tiff::<Gray64>(&values(|it| it as u64 * (1 << 40)), plain, None),
        tiff::<Gray32Float>(&values(|it| it as f32 / 7.0 - 3.0), plain, None),
        tiff::<Gray64Float>(&values(|it| it * 1e-9), plain, None),
    ];
    for (kind, file) in files.iter().enumerate() {
        assert_eq!(text(file, SPEC), wanted, "file {kind}");
    }
    let grey: Vec<f32> = values(|it| it as f32).into_iter().flat_map(|it| [it; 3]).collect();
    assert_eq!(text(&tiff::<RGB32Float>(&grey, plain, None), SPEC), wanted);
}

#[test]
fn pixels_without_data_are_clear_and_do_not_count() {
    let wanted = text(&tiff::<Gray16>(&values(|it| it as u16), Predictor::None, None), SPEC);
    // the left third is missing
    let has_data = |column: f64| column >= 20.0;
    let marked = values(|it| if has_data(it) { it as i16 } else { -9999 });
    let not_numbers = values(|it| if has_data(it) { it as f32 } else { f32::NAN });
    for file in [
        tiff::<GrayI16>(&marked, Predictor::None, Some("-9999")),
        tiff::<Gray32Float>(&not_numbers, Predictor::None, None),
    ] {
        // what is there is stretched by itself: it starts in the dark
        let drawn = text(&file, &format!("{SPEC}&alpha=dark"));
        for (row, whole) in drawn.lines().zip(wanted.lines()) {
            assert!(row.starts_with(&" ".repeat(11)) && row.ends_with('@'), "{drawn}");
            assert!(row.trim_end() != whole.trim_end());
        }
        let light = text(&file, &format!("{SPEC}&alpha=light"));
        assert!(light.lines().all(|row| row.starts_with("@@@@@@@@@@ ")), "{light}");
    }
}

#[test]
fn smaller_copies_and_masks_are_no_pages() {
    let pages = |kinds: &[u32]| {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).expect("it is in memory");
        for kind in kinds {
            let mut image = encoder.new_image::<Gray16>(2, 2).expect("it is in memory");
            image.encoder().write_tag(Tag::NewSubfileType, *kind).expect("it is in memory");
            image.write_data(&[0, 1, 2, 3]).expect("four pixels");
        }
        probe(Cursor::new(file.into_inner()), &Limits::default()).expect("a valid file").frames
    };
    assert_eq!((pages(&[0]), pages(&[0, 2, 0]), pages(&[0, 1, 4, 5, 1])), (1, 3, 1));
}

#[test]
fn what_is_no_number_harms_nobody() {
    let odd = values(|it| match it as u32 {
        3 => f32::INFINITY,
        5 => f32::NEG_INFINITY,
        7 => f32::NAN,
        _ => it as f32,
    });
    let drawn = text(&tiff::<Gray32Float>(&odd, Predictor::None, None), SPEC);
    assert!(drawn.lines().all(|row| row.ends_with('@') && row.starts_with(' ')), "{drawn}");
}
