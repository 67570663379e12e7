//! TIFFs of measured values: more than 8 bits, signed, floating point, without data, masked.

use std::io::Cursor;

use asciify::{Limits, probe};
use tiff::encoder::colortype::{
    Gray16, Gray32, Gray32Float, Gray64, Gray64Float, GrayI16, GrayI32, RGB32Float,
};
use tiff::encoder::{Predictor, TiffEncoder};
use tiff::tags::Tag;

use testkit::pictures::text;
use testkit::tiffs::{SIDES, Tags, by_hand, packed, page, tiff, values};

const SPEC: &str = "width=30&match=ramp&tone=natural";

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
fn pixels_without_data_are_transparent_and_do_not_count() {
    let wanted = text(&tiff::<Gray16>(&values(|it| it as u16), Predictor::None, None), SPEC);
    // the left third is missing
    let has_data = |column: f64| column >= 20.0;
    let marked = values(|it| if has_data(it) { it as i16 } else { -9999 });
    let not_numbers = values(|it| if has_data(it) { it as f32 } else { f32::NAN });
    for file in [
        tiff::<GrayI16>(&marked, Predictor::None, Some("-9999")),
        tiff::<Gray32Float>(&not_numbers, Predictor::None, None),
    ] {
        // the available values are stretched by themselves: they start with black
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
fn overviews_and_masks_are_no_pages() {
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
fn infinities_and_nan_do_not_change_the_other_pixels() {
    let odd = values(|it| match it as u32 {
        3 => f32::INFINITY,
        5 => f32::NEG_INFINITY,
        7 => f32::NAN,
        _ => it as f32,
    });
    let drawn = text(&tiff::<Gray32Float>(&odd, Predictor::None, None), SPEC);
    assert!(drawn.lines().all(|row| row.ends_with('@') && row.starts_with(' ')), "{drawn}");
}

#[test]
fn integers_of_any_width_are_drawn() {
    let wanted = text(&tiff::<Gray16>(&values(|it| it as u16), Predictor::None, None), SPEC);
    for bits in [9, 10, 12, 14, 17, 24, 31, 48, 63] {
        // two thirds of the range, so that sign bits stay clear
        let step = (1_u64 << (bits - 1)) / 60;
        let file = by_hand(&[(&page(&[bits], &[]), &packed(bits, |x| u64::from(x) * step))]);
        assert_eq!(text(&file, SPEC), wanted, "{bits} bits");
        let negative =
            |x: u32| (u64::from(x) * step).wrapping_sub(30 * step) & (u64::MAX >> (64 - bits));
        let file = by_hand(&[(&page(&[bits], &[(339, &[2])]), &packed(bits, negative))]);
        assert_eq!(text(&file, SPEC), wanted, "{bits} bits, signed");
    }
    // values of up to 8 bits are not stretched
    for bits in 1..=8 {
        let most = (1_u64 << bits) - 1;
        let shade = |x: u32| u64::from(x) * most / 59;
        let file = by_hand(&[(&page(&[bits], &[]), &packed(bits, shade))]);
        let grey = tiff::<Gray16>(
            &values(|it| (shade(it as u32) * 65_535 / most) as u16),
            Predictor::None,
            None,
        );
        assert_eq!(text(&file, SPEC), text(&grey, &format!("{SPEC}&stretch=none")), "{bits} bits");
        let negative =
            by_hand(&[(&page(&[bits], &[(262, &[0])]), &packed(bits, |x| most - shade(x)))]);
        assert_eq!(text(&negative, SPEC), text(&file, SPEC), "{bits} bits, 0 is white");
    }
}

#[test]
fn complex_values_are_drawn_by_their_magnitude() {
    let wanted = text(&tiff::<Gray16>(&values(|it| it as u16), Predictor::None, None), SPEC);
    let pair = |it: f64| [(it * 3.0) as i16, (it * -4.0) as i16].map(i16::to_le_bytes).concat();
    let file = by_hand(&[(&page(&[32], &[(339, &[5])]), &values(pair).concat())]);
    assert_eq!(text(&file, SPEC), wanted);
    let pair = |it: f64| [it as f32 * -0.6, it as f32 * 0.8].map(f32::to_le_bytes).concat();
    let file = by_hand(&[(&page(&[64], &[(339, &[6])]), &values(pair).concat())]);
    assert_eq!(text(&file, SPEC), wanted);
}

#[test]
fn colours_of_every_kind_are_the_same_colours() {
    const COLORS: &str = "width=30&symbols=half&color=full&color_on=both";
    let ansi = |file: &[u8]| {
        asciify::write::ansi(&testkit::pictures::drawn(file, COLORS).expect("a picture"))
    };
    let shades = |it: f64| [it as u8 * 4, 100, 255 - it as u8 * 4];
    let rgb = values(shades).concat();
    let (three, eight) = ([3], [8, 8, 8]);
    let wanted = ansi(&by_hand(&[(&page(&eight, &[(277, &three), (262, &[2])]), &rgb)]));

    let plane = |band: usize| values(|it| shades(it)[band]);
    let planes = [plane(0), plane(1), plane(2)].concat();
    let third = SIDES.0 * SIDES.1;
    // three strips in one piece of data, which begins after the header
    let places = [8, 8 + third, 8 + 2 * third];
    let mut planar = by_hand(&[(
        &page(
            &eight,
            &[
                (277, &three),
                (262, &[2]),
                (284, &[2]),
                (324, &places),
                (325, &[third; 3]),
                (322, &[SIDES.0]),
                (323, &[SIDES.1]),
            ],
        ),
        &planes,
    )]);
    assert_eq!(ansi(&planar), wanted, "planes");
    planar.truncate(planar.len() - 1);
    assert!(probe(Cursor::new(planar), &Limits::default()).is_err());

    let table: Vec<u32> = (0..3)
        .flat_map(|band| (0..256).map(move |it| u32::from(shades(f64::from(it % 60))[band]) * 257))
        .collect();
    let palette = by_hand(&[(&page(&[8], &[(262, &[3]), (320, &table)]), &values(|it| it as u8))]);
    assert_eq!(ansi(&palette), wanted, "a palette");

    let inks =
        values(|it| shades(it).map(|part| 255 - part).into_iter().chain([0]).collect::<Vec<_>>());
    let cmyk = by_hand(&[(&page(&[8, 8, 8, 8], &[(277, &[4]), (262, &[5])]), &inks.concat())]);
    assert_eq!(ansi(&cmyk), wanted, "inks");

    let packed: Vec<u8> = rgb.chunks(90).flat_map(|run| [&[89][..], run].concat()).collect();
    let runs =
        by_hand(&[(&page(&eight, &[(277, &three), (262, &[2]), (259, &[32_773])]), &packed)]);
    assert_eq!(ansi(&runs), wanted, "PackBits");
}

#[test]
fn chroma_may_be_subsampled() {
    let grey = by_hand(&[(&page(&[8], &[]), &values(|it| it as u8 * 4))]);
    let wanted = text(&grey, SPEC);
    for (across, down) in [(1, 2), (2, 1), (2, 2), (2, 4), (4, 1), (4, 2), (4, 4)] {
        // luma of several pixels, and chroma for all of them
        let unit = |column: u32| {
            let greys =
                (0..across * down).map(move |it| ((column * across + it % across) * 4) as u8);
            greys.chain([128, 128])
        };
        let row: Vec<u8> = (0..SIDES.0 / across).flat_map(unit).collect();
        let shared = by_hand(&[(
            &page(&[8, 8, 8], &[(277, &[3]), (262, &[6]), (530, &[across, down])]),
            &row.repeat((SIDES.1 / down) as usize),
        )]);
        assert_eq!(text(&shared, SPEC), wanted, "{across} by {down}");
    }
}

#[test]
fn tags_without_effect_are_ignored() {
    let data = values(|it| it as u8 * 4);
    let wanted = text(&by_hand(&[(&page(&[8], &[]), &data)]), SPEC);
    // a predictor without compression, no extra samples, a SubIFD beyond the end of the file
    for others in [&[(317, &[2][..])][..], &[(338, &[])], &[(330, &[0xffff_ff00])], &[(330, &[0])]]
    {
        assert_eq!(text(&by_hand(&[(&page(&[8], others), &data)]), SPEC), wanted, "{others:?}");
    }
    let mut lost = by_hand(&[(&page(&[8], &[]), &data)]);
    let link = lost.len() - 4;
    lost[link..].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    assert_eq!(text(&lost, SPEC), wanted, "the next IFD is beyond the end");
}

#[test]
fn what_takes_too_much_time_or_memory_is_refused_or_ignored() {
    let data = values(|it| it as u8 * 4);
    let plain = page(&[8], &[]);
    let wanted = text(&by_hand(&[(&plain, &data)]), SPEC);
    let huge = [0xffff_fff0];
    // an overview and a mask with tiles of 2^64 pixels
    for kind in [[1], [4]] {
        let copy =
            page(&[8], &[(254, &kind), (322, &huge), (323, &huge), (324, &[8]), (325, &[9])]);
        assert_eq!(text(&by_hand(&[(&plain, &data), (&copy, &[])]), SPEC), wanted);
    }
    let refused = |others: &Tags<'_>, told: &str| {
        let file = by_hand(&[(&page(&[8], others), &data)]);
        let err = testkit::pictures::drawn(&file, SPEC).expect_err(told);
        assert!(err.to_string().contains(told), "{err}");
    };
    refused(&[(322, &[1 << 28]), (323, &[16]), (324, &[8; 2]), (325, &[9; 2])], "bytes when");
    refused(
        &[(277, &[60_000]), (258, &[8]), (278, &[1]), (273, &[8; 20]), (279, &[100; 20])],
        "damaged",
    );
    refused(&[(256, &[0])], "claims 0 × 20 pixels");
    refused(&[(257, &[0]), (262, &[6]), (530, &[0, 0])], "claims 60 × 0 pixels");
}

#[test]
fn a_mask_says_where_there_is_data() {
    let whole: Vec<(u16, &[u32])> = page(&[8], &[]);
    let mask = page(&[1], &[(254, &[4]), (262, &[4])]);
    let right = packed(1, |x| u64::from(x >= 20));
    let masked = by_hand(&[(&whole, &values(|_| 255)), (&mask, &right)]);
    let drawn = text(&masked, &format!("{SPEC}&alpha=dark"));
    assert!(
        drawn.lines().all(|row| row == format!("{}{}", " ".repeat(10), "@".repeat(20))),
        "{drawn}"
    );
    assert_eq!(probe(Cursor::new(&masked), &Limits::default()).expect("a valid file").frames, 1);
}

#[test]
fn bands_and_ranges_are_chosen() {
    // rising, falling, flat
    let bands =
        values(|it| [it as u16 * 100, 6000 - it as u16 * 100, 3000].map(u16::to_le_bytes).concat());
    let tags = page(&[16, 16, 16], &[(277, &[3])]);
    let file = by_hand(&[(&tags, &bands.concat())]);
    let row = |options: &str| {
        text(&file, &format!("{SPEC}&{options}")).lines().next().expect("a row").to_owned()
    };
    let rising = text(&tiff::<Gray16>(&values(|it| it as u16), Predictor::None, None), SPEC);
    let rising = rising.lines().next().expect("a row");
    let falling: String = row("bands=2").chars().rev().collect();
    assert_eq!((row("bands=1").as_str(), falling.as_str()), (rising, rising));
    assert_eq!(row("bands=3").trim(), "");
    assert_ne!(row("bands=1,1,2"), row("bands=2,2,1"));
    // half of the range becomes white
    assert_eq!(row("bands=1&stretch=0:3000").matches('@').count(), 15);
    assert_eq!(row("bands=1&stretch=6000:9000").trim(), "");
    assert_eq!(row("bands=1&stretch=-100000:-50000").trim(), "@".repeat(30));

    for (options, told) in [("bands=4", "from 1 to 3"), ("frame=1", "no other frame")] {
        let err = testkit::pictures::drawn(&file, options).expect_err("not there");
        assert!(err.to_string().contains(told), "{err}");
    }
    // in other formats, too
    let png = testkit::pictures::png(&testkit::pictures::lopsided());
    let drawn = |options: &str| testkit::pictures::drawn(&png, &format!("width=24&{options}"));
    assert_ne!(drawn("bands=1").expect("a picture"), drawn("bands=3").expect("a picture"));
    assert_eq!(
        drawn("bands=1,2,3").expect("a picture"),
        drawn("stretch=0:255").expect("a picture")
    );
    assert!(drawn("bands=4").is_err());
}

#[test]
fn every_page_can_be_drawn() {
    let shade = |value: u8| values(move |_| value);
    let (tags, small) = (page(&[8], &[]), page(&[8], &[(254, &[1]), (256, &[30]), (257, &[10])]));
    let file = by_hand(&[(&tags, &shade(0)), (&small, &vec![0; 300]), (&tags, &shade(255))]);
    let first = |frame: u32| {
        text(&file, &format!("{SPEC}&alpha=dark&frame={frame}")).chars().next().expect("a cell")
    };
    assert_eq!((first(0), first(1)), (' ', '@'));
    let err = testkit::pictures::drawn(&file, "frame=2").expect_err("there are two");
    assert_eq!(
        err.to_string(),
        "frame must be a whole number below 2: the image has so many frames"
    );
}
