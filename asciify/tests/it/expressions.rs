//! Expressions of bands, and colour maps: drawn, of a pixel, and in statistics.

use std::io::Cursor;

use asciify::{Color, Error, Limits, Spec, SpecError, StatisticsOptions, pixel_values, statistics};
use image::DynamicImage;
use testkit::pictures::{drawn, lopsided, png, text};
use testkit::tiffs::{SIDES, by_hand, page, tiff, values};
use tiff::encoder::Predictor;
use tiff::encoder::colortype::Gray32Float;

/// How many bands [`bands`] has.
const COUNT: usize = 5;

/// Bands of 16 bits: the first one is brighter to the right, the second one to the left; both are 0 in
/// the last column. The others are 7.
fn bands(is_planar: bool) -> Vec<u8> {
    let value = |band: usize, column: f64| match (band, column) {
        (0 | 1, 59.0) => 0_u16,
        (0, column) => 100 + 10 * column as u16,
        (1, column) => 900 - 10 * column as u16,
        _ => 7,
    };
    let bytes = |band: usize, column: f64| value(band, column).to_le_bytes();
    let bits = [16; COUNT];
    let tags: &[(u16, &[u32])] = &[(277, &[COUNT as u32]), (338, &[0; COUNT - 1])];
    if !is_planar {
        let pixel = |column| (0..COUNT).flat_map(|band| bytes(band, column)).collect::<Vec<u8>>();
        return by_hand(&[(&page(&bits, tags), &values(pixel).concat())]);
    }
    let planes: Vec<u8> =
        (0..COUNT).flat_map(|band| values(|column| bytes(band, column)).concat()).collect();
    let length = 2 * SIDES.0 * SIDES.1;
    let places: Vec<u32> = (0..COUNT as u32).map(|plane| 8 + plane * length).collect();
    let (width, height, lengths) = ([SIDES.0], [SIDES.1], [length; COUNT]);
    let tiles: &[(u16, &[u32])] =
        &[(284, &[2]), (322, &width), (323, &height), (324, &places), (325, &lengths)];
    by_hand(&[(&page(&bits, &[tags, tiles].concat()), &planes)])
}

/// One band of floating point: NDVI of the first two bands.
fn index() -> Vec<u8> {
    let value = |column: f64| match column {
        59.0 => f32::NAN,
        column => ((100.0 + 10.0 * column) - (900.0 - 10.0 * column)) as f32 / 1000.0,
    };
    tiff::<Gray32Float>(&values(value), Predictor::None, None)
}

const NDVI: &str = "expression=(b1-b2)/(b1%2Bb2)";

#[test]
fn an_expression_is_drawn_as_a_band_of_its_values_would_be() {
    let (file, index) = (bands(false), index());
    for options in [
        "",
        "&stretch=-1:1",
        "&stretch=10%25:60%25",
        "&stretch=none",
        "&region=7,3,30,9",
        "&alpha=light&match=ramp",
        "&colormap_name=viridis&color=full&color_on=both&symbols=half",
        "&width=17&height=9&fit=cover",
    ] {
        let of_bands = text(&file, &format!("{NDVI}{options}"));
        assert_eq!(of_bands, text(&index, &format!("nodata=nan{options}")), "{options}");
    }
    // more bands than are drawn, together or in planes
    for is_planar in [false, true] {
        let many = "expression=(b1-b2)/(b1%2Bb2)*b3*b4/b5/7";
        assert_eq!(text(&bands(is_planar), many), text(&index, "nodata=nan"), "{is_planar}");
    }
    // 0 / 0 is no data
    let spec = format!("{NDVI}&width=60&match=ramp&tone=natural&stretch=-1:1");
    let row = text(&file, &format!("{spec}&alpha=light")).lines().next().map(str::to_owned);
    assert!(
        row.is_some_and(|row| row.ends_with('@') && !row[..58].contains('@')),
        "the last column"
    );
    // three expressions are red, green and blue
    let three = "expression=b2;b1;b2&stretch=0:1000&color=full&symbols=half&color_on=both";
    let chosen = three.replace("expression=b2;b1;b2", "bands=2,1,2&nodata=nan");
    assert_eq!(drawn(&file, three).ok(), drawn(&file, &chosen).ok());
    // colours of a photo are bands, too
    let photo = png(&lopsided());
    assert_eq!(text(&photo, "expression=b2*1&stretch=0:255"), text(&photo, "bands=2&nodata=nan"));
}

#[test]
fn a_colour_map_gives_the_lowest_and_the_highest_value_its_ends() {
    let grey = DynamicImage::ImageLuma8(image::GrayImage::from_fn(60, 20, |x, _| {
        image::Luma([if x < 30 { 0 } else { 255 }])
    }));
    let look = "width=20&symbols=half&color=full&color_on=both&tone=natural";
    let ends = |map: &str| {
        let grid = drawn(&png(&grey), &format!("{look}&colormap_name={map}")).expect("a picture");
        let color = |column: usize| match grid.cell(column, 0).and_then(|cell| cell.background) {
            Some(Color::Rgb(rgb)) => rgb,
            other => panic!("{other:?} is no colour"),
        };
        [color(0), color(19)]
    };
    let [violet, yellow] = [[0x44, 0x01, 0x54], [0xfd, 0xe7, 0x24]];
    assert_eq!(ends("viridis"), [violet, yellow]);
    assert_eq!(ends("viridis_r"), [yellow, violet]);
    assert_eq!(ends("gray"), [[0; 3], [255; 3]]);
}

#[test]
fn errors_name_the_place_or_the_bands_that_there_are() {
    let told = |text: &str| match text.parse::<Spec>() {
        Err(err @ SpecError::BadExpression(_)) => err.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(told("expression=(b1-b2").starts_with("expression: at character 7: expected"));
    let missing = |spec: &str| match drawn(&bands(false), spec).map(drop) {
        Err(err @ Error::Missing { .. }) => err.to_string(),
        other => panic!("{spec}: {other:?}"),
    };
    for (spec, message) in [
        ("expression=b1-b6", "expression must be of bands that the image has: b1 to b5, not b6"),
        (
            "expression=nir/b1",
            "expression must be of bands that the image has: b1 to b5, not \"nir\"",
        ),
        (
            "colormap_name=viridis",
            "colormap_name must be none, as three values are shown; it needs",
        ),
        ("expression=b1;b2;b3&colormap_name=magma", "colormap_name must be none"),
        ("algorithm=hillshade&bands=3,2,1", "algorithm must be none, as three values are shown"),
    ] {
        assert!(missing(spec).starts_with(message), "{spec}: {}", missing(spec));
    }
}

#[test]
fn a_pixel_and_statistics_have_the_value_of_an_expression() {
    let (file, limits) = (bands(false), Limits::default());
    let pixel = |spec: &str, at| {
        let spec: Spec = spec.parse().expect("a valid spec");
        let values = pixel_values(Cursor::new(&file), (&spec, &[]), at, &limits, &|| false);
        let values = values.expect("values").into_iter();
        values.map(|(label, value)| (label.name, value)).collect::<Vec<_>>()
    };
    let name = "(b1-b2)/(b1+b2)".to_owned();
    assert_eq!(pixel(NDVI, (10, 3)), [(name.clone(), Some(-0.6))]);
    assert_eq!(pixel(NDVI, (59, 3)), [(name.clone(), None)]);
    let three: Vec<_> = pixel("expression=b2;b3;b1*2", (0, 0)).into_iter().map(|it| it.1).collect();
    assert_eq!(three, [900.0, 7.0, 200.0].map(Some));

    let options = StatisticsOptions {
        spec: NDVI.parse().expect("a valid spec"),
        bands: Vec::new(),
        max_size_px: 1024,
        percentiles: vec![2.0],
        bins: 4,
        histogram_range: None,
    };
    let statistics = statistics(Cursor::new(&file), &options, &limits, &|| false);
    let [of_index] = statistics.expect("statistics").try_into().expect("one value");
    assert_eq!((of_index.label.name, of_index.min, of_index.max), (name, -0.8, 0.36));
    let rows = u64::from(SIDES.1);
    assert_eq!((of_index.valid_pixels, of_index.masked_pixels), (59 * rows, rows));
}

#[test]
fn an_expression_that_takes_too_long_is_refused() {
    let expensive = format!("b1{}", "%2Btan(exp(b1))".repeat(70));
    let file = |side: usize| {
        [format!("P5 {side} {side} 255\n").into_bytes(), vec![7; side * side]].concat()
    };
    let draw = |side, options: &str| {
        drawn(&file(side), &format!("expression={expensive}{options}")).map(drop)
    };
    draw(100, "").expect("few pixels");
    let Err(refused) = draw(4000, "") else { panic!("it takes minutes") };
    let message = refused.to_string();
    assert!(
        message.starts_with("expression must be of at most 2000 million operations"),
        "{message}"
    );
    draw(4000, "&region=0,0,100,100&stretch=0:1").expect("a region of few pixels");
}
