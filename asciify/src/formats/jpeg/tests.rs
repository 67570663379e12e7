//! Tests of [`baseline`] and [`progressive`] against the library, whose pixels are the right ones.

use std::io::Cursor;
use std::ops::ControlFlow;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use testkit::samples::foreign;

use super::*;
use crate::spec::region::PixelRect;

/// Rows of samples, and whether all were decoded.
type Decoded = (Vec<Vec<u8>>, bool);

fn samples_of(row: &Row<'_>) -> Vec<u8> {
    match row {
        Row::Grey8(row) => row.as_flattened().to_vec(),
        Row::Rgb8(row) => row.as_flattened().to_vec(),
        other => panic!("{other:?} is not expected"),
    }
}

fn header_of(file: &[u8]) -> Option<Header> {
    let (mut file, never) = (Cursor::new(file), Cancellation::never());
    header::read(&mut ByteReader::new(&mut Source::new(&mut file, &never), FORMAT).ok()?).ok()
}

fn decode(file: &[u8], take: &mut dyn TakeRows) -> Option<()> {
    let never = Cancellation::never();
    match header_of(file)?.is_progressive {
        true => progressive::decode(&mut &file[..], file.len() as u64, &never, take),
        false => baseline::decode(&mut &file[..], &never, take),
    }
}

fn by_row(file: &[u8]) -> Decoded {
    let mut rows = Vec::new();
    let decoded = decode(file, &mut |row: Row<'_>| {
        rows.push(samples_of(&row));
        ControlFlow::Continue(())
    });
    (rows, decoded.is_some())
}

fn by_library(file: &[u8], width: u32) -> Decoded {
    let mut rows = Vec::new();
    let decoded = library::decode(file, width, |row| {
        rows.push(samples_of(&row));
        ControlFlow::Continue(())
    });
    (rows, decoded.is_some())
}

/// Pixels from smooth to noise, as `kind` increases.
fn pixels(width: u16, height: u16, channels: u8, kind: u32) -> Vec<u8> {
    let mut random = 1_u32;
    let mut noise = move || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random >> 24
    };
    let (width, height) = (u32::from(width), u32::from(height));
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| (0..u32::from(channels)).map(move |channel| (x, y, channel)))
        .map(|(x, y, channel)| match kind {
            0 => ((x * 3 + y * (channel + 1)) % 256) as u8,
            1 => ((x * y * (channel + 2)) / 7 + noise() / 8) as u8,
            2 => {
                if (x / 5 + y / 3 + channel) % 2 == 0 {
                    255
                } else {
                    0
                }
            }
            _ => noise() as u8,
        })
        .collect()
}

#[test]
fn pixels_are_those_of_the_library() {
    use SamplingFactor::*;
    let sides = [(1, 1), (7, 9), (16, 16), (17, 33), (61, 43), (130, 50), (200, 17)];
    for ((width, height), kind) in
        sides.into_iter().flat_map(|it| (0..4).map(move |kind| (it, kind)))
    {
        for (color, sampling) in [
            (ColorType::Luma, F_1_1),
            (ColorType::Rgb, F_1_1),
            (ColorType::Rgb, F_2_1),
            (ColorType::Rgb, F_2_2),
        ] {
            for (quality, restart, progressive) in [
                (1, 0, None),
                (20, 1, None),
                (50, 3, None),
                (90, 0, None),
                (97, 5, None),
                (100, 0, None),
                (1, 2, Some(2)),
                (40, 0, Some(3)),
                (90, 7, Some(4)),
                (100, 0, Some(9)),
            ] {
                let channels = if color == ColorType::Luma { 1 } else { 3 };
                let mut file = Vec::new();
                let mut encoder = Encoder::new(&mut file, quality);
                encoder.set_sampling_factor(sampling);
                encoder.set_restart_interval(restart);
                // with codes of its own, the encoder writes a scan for each colour
                encoder.set_optimized_huffman_tables(restart == 0 && channels == 1);
                if let Some(scans) = progressive {
                    encoder.set_progressive_scans(scans);
                }
                let pixels = pixels(width, height, channels, kind);
                encoder.encode(&pixels, width, height, color).expect("it is small");
                let what = format!(
                    "{width} × {height}, {kind}, {color:?}, {sampling:?}, {quality}, {progressive:?}"
                );
                let (found, wanted) = (by_row(&file), by_library(&file, width.into()));
                assert!(found.1 && wanted.1, "{what}");
                assert!(found.0 == wanted.0, "{what}");
            }
        }
    }
}

/// Files of libjpeg, whose later scans add bits to coefficients.
fn files_of_libjpeg() -> [Vec<u8>; 4] {
    [
        "libjpeg-progressive",
        "libjpeg-progressive-420",
        "libjpeg-progressive-444",
        "libjpeg-progressive-grey",
    ]
    .map(|name| foreign(&format!("{name}.jpg")))
}

#[test]
fn bits_of_later_scans_make_the_pixels_of_the_library() {
    for file in files_of_libjpeg() {
        let width = header_of(&file).expect("a valid file").width;
        let (found, wanted) = (by_row(&file), by_library(&file, width));
        assert!(found.1 && found == wanted);
    }
}

#[test]
fn what_is_needed_does_not_depend_on_the_rest() {
    struct Part(PixelRect, Vec<Vec<u8>>);
    impl TakeRows for Part {
        fn push(&mut self, row: Row<'_>) -> ControlFlow<()> {
            self.1.push(samples_of(&row));
            ControlFlow::Continue(())
        }

        fn needed(&self) -> PixelRect {
            self.0.clone()
        }
    }
    use SamplingFactor::*;
    let coded = |(sampling, restart, progressive)| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 90);
        encoder.set_sampling_factor(sampling);
        encoder.set_restart_interval(restart);
        encoder.set_progressive(progressive);
        encoder.encode(&pixels(130, 90, 3, 1), 130, 90, ColorType::Rgb).expect("it is small");
        file
    };
    let kinds = [(F_1_1, 0), (F_2_1, 4), (F_2_2, 0), (F_2_2, 5)];
    let files = kinds.into_iter().flat_map(|(a, b)| [(a, b, false), (a, b, true)]).map(coded);
    for (index, file) in files.chain(files_of_libjpeg()).enumerate() {
        let (wanted, _) = by_row(&file);
        let Header { width, height, components, .. } = header_of(&file).expect("a valid file");
        for (x, y) in [
            (0..1, 0..1),
            (15..17, height / 3..height / 3 + 2),
            (width / 3..width / 3 + 1, 3..height / 2),
            (width - 10..width, height - 1..height),
        ] {
            let mut part = Part(PixelRect { x: x.clone(), y: y.clone() }, Vec::new());
            decode(&file, &mut part).expect("a picture");
            assert_eq!(part.1.len(), wanted.len());
            let of = |rows: &[Vec<u8>]| -> Vec<Vec<u8>> {
                let columns = (components * x.start) as usize..(components * x.end) as usize;
                let rows = &rows[y.start as usize..y.end as usize];
                rows.iter().map(|it| it[columns.clone()].to_vec()).collect()
            };
            assert_eq!(of(&part.1), of(&wanted), "file {index}, {x:?}, {y:?}");
        }
    }
}

#[test]
fn damage_is_noticed_or_makes_the_library_s_pixels() {
    let coded = |(restart, progressive)| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 80);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_restart_interval(restart);
        encoder.set_progressive(progressive);
        encoder.encode(&pixels(120, 70, 3, 1), 120, 70, ColorType::Rgb).expect("it is small");
        file
    };
    let files = [(0, false), (5, false), (0, true), (5, true)].map(coded);
    for (index, file) in files.into_iter().chain(files_of_libjpeg()).enumerate() {
        let (mut same, frame) = (0, 40);
        for (seed, at) in (frame..file.len()).enumerate() {
            // all three of the short files
            let values = [0, 0xff, ((seed * 7_919) >> 3) as u8];
            let few = seed % 3..seed % 3 + 1;
            for value in &values[if file.len() > 3000 { few } else { 0..3 }] {
                let mut damaged = file.clone();
                damaged[at] = *value;
                let Some(header) = header_of(&damaged).filter(|it| it.is_streamed) else {
                    continue;
                };
                if !library::has_common_colors(Cursor::new(&damaged), header.width) {
                    continue;
                }
                let (found, is_complete) = by_row(&damaged);
                if is_complete {
                    let wanted = by_library(&damaged, header.width);
                    if header.is_progressive && !wanted.1 {
                        continue; // it refuses tables of later scans that have useless codes
                    }
                    let is_same = (found, true) == wanted;
                    same += usize::from(is_same);
                    // coefficients where none can be are dropped; the library puts them anywhere
                    assert!(is_same || header.is_progressive, "file {index}, {value} at {at}");
                }
            }
        }
        assert!(same > 50, "file {index}: {same}");
        for end in (frame..file.len() - 2).step_by(5) {
            let (_, is_complete) = by_row(&file[..end]);
            assert!(!is_complete, "file {index} to {end}");
        }
    }
}
