//! FITS: arrays of every kind of number, cubes, extensions, and images compressed by tiles.

use std::io::{Cursor, Write};

use asciify::{Error, Limits, probe};
use flate2::{Compression, write::GzEncoder};
use testkit::instruments::{Cards, fits, fits_extension, hdu};
use testkit::pictures::{drawn, text};
use testkit::samples::foreign;
use testkit::tiffs::{SIDES, tiff, values};
use tiff::encoder::Predictor;
use tiff::encoder::colortype::{Gray16, Gray32Float};

const SPEC: &str = "width=30&match=ramp&tone=natural";
const AXES: [u32; 2] = [SIDES.0, SIDES.1];

/// What a TIFF of the columns looks like.
fn wanted() -> String {
    text(&tiff::<Gray16>(&values(|it| it as u16), Predictor::None, None), SPEC)
}

#[test]
fn numbers_of_every_kind_are_stretched_as_those_of_a_tiff() {
    let unsigned_16: &Cards<'_> = &[("BZERO", "32768"), ("BSCALE", "1")];
    let unsigned_32: &Cards<'_> = &[("BZERO", "2.147483648D+09 / of unsigned numbers")];
    let unsigned_64: &Cards<'_> = &[("BZERO", "9223372036854775808")];
    let negative: &Cards<'_> = &[("BSCALE", "-0.5"), ("BZERO", "3")];
    let files = [
        fits(16, &AXES, &[], &values(|it| (it as i16 - 30).to_be_bytes()).concat()),
        fits(
            16,
            &AXES,
            unsigned_16,
            &values(|it| ((it * 1000.0 - 30_000.0) as i16).to_be_bytes()).concat(),
        ),
        fits(32, &AXES, &[], &values(|it| (it as i32 * 1_000_000).to_be_bytes()).concat()),
        fits(32, &AXES, unsigned_32, &values(|it| (it as i32 - 30).to_be_bytes()).concat()),
        fits(64, &AXES, unsigned_64, &values(|it| ((it as i64 - 30) << 40).to_be_bytes()).concat()),
        fits(-32, &AXES, &[], &values(|it| (it as f32 / 7.0 - 3.0).to_be_bytes()).concat()),
        fits(-64, &AXES, &[], &values(|it| (it * 1e-9).to_be_bytes()).concat()),
        fits(16, &AXES, negative, &values(|it| (-it as i16).to_be_bytes()).concat()),
    ];
    for (kind, file) in files.iter().enumerate() {
        assert_eq!(text(file, SPEC), wanted(), "file {kind}");
    }
    // bytes are shown as they are, signed ones as well
    let plain = fits(8, &AXES, &[], &values(|it| it as u8 * 4));
    let signed = fits(8, &AXES, &[("BZERO", "-128")], &values(|it| it as u8 * 4));
    let grey = tiff::<Gray16>(&values(|it| it as u16 * 4 * 257), Predictor::None, None);
    let as_they_are = text(&grey, &format!("{SPEC}&stretch=none"));
    assert_eq!((text(&plain, SPEC), text(&signed, SPEC)), (as_they_are.clone(), as_they_are));
}

#[test]
fn the_first_row_is_the_lowest() {
    let rows = [vec![0_u8; 60 * 10], vec![255; 60 * 10]].concat();
    let file = fits(8, &AXES, &[], &rows);
    let rows: Vec<String> = text(&file, SPEC).lines().map(str::to_owned).collect();
    assert_eq!(
        (rows.first().map(|it| it.trim().len()), rows.last().map(|it| it.trim().len())),
        (Some(30), Some(0))
    );
}

#[test]
fn blank_numbers_and_nan_are_transparent_and_do_not_count() {
    let has_data = |column: f64| column >= 20.0;
    let floats = values(|it| if has_data(it) { it as f32 } else { f32::NAN });
    let options = format!("{SPEC}&alpha=light");
    let wanted = text(&tiff::<Gray32Float>(&floats, Predictor::None, None), &options);
    assert!(wanted.lines().all(|row| row.starts_with("@@@@@@@@@@ ")), "{wanted}");
    let integers = values(|it| if has_data(it) { it as i16 } else { -9999 });
    let integers: Vec<u8> = integers.into_iter().flat_map(i16::to_be_bytes).collect();
    // BLANK is compared with what is stored
    for cards in [&[("BLANK", "-9999")][..], &[("BLANK", "-9999"), ("BZERO", "32768")]] {
        assert_eq!(text(&fits(16, &AXES, cards, &integers), &options), wanted, "{cards:?}");
    }
    let data: Vec<u8> = floats.into_iter().flat_map(f32::to_be_bytes).collect();
    assert_eq!(text(&fits(-32, &AXES, &[("BLANK", "20")], &data), &options), wanted);
    // all of them
    let none = fits(-32, &AXES, &[], &[0xff; 4 * 60 * 20]);
    assert_eq!(text(&none, &format!("{SPEC}&alpha=dark")).trim(), "");
}

#[test]
fn a_stretch_is_in_the_unit_of_the_values() {
    let data = values(|it| ((it - 32_768.0) as i16).to_be_bytes()).concat();
    let file = fits(16, &AXES, &[("BZERO", "32768")], &data);
    let row = |stretch: &str| {
        let drawn = text(&file, &format!("{SPEC}&stretch={stretch}"));
        drawn.lines().next().expect("a row").matches('@').count()
    };
    assert_eq!((row("0:30"), row("100:200"), row("-2:-1"), row("none")), (15, 0, 30, 0));
}

#[test]
fn planes_of_a_cube_are_frames_but_colours_are_bands() {
    let planes = [0_u8, 128, 255].map(|value| vec![value; 1200]).concat();
    let cube = fits(8, &[60, 20, 3], &[], &planes);
    let header = probe(Cursor::new(&cube), &Limits::default()).expect("a cube");
    assert_eq!((header.frames, header.bands, header.bit_depth), (3, 1, 8));
    let first =
        |frame: u32| text(&cube, &format!("{SPEC}&frame={frame}")).chars().next().expect("a cell");
    assert_eq!((first(0), first(2)), (' ', '@'));
    assert!(![' ', '@'].contains(&first(1)));
    assert!(matches!(drawn(&cube, "frame=3"), Err(Error::Missing { .. })));
    let both = fits(8, &[60, 20, 3, 2], &[], &planes.repeat(2));
    assert_eq!(probe(Cursor::new(&both), &Limits::default()).expect("a cube").frames, 6);
    let few = Limits { max_frames: 5, ..Limits::default() };
    assert!(matches!(
        probe(Cursor::new(&both), &few),
        Err(Error::OverLimit { what: "frames", .. })
    ));

    let rgb = fits(8, &[60, 20, 3, 2], &[("CTYPE3", "'RGB     '")], &planes.repeat(2));
    let header = probe(Cursor::new(&rgb), &Limits::default()).expect("a picture");
    assert_eq!((header.frames, header.bands), (2, 3));
    let color = format!("{SPEC}&symbols=half&color=full&color_on=both&frame=1");
    let ansi = asciify::write::ansi(&drawn(&rgb, &color).expect("a picture"));
    assert!(ansi.contains("0;128;255"), "{ansi}");
    assert!(text(&rgb, &format!("{SPEC}&bands=3")).lines().all(|row| row == "@".repeat(30)));
    assert!(matches!(drawn(&rgb, "bands=4&frame=1"), Err(Error::Missing { .. })));
}

#[test]
fn the_first_image_is_drawn_whatever_precedes_it() {
    let data = values(|it| (it as i16).to_be_bytes()).concat();
    let image = fits_extension(16, &AXES, &[("EXTNAME", "'SCI''s / X'")], &data);
    let table = hdu(
        &[
            ("XTENSION", "'BINTABLE'"),
            ("BITPIX", "8"),
            ("NAXIS", "2"),
            ("NAXIS1", "100"),
            ("NAXIS2", "40"),
            ("PCOUNT", "55"),
            ("GCOUNT", "1"),
        ],
        &[1; 4055],
    );
    let groups =
        fits(16, &[0, 2, 3], &[("GROUPS", "T"), ("PCOUNT", "1"), ("GCOUNT", "500")], &[2; 7000]);
    for first in [
        fits(8, &[], &[], &[]),
        fits(-32, &[700], &[], &[0; 2800]),
        fits(8, &[1, 900], &[], &[9; 900]),
        fits(8, &[0, 5], &[], &[]),
        [fits(8, &[], &[], &[]), table].concat(),
        groups,
    ] {
        assert_eq!(text(&[first, image.clone()].concat(), SPEC), wanted());
    }
    // without another one, a narrow image is one
    let narrow = fits(8, &[60, 1], &[], &[255; 60]);
    assert_eq!(text(&narrow, SPEC).trim(), "@".repeat(30));
    let err = drawn(&fits(-32, &[700], &[], &[0; 2800]), SPEC).expect_err("a spectrum");
    assert!(err.to_string().contains("holds no image"), "{err}");
}

#[test]
fn a_file_that_is_cut_off_is_told_and_its_lower_part_is_drawn() {
    let data = values(|_| [0x40, 0]).concat();
    let file = fits(16, &AXES, &[], &data);
    // the fill of the last block may be missing
    let filled = probe(Cursor::new(&file[..2880 + 2400]), &Limits::default()).expect("a header");
    assert!(filled.is_whole);
    let half = &file[..2880 + 1200];
    assert!(!probe(Cursor::new(half), &Limits::default()).expect("a header").is_whole);
    let rows = text(half, &format!("{SPEC}&alpha=light&stretch=0:30000"));
    let rows: Vec<&str> = rows.lines().collect();
    assert!(rows[0].starts_with('@') && !rows[rows.len() - 1].contains('@'), "{rows:?}");
    let err = probe(Cursor::new(&file[..2880 + 100]), &Limits::default()).expect_err("no row");
    assert!(err.to_string().contains("cut off"), "{err}");
}

#[test]
fn headers_that_claim_too_much_are_refused() {
    let refused = |file: &[u8], told: &str| {
        let err = probe(Cursor::new(file), &Limits::default()).expect_err(told);
        assert!(err.to_string().contains(told), "{err}");
    };
    refused(&fits(-64, &[4_000_000_000, 4_000_000_000], &[], &[]), "cut off");
    refused(&fits(8, &[60_000, 60_000], &[], &[0; 60_000]), "pixels");
    refused(&fits(8, &[60, 20, 4_000_000_000], &[], &[0; 1200]), "frames");
    refused(&fits(12, &AXES, &[], &[0; 2400]), "BITPIX");
    // a header without an end
    let mut endless = fits(8, &[], &[], &[]);
    endless.truncate(80 * 3);
    endless.resize(80 * 70_000, b' ');
    refused(&endless, "more than 65536 cards");
    let many = [fits(8, &[], &[], &[]), hdu(&[("XTENSION", "'TABLE'")], &[]).repeat(3000)].concat();
    refused(&many, "more than 65536 cards");
}

/// A table of tiles of an image of [`SIDES`] after an empty primary header; `tile` has the bytes of each of
/// its tiles, a row each.
fn tiled(
    cards: &Cards<'_>,
    columns: usize,
    mut tile: impl FnMut(usize) -> (Vec<u8>, Vec<u8>),
) -> Vec<u8> {
    let (mut table, mut heap) = (Vec::new(), Vec::new());
    for row in 0..SIDES.1 as usize {
        let (data, others) = tile(row);
        table.extend([data.len() as u32, heap.len() as u32].map(u32::to_be_bytes).as_flattened());
        table.extend(&others);
        heap.extend(data);
    }
    let (row_bytes, heap_bytes) = ((table.len() / 20).to_string(), heap.len().to_string());
    let fields = columns.to_string();
    let mut all: Vec<(&str, &str)> = vec![
        ("XTENSION", "'BINTABLE'"),
        ("BITPIX", "8"),
        ("NAXIS", "2"),
        ("NAXIS1", &row_bytes),
        ("NAXIS2", "20"),
        ("PCOUNT", &heap_bytes),
        ("GCOUNT", "1"),
        ("TFIELDS", &fields),
        ("TTYPE1", "'COMPRESSED_DATA'"),
        ("TFORM1", "'1PB(99)'"),
        ("ZIMAGE", "T"),
        ("ZNAXIS", "2"),
        ("ZNAXIS1", "60"),
        ("ZNAXIS2", "20"),
    ];
    all.extend(cards);
    [fits(8, &[], &[], &[]), hdu(&all, &[table, heap].concat())].concat()
}

fn gzipped(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("it is in memory");
    encoder.finish().expect("it is in memory")
}

#[test]
fn tiles_that_are_compressed_with_gzip_are_drawn() {
    let row: Vec<i16> = (0..60).collect();
    let plain: Vec<u8> = row.iter().flat_map(|it| it.to_be_bytes()).collect();
    let shuffled: Vec<u8> =
        [0, 1].into_iter().flat_map(|at| row.iter().map(move |it| it.to_be_bytes()[at])).collect();
    for (name, data) in [("'GZIP_1'", plain), ("'GZIP_2'", shuffled)] {
        let file =
            tiled(&[("ZBITPIX", "16"), ("ZCMPTYPE", name)], 1, |_| (gzipped(&data), Vec::new()));
        assert_eq!(text(&file, SPEC), wanted(), "{name}");
        let cut = probe(Cursor::new(&file[..file.len() - 2880]), &Limits::default());
        assert!(!cut.expect("a header").is_whole);
    }
    // quantized, with a scale of its own in each tile
    let quantized: Vec<u8> = (0..60).flat_map(|it: i32| (it * 4).to_be_bytes()).collect();
    let cards = [
        ("ZBITPIX", "-32"),
        ("ZCMPTYPE", "'GZIP_1'"),
        ("TTYPE2", "'ZSCALE'"),
        ("TFORM2", "'1D'"),
        ("ZZERO", "5.0"),
    ];
    let file = tiled(&cards, 2, |_| (gzipped(&quantized), 0.25_f64.to_be_bytes().to_vec()));
    assert_eq!(text(&file, SPEC), wanted());
    let half = text(&file, &format!("{SPEC}&stretch=5:35"));
    assert_eq!(half.lines().next().map(|row| row.matches('@').count()), Some(15));
    for (name, told) in
        [("'PLIO_1'", "PLIO_1"), ("'HCOMPRESS_1'", "HCOMPRESS_1"), ("'\x1b'", "funpack")]
    {
        let file = tiled(&[("ZBITPIX", "16"), ("ZCMPTYPE", name)], 1, |_| (vec![0], Vec::new()));
        let err = drawn(&file, SPEC).expect_err("not read");
        assert!(err.to_string().contains(told) && err.to_string().contains("decompress"), "{err}");
    }
}

#[test]
fn files_of_astropy_are_drawn_as_the_same_values_without_compression() {
    let file = |kind: &str| foreign(&format!("astropy-{kind}.fits"));
    for spec in [SPEC, "width=60&height=20&fit=stretch&symbols=ramp:%20.:-=%2b*%23%25@"] {
        let wanted = text(&file("integers"), spec);
        for kind in ["rice", "gzip-1", "gzip-2", "rice-tiles"] {
            assert_eq!(text(&file(kind), spec), wanted, "{kind}");
        }
        // quantized to a hundredth of the range
        let wanted = text(&file("floats"), spec);
        for kind in ["no-dither", "dither-1", "dither-2", "lossless"] {
            let drawn = text(&file(kind), spec);
            let differ = drawn.chars().zip(wanted.chars()).filter(|(it, of)| it != of).count();
            assert!(differ * 20 < wanted.len(), "{kind}: {differ}\n{drawn}{wanted}");
        }
    }
}
