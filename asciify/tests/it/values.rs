//! Values of pixels, statistics, and drawings of values.

use std::io::Cursor;

use asciify::{
    Band, BandStatistics, Error, Limits, Spec, StatisticsOptions, pixel_values, statistics,
};
use image::DynamicImage;
use testkit::pictures::{encoded, lopsided, named, png, sample, text};
use testkit::samples::foreign;
use testkit::tiffs::{GeoTags, SIDES, by_hand, geotiff, page, tiff, values};
use tiff::encoder::Predictor;
use tiff::encoder::colortype::{Gray16, Gray32Float};

fn spec(text: &str) -> Spec {
    text.parse().expect("a valid spec")
}

fn pixel(file: &[u8], options: &str, bands: &[&str], at: (u32, u32)) -> Vec<Option<f64>> {
    let bands: Vec<Band> = bands.iter().map(|band| band.parse().expect("a band")).collect();
    let limits = Limits::default();
    let values = pixel_values(Cursor::new(file), (&spec(options), &bands), at, &limits, &|| false);
    values.expect("values").into_iter().map(|(_, value)| value).collect()
}

fn statistics_of(file: &[u8], options: &str, max_size_px: u32) -> Vec<BandStatistics> {
    let options = StatisticsOptions {
        spec: spec(options),
        bands: Vec::new(),
        max_size_px,
        percentiles: vec![2.0, 98.0],
        bins: 4,
        histogram_range: None,
    };
    let file = Cursor::new(file);
    statistics(file, &options, &Limits::default(), &|| false).expect("statistics")
}

#[test]
fn a_pixel_has_the_values_of_the_file() {
    let file = geotiff(&GeoTags::default());
    assert_eq!(pixel(&file, "", &[], (3, 2)), [Some(1190.0)]);
    assert_eq!(pixel(&file, "unscale=true", &[], (3, 2)), [Some(1190.0 * 0.0001 - 0.1)]);
    assert_eq!(pixel(&file, "nodata=1190", &[], (3, 2)), [None]);
    assert_eq!(pixel(&file, "width=3&invert=true&bands=1", &["1", "1"], (59, 39)).len(), 2);
    let limits = Limits::default();
    let outside = |at, bands: &[Band]| {
        pixel_values(Cursor::new(&file), (&Spec::default(), bands), at, &limits, &|| false)
    };
    assert!(matches!(outside((60, 0), &[]), Err(Error::Missing { option: "region", .. })));
    assert!(matches!(outside((0, 0), &[Band::Number(2)]), Err(Error::Missing { .. })));
    let cancelled =
        pixel_values(Cursor::new(&file), (&Spec::default(), &[]), (0, 0), &limits, &|| true);
    assert!(matches!(cancelled, Err(Error::Cancelled)));
}

#[test]
fn a_pixel_of_any_format_is_that_of_the_upright_picture() {
    let picture = lopsided();
    let expected = |picture: &DynamicImage, (x, y): (u32, u32)| {
        let pixel = picture.to_rgb8().get_pixel(x, y).0;
        pixel.map(|value| Some(f64::from(value))).to_vec()
    };
    for name in ["PNG", "TIFF", "BMP", "QOI"] {
        let file = encoded(&picture, named(name));
        for at in [(0, 0), (5, 17), (picture.width() - 1, picture.height() - 1)] {
            assert_eq!(pixel(&file, "", &[], at), expected(&picture, at), "{name} {at:?}");
        }
        assert_eq!(pixel(&file, "", &["3"], (5, 17)), expected(&picture, (5, 17))[2..]);
    }
    // turned by 90 degrees
    let [width, height] = [SIDES.0, SIDES.1];
    let tags = page(&[8], &[(274, &[6])]);
    let file = by_hand(&[(&tags, &values(|column| column as u8))]);
    assert_eq!(pixel(&file, "", &[], (0, 0)), [Some(0.0)]);
    assert_eq!(pixel(&file, "", &[], (height - 1, width - 1)), [Some(f64::from(width - 1))]);
    let grey16 = DynamicImage::ImageLuma16(picture.to_luma16());
    let first = f64::from(grey16.to_luma16().get_pixel(7, 8).0[0]);
    assert_eq!(pixel(&png(&grey16), "", &[], (7, 8)), [Some(first)]);
}

#[test]
fn transparent_pixels_have_no_value() {
    let rgba = values(|column| [10, 20, 30, if column < 20.0 { 0 } else { 255 }]).concat();
    for planar in [false, true] {
        let tags = page(&[8; 4], &[(277, &[4]), (262, &[2]), (338, &[2])]);
        let file = by_hand(&[(&tags, &rgba)]);
        assert_eq!(pixel(&file, "", &[], (0, 0)), [None; 3], "{planar}");
        assert_eq!(pixel(&file, "", &[], (20, 0)), [10.0, 20.0, 30.0].map(Some));
    }
    let picture = DynamicImage::ImageRgba8(
        image::RgbaImage::from_raw(SIDES.0, SIDES.1, rgba).expect("as many bytes"),
    );
    assert_eq!(pixel(&png(&picture), "", &[], (0, 0)), [None; 3]);
    assert_eq!(pixel(&png(&picture), "", &["2", "1"], (20, 0)), [20.0, 10.0].map(Some));
    // of several bands, one may have no value
    let file = by_hand(&[(
        &page(&[8; 2], &[(277, &[2]), (338, &[0])]),
        &values(|column| [column as u8, 7]).concat(),
    )]);
    assert_eq!(pixel(&file, "nodata=7", &[], (5, 0)), [Some(5.0), None]);
}

#[test]
fn statistics_count_what_has_data() {
    let file = tiff::<Gray16>(&values(|column| column as u16), Predictor::None, Some("0"));
    let [band] = statistics_of(&file, "", 1024).try_into().expect("one band");
    let rows = u64::from(SIDES.1);
    assert_eq!((band.valid_pixels, band.masked_pixels), (59 * rows, rows));
    assert_eq!((band.min, band.max, band.mean, band.median), (1.0, 59.0, 30.0, 30.0));
    assert_eq!(band.sum, 30.0 * band.valid_pixels as f64);
    assert!((band.std - ((59.0 * 59.0 - 1.0) / 12.0_f64).sqrt()).abs() < 1e-12, "{}", band.std);
    assert_eq!((band.majority, band.minority, band.unique), (1.0, 1.0, 59));
    assert_eq!(band.percentiles, [2.0, 58.0]);
    assert_eq!(band.histogram.edges, [1.0, 15.5, 30.0, 44.5, 59.0]);
    assert_eq!(band.histogram.counts, [15, 14, 15, 15].map(|count| count * rows));

    let [band] = statistics_of(&file, "nodata=59", 1024).try_into().expect("one band");
    assert_eq!((band.min, band.max), (0.0, 58.0));
    let [band] = statistics_of(&file, "region=10,0,5,3", 1024).try_into().expect("one band");
    assert_eq!((band.min, band.max, band.valid_pixels), (10.0, 14.0, 15));
    // a smaller picture has columns at equal distances
    let [band] = statistics_of(&file, "nodata=-1", 30).try_into().expect("one band");
    assert_eq!((band.min, band.max, band.valid_pixels), (1.0, 59.0, 300));
    let nothing = tiff::<Gray32Float>(&values(|_| f32::NAN), Predictor::None, None);
    let [band] = statistics_of(&nothing, "", 1024).try_into().expect("one band");
    assert!(band.min.is_nan() && band.valid_pixels == 0 && band.unique == 0);
    assert_eq!(statistics_of(&png(&lopsided()), "", 64).len(), 3);
}

#[test]
fn a_chosen_value_is_transparent_and_counts_in_no_percentile() {
    // most pixels are 0 or 65535; a few between are stretched from black to white
    let column = |column: f64| match column {
        ..20.0 => 0,
        20.0..40.0 => 1000 + 50 * (column as u16 - 20),
        _ => 65_535,
    };
    let file = tiff::<Gray16>(&values(column), Predictor::None, Some("65535"));
    let spec = "width=30&match=ramp&tone=natural";
    let drawn = |options: &str| {
        let text = text(&file, &format!("{spec}&{options}"));
        text.lines().next().expect("a row").to_owned()
    };
    let hidden = drawn("nodata=0&alpha=light");
    assert!(hidden.starts_with(&"@".repeat(9)), "{hidden}");
    // the file's own value no longer holds
    assert!(hidden.ends_with(&"@".repeat(9)) && drawn("nodata=0&alpha=dark").ends_with("@@@"));
    assert_eq!(drawn("nodata=65535&alpha=light"), drawn("alpha=light"));
    // a range in units of the file, and in those that a scale gives
    let file = geotiff(&GeoTags::default());
    let text = |options: &str| text(&file, &format!("{spec}{options}"));
    assert_eq!(text("&unscale=true&stretch=0:0.3"), text("&stretch=1000:4000"));
    assert_eq!(text("&unscale=true"), text(""));
    assert_eq!(text("&nodata=nan&region=5,5,20,20"), text("&region=5,5,20,20"));
}

#[test]
#[cfg(all(feature = "avif", feature = "jxl"))]
fn a_picture_that_another_process_decodes_has_values() {
    let picture = sample();
    for name in ["libavif-lossless.avif", "libjxl-lossless.jxl"] {
        let file = foreign(name);
        for at in [(0, 0), (13, 6), (23, 15)] {
            let expected = picture.to_rgb8().get_pixel(at.0, at.1).0.map(|it| Some(it.into()));
            assert_eq!(pixel(&file, "", &[], at), expected, "{name} {at:?}");
            let [red, green, _] = expected.map(Option::unwrap_or_default);
            let difference = pixel(&file, "expression=b1-b2", &[], at);
            assert_eq!(difference, [Some(red - green)], "{name} {at:?}");
        }
        for options in ["", "region=5,3,11,9", "expression=b3%2Bb1"] {
            let expected = statistics_of(&png(&picture), options, 1024);
            assert_eq!(statistics_of(&file, options, 1024), expected, "{name} {options}");
        }
        let cut = &file[..file.len() * 2 / 3];
        let of_cut = pixel_values(
            Cursor::new(cut),
            (&Spec::default(), &[]),
            (23, 15),
            &Limits::default(),
            &|| false,
        );
        assert!(matches!(of_cut, Err(Error::Malformed(_))), "{name}: {of_cut:?}");
    }
    // 48 × 32 pixels as stored
    let turned = foreign("libjxl-orientation-6.jxl");
    let right = statistics_of(&turned, "region=31,0,1,48", 1024);
    assert_eq!(right[0].valid_pixels, 48);
}
