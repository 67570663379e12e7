//! Samples by definition, and what they cost.

use super::*;

/// Light of pixel (x, y), without any pattern.
fn light(x: u32, y: u32) -> u32 {
    (x * 7_919 + y * 104_729 + x * y * 31) % (WHITE + 1)
}

fn sampler(spec: &str, width: u32, height: u32) -> Sampler {
    let spec = spec.parse().expect("a valid spec");
    let (full, held) = ((width, height), (width, height));
    let geometry = SourceGeometry { full, held, scale: 1, orientation: Orientation::NoTransforms };
    Sampler::new(&spec, &geometry, &PixelRect::whole(full))
}

fn sampled(spec: &str, width: u32, height: u32) -> Vec<u32> {
    let mut sampler = sampler(spec, width, height);
    for y in 0..height {
        let row: Vec<u32> = (0..width).map(|x| light(x, y)).collect();
        sampler.push(&row, &Cancellation::never());
    }
    sampler.finish(&Cancellation::never()).light
}

#[test]
fn repeated_rows_count_as_pushed_ones() {
    let never = Cancellation::never();
    for spec in ["width=3&height=2&fit=stretch", "width=2&height=9&fit=cover"] {
        for (width, height) in [(13, 11), (7, 40), (64, 2), (300, 90)] {
            let (mut pushed, mut repeated) =
                (sampler(spec, width, height), sampler(spec, width, height));
            for y in (0..height).step_by(7) {
                let row: Vec<u32> = (0..width).map(|x| light(x, y)).collect();
                let count = 7.min(height - y);
                (0..count).for_each(|_| pushed.push(&row, &never));
                repeated.push(&row, &never);
                repeated.repeat(count - 1, &never);
            }
            let (pushed, repeated) = (pushed.finish(&never).light, repeated.finish(&never).light);
            assert!(pushed == repeated, "{spec} of {width} × {height}");
        }
    }
}

/// The same by definition: every sample against every pixel.
fn defined(columns: u32, rows: u32, width: u32, height: u32, visible: (f64, f64)) -> Vec<f64> {
    let (columns, rows) = (columns * ACROSS as u32, rows * DOWN as u32);
    let shared = |cell: u32, cells: u32, pixel: u32, side: u32, visible: f64| {
        let (step, start) = (visible / f64::from(cells), (f64::from(side) - visible) / 2.0);
        let (from, to) = (start + step * f64::from(cell), start + step * f64::from(cell + 1));
        (to.min(f64::from(pixel + 1)) - from.max(f64::from(pixel))).max(0.0) / step
    };
    let mut means = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let mut mean = 0.0;
            for y in 0..height {
                let part = shared(row, rows, y, height, visible.1);
                for x in 0..width {
                    mean += part
                        * shared(column, columns, x, width, visible.0)
                        * f64::from(light(x, y));
                }
            }
            means.push(mean);
        }
    }
    means
}

#[test]
fn quotients_are_exact() {
    for area in [1, 2, 3, 7, 640, 65_535, 1 << 30, (1 << 37) + 9, (1 << 38) - 1] {
        for quotient_of in [0, 1, 2, 99, 8_388_607, u64::from(WHITE) - 1, u64::from(WHITE)] {
            for rest in [0, 1, area / 2, area - 1] {
                let sum = quotient_of * area + rest.min(area - 1);
                let found = quotient(sum, area, 1.0 / area as f64);
                assert_eq!(u64::from(found), sum / area, "{sum} / {area}");
            }
        }
    }
}

#[test]
fn means_are_those_of_the_definition() {
    for (columns, rows) in [(1, 1), (3, 2), (7, 5), (13, 11), (40, 1), (1, 30), (29, 31)] {
        for (width, height) in [(13, 11), (1, 1), (7, 40), (64, 2)] {
            let spec = format!("width={columns}&height={rows}&fit=stretch");
            let found = sampled(&spec, width, height);
            let expected = defined(columns, rows, width, height, (width.into(), height.into()));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1.0, "{spec} of {width} × {height}");
            }
        }
    }
}

#[test]
fn cover_crops_evenly() {
    // a square grid of square cells on a picture of 24 × 10 shows its middle 10 × 10
    let found = sampled("width=4&height=4&cell=1&fit=cover", 24, 10);
    let expected = defined(4, 4, 24, 10, (10.0, 10.0));
    assert!(
        found
            .iter()
            .zip(expected)
            .all(|(found, expected)| (f64::from(*found) - expected).abs() < 1.0)
    );
}

#[test]
fn white_stays_white_in_the_longest_rows() {
    let side = 1 << 22;
    let mut sampler = sampler("width=1000&height=1&fit=stretch", side, 1);
    let never = Cancellation::never();
    sampler.push(&vec![WHITE; side as usize], &never);
    assert!(sampler.finish(&never).light.iter().all(|light| *light == WHITE));
}
