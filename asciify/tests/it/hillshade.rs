//! Hillshades: drawn, of regions and of overviews.

use testkit::pictures::{drawn, text};
use testkit::tiffs::{GeoTags, geotiff, tiff, values};
use tiff::encoder::Predictor;
use tiff::encoder::colortype::Gray32Float;

const LOOK: &str = "match=ramp&tone=natural&algorithm=hillshade";

/// A ridge from north to south: it rises by a metre a column, and falls after the middle.
fn ridge() -> Vec<u8> {
    let height = |column: f64| (30.0 - (column - 29.5).abs()) as f32;
    tiff::<Gray32Float>(&values(height), Predictor::None, None)
}

/// The first row of a text.
fn row(file: &[u8], options: &str) -> String {
    let text = text(file, &format!("width=60&{LOOK}&{options}"));
    text.lines().next().expect("a row").to_owned()
}

#[test]
fn the_side_towards_the_light_is_bright() {
    let west = row(&ridge(), "azimuth=270");
    assert!(west.starts_with(&"@".repeat(28)) && west.ends_with(&" ".repeat(28)), "{west}");
    let east = row(&ridge(), "azimuth=90");
    assert!(east.starts_with(&" ".repeat(28)) && east.ends_with(&"@".repeat(28)), "{east}");
    // light from above, and a flat country
    let above = row(&ridge(), "angle_altitude=90&z_exaggeration=0.001");
    assert_eq!(above, "@".repeat(60));
    // black and white are those of full shadow and full light, if no others are chosen
    assert_eq!(west, row(&ridge(), "azimuth=270&stretch=0:255"));
    assert_ne!(row(&ridge(), "azimuth=0"), row(&ridge(), "azimuth=0&stretch=100:200"));
}

#[test]
fn a_region_is_shaded_as_the_whole() {
    let file = ridge();
    let whole = row(&file, "azimuth=270");
    let part = text(&file, &format!("width=20&{LOOK}&azimuth=270&region=20,0,20,20"));
    assert_eq!(part.lines().next(), Some(&whole[20..40]));
    // of an expression, and in colours
    assert_eq!(row(&file, "expression=b1*1&azimuth=270"), whole);
    let map = "color=full&color_on=both&symbols=half&algorithm=hillshade&colormap_name=magma";
    assert!(drawn(&file, map).is_ok());
}

#[test]
fn pixels_have_the_size_that_the_file_states() {
    // 5 metres a column, and 2 a row
    let sizes = |metres: f64| {
        let scale = [metres, metres, 0.0];
        geotiff(&GeoTags { scale: &scale, ..GeoTags::default() })
    };
    let shade = |file: &[u8], options: &str| {
        let options = format!("expression=b1/10&azimuth=270{options}");
        row(file, &options).chars().nth(30).expect("a column")
    };
    let [steep, gentle] = [sizes(5.0), sizes(5000.0)].map(|file| shade(&file, ""));
    assert_ne!(gentle, steep);
    assert_eq!(shade(&sizes(5000.0), "&z_exaggeration=1000"), steep);
}

#[test]
fn elevations_are_in_the_unit_that_the_file_states() {
    let keys = |unit| [1024, 1, 1025, 1, 3072, 32_633, 4099, unit];
    let file = |unit: u16| geotiff(&GeoTags { keys: &keys(unit), ..GeoTags::default() });
    let [metres, feet, unknown] = [9001, 9002, 9999].map(file);
    let of = |file: &[u8], options: &str| row(file, &format!("azimuth=270{options}"));
    let converted = "&expression=b1*0.3048";
    assert_eq!(of(&feet, ""), of(&metres, converted));
    assert_ne!(of(&feet, ""), of(&metres, ""));
    assert_eq!(of(&unknown, ""), of(&metres, ""));
    // an expression has the unit that it gives
    assert_eq!(of(&feet, converted), of(&metres, converted));
}
