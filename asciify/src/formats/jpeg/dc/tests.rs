//! Tests of DC decoding against an encoder of another origin.

use std::ops::ControlFlow;

use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::plane::GREY;
use super::*;

const SIDES: (u16, u16) = (203, 149);

/// An image whose blocks all differ.
fn pixels() -> Vec<u8> {
    let wave = |x: f32, y: f32| ((x.sin() + y.cos()) * 60.0 + 128.0) as u8;
    let (width, height) = SIDES;
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (f32::from(x), f32::from(y))))
        .flat_map(|(x, y)| [wave(x / 31.0, y / 17.0), wave(y / 23.0, x / 29.0), (x + y) as u8 / 2])
        .collect()
}

fn jpeg(set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    set(&mut encoder);
    encoder.encode(&pixels(), SIDES.0, SIDES.1, ColorType::Rgb).expect("it is small");
    file
}

/// The decoded means, as an image.
fn means(file: &[u8]) -> Option<RgbImage> {
    let image = decode(&mut &file[..], &Cancellation::never())?;
    let mut means = Vec::new();
    image.for_each_row(|row| {
        means.extend_from_slice(row.as_flattened());
        ControlFlow::Continue(())
    });
    RgbImage::from_raw(image.width as u32, image.height as u32, means)
}

/// The mean of each block of the image before encoding.
fn expected() -> RgbImage {
    let (width, height) = (u32::from(SIDES.0), u32::from(SIDES.1));
    let whole = RgbImage::from_raw(width, height, pixels()).expect("as many pixels");
    RgbImage::from_fn(width.div_ceil(SCALE), height.div_ceil(SCALE), |x, y| {
        let (left, top) = (x * SCALE, y * SCALE);
        let (right, bottom) = ((left + SCALE).min(width), (top + SCALE).min(height));
        let block = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        let pixels: Vec<_> = block.map(|(x, y)| whole.get_pixel(x, y)).collect();
        Rgb([0, 1, 2].map(|channel| {
            let sum: usize = pixels.iter().map(|pixel| usize::from(pixel[channel])).sum();
            (sum / pixels.len()) as u8
        }))
    })
}

fn luma(Rgb([r, g, b]): &Rgb<u8>) -> i32 {
    (299 * i32::from(*r) + 587 * i32::from(*g) + 114 * i32::from(*b)) / 1000
}

#[test]
fn blocks_are_the_means_of_the_picture() {
    use SamplingFactor::*;
    let expected = expected();
    for sampling in [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1, F_4_2, F_1_4, F_2_4, R_4_2_0, R_4_4_4] {
        // the encoder cannot restart and choose its codes at once
        for (progressive, restart, optimized) in [
            (false, 0, true),
            (false, 1, false),
            (false, 3, false),
            (true, 0, true),
            (true, 5, false),
        ] {
            let file = jpeg(|encoder| {
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
                encoder.set_restart_interval(restart);
                encoder.set_optimized_huffman_tables(optimized);
            });
            let what = format!("{sampling:?}, {progressive}, {restart}, {optimized}");
            let means = means(&file).expect(&what);
            assert_eq!(means.dimensions(), expected.dimensions(), "{what}");
            for (x, y, pixel) in means.enumerate_pixels() {
                // blocks at the edges have padding
                let inside = (x + 1) * SCALE <= SIDES.0.into() && (y + 1) * SCALE <= SIDES.1.into();
                let most = if inside { 2 } else { 12 };
                let wanted = expected.get_pixel(x, y);
                assert!(
                    luma(pixel).abs_diff(luma(wanted)) <= most,
                    "{what} at {x}, {y}: {pixel:?} for {wanted:?}"
                );
                // where chroma is not subsampled
                if inside && matches!(sampling, F_1_1 | R_4_4_4) {
                    let far = (0..3).map(|it| pixel[it].abs_diff(wanted[it])).max();
                    assert!(far <= Some(4), "{what} at {x}, {y}: {pixel:?} for {wanted:?}");
                }
            }
        }
    }
}

#[test]
fn grey_is_read_as_grey() {
    let (mut file, luma) = (Vec::new(), vec![77; 40 * 24]);
    let encoder = Encoder::new(&mut file, 95);
    encoder.encode(&luma, 40, 24, ColorType::Luma).expect("it is small");
    let means = means(&file).expect("a JPEG");
    assert_eq!(means.dimensions(), (5, 3));
    assert!(means.pixels().all(|pixel| pixel.0.iter().all(|it| it.abs_diff(77) <= 1)));
}

#[test]
fn rare_kinds_are_not_decoded() {
    let cmyk = {
        let mut file = Vec::new();
        let encoder = Encoder::new(&mut file, 90);
        encoder.encode(&[9; 16 * 16 * 4], 16, 16, ColorType::Cmyk).expect("it is small");
        file
    };
    assert!(decode(&mut &cmyk[..], &Cancellation::never()).is_none());
    let plain = jpeg(|_| {});
    // colours without a transform, as Adobe's programs note them
    let adobe = [&plain[..2], b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0", &plain[2..]].concat();
    assert!(
        decode(&mut &plain[..], &Cancellation::never()).is_some()
            && decode(&mut &adobe[..], &Cancellation::never()).is_none()
    );
    assert!(decode(&mut &b"hello"[..], &Cancellation::never()).is_none());
}

#[test]
fn missing_blocks_are_grey() {
    for restart in [0, 2] {
        let file = jpeg(|encoder| {
            encoder.set_sampling_factor(SamplingFactor::F_1_1);
            encoder.set_restart_interval(restart);
        });
        let whole = means(&file).expect("a JPEG");
        let mut most = 0;
        for length in 0..file.len() {
            let Some(means) = means(&file[..length]) else {
                assert_eq!(most, 0, "a byte more never makes it worse: {length}");
                continue;
            };
            let pairs = means.pixels().zip(whole.pixels());
            let there = pairs.take_while(|(it, of)| it == of).count();
            let rest = means.pixels().skip(there);
            assert!(there >= most, "{length}: {there} after {most}");
            assert!(rest.clone().all(|it| *it == Rgb([GREY; 3])), "{length}: {there}");
            most = there;
        }
        assert_eq!(most, whole.pixels().len());
    }
}

#[test]
fn a_truncated_progressive_file_has_its_colours_to_the_end() {
    let file = jpeg(|encoder| encoder.set_progressive(true));
    let read_of_it: Vec<bool> = (0..file.len()).map(|it| means(&file[..it]).is_some()).collect();
    assert!(read_of_it.is_sorted() && read_of_it[file.len() / 2]);
    assert_eq!(means(&file[..file.len() - 100]), means(&file));
}

#[test]
fn damage_never_panics() {
    let files = [false, true].map(|progressive| {
        jpeg(|encoder| {
            encoder.set_progressive(progressive);
            encoder.set_restart_interval(7);
        })
    });
    for file in files {
        for (seed, at) in (0..file.len()).step_by(3).enumerate() {
            for value in [0, 0xff, ((seed * 7_919) >> 3) as u8] {
                let mut damaged = file.clone();
                damaged[at] = value;
                if let Some(image) = decode(&mut &damaged[..], &Cancellation::never()) {
                    image.for_each_row(|row| {
                        assert_eq!(row.len(), image.width);
                        ControlFlow::Continue(())
                    });
                }
            }
        }
    }
}

#[test]
fn a_cancelled_image_ends_with_its_row_of_mcus() {
    let rows = usize::from(SIDES.1).div_ceil(8);
    for cancel_at in [1, rows / 2] {
        let asked = std::cell::Cell::new(0);
        let ask = || {
            asked.set(asked.get() + 1);
            asked.get() >= cancel_at
        };
        let file = jpeg(|encoder| encoder.set_sampling_factor(SamplingFactor::F_1_1));
        assert!(decode(&mut &file[..], &Cancellation::new(&ask)).is_none());
    }
}
