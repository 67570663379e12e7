//! JPEGs that lack a part that can be done without.

use std::io::Cursor;

use asciify::{Error, Header, Limits, probe};
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
    let spec = "width=1&height=4&fit=stretch&tone=natural&symbols=chars:%23&color=full";
    let grid = drawn(file, spec).expect("a picture");
    grid.lines().map(|row| row[0].foreground.map_or([0; 3], |it| it.rgb())).collect()
}

#[test]
fn inks_are_inverted_where_adobe_s_marker_is_and_only_there() {
    let inks: [[u8; 4]; 4] = [[255, 0, 0, 0], [0, 200, 100, 0], [0, 0, 255, 80], [20, 40, 60, 100]];
    let pixels: Vec<u8> = inks.iter().flat_map(|ink| ink.repeat(16 * 16)).collect();
    let light = |ink: u8, black: u8| u32::from(255 - ink) * u32::from(255 - black) / 255;
    let colors = |inks: [[u8; 4]; 4]| inks.map(|[c, m, y, k]| [c, m, y].map(|it| light(it, k)));
    for (kind, transform) in [(ColorType::Cmyk, 0), (ColorType::CmykAsYcck, 2)] {
        let mut file = Vec::new();
        Encoder::new(&mut file, 100).encode(&pixels, 16, 64, kind).expect("it is small");
        let segments = segments(&file);
        let (_, start, end) = *segments.iter().find(|it| it.0 == 0xee).expect("Adobe's marker");
        assert_eq!(file[end - 1], transform);
        let mut plain = file.clone();
        plain.drain(start..end);
        let mut wanted = vec![(file, colors(inks))];
        // without the marker there is no YCCK, and values are inks as they are
        if transform == 0 {
            wanted.push((plain, colors(inks.map(|ink| ink.map(|it| 255 - it)))));
        }
        for (file, wanted) in wanted {
            for (is, of) in areas(&file).into_iter().zip(wanted) {
                let off = (0..3).map(|it| u32::from(is[it]).abs_diff(of[it])).max();
                assert!(off <= Some(12), "{transform}: {is:?}, not {of:?}");
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
    for file in files {
        let open = file.strip_suffix(&[0xff, 0xd9]).expect("EOI");
        assert!(is_whole(&file) && is_whole(open));
        assert_eq!(text(open, SPEC), text(&file, SPEC));
        // zeros behind the data code nothing
        assert!(is_whole(&[open, &[0; 64]].concat()));
        for cut in [open.len() * 2 / 3, open.len() - 8] {
            let err = header(&open[..cut]).and_then(|it| it.check_whole()).expect_err("cut off");
            assert!(err.to_string().contains("cut off"), "{err}");
        }
    }
}
