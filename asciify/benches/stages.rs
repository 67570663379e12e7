//! Benchmarks of each stage through the public API: `cargo bench -p asciify`.
//!
//! The picture is decoded from PNM, which takes very little time, so that drawing dominates.

use std::io::Cursor;

use asciify::write::Output;
use asciify::{Background, Grid, Limits, Spec, probe, render};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// 960 × 640 px with edges, gradients and texture.
fn picture() -> Vec<u8> {
    let mut file = b"P6 960 640 255\n".to_vec();
    for y in 0..640_u32 {
        for x in 0..960_u32 {
            let disc = (x.abs_diff(480).pow(2) + y.abs_diff(320).pow(2)) < 250 * 250;
            let texture = (x * 7_919 + y * 104_729 + x * y * 31) % 40;
            let light = if disc { 90 + x / 8 } else { y / 6 } + texture;
            file.extend([light.min(255) as u8, (light / 2 + y / 8) as u8, (x / 5) as u8]);
        }
    }
    file
}

fn grid(file: &[u8], spec: &str) -> Grid {
    let spec: Spec = spec.parse().expect("a valid spec");
    let mut grids = render(Cursor::new(file), &[spec], &Limits::default()).expect("a picture");
    grids.pop().expect("a grid")
}

#[divan::bench]
fn probe_header(bencher: Bencher<'_, '_>) {
    let file = picture();
    bencher.bench(|| probe(Cursor::new(black_box(&file)), &Limits::default()));
}

/// Mostly what every render needs: decoding, light, samples.
#[divan::bench(args = [80, 160])]
fn draw_by_ramp(bencher: Bencher<'_, '_>, width: u32) {
    let file = picture();
    bencher.bench(|| grid(black_box(&file), &format!("width={width}&match=ramp")));
}

#[divan::bench(args = [80, 160])]
fn draw_by_shape(bencher: Bencher<'_, '_>, width: u32) {
    let file = picture();
    bencher.bench(|| grid(black_box(&file), &format!("width={width}")));
}

#[divan::bench(args = ["half", "quad", "blocks", "sextant", "octant", "braille"])]
fn draw_symbols(bencher: Bencher<'_, '_>, symbols: &str) {
    let file = picture();
    bencher.bench(|| grid(black_box(&file), &format!("symbols={symbols}")));
}

#[divan::bench(args = ["color=full", "color=256", "color=full&color_on=both", "color=256&color_on=both&symbols=quad"])]
fn draw_colours(bencher: Bencher<'_, '_>, spec: &str) {
    let file = picture();
    bencher.bench(|| grid(black_box(&file), spec));
}

#[divan::bench(args = Output::ALL)]
fn write_output(bencher: Bencher<'_, '_>, output: Output) {
    let grid = grid(&picture(), "color=full&color_on=both&symbols=quad");
    bencher.bench(|| output.to_vec(black_box(&grid), Background::Dark, "title"));
}
