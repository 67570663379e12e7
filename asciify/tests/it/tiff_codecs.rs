//! TIFF compressions, against files of GDAL and of tifffile. Their pixels are computed here again, as
//! `tests/data/tiff/make.py` computes them.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use asciify::{Error, Limits, probe};
use testkit::attacks::draw;
use testkit::mutator::with_mutations;
use testkit::pictures::drawn;
use testkit::tiffs::{SIDES, by_hand, page, zstd};

/// A file of another encoder.
fn foreign(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiff");
    fs::read(folder.join(format!("{name}.tif"))).expect("a file of the repository")
}

/// What a pixel has: its values, or `None` for one without data.
type Value = Option<u32>;

/// The value of each band at each pixel, row-major.
fn values(bands: u32, is_missing: impl Fn(u32, u32, u32) -> bool) -> Vec<Value> {
    let (width, height) = SIDES;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let value = |x: u32, y: u32, band: u32| 4 * ((x + 3 * y + 10 * band) % 50);
    pixels
        .flat_map(|(x, y)| (0..bands).map(move |band| (x, y, band)))
        .map(|(x, y, band)| (!is_missing(x, y, band)).then(|| value(x, y, band)))
        .collect()
}

/// An uncompressed TIFF of values in `bands` bands.
fn uncompressed(
    values: &[Value],
    bands: u32,
    of_value: fn(Value) -> Vec<u8>,
    format: u32,
) -> Vec<u8> {
    let data: Vec<u8> = values.iter().copied().flat_map(of_value).collect();
    let bits = vec![of_value(None).len() as u32 * 8; bands as usize];
    let formats = vec![format; bands as usize];
    let photometric = if bands == 1 { [1] } else { [2] };
    let samples = [bands];
    let alpha: &[(u16, &[u32])] = if bands == 4 { &[(338, &[2])] } else { &[] };
    let tags: Vec<(u16, &[u32])> =
        [(277, &samples[..]), (262, &photometric[..]), (339, &formats[..])]
            .into_iter()
            .chain(alpha.iter().copied())
            .collect();
    by_hand(&[(&page(&bits, &tags), &data)])
}

/// Each cell is a pixel, and its colour tells the values.
const EXACT: &str = "width=60&height=20&fit=stretch&color=full&color_on=both&symbols=half&alpha=dark\
                     &tone=natural&stretch=0:200";

#[test]
fn the_pixels_are_those_that_were_compressed() {
    let u8 = |value: Value| vec![value.unwrap_or(0) as u8];
    let u16 = |value: Value| (value.unwrap_or(0) as u16).to_le_bytes().to_vec();
    let i16 = |value: Value| (value.unwrap_or(0) as i16).to_le_bytes().to_vec();
    let i32 = |value: Value| (value.unwrap_or(0) as i32).to_le_bytes().to_vec();
    let f32 = |value: Value| value.map_or(f32::NAN, |it| it as f32).to_le_bytes().to_vec();
    let f64 = |value: Value| value.map_or(f64::NAN, f64::from).to_le_bytes().to_vec();
    let f32_fraction = |value: Value| {
        value.map_or(f32::NAN, |it| it as f32 * 0.987_654_321_f64 as f32).to_le_bytes().to_vec()
    };
    let f64_fraction = |value: Value| {
        value.map_or(f64::NAN, |it| f64::from(it) * 0.987_654_321).to_le_bytes().to_vec()
    };
    let all = |_: u32, _: u32, _: u32| false;
    let hole = |x: u32, y: u32, _: u32| (10..30).contains(&x) && (5..10).contains(&y);
    let holes = |x: u32, y: u32, band: u32| {
        hole(x, y, band) || band == 1 && (30..50).contains(&x) && (12..18).contains(&y)
    };
    let mut alpha = values(4, hole);
    alpha.chunks_exact_mut(4).for_each(|pixel| pixel[3] = pixel[3].map(|_| 255));
    for (name, expected) in [
        ("zstd-u16-predictor2-tiles", uncompressed(&values(3, all), 3, u16, 1)),
        ("zstd-f32-predictor3", uncompressed(&values(1, all), 1, f32, 3)),
        ("lzma-i16-predictor2", uncompressed(&values(1, all), 1, i16, 2)),
        ("lzma-f64-planar", uncompressed(&values(3, all), 3, f64, 3)),
        ("lerc-u8", uncompressed(&values(3, all), 3, u8, 1)),
        ("lerc-u16-planar-tiles", uncompressed(&values(3, all), 3, u16, 1)),
        ("lerc-i32-lossy", uncompressed(&values(1, all), 1, i32, 2)),
        ("lerc-f32-mask", uncompressed(&values(3, hole), 3, f32, 3)),
        ("lerc-f32-masks", uncompressed(&values(3, holes), 3, f32, 3)),
        ("lerc6-f32-mask", uncompressed(&values(3, hole), 3, f32_fraction, 3)),
        ("lerc6-f64", uncompressed(&values(1, all), 1, f64_fraction, 3)),
        ("lerc-u8-alpha", uncompressed(&alpha, 4, u8, 1)),
        ("webp-alpha", uncompressed(&alpha, 4, u8, 1)),
        #[cfg(feature = "jp2")]
        ("jpeg2000-u16-tiles", uncompressed(&values(3, all), 3, u16, 1)),
        #[cfg(feature = "jp2")]
        ("jpeg2000-i16", uncompressed(&values(1, all), 1, i16, 2)),
    ] {
        let grid = |file: &[u8]| drawn(file, EXACT).unwrap_or_else(|err| panic!("{name}: {err}"));
        assert!(grid(&foreign(name)) == grid(&expected), "{name}");
    }
}

#[test]
fn damaged_chunks_are_damage_and_no_panic() {
    let seeds = [
        "zstd-u16-predictor2-tiles",
        "lzma-i16-predictor2",
        "lzma-f64-planar",
        "lerc-u8",
        "lerc-u16-planar-tiles",
        "lerc-i32-lossy",
        "lerc-f32-masks",
        "lerc6-f32-mask",
        "lerc6-f64",
        "lerc-u8-alpha",
        "webp-alpha",
        #[cfg(feature = "jp2")]
        "jpeg2000-u16-tiles",
    ]
    .map(|name| (name.to_owned(), [&[0], &foreign(name)[..]].concat()));
    let (mut drawn, mut refused) = (0, 0);
    with_mutations(seeds.into(), 400, |bytes| match draw::attack(bytes) {
        Ok(()) => drawn += 1,
        Err(_) => refused += 1,
    });
    assert!(drawn > 100 && refused > 400, "{drawn} drawn, {refused} refused");
}

#[test]
fn data_behind_the_end_of_a_chunk_is_not_decompressed() {
    let bytes = SIDES.0 * SIDES.1;
    let tags: &[(u16, &[u32])] = &[(259, &[50_000])];
    // a window of 128 MiB, and as much data, of which the first bytes are the picture
    let blocks: Vec<(u32, u8)> = [(bytes, 7)].into_iter().chain([(1 << 17, 9); 1024]).collect();
    let file = by_hand(&[(&page(&[8], tags), &zstd(0x88, &blocks))]);
    let expected = by_hand(&[(&page(&[8], &[]), &vec![7; bytes as usize])]);
    let grid = |file: &[u8]| drawn(file, "width=20").expect("a picture");
    assert_eq!(grid(&file), grid(&expected));
    // a window that no chunk needs is no reason to promise memory
    let header = probe(Cursor::new(&file), &Limits::default()).expect("a picture");
    assert!(header.decoded_bytes < 2 << 20, "{}", header.decoded_bytes);
}

#[test]
fn a_chunk_that_ends_early_is_damage() {
    let tags: &[(u16, &[u32])] = &[(259, &[50_000])];
    let file = by_hand(&[(&page(&[8], tags), &zstd(0, &[(100, 7)]))]);
    let outcome = drawn(&file, "width=20");
    assert!(matches!(outcome, Err(Error::Malformed(_))), "{outcome:?}");
}
