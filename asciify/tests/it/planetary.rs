//! VICAR and PDS3: labels of every layout and kind of number.

use std::io::Cursor;

use asciify::{Error, Limits, probe};
use testkit::instruments::{pds3, pds3_at, vicar};
use testkit::pictures::{drawn, text};
use testkit::tiffs::{tiff, values};
use tiff::encoder::Predictor;
use tiff::encoder::colortype::Gray16;

const SPEC: &str = "width=30&match=ramp&tone=natural";
const VICAR_SIDES: &str = "NL=20 NS=60";
const PDS3_SIDES: &str = "LINES = 20; LINE_SAMPLES = 60";

fn wanted() -> String {
    text(&tiff::<Gray16>(&values(|it| it as u16), Predictor::None, None), SPEC)
}

/// The columns as F_floating of a VAX: an IEEE number times 4, with its words swapped.
fn vax(value: f64) -> [u8; 4] {
    let [a, b, c, d] = (value as f32 * 4.0).to_be_bytes();
    [b, a, d, c]
}

#[test]
fn vicar_of_every_format_is_drawn() {
    let kinds: [(&str, Vec<u8>); 11] = [
        ("FORMAT='HALF' INTFMT='LOW'", values(|it| (it as i16 - 30).to_le_bytes()).concat()),
        ("FORMAT='HALF' INTFMT='HIGH'", values(|it| (it as i16 - 30).to_be_bytes()).concat()),
        ("FORMAT='WORD'", values(|it| (it as i16).to_le_bytes()).concat()),
        ("FORMAT='FULL' INTFMT='HIGH'", values(|it| (it as i32 * 99_999).to_be_bytes()).concat()),
        ("FORMAT='LONG' INTFMT='LOW'", values(|it| (it as i32 * 99_999).to_le_bytes()).concat()),
        ("FORMAT='REAL' REALFMT='IEEE'", values(|it| (it as f32 - 9.5).to_be_bytes()).concat()),
        ("FORMAT='REAL' REALFMT='RIEEE'", values(|it| (it as f32 - 9.5).to_le_bytes()).concat()),
        ("FORMAT='REAL' REALFMT='VAX'", values(vax).concat()),
        ("FORMAT='DOUB' REALFMT='IEEE'", values(|it| (it * 1e99).to_be_bytes()).concat()),
        ("FORMAT='DOUB' REALFMT='RIEEE'", values(|it| (it * 1e99).to_le_bytes()).concat()),
        (
            "FORMAT='COMP' REALFMT='IEEE'",
            values(|it| [it as f32 * 3.0, it as f32 * -4.0].map(f32::to_be_bytes).concat())
                .concat(),
        ),
    ];
    for (items, data) in kinds {
        let file = vicar(&format!("{items} {VICAR_SIDES}"), &data);
        assert_eq!(text(&file, SPEC), wanted(), "{items}");
    }
    let file =
        vicar(&format!("FORMAT='BYTE' ORG='BSQ' {VICAR_SIDES} NB=1"), &values(|it| it as u8 * 4));
    let header = probe(Cursor::new(&file), &Limits::default()).expect("a picture");
    assert_eq!(
        (header.format.name(), header.width, header.bands, header.bit_depth),
        ("VICAR", 60, 1, 8)
    );
    // bytes are shown as they are
    assert!(!text(&file, SPEC).contains('@'));
    assert!(text(&file, &format!("{SPEC}&stretch=0:236")).contains('@'));
}

/// A sample of four bands, of which the second one rises and the others are flat.
fn sample(band: usize, column: usize) -> u8 {
    if band == 1 { column as u8 } else { 200 }
}

/// A line of one band.
fn line(band: usize) -> Vec<u8> {
    (0..60).map(|column| sample(band, column)).collect()
}

/// All four bands, one after the other.
fn by_band(prefix: &[u8], suffix: &[u8]) -> Vec<u8> {
    (0..4).flat_map(|band| [prefix, &line(band), suffix].concat().repeat(20)).collect()
}

fn by_line(prefix: &[u8], suffix: &[u8]) -> Vec<u8> {
    let lines = (0..4).flat_map(|band| [prefix, &line(band), suffix].concat());
    lines.collect::<Vec<u8>>().repeat(20)
}

/// `prefix` precedes each pixel, `line_prefix` each line.
fn by_pixel(prefix: &[u8], line_prefix: &[u8], line_suffix: &[u8]) -> Vec<u8> {
    let pixel = |column| [prefix, &[0, 1, 2, 3].map(|band| sample(band, column))].concat();
    let pixels: Vec<u8> = (0..60).flat_map(pixel).collect();
    [line_prefix, &pixels, line_suffix].concat().repeat(20)
}

const BAND_2: &str = "width=30&match=ramp&tone=natural&bands=2&stretch=0:59";

#[test]
fn bands_may_lie_in_any_order_with_binary_data_between() {
    let wanted = text(
        &tiff::<Gray16>(&values(|it| it as u16), Predictor::None, None),
        &format!("{SPEC}&stretch=0:59"),
    );
    let sides = format!("FORMAT='BYTE' {VICAR_SIDES} NB=4");
    for (items, data) in [
        ("ORG='BSQ'", by_band(&[], &[])),
        ("ORG='BIL'", by_line(&[], &[])),
        ("ORG='BIP'", by_pixel(&[], &[], &[])),
        ("ORG='BSQ' NBB=3 RECSIZE=63", by_band(&[99; 3], &[])),
        ("ORG='BIL' NBB=3 RECSIZE=63", by_line(&[99; 3], &[])),
        ("ORG='BIP' NBB=3 RECSIZE=7", by_pixel(&[99; 3], &[], &[])),
        ("ORG='BSQ' NLB=2 RECSIZE=60", [vec![99; 120], by_band(&[], &[])].concat()),
        ("ORG='BIP' NLB=2 NBB=1", [vec![99; 10], by_pixel(&[99], &[], &[])].concat()),
    ] {
        let file = vicar(&format!("{items} {sides}"), &data);
        assert_eq!(text(&file, BAND_2), wanted, "{items}");
        let cut = &file[..file.len() - 1];
        assert!(
            !probe(Cursor::new(cut), &Limits::default()).expect("a header").is_whole,
            "{items}"
        );
        assert!(matches!(drawn(&file, "bands=5"), Err(Error::Missing { .. })));
        // more of the label follows
        let items = format!("{items} EOL=1");
        let more =
            probe(Cursor::new(vicar(&format!("{items} {sides}"), &data)), &Limits::default());
        assert!(!more.expect("a header").is_whole, "{items}");
    }
    let sides = format!("{PDS3_SIDES}; SAMPLE_TYPE = UNSIGNED_INTEGER; SAMPLE_BITS = 8; BANDS = 4");
    let around = "LINE_PREFIX_BYTES = 2; LINE_SUFFIX_BYTES = 3";
    for (storage, others, data) in [
        ("BAND_SEQUENTIAL", "", by_band(&[], &[])),
        ("LINE_INTERLEAVED", "", by_line(&[], &[])),
        ("SAMPLE_INTERLEAVED", "", by_pixel(&[], &[], &[])),
        ("BAND_SEQUENTIAL", around, by_band(&[99; 2], &[9; 3])),
        ("LINE_INTERLEAVED", around, by_line(&[99; 2], &[9; 3])),
        ("SAMPLE_INTERLEAVED", around, by_pixel(&[], &[99; 2], &[9; 3])),
    ] {
        let file = pds3(&format!("{sides}; BAND_STORAGE_TYPE = {storage}; {others}"), &data);
        assert_eq!(text(&file, BAND_2), wanted, "{storage} {others}");
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a picture");
        assert_eq!((header.bands, header.is_whole), (4, true));
        let cut = &file[..file.len() - 1 - if others.is_empty() { 0 } else { 3 }];
        assert!(!probe(Cursor::new(cut), &Limits::default()).expect("a header").is_whole);
    }
}

#[test]
fn pds3_of_every_sample_type_is_drawn() {
    let big = values(|it| (it as i16 * 99).to_be_bytes()).concat();
    let little = values(|it| (it as i16 * 99).to_le_bytes()).concat();
    for (name, bits, data) in [
        ("MSB_INTEGER", 16, &big),
        ("SUN_UNSIGNED_INTEGER", 16, &big),
        ("\"MAC_INTEGER\"", 16, &big),
        ("UNSIGNED_INTEGER", 16, &big),
        ("LSB_INTEGER", 16, &little),
        ("PC_UNSIGNED_INTEGER", 16, &little),
        ("VAX_INTEGER", 16, &little),
        ("MSB_INTEGER", 32, &values(|it| (it as i32 * 99_999 - 9).to_be_bytes()).concat()),
        ("LSB_UNSIGNED_INTEGER", 32, &values(|it| (it as u32 * 60_000_000).to_le_bytes()).concat()),
        ("IEEE_REAL", 32, &values(|it| (it as f32 / 8.0).to_be_bytes()).concat()),
        ("PC_REAL", 32, &values(|it| (it as f32 / 8.0).to_le_bytes()).concat()),
        ("VAX_REAL", 32, &values(vax).concat()),
        ("IEEE_REAL", 64, &values(|it| (it / 8.0).to_be_bytes()).concat()),
        ("PC_REAL", 64, &values(|it| (it / 8.0).to_le_bytes()).concat()),
    ] {
        let file = pds3(&format!("{PDS3_SIDES}; SAMPLE_TYPE = {name}; SAMPLE_BITS = {bits}"), data);
        assert_eq!(text(&file, SPEC), wanted(), "{name} of {bits} bits");
    }
}

#[test]
fn constants_of_pds3_are_transparent_and_its_scale_is_applied() {
    let sides = format!("{PDS3_SIDES}; SAMPLE_TYPE = MSB_INTEGER; SAMPLE_BITS = 16");
    let marked = values(|it| (if it < 20.0 { -32_768 } else { it as i16 }).to_be_bytes()).concat();
    let options = format!("{SPEC}&alpha=light");
    let gdal = values(|it| if it < 20.0 { 0 } else { it as u16 });
    let wanted = text(&tiff::<Gray16>(&gdal, Predictor::None, Some("0")), &options);
    assert!(wanted.lines().all(|row| row.starts_with("@@@@@@@@@@ ")), "{wanted}");
    for constant in
        ["MISSING_CONSTANT = -32768", "NULL = 16#8000#", "INVALID_CONSTANT = (5, -32768 <DN>)"]
    {
        assert_eq!(
            text(&pds3(&format!("{sides}; {constant}"), &marked), &options),
            wanted,
            "{constant}"
        );
    }
    let null = f32::from_bits(0xff7f_fffb);
    let reals = values(|it| (if it < 20.0 { null } else { it as f32 }).to_be_bytes()).concat();
    let sides_of_reals = format!("{PDS3_SIDES}; SAMPLE_TYPE = IEEE_REAL; SAMPLE_BITS = 32");
    for constant in ["16#FF7FFFFB#", "-3.40282265508890445E+38"] {
        let file = pds3(&format!("{sides_of_reals}; MISSING_CONSTANT = {constant}"), &reals);
        assert_eq!(text(&file, &options), wanted, "{constant}");
    }
    let data = values(|it| (it as i16).to_be_bytes()).concat();
    let scaled = pds3(&format!("{sides}; SCALING_FACTOR = 0.5; OFFSET = 100 <K>"), &data);
    let row = text(&scaled, &format!("{SPEC}&stretch=100:115"));
    assert_eq!(row.lines().next().expect("a row").matches('@').count(), 15);
    let upwards = [vec![0_u8; 600], vec![255; 600]].concat();
    let bytes = format!("{PDS3_SIDES}; SAMPLE_TYPE = UNSIGNED_INTEGER; SAMPLE_BITS = 8");
    let file = pds3(&format!("{bytes}; LINE_DISPLAY_DIRECTION = UP"), &upwards);
    assert!(text(&file, SPEC).starts_with('@'));
    assert!(text(&pds3(&bytes, &upwards), SPEC).starts_with(' '));
}

#[test]
fn a_pointer_is_of_a_record_or_a_byte_and_in_the_same_file() {
    let sides = format!("{PDS3_SIDES}; SAMPLE_TYPE = MSB_INTEGER; SAMPLE_BITS = 16");
    let data = values(|it| (it as i16).to_be_bytes()).concat();
    for (pointer, before) in [("3", 0), ("1025 <BYTES>", 0), ("(4)", 512), ("1032<bytes>", 7)] {
        let file = pds3_at(pointer, &sides, &[vec![77; before], data.clone()].concat());
        assert_eq!(text(&file, SPEC), wanted(), "{pointer}");
    }
    let refused = |pointer: &str, statements: &str, told: &str| {
        let err = drawn(&pds3_at(pointer, statements, &data), SPEC).expect_err(told);
        assert!(err.to_string().contains(told), "{err}");
    };
    for pointer in ["\"DATA.IMG\"", "(\"DATA.IMG\", 5)", "(\"DATA.IMG\", 5 <BYTES>)"] {
        refused(pointer, &sides, "in another file");
    }
    refused("0", &sides, "counts from 1");
    refused("9999999", &sides, "cut off");
    refused(
        "3",
        &format!("{sides}; ENCODING_TYPE = HUFFMAN_FIRST_DIFFERENCE"),
        "HUFFMAN_FIRST_DIFFERENCE",
    );
    refused("3", &format!("{sides}; ENCODING_TYPE = \"\x1b[1m\""), "ENCODING_TYPE");
    refused("3", "LINES = 20", "LINE_SAMPLES");
    refused(
        "3",
        &format!("{PDS3_SIDES}; SAMPLE_TYPE = BIT_STRING; SAMPLE_BITS = 3"),
        "SAMPLE_TYPE",
    );
    let table = b"PDS_VERSION_ID = PDS3\r\n^TABLE = 3\r\nEND\r\n";
    assert!(drawn(table, SPEC).expect_err("a table").to_string().contains("describes no IMAGE"));
    // other beginnings
    for first in [
        "CCSD3ZF0000100000001NJPL3IF0PDSX00000001 = SFDU_LABEL",
        "NJPL1I00PDS100000000 = SFDU_LABEL",
    ] {
        let file = pds3(&sides, &data);
        let label_end = file.windows(5).position(|it| it == b"END\r\n").expect("an end") + 5;
        let label =
            String::from_utf8_lossy(&file[..label_end]).replace("PDS_VERSION_ID = PDS3", first);
        let mut other = label.into_bytes();
        other.resize(1024, 0);
        other.extend(&data);
        assert_eq!(text(&other, SPEC), wanted(), "{first}");
    }
}

#[test]
fn labels_that_claim_too_much_or_do_not_end_are_refused() {
    let huge = vicar("FORMAT='REAL' NL=4000000000 NS=4000000000 NB=4000000000", &[0; 100]);
    assert!(matches!(drawn(&huge, SPEC), Err(Error::Malformed(_))));
    let wide = vicar("FORMAT='BYTE' NL=60000 NS=60000", &[0; 60_000]);
    assert!(matches!(drawn(&wide, SPEC), Err(Error::OverLimit { what: "pixels", .. })));
    let deep = vicar("FORMAT='BYTE' NL=4 NS=4 NB=4000000000 ORG='BIP'", &[0; 1000]);
    assert!(matches!(drawn(&deep, SPEC), Err(Error::Malformed(_))));
    assert!(
        drawn(&vicar("FORMAT='BYTE' NL=4 NS=4 COMPRESS='BASIC2'", &[0; 16]), SPEC)
            .is_err_and(|err| err.to_string().contains("COMPRESS"))
    );
    assert!(drawn(b"LBLSIZE=9999999999999 NL=3", SPEC).is_err());
    let endless = [&b"PDS_VERSION_ID = PDS3\r\n"[..], &b"A = ((((((1\r\n".repeat(200_000)].concat();
    let err = drawn(&endless, SPEC).expect_err("no end");
    assert!(err.to_string().contains("no END"), "{err}");
}
