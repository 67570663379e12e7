//! Tests against the library, whose pixels are the right ones.

use std::io::Cursor;
use std::ops::ControlFlow;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;
use crate::formats::jpeg::library;
use crate::light::Row;

/// Rows of samples, and whether all were decoded.
type Decoded = (Vec<Vec<u8>>, bool);

fn samples_of(row: &Row<'_>) -> Vec<u8> {
    match row {
        Row::Grey8(row) => row.as_flattened().to_vec(),
        Row::Rgb8(row) => row.as_flattened().to_vec(),
        other => panic!("{other:?} is not expected"),
    }
}

fn by_row(file: &[u8]) -> Decoded {
    let mut rows = Vec::new();
    let decoded = decode(&mut &file[..], &Cancellation::never(), &mut |row: Row<'_>| {
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
            for (quality, restart) in [(1, 0), (20, 1), (50, 3), (90, 0), (97, 5), (100, 0)] {
                let channels = if color == ColorType::Luma { 1 } else { 3 };
                let mut file = Vec::new();
                let mut encoder = Encoder::new(&mut file, quality);
                encoder.set_sampling_factor(sampling);
                encoder.set_restart_interval(restart);
                // with codes of its own, the encoder writes a scan for each colour
                encoder.set_optimized_huffman_tables(restart == 0 && channels == 1);
                let pixels = pixels(width, height, channels, kind);
                encoder.encode(&pixels, width, height, color).expect("it is small");
                let what =
                    format!("{width} × {height}, {kind}, {color:?}, {sampling:?}, {quality}");
                let (found, wanted) = (by_row(&file), by_library(&file, width.into()));
                assert!(found.1 && wanted.1, "{what}");
                assert!(found.0 == wanted.0, "{what}");
            }
        }
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
    for (sampling, restart) in [(F_1_1, 0), (F_2_1, 4), (F_2_2, 0), (F_2_2, 5)] {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 90);
        encoder.set_sampling_factor(sampling);
        encoder.set_restart_interval(restart);
        encoder.encode(&pixels(130, 90, 3, 1), 130, 90, ColorType::Rgb).expect("it is small");
        let (wanted, _) = by_row(&file);
        for (x, y) in [(0..1, 0..1), (15..17, 31..33), (40..41, 16..48), (120..130, 89..90)] {
            let mut part = Part(PixelRect { x: x.clone(), y: y.clone() }, Vec::new());
            decode(&mut &file[..], &Cancellation::never(), &mut part).expect("a picture");
            assert_eq!(part.1.len(), wanted.len());
            let of = |rows: &[Vec<u8>]| -> Vec<Vec<u8>> {
                let columns = 3 * x.start as usize..3 * x.end as usize;
                rows[y.start as usize..y.end as usize]
                    .iter()
                    .map(|it| it[columns.clone()].to_vec())
                    .collect()
            };
            assert_eq!(of(&part.1), of(&wanted), "{sampling:?}, {x:?}, {y:?}");
        }
    }
}

#[test]
fn damage_is_noticed_or_makes_the_library_s_pixels() {
    for restart in [0, 5] {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 80);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_restart_interval(restart);
        encoder.encode(&pixels(120, 70, 3, 1), 120, 70, ColorType::Rgb).expect("it is small");
        let (mut same, frame) = (0, 40);
        for (seed, at) in (frame..file.len()).enumerate() {
            for value in [0, 0xff, ((seed * 7_919) >> 3) as u8] {
                let mut damaged = file.clone();
                damaged[at] = value;
                let (found, is_complete) = by_row(&damaged);
                if is_complete && library::has_common_colors(Cursor::new(&damaged), 120) {
                    assert!((found, true) == by_library(&damaged, 120), "{value} at {at}");
                    same += 1;
                }
            }
        }
        assert!(same > 100, "{same}");
    }
}
