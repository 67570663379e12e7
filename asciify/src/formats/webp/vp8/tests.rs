//! Tests of the means against the `image` crate, which decodes the whole image.

use image::{Rgb, RgbImage};
use testkit::samples::{bytes, lossy_webps::*};

use super::*;

const SCALES: [u32; 3] = [2, 4, 8];

/// Each file, with the largest difference of the luma of a mean, and the largest on average.
const FILES: [(&str, u32, u32); 8] = [
    (PLAIN, 1, 1),
    (BEST, 1, 1),
    (ONE, 0, 0),
    // these use the loop filter, which is skipped
    (PARTITIONS, 10, 2),
    (SEGMENTS, 7, 2),
    (SIMPLE, 6, 1),
    (STRONG, 14, 2),
    (LOW, 26, 5),
];

/// The data of the only chunk of `hex`.
fn frame(hex: &str) -> Vec<u8> {
    bytes(hex).split_off(20)
}

fn sides(frame: &[u8]) -> (u32, u32) {
    let side = |at| u32::from(u16::from_le_bytes([frame[at], frame[at + 1]]) & 0x3fff);
    (side(6), side(8))
}

/// The decoded means, as an image.
fn means(frame: &[u8], scale: u32) -> Option<RgbImage> {
    let (width, height) = sides(frame);
    let mut means = Vec::new();
    for_each_row(frame, scale, &Cancellation::never(), |row| {
        means.extend_from_slice(row.as_flattened());
        ControlFlow::Continue(())
    })?;
    RgbImage::from_raw(width.div_ceil(scale), height.div_ceil(scale), means)
}

/// The mean of each cell of the whole picture.
fn expected(whole: &RgbImage, scale: u32) -> RgbImage {
    let (width, height) = whole.dimensions();
    RgbImage::from_fn(width.div_ceil(scale), height.div_ceil(scale), |x, y| {
        let (left, top) = (x * scale, y * scale);
        let (right, bottom) = ((left + scale).min(width), (top + scale).min(height));
        let cell = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        let pixels: Vec<_> = cell.map(|(x, y)| whole.get_pixel(x, y)).collect();
        Rgb([0, 1, 2].map(|channel| {
            let sum: usize = pixels.iter().map(|pixel| usize::from(pixel[channel])).sum();
            ((sum + pixels.len() / 2) / pixels.len()) as u8
        }))
    })
}

fn luma(Rgb([r, g, b]): &Rgb<u8>) -> u32 {
    (299 * u32::from(*r) + 587 * u32::from(*g) + 114 * u32::from(*b) + 500) / 1000
}

#[test]
fn cells_are_the_means_of_the_picture() {
    for (nr, (hex, most, on_average)) in FILES.into_iter().enumerate() {
        let whole = image::load_from_memory(&bytes(hex)).expect("a WebP").to_rgb8();
        for scale in SCALES {
            let what = format!("file {nr} at {scale}");
            let means = means(&frame(hex), scale).expect(&what);
            let expected = expected(&whole, scale);
            assert_eq!(means.dimensions(), expected.dimensions(), "{what}");
            let (mut far, mut colours_far) = (0, 0);
            for (x, y, mean) in means.enumerate_pixels() {
                let wanted = expected.get_pixel(x, y);
                let off = luma(mean).abs_diff(luma(wanted));
                assert!(off <= most, "{what}, {x}, {y}: {mean:?} for {wanted:?}");
                far += off;
                colours_far +=
                    (0..3).map(|it| u32::from(mean[it].abs_diff(wanted[it]))).sum::<u32>();
            }
            let count = means.width() * means.height();
            assert!(far <= on_average * count, "{what}: {far} of {count}");
            // the `image` crate interpolates chroma
            assert!(colours_far <= 6 * on_average * count, "{what}: {colours_far} of {count}");
        }
    }
}

#[test]
fn rare_kinds_are_not_decoded() {
    let plain = frame(PLAIN);
    let with = |at: usize, value: u8| {
        let mut frame = plain.clone();
        frame[at] = value;
        frame
    };
    assert!(means(&plain, 8).is_some());
    assert!(means(&with(0, plain[0] | 1), 8).is_none(), "it needs an earlier frame");
    assert!(means(&with(0, plain[0] | 8), 8).is_none(), "a version of the future");
    assert!(means(&with(0, plain[0] & !16), 8).is_none(), "it is not to be shown");
    assert!(means(&with(3, 0), 8).is_none(), "no start code");
    assert!(means(&with(10, plain[10] | 128), 8).is_none(), "colours of another kind");
    assert!(
        for_each_row(&with(6, 0), 8, &Cancellation::never(), |_| ControlFlow::Continue(()))
            .is_none(),
        "no width"
    );
    assert!(
        for_each_row(&plain, 3, &Cancellation::never(), |_| ControlFlow::Continue(())).is_none(),
        "a scale that divides no macroblock"
    );
}

#[test]
fn truncated_frames_are_not_decoded() {
    for hex in ALL {
        let frame = frame(hex);
        assert!(
            for_each_row(&frame, 8, &Cancellation::never(), |_| ControlFlow::Continue(()))
                .is_some()
        );
        // the last bytes may be zeros, which read the same when missing
        for length in 0..frame.len() - 8 {
            assert!(
                for_each_row(&frame[..length], 8, &Cancellation::never(), |_| {
                    ControlFlow::Continue(())
                })
                .is_none(),
                "{length} of {}",
                frame.len()
            );
        }
    }
}

#[test]
fn damage_never_panics() {
    for hex in ALL {
        let frame = frame(hex);
        for at in 0..frame.len() {
            for value in [0, 0xff, frame[at] ^ 1, frame[at] ^ 0x40, frame[at].wrapping_mul(37)] {
                let mut damaged = frame.clone();
                damaged[at] = value;
                let (width, height) = sides(&damaged);
                if u64::from(width) * u64::from(height) > 1 << 20 {
                    continue;
                }
                let mut count = 0;
                let read = for_each_row(&damaged, 4, &Cancellation::never(), |row| {
                    assert_eq!(row.len(), width.div_ceil(4) as usize);
                    count += 1;
                    ControlFlow::Continue(())
                });
                assert!(read.is_none() || count == height.div_ceil(4));
            }
        }
    }
}

#[test]
fn a_cancelled_frame_ends_with_its_row_of_macroblocks() {
    let frame = frame(PLAIN);
    let asked = std::cell::Cell::new(0);
    let ask = || {
        asked.set(asked.get() + 1);
        asked.get() > 1
    };
    let mut rows = 0;
    let take = |_: &[[u8; 3]]| {
        rows += 1;
        ControlFlow::Continue(())
    };
    assert!(for_each_row(&frame, 8, &Cancellation::new(&ask), take).is_none());
    assert_eq!(rows, MACROBLOCK_SIDE / 8);
}

#[test]
fn a_frame_ends_when_no_further_row_is_taken() {
    let frame = frame(PLAIN);
    let asked = std::cell::Cell::new(0);
    let ask = || {
        asked.set(asked.get() + 1);
        false
    };
    let take = |_: &[[u8; 3]]| ControlFlow::Break(());
    assert!(for_each_row(&frame, 8, &Cancellation::new(&ask), take).is_some());
    assert_eq!(asked.get(), 1);
}
