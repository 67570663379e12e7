//! Pictures that use a small part of the range of their format: measurements, and very dark ones.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use tiff::encoder::Predictor;
use tiff::encoder::colortype::Gray16;

use testkit::pictures::{encoded, named, png, text};
use testkit::tiffs::{SIDES, tiff, values};

const SPECS: [&str; 3] =
    ["width=30&match=ramp&tone=natural", "width=30", "width=9&color=full&color_on=both"];

/// Values of 16 bits from `low` on, in as many equal steps as the TIFFs of [`values`] have columns.
fn ramp(low: u16, step: u16) -> Vec<u16> {
    values(|it| low + step * it as u16)
}

fn png16(values: Vec<u16>) -> Vec<u8> {
    let (width, height) = SIDES;
    let picture = ImageBuffer::<Luma<u16>, _>::from_raw(width, height, values);
    png(&DynamicImage::from(picture.expect("all pixels")))
}

fn pgm16(values: &[u16]) -> Vec<u8> {
    let mut file = format!("P5 {} {} 65535\n", SIDES.0, SIDES.1).into_bytes();
    values.iter().for_each(|it| file.extend(it.to_be_bytes()));
    file
}

#[test]
fn measurements_in_16_bits_are_drawn_as_the_same_numbers_in_a_tiff() {
    // 12 bits of 16, temperatures, and values of a byte
    for values in [ramp(0, 60), ramp(51_241, 15), ramp(3, 3)] {
        let wanted = tiff::<Gray16>(&values, Predictor::None, None);
        for spec in SPECS {
            let wanted = text(&wanted, spec);
            assert!(wanted.trim().len() > 10, "{wanted}");
            assert_eq!(text(&png16(values.clone()), spec), wanted, "{spec}");
            assert_eq!(text(&pgm16(&values), spec), wanted, "{spec}");
        }
    }
}

#[test]
fn the_stretch_of_the_options_comes_first() {
    let file = png16(ramp(0, 60));
    let drawn = |stretch: &str| text(&file, &format!("{}&stretch={stretch}", SPECS[0]));
    assert_eq!(drawn("none").trim(), "");
    assert_ne!(drawn("auto").trim(), "");
    assert_eq!(drawn("60000:65535").trim(), "");
    assert!(drawn("0:1000").lines().all(|row| row.ends_with("@@@@@@@@@@")));
}

#[test]
fn values_up_to_the_bits_that_sbit_states_are_shown_as_they_are() {
    // white is 4095: the brightest value is half of that
    let values = ramp(0, 34);
    let plain = png16(values.clone());
    let mut stated = plain[..33].to_vec();
    stated.extend([0, 0, 0, 1]);
    stated.extend(b"sBIT\x0c\0\0\0\0");
    stated.extend(&plain[33..]);
    let scaled = values.iter().map(|it| (f64::from(*it) / 4095.0 * 65_535.0).round() as u16);
    let scaled = png16(scaled.collect());
    for spec in SPECS {
        assert_eq!(text(&stated, &format!("{spec}&stretch=auto")), text(&scaled, spec), "{spec}");
    }
    assert_ne!(text(&stated, SPECS[0]), text(&plain, SPECS[0]));
}

/// Levels of grey from 0 to 20.
fn dark(width: u32, height: u32) -> GrayImage {
    GrayImage::from_fn(width, height, |x, _| Luma([(x * 21 / width) as u8]))
}

#[test]
fn very_dark_pictures_are_stretched_in_every_format() {
    for format in ["PNG", "BMP", "TIFF", "WebP", "GIF", "PNM", "QOI", "ICO"].map(named) {
        let file = encoded(&dark(63, 16).into(), format);
        let drawn = text(&file, "width=21&match=ramp&tone=natural&background=dark&alpha=dark");
        let row = drawn.lines().next().expect("a row");
        assert!(row.ends_with('@') && row.trim().len() > 15, "{format}:\n{drawn}");
    }
}

#[test]
fn very_dark_jpegs_are_stretched_at_every_size() {
    let (mut file, picture) = (Vec::new(), dark(840, 160));
    let mut encoder = Encoder::new(&mut file, 95);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder.encode(&picture, 840, 160, ColorType::Luma).expect("it is small");
    // by eighths, and in full
    for width in [20, 200] {
        let drawn = text(&file, &format!("width={width}&match=ramp&tone=natural"));
        let row = drawn.lines().next().expect("a row");
        assert!(row.ends_with('@') && row.trim().len() > width / 2, "{drawn}");
    }
}

#[test]
fn ordinary_pictures_are_left_as_they_are() {
    let black_with_light =
        RgbImage::from_fn(64, 32, |x, y| Rgb([if (x, y) == (9, 9) { 60 } else { x as u8 / 4 }; 3]));
    let noise = GrayImage::from_fn(64, 32, |x, y| Luma([((x * 7 + y * 5) % 6) as u8]));
    let pale = GrayImage::from_fn(64, 32, |x, _| Luma([200 + x as u8 / 4]));
    let flat = ImageBuffer::<Luma<u16>, Vec<u16>>::from_pixel(64, 32, Luma([900]));
    let dark_blue = RgbImage::from_pixel(64, 32, Rgb([20, 20, 30]));
    let pictures: [DynamicImage; 5] =
        [black_with_light.into(), noise.into(), pale.into(), flat.into(), dark_blue.into()];
    for (picture, number) in pictures.iter().zip(1..) {
        for spec in SPECS {
            let drawn = |stretch| text(&png(picture), &format!("{spec}&stretch={stretch}"));
            assert_eq!(drawn("auto"), drawn("none"), "picture {number}, {spec}");
        }
    }
}

#[test]
fn transparent_pixels_do_not_count() {
    let clear = |x, y| if y < 16 { [255, 255, 255, 0] } else { [x as u8 / 3, 0, 0, 255] };
    let picture = image::RgbaImage::from_fn(63, 32, |x, y| image::Rgba(clear(x, y)));
    let drawn = text(&png(&picture.into()), "width=21&match=ramp&tone=natural&alpha=dark");
    assert!(drawn.trim().len() > 10, "{drawn}");
}

#[test]
fn percentages_are_percentiles_of_each_band() {
    let picture = RgbImage::from_fn(60, 20, |x, y| Rgb([10 + x as u8, 100 + 2 * y as u8, x as u8]));
    let look = "width=30&color=full&match=ramp&tone=natural";
    for format in ["PNG", "TIFF", "BMP"].map(named) {
        let file = encoded(&picture.clone().into(), format);
        let draw = |stretch: &str| text(&file, &format!("{look}&stretch={stretch}"));
        assert_eq!(draw("0%25:100%25"), draw("10:69,100:138,0:59"), "{format}");
        assert_eq!(
            draw("0%25:50%25,0%25:100%25,50%25:100%25"),
            draw("10:40,100:138,30:59"),
            "{format}"
        );
        // those of the whole picture, wherever it is looked at
        let part = |stretch| draw(&format!("{stretch}&region=0,0,10,10"));
        assert_eq!(part("0%25:100%25"), part("10:69,100:138,0:59"), "{format}");
    }
    let grey = values(|it| it as u16 * 100);
    for file in [tiff::<Gray16>(&grey, Predictor::None, None), png16(grey.clone()), pgm16(&grey)] {
        let draw = |stretch: &str| text(&file, &format!("{look}&stretch={stretch}"));
        assert_eq!(draw("10%25:90%25"), draw("600:5400"));
        assert_eq!(draw("10%25:90%25,0%25:1%25,0%25:1%25"), draw("600:5400"));
    }
}
