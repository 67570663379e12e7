//! Files of foreign encoders: they look as our own PNG of the same picture.

use asciify::Grid;
use image::{DynamicImage, GrayImage, Luma};
use testkit::pictures::{drawn, png, sample, sample_bits, sample_clear};
use testkit::samples::foreign;

/// One cell per pixel, with the pixel's colour.
const PIXELS: &str = "width=24&height=16&fit=stretch&symbols=chars:%23&color=full";

#[test]
fn lossless_files_are_drawn_exactly() {
    let files = [
        ("icotool.ico", sample()),
        ("imagemagick-clear.png", sample_clear()),
        ("imagemagick-interlaced.gif", sample()),
        ("imagemagick-interlaced.png", sample()),
        ("imagemagick.bmp", sample()),
        ("libjxl-animation.jxl", sample()),
        ("libjxl-container.jxl", sample()),
        ("libjxl-lossless-clear.jxl", sample_clear()),
        ("libjxl-lossless-grey.jxl", sample_green()),
        ("libjxl-lossless.jxl", sample()),
        ("libtiff-g4.tif", sample_bits()),
        ("libtiff-lzw-predictor.tif", sample()),
        ("libtiff-tiles.tif", sample()),
        ("libwebp-lossless.webp", sample()),
        ("optipng-interlaced.png", sample()),
        ("pngcrush.png", sample()),
    ];
    for (name, picture) in files {
        for spec in [PIXELS, "width=12&color=full&symbols=half&color_on=both", "width=9"] {
            let expected = drawn(&png(&picture), spec).expect("a PNG");
            let grid = drawn(&foreign(name), spec).expect(name);
            assert_eq!(grid, expected, "{name} with {spec}");
        }
    }
}

#[test]
fn lossy_files_are_drawn_nearly_the_same() {
    let expected = pixels(&drawn(&png(&sample()), PIXELS).expect("a PNG"));
    // the most that the luma of a pixel may differ, and any channel on average
    let files = [
        ("imagemagick.jpg", 12, 2),
        ("libavif-10-bits.avif", 12, 3),
        ("libavif-12-bits.avif", 12, 3),
        ("libavif-420.avif", 14, 6),
        ("libavif-422.avif", 14, 6),
        ("libavif-444.avif", 12, 3),
        ("libavif-limited.avif", 12, 3),
        ("libavif-lossless.avif", 0, 0),
        ("libheif-10-bits.heic", 12, 3),
        ("libheif-12-bits.heic", 12, 3),
        ("libheif-420.heic", 14, 6),
        ("libheif-422.heic", 14, 6),
        ("libheif-444.heic", 12, 3),
        ("libheif-lossless.heic", 0, 0),
        ("libjpeg-baseline.jpg", 14, 6),
        ("libjpeg-progressive.jpg", 12, 4),
        ("libjpeg-restarts.jpg", 12, 2),
        // chroma is not interpolated
        ("libjpeg-scans.jpg", 18, 6),
        // exact, but means of 16-bit values are rounded otherwise
        ("libjxl-16-bits.jxl", 0, 0),
        ("libjxl-float.jxl", 0, 0),
        ("libjxl-jpeg.jxl", 14, 6),
        ("libjxl-lossy.jxl", 12, 3),
        ("libjxl-modular.jxl", 16, 5),
        ("libtiff-jpeg.tif", 14, 6),
        ("libwebp-lossy.webp", 12, 6),
    ];
    for (name, most, on_average) in files {
        let pixels = pixels(&drawn(&foreign(name), PIXELS).expect(name));
        assert_eq!(pixels.len(), expected.len(), "{name}");
        let pairs = || pixels.iter().zip(&expected);
        let luma_off = pairs().map(|(is, wanted)| luma(is).abs_diff(luma(wanted))).max();
        let channels =
            pairs().flat_map(|(is, wanted)| [0, 1, 2].map(|it| is[it].abs_diff(wanted[it])));
        let average = channels.map(u32::from).sum::<u32>().div_ceil(3 * pixels.len() as u32);
        let is_near = luma_off <= Some(most) && average <= on_average;
        assert!(
            is_near,
            "{name}: the luma is off by {luma_off:?}, channels on average by {average}"
        );
    }
}

#[test]
fn a_jfif_file_is_ycbcr_whatever_else_it_says() {
    let file = foreign("libjpeg-baseline.jpg");
    let right = pixels(&drawn(&file, PIXELS).expect("a JPEG"));
    let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
    let with_adobe = [&file[..20], adobe, &file[20..]].concat();
    let mut with_rgb_ids = file.clone();
    let frame = file.windows(4).position(|it| it == [0xff, 0xc0, 0, 17]).expect("a frame");
    let scan = file.windows(4).position(|it| it == [0xff, 0xda, 0, 12]).expect("a scan");
    for (nth, id) in b"RGB".iter().enumerate() {
        with_rgb_ids[frame + 10 + 3 * nth] = *id;
        with_rgb_ids[scan + 5 + 2 * nth] = *id;
    }
    for file in [with_adobe, with_rgb_ids] {
        let pixels = pixels(&drawn(&file, PIXELS).expect("a JPEG"));
        let channels = pixels.iter().flatten().zip(right.iter().flatten());
        let off: u32 = channels.map(|(is, right)| u32::from(is.abs_diff(*right))).sum();
        assert!(off / 3 / pixels.len() as u32 <= 6, "{off}");
    }
}

/// The green of the picture, as grey.
fn sample_green() -> DynamicImage {
    let green = |x, y| Luma([sample().to_rgb8().get_pixel(x, y).0[1]]);
    GrayImage::from_fn(24, 16, green).into()
}

/// Red, green and blue of all cells.
fn pixels(grid: &Grid) -> Vec<[u8; 3]> {
    grid.lines().flatten().map(|cell| cell.foreground.expect("a colour").rgb()).collect()
}

/// Luma of ITU-R BT.601, 0 to 255.
fn luma([r, g, b]: &[u8; 3]) -> u32 {
    (299 * u32::from(*r) + 587 * u32::from(*g) + 114 * u32::from(*b)) / 1000
}
