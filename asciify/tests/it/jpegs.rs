//! JPEGs that lack a part that can be done without.

use std::io::Cursor;

use asciify::{Cell, Error, Header, Limits, probe};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use testkit::pictures::{drawn, lopsided, text};
use testkit::samples::{bytes, rare_jpegs};

const SPEC: &str = "width=24&match=ramp&tone=natural";

/// A picture of 48 × 32 px times `scale` as JPEG, with the typical Huffman tables.
fn jpeg(scale: u32, set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let nearest = image::imageops::FilterType::Nearest;
    let picture = lopsided().resize_exact(48 * scale, 32 * scale, nearest).to_rgb8();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    set(&mut encoder);
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    encoder.encode(&picture, width, height, ColorType::Rgb).expect("it is small");
    file
}

/// The segments of a file up to its first scan: marker, offset and end.
fn segments(file: &[u8]) -> Vec<(u8, usize, usize)> {
    let mut at = 2;
    let mut segments: Vec<(u8, usize, usize)> = Vec::new();
    while segments.last().is_none_or(|(marker, ..)| *marker != 0xda) {
        let end = at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        segments.push((file[at + 1], at, end));
        at = end;
    }
    segments
}

fn header(file: &[u8]) -> Result<Header, Error> {
    probe(Cursor::new(file), &Limits::default())
}

fn is_whole(file: &[u8]) -> bool {
    header(file).expect("a header").is_whole
}

/// The colours of four areas of 16 × 16 px, one below the other.
fn areas(file: &[u8]) -> Vec<[u8; 3]> {
    let spec = "width=1&height=4&fit=stretch&tone=natural&symbols=half&color=full&color_on=both";
    let grid = drawn(file, spec).expect("a picture");
    let color = |cell: &Cell| if cell.symbol == ' ' { cell.background } else { cell.foreground };
    grid.lines().map(|row| color(&row[0]).map_or([0; 3], |it| it.rgb())).collect()
}

#[test]
fn inks_are_stored_inverted_with_adobe_s_marker_and_without() {
    let inks: [[u8; 4]; 4] = [[255, 0, 0, 0], [0, 200, 100, 0], [0, 0, 255, 80], [20, 40, 60, 100]];
    let pixels: Vec<u8> = inks.iter().flat_map(|ink| ink.repeat(16 * 16)).collect();
    let light = |ink: u8, black: u8| u32::from(255 - ink) * u32::from(255 - black) / 255;
    for (kind, transform) in [(ColorType::Cmyk, 0), (ColorType::CmykAsYcck, 2)] {
        let mut file = Vec::new();
        Encoder::new(&mut file, 100).encode(&pixels, 16, 64, kind).expect("it is small");
        let (_, start, end) =
            *segments(&file).iter().find(|it| it.0 == 0xee).expect("Adobe's marker");
        assert_eq!(file[end - 1], transform);
        let mut files = vec![file.clone()];
        // without the marker there is no YCCK
        if transform == 0 {
            file.drain(start..end);
            files.push(file);
        }
        for file in files {
            for (is, [c, m, y, k]) in areas(&file).into_iter().zip(inks) {
                let wanted = [c, m, y].map(|ink| light(ink, k));
                let off = (0..3).map(|it| u32::from(is[it]).abs_diff(wanted[it])).max();
                assert!(off <= Some(12), "{transform}: {is:?}, not {wanted:?}");
            }
        }
    }
}

#[test]
fn the_typical_huffman_tables_are_the_default() {
    for scale in [1, 20] {
        let file = jpeg(scale, |_| {});
        let tables: Vec<_> = segments(&file).into_iter().filter(|it| it.0 == 0xc4).collect();
        assert_eq!(tables.len(), 4, "a table each");
        // each alone is missing, and all
        for missing in 0..=tables.len() {
            let mut bare = file.clone();
            for (index, (_, start, end)) in tables.iter().enumerate().rev() {
                if missing == index || missing == tables.len() {
                    bare.drain(start..end);
                }
            }
            for width in [24, 6 * scale] {
                let spec = format!("width={width}&match=ramp&tone=natural");
                let (found, wanted) = (text(&bare, &spec), text(&file, &spec));
                // at full size, decoders round differently
                let others = found.chars().zip(wanted.chars()).filter(|(a, b)| a != b).count();
                assert!(others * 50 <= wanted.len(), "{missing} at {width}:\n{found}\n{wanted}");
            }
        }
    }
}

#[test]
fn a_jpeg_without_any_block_is_an_error_and_never_grey() {
    for progressive in [false, true] {
        for scale in [1, 20] {
            let file = jpeg(scale, |encoder| encoder.set_progressive(progressive));
            let (_, _, scan) = *segments(&file).last().expect("a scan");
            let empty = file[..scan].to_vec();
            let closed = [&file[..scan], &[0xff, 0xd9]].concat();
            // no code of the tables is all ones
            let damaged = [&file[..scan], &[0xff, 0].repeat(2000), &[0xff, 0xd9]].concat();
            for file in [empty, closed, damaged] {
                for spec in ["width=10", "width=200"] {
                    let err = drawn(&file, spec).expect_err("no block");
                    assert!(matches!(err, Error::Malformed(_)), "{err:?}");
                }
            }
        }
    }
}

#[test]
fn a_jpeg_with_all_its_blocks_is_whole_without_its_end_mark() {
    let files = [
        jpeg(1, |_| {}),
        jpeg(20, |_| {}),
        jpeg(4, |encoder| encoder.set_progressive(true)),
        jpeg(4, |encoder| encoder.set_restart_interval(3)),
        bytes(rare_jpegs::LOSSLESS),
        bytes(rare_jpegs::ARITHMETIC),
        bytes(rare_jpegs::ARITHMETIC_PROGRESSIVE),
        bytes(rare_jpegs::DEEP_ARITHMETIC),
        // 12 megapixels, whose coefficients take 75 MB
        jpeg(90, |encoder| encoder.set_progressive(true)),
    ];
    for (index, file) in files.into_iter().enumerate() {
        let open = file.strip_suffix(&[0xff, 0xd9]).expect("EOI");
        assert!(is_whole(&file) && is_whole(open), "file {index}");
        assert_eq!(text(open, SPEC), text(&file, SPEC), "file {index}");
        // zeros behind the data code nothing
        assert!(is_whole(&[open, &[0; 64]].concat()), "file {index}");
        // what arithmetic coding has left of a scan without restart markers may be a few bits
        let cuts = match index {
            0..5 | 8.. => vec![open.len() * 2 / 3, open.len() - 8],
            5 | 6 => vec![open.len() * 2 / 3],
            _ => vec![],
        };
        for cut in cuts {
            let whole = header(&open[..cut]).and_then(|it| it.check_whole());
            let err = whole.expect_err(&format!("file {index} to {cut}"));
            assert!(err.to_string().contains("cut off"), "file {index}: {err}");
        }
    }
}

/// Red, green and blue of the cells of a grid, row by row.
fn colors(file: &[u8], spec: &str) -> Vec<Vec<[u8; 3]>> {
    let grid = drawn(file, spec).expect("a picture");
    let color = |cell: &Cell| if cell.symbol == ' ' { cell.background } else { cell.foreground };
    let rgb = |cell: &Cell| color(cell).map_or([0; 3], |it| it.rgb());
    grid.lines().map(|row| row.iter().map(rgb).collect()).collect()
}

/// The part of the rows that two draws of a picture have in common. At full size, decoders round
/// differently.
fn common_rows(a: &[Vec<[u8; 3]>], b: &[Vec<[u8; 3]>]) -> f64 {
    let off = |(a, b): (&[u8; 3], &[u8; 3])| (0..3).map(|it| a[it].abs_diff(b[it])).max();
    let mean = |(a, b): (&Vec<_>, &Vec<_>)| {
        a.iter().zip(b).filter_map(off).map(f64::from).sum::<f64>() / a.len() as f64
    };
    a.iter().zip(b).filter(|it| mean(*it) < 3.0).count() as f64 / a.len() as f64
}

#[test]
fn behind_damage_a_jpeg_is_drawn_from_the_next_restart_marker() {
    // an MCU row of 4:2:0 has 60 MCUs
    for (progressive, restart) in [(false, 60), (false, 17), (true, 60)] {
        let file = jpeg(20, |encoder| {
            encoder.set_progressive(progressive);
            encoder.set_restart_interval(restart);
        });
        let (_, _, start) = *segments(&file).last().expect("a scan");
        // in the first scan, which ends early in a progressive file
        let at = start + (file.len() - start) / if progressive { 50 } else { 5 };
        let markers = |part: &[u8]| {
            part.windows(2).filter(|it| it[0] == 0xff && (0xd0..0xd8).contains(&it[1])).count()
        };
        let lost = (at..).find(|end| markers(&file[at..*end]) == 3).expect("markers");
        let changed = |range: std::ops::Range<usize>, new: &[u8]| {
            [&file[..range.start], new, &file[range.end..]].concat()
        };
        for (damage, damaged) in [
            ("no code", changed(at..at + 4, &[0xff, 0, 0xff, 0])),
            ("a marker that no scan has", changed(at..at + 4, &[0xff, 3, 0xff, 9])),
            ("other bits", changed(at..at + 2, &[file[at] ^ 0x15, 0x35])),
            ("three intervals of zeros", changed(at..lost, &vec![0; lost - at])),
            ("three intervals are missing", changed(at..lost, &[])),
        ] {
            // at an eighth of the size, and at full size
            for width in [24, 200] {
                let spec = format!(
                    "width={width}&height={}&fit=stretch&match=ramp&tone=natural&color=full",
                    width / 3
                );
                let common = common_rows(&colors(&damaged, &spec), &colors(&file, &spec));
                let what = format!("{damage}, {progressive}, {restart}, {width}: {common}");
                assert!(common > 0.7, "{what}");
            }
        }
    }
}
