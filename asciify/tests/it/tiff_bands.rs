//! Bands of TIFFs: which ones a picture shows, what they are called, and which values are black and
//! white.

use std::io::Cursor;

use asciify::{Limits, Spec, probe};
use testkit::pictures::{drawn, png, sample};
use testkit::tiffs::{SIDES, by_hand, page};

/// A page of floating-point bands: of each, the value in the left half and in the right one.
fn halves(bands: &[(f32, f32)], xml: &str) -> Vec<u8> {
    columns(bands.len() as u32, xml, |band, x| {
        let (left, right) = bands[band];
        if x < SIDES.0 / 2 { left } else { right }
    })
}

/// A page of floating-point bands, by band and column, with a text in the tag GDAL_METADATA.
fn columns(bands: u32, xml: &str, value: impl Fn(usize, u32) -> f32) -> Vec<u8> {
    let mut row = Vec::new();
    for x in 0..SIDES.0 {
        (0..bands as usize).for_each(|band| row.extend(value(band, x).to_le_bytes()));
    }
    let (bits, formats) = (vec![32; bands as usize], vec![3; bands as usize]);
    let text: Vec<u32> = xml.bytes().map(u32::from).collect();
    let samples = [bands];
    let mut tags: Vec<(u16, &[u32])> = vec![(277, &samples), (339, &formats)];
    if !text.is_empty() {
        tags.push((42_112, &text));
    }
    // by_hand writes tags of 32 bits; a text has bytes
    let mut file = by_hand(&[(&page(&bits, &tags), &row.repeat(SIDES.1 as usize))]);
    if !text.is_empty() {
        let entry =
            file.windows(2).rposition(|it| it == 42_112_u16.to_le_bytes()).expect("the tag");
        let text_at = file.len() as u32;
        file[entry + 2..entry + 4].copy_from_slice(&2_u16.to_le_bytes());
        file[entry + 8..entry + 12].copy_from_slice(&text_at.to_le_bytes());
        file.extend(xml.bytes());
    }
    file
}

/// The items of names and of colours, by band.
fn items(role: &str, values: &[&str]) -> String {
    let item = |(band, value): (usize, &&str)| {
        format!("<Item name=\"X\" sample=\"{band}\" role=\"{role}\">{value}</Item>\n")
    };
    values.iter().enumerate().map(item).collect()
}

/// The colours of the left and of the right half.
fn colors(file: &[u8], options: &str) -> [[u8; 3]; 2] {
    let spec =
        format!("width=60&height=20&fit=stretch&symbols=half&color=full&color_on=both{options}");
    let grid = drawn(file, &spec).unwrap_or_else(|err| panic!("{options}: {err}"));
    [10, 50].map(|column| {
        let cell = grid.cell(column, 10).expect("a cell");
        let color = if cell.symbol == ' ' { cell.background } else { cell.foreground };
        color.expect("a coloured cell").rgb()
    })
}

/// Blue, green, red and near infrared, of red soil and of water.
const SOIL: [(f32, f32); 4] = [(300.0, 1800.0), (900.0, 600.0), (2500.0, 200.0), (2800.0, 100.0)];

fn shows_soil_and_water(file: &[u8], options: &str) -> bool {
    let [[soil_r, soil_g, soil_b], [water_r, water_g, water_b]] = colors(file, options);
    soil_r > soil_g && soil_g > soil_b && water_b > water_g && water_g > water_r
}

#[test]
fn bands_that_name_their_colours_are_shown_in_these_colours() {
    for (role, names) in [
        ("colorinterp", ["Blue", "Green", "Red", "Undefined"]),
        ("description", ["blue", "green", "red", "nir"]),
        ("description", ["BLUE", "Green", "red", ""]),
        ("description", ["B2", "B3", "B4", "B8"]),
        ("description", ["B02", "B03", "b04", "B08"]),
        ("description", ["SR_B2 (blue)", "SR_B3 (green)", "SR_B4 (red)", "near infrared, not red"]),
    ] {
        let file = halves(&SOIL, &items(role, &names));
        assert!(shows_soil_and_water(&file, ""), "{names:?}");
        // the option wins
        assert!(!shows_soil_and_water(&file, "&bands=1,2,3"), "{names:?}");
        assert!(shows_soil_and_water(&file, "&bands=3,2,1"), "{names:?}");
    }
    for names in [&["vv", "vh", "red", "blue"], &["", "", "", ""]] {
        let file = halves(&SOIL, &items("description", names));
        assert!(!shows_soil_and_water(&file, ""), "{names:?}");
    }
    // what an item says of a colour comes before a name
    let xml = items("description", &["red", "green", "blue", "x"])
        + &items("colorinterp", &["Blue", "Green", "Red", "Undefined"]);
    assert!(shows_soil_and_water(&halves(&SOIL, &xml), ""));
}

#[test]
fn a_header_has_the_names_of_bands() {
    let names = |xml: &str| {
        let file = halves(&SOIL, xml);
        probe(Cursor::new(file), &Limits::default()).expect("a valid file").band_names
    };
    let xml = items("description", &["B02", "", "R &amp; D &lt;2&gt;", "nir"]);
    let expected = [Some("B02"), None, Some("R & D <2>"), Some("nir")];
    assert_eq!(names(&xml), expected.map(|name| name.map(str::to_owned)));
    assert!(names("").is_empty());
    assert!(names("<Item name=\"AREA_OR_POINT\">Area</Item>").is_empty());
    assert!(names("<Item sample=\"9\" role=\"description\">of no band</Item><Item").is_empty());
    let header = probe(Cursor::new(png(&sample())), &Limits::default()).expect("a valid file");
    assert!(header.band_names.is_empty());
}

#[test]
fn bands_are_selected_by_name() {
    let names = ["B2, blue", "B03", "b4", "B8A"];
    let file = halves(&SOIL, &items("description", &names));
    for bands in ["b4,b3,b2", "B04,B03,B02", "red,green,blue", "3,B03,blue", "%624,2,1"] {
        let named = colors(&file, &format!("&bands={bands}"));
        assert_eq!(named, colors(&file, "&bands=3,2,1"), "{bands}");
    }
    assert_eq!(colors(&file, "&bands=b8a"), colors(&file, "&bands=4"));
    // a colour interpretation is a name; without either, the first three are red, green and blue
    let file = halves(&SOIL, &items("colorinterp", &["Blue", "Green", "Red", "NIR"]));
    assert_eq!(colors(&file, "&bands=nir,red,green"), colors(&file, "&bands=4,3,2"));
    let file = halves(&SOIL, "");
    assert_eq!(colors(&file, "&bands=blue,green,red"), colors(&file, "&bands=3,2,1"));
    let picture = image::RgbImage::from_fn(60, 20, |x, _| image::Rgb([4 * x as u8, 100, 9]));
    let file = png(&picture.into());
    assert_eq!(colors(&file, "&bands=blue"), colors(&file, "&bands=3"));
}

#[test]
fn a_name_that_no_band_has_is_refused_with_those_that_there_are() {
    let refusal = |file: &[u8], bands: &str| match drawn(file, &format!("width=9&bands={bands}")) {
        Err(err @ asciify::Error::Missing { option: "bands", .. }) => err.to_string(),
        other => panic!("{bands}: {other:?}"),
    };
    let file = halves(&SOIL, &items("description", &["day 1", "day 2", "", "R&amp;D+x"]));
    assert_eq!(
        refusal(&file, "B9"),
        "bands must be numbers from 1 to 4, or names; of those, the image has day 1, day 2, R&D+x, \
         not \"b9\""
    );
    // a word of two names
    assert!(refusal(&file, "1,day,2").contains("not \"day\""));
    assert!(drawn(&file, "width=9&bands=r%26d%2Bx").is_ok());
    let rgb = png(&sample());
    assert!(refusal(&rgb, "nir").contains("red, green and blue"));
    let grey = halves(&[(1.0, 2.0)], "");
    assert_eq!(refusal(&grey, "red"), "bands must be 1: the image names no band");
    // names with commas are too many names
    assert!("bands=r,g".parse::<Spec>().is_err());
    let canonical = |spec: &str| spec.parse::<Spec>().map(|spec| spec.to_string());
    assert_eq!(canonical("bands=B04,%42,2").as_deref(), Ok("width=80&bands=b04%2Cb%2C2"));
}

/// Three bands that run over these values, the second one backwards.
fn ramps(ranges: [(f32, f32); 3]) -> Vec<u8> {
    columns(3, "", |band, x| {
        let (first, last) = ranges[band];
        first + (last - first) * x as f32 / (SIDES.0 - 1) as f32
    })
}

#[test]
fn bands_of_different_units_are_stretched_each_by_itself() {
    for ranges in [
        [(-20.0, -5.0), (-15.0, -30.0), (1.0, 15.0)],
        [(0.0, 1.0), (200.0, 100.0), (1e4, 3e4)],
        [(-1.0, 1.0), (3000.0, 0.0), (0.0, 2000.0)],
    ] {
        let [[r, g, b], [last_r, last_g, last_b]] = colors(&ramps(ranges), "&tone=natural");
        assert!(last_r > r + 80 && g > last_g + 80 && last_b > b + 80, "{ranges:?}");
    }
    // those of one unit keep their proportions: red stays above green, and green above blue
    let file = ramps([(500.0, 3000.0), (400.0, 2000.0), (100.0, 600.0)]);
    for [r, g, b] in colors(&file, "&tone=natural") {
        assert!(r > g && g > b, "{r} {g} {b}");
    }
}

#[test]
fn stretch_takes_a_range_for_all_bands_or_one_for_each() {
    let file = halves(&[(10.0, 20.0), (100.0, 200.0), (-1.0, 1.0)], "");
    let each = "&tone=natural&stretch=10:20,0:200,-1:0";
    let [[r, g, b], right] = colors(&file, each);
    assert_eq!((r, b, right), (0, 0, [255; 3]));
    assert!((120..=136).contains(&g), "{g}");
    let [left, right] = colors(&file, "&tone=natural&stretch=10:200");
    assert_eq!((left[0], left[2], right[1]), (0, 0, 255));
    // grey has the first
    let grey = halves(&[(10.0, 20.0)], "");
    assert_eq!(colors(&grey, each), [[0; 3], [255; 3]]);
    // other formats, too
    let picture = image::RgbImage::from_pixel(60, 20, image::Rgb([50, 100, 200]));
    let file = png(&picture.into());
    assert_eq!(colors(&file, "&tone=natural&stretch=50:60,0:100,0:255")[0][..2], [0, 255]);

    let canonical = |spec: &str| spec.parse::<Spec>().map(|spec| spec.to_string());
    let same = "stretch=0:3000%2C0:3000.0%2C0:3e3";
    assert_eq!(canonical(same).as_deref(), Ok("width=80&stretch=0:3000"));
    let each = "width=80&stretch=0:1%2C0:2%2C-0.5:3";
    assert_eq!(canonical(each).as_deref(), Ok(each));
    let refusal = canonical("stretch=0:1,0:2").expect_err("two ranges").to_string();
    assert!(refusal.contains("three such pairs"), "{refusal}");
}
