//! Tests of the decoder against files of libjpeg and of an encoder of another origin.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use testkit::samples::{bytes, rare_jpegs::*};

use super::*;

const SIDES: (usize, usize) = (24, 17);

/// The pixels of the encoded images, of 8 bits.
fn smooth(x: usize, y: usize) -> [usize; 3] {
    [20 + 8 * x, 30 + 10 * y, 40 + 3 * (x + y)]
}

/// Pixels with differences below one step of 8 bits.
fn fine(x: usize, y: usize) -> usize {
    257 * smooth(x, y)[0] + x * y % 7
}

/// The decoded image: rows of pixels of samples.
fn read(file: &[u8]) -> Option<Vec<Vec<Vec<usize>>>> {
    fn wide<T: Copy + Into<usize>, const N: usize>(row: &[[T; N]]) -> Vec<Vec<usize>> {
        row.iter().map(|pixel| pixel.map(T::into).to_vec()).collect()
    }
    let mut all = Vec::new();
    decode(&mut &file[..], file.len() as u64, None, &Cancellation::never(), |row| {
        all.push(match row {
            Row::Grey8(row) => wide(row),
            Row::Rgb8(row) => wide(row),
            Row::Grey16(row) => wide(row),
            Row::Rgb16(row) => wide(row),
            other => panic!("{other:?} is not expected"),
        });
        ControlFlow::Continue(())
    })?;
    Some(all)
}

/// The largest difference of a sample from the expected one.
fn farthest(file: &[u8], expected: impl Fn(usize, usize) -> Vec<usize>) -> usize {
    let all = read(file).expect("a JPEG");
    assert_eq!((all[0].len(), all.len()), SIDES);
    let mut farthest = 0;
    for (y, row) in all.iter().enumerate() {
        for (x, pixel) in row.iter().enumerate() {
            let expected = expected(x, y);
            assert_eq!(pixel.len(), expected.len());
            for (is, wanted) in pixel.iter().zip(expected) {
                farthest = farthest.max(is.abs_diff(wanted));
            }
        }
    }
    farthest
}

#[test]
fn coefficients_become_the_picture() {
    let rgb = |x, y| smooth(x, y).to_vec();
    // chroma is subsampled 2 × 2 and 2 × 1
    assert!(farthest(&bytes(ARITHMETIC), rgb) <= 12);
    assert!(farthest(&bytes(ARITHMETIC_PROGRESSIVE), rgb) <= 9);
    let deep = |value: usize| (value * 16 * 65_535).div_ceil(4095);
    let deep_rgb = |x, y| smooth(x, y).map(deep).to_vec();
    let deep_grey = |x, y| vec![deep(smooth(x, y)[0])];
    assert!(farthest(&bytes(DEEP), deep_grey) <= 257);
    assert!(farthest(&bytes(DEEP_PROGRESSIVE), deep_rgb) <= 2 * 257);
    assert!(farthest(&bytes(DEEP_ARITHMETIC), deep_grey) <= 257);
}

#[test]
fn lossless_is_exact() {
    assert_eq!(farthest(&bytes(LOSSLESS), |x, y| smooth(x, y).to_vec()), 0);
    assert_eq!(farthest(&bytes(LOSSLESS_DEEP), |x, y| vec![fine(x, y)]), 0);
    // a point transform of 4
    assert_eq!(farthest(&bytes(LOSSLESS_SHIFTED), |x, y| vec![fine(x, y) & !15]), 0);
}

#[test]
fn common_kinds_are_decoded_as_well() {
    use SamplingFactor::*;
    let (width, height) = (61, 43);
    let show = |x: usize, y: usize| [50 + 2 * x, 60 + 2 * y, 230 - x - y];
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| show(x, y).map(|it| it as u8)))
        .collect();
    for sampling in [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1, F_4_2, F_1_4, F_2_4] {
        for (progressive, restart) in [(false, 0), (false, 3), (true, 0), (true, 5)] {
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, 95);
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(progressive);
            encoder.set_restart_interval(restart);
            encoder.encode(&pixels, width as u16, height as u16, ColorType::Rgb).expect("small");
            let what = format!("{sampling:?}, {progressive}, {restart}");
            let all = read(&file).expect(&what);
            assert_eq!((all[0].len(), all.len()), (width, height), "{what}");
            for (y, row) in all.iter().enumerate() {
                for (x, pixel) in row.iter().enumerate() {
                    let wanted = show(x, y);
                    let luma = |rgb: &[usize]| (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000;
                    let far = luma(pixel).abs_diff(luma(&wanted));
                    assert!(far <= 3, "{what} at {x}, {y}: {pixel:?} for {wanted:?}");
                    // how chroma is subsampled is up to the encoder
                    let far = (0..3).map(|it| pixel[it].abs_diff(wanted[it])).max();
                    let most = if matches!(sampling, F_1_1) { 5 } else { 12 };
                    assert!(far <= Some(most), "{what} at {x}, {y}: {pixel:?} for {wanted:?}");
                }
            }
        }
    }
}

#[test]
fn missing_samples_stay_grey() {
    for hex in ALL {
        let file = bytes(hex);
        for length in 0..file.len() {
            let Some(all) = read(&file[..length]) else { continue };
            assert_eq!((all[0].len(), all.len()), SIDES);
        }
    }
    let file = bytes(LOSSLESS);
    let all = read(&file[..file.len() * 3 / 4]).expect("its beginning");
    assert_eq!(all[0][7], smooth(7, 0));
    assert_eq!(all[16][23], [128; 3]);
}

#[test]
fn damage_ends_at_the_next_restart_marker() {
    let mut file = bytes(LOSSLESS);
    let restart = file.windows(2).position(|it| it == [0xff, 0xd0]).expect("a restart");
    file[restart - 40] ^= 0x55;
    let all = read(&file).expect("the rest");
    assert_ne!(all[4][23], smooth(23, 4));
    assert!((5..17).all(|y| all[y][23] == smooth(23, y)));
}

#[test]
fn damage_never_panics() {
    for hex in ALL {
        let file = bytes(hex);
        for (seed, at) in (0..file.len()).enumerate() {
            for value in [0, 0xff, ((seed * 7_919) >> 3) as u8] {
                let mut damaged = file.clone();
                damaged[at] = value;
                let take = |_: Row<'_>| ControlFlow::Continue(());
                let _refused = decode(
                    &mut &damaged[..],
                    damaged.len() as u64,
                    None,
                    &Cancellation::never(),
                    take,
                );
            }
        }
    }
}

#[test]
fn other_kinds_are_refused() {
    let file = bytes(ARITHMETIC);
    let frame = file.windows(2).position(|it| it == [0xff, 0xc9]).expect("a frame");
    // hierarchical; lossless in arithmetic coding; 9 bits; 2 components
    for (place, value) in [(1, 0xc5), (1, 0xcb), (4, 9), (9, 2)] {
        let mut other = file.clone();
        other[frame + place] = value;
        assert!(read(&other).is_none(), "{value:x}");
    }
    assert!(read(b"hello").is_none());
    assert!(read(&file[..frame + 30]).is_none());
}

/// Scans of a hundred bytes, each with EOB runs over 64 megapixels.
#[test]
fn a_small_file_cannot_take_long() {
    let quantization = [&b"\xff\xdb\0\x43\0"[..], &[1; 64]].concat();
    let frame = b"\xff\xc2\0\x0b\x08\x20\0\x20\0\x01\x01\x11\0";
    // one code, for runs of 16 384 blocks or more
    let codes = [&b"\xff\xc4\0\x14\x10\x01"[..], &[0; 15], b"\xe0"].concat();
    let scan = [&b"\xff\xda\0\x08\x01\x01\0\x01\x3f\0"[..], &[0; 120]].concat();
    let mut file = [&b"\xff\xd8"[..], &quantization, frame, &codes].concat();
    for _ in 0..MAX_SCANS {
        file.extend_from_slice(&scan);
    }
    let mut reader = Reader::new(file.len() as u64);
    reader.read_file(&mut &file[..], &Cancellation::never(), &mut |_, _, _| Some(()));
    assert!(reader.scans < MAX_SCANS);
    assert!(reader.budget < 8, "{} steps are left", reader.budget);
}

#[test]
fn a_cancelled_image_ends_with_its_row_of_mcus() {
    for file in [bytes(LOSSLESS), bytes(ARITHMETIC_PROGRESSIVE)] {
        let cancelled_at = |cancel_at: usize| {
            let (asked, mut rows) = (std::cell::Cell::new(0), 0);
            let ask = || {
                asked.set(asked.get() + 1);
                asked.get() >= cancel_at
            };
            let _incomplete =
                decode(&mut &file[..], file.len() as u64, None, &Cancellation::new(&ask), |_| {
                    rows += 1;
                    ControlFlow::Continue(())
                });
            (asked.get(), rows)
        };
        let (questions, all) = cancelled_at(usize::MAX);
        assert_eq!(all, SIDES.1);
        for cancel_at in 1..=questions {
            let (_, rows) = cancelled_at(cancel_at);
            assert!(rows < all, "{rows} rows at question {cancel_at} of {questions}");
        }
    }
}
