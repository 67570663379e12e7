//! What bands are: names and colours from the tag GDAL_METADATA, an XML text of items.

use super::ifd::{Ifd, Tiff, tag};
use crate::error::Error;

/// The longest text that is read, in bytes.
const MAX_XML_BYTES: u64 = 1 << 20;
/// The longest name that is kept, in characters.
const MAX_NAME_CHARS: usize = 100;

/// The international foot and that of the US survey, in metres.
pub(super) const FOOT_M: f64 = 0.3048;
pub(super) const SURVEY_FOOT_M: f64 = 1200.0 / 3937.0;

/// A colour that a band shows.
const COLORS: [&str; 3] = ["red", "green", "blue"];
/// Bands of Sentinel-2, and of Landsat 8 and 9, that are red, green and blue.
const BAND_NUMBERS: [[&str; 2]; 3] = [["b4", "b04"], ["b3", "b03"], ["b2", "b02"]];
/// Words of names that contain a colour and mean another band, as "red edge" does.
const OTHER_BANDS: [&str; 5] = ["edge", "infra", "infrared", "near", "nir"];

/// What the bands of a page are.
#[derive(Default)]
pub(super) struct BandNames {
    /// By band; empty where none has a name.
    pub(super) names: Vec<Option<String>>,
    /// What each band shows, by band: its colour interpretation.
    pub(super) colors: Vec<Option<String>>,
    /// The bands that are red, green and blue, counted from 0.
    pub(super) rgb: Option<[usize; 3]>,
    /// The first band that is alpha, counted from 0.
    pub(super) alpha: Option<usize>,
    /// What the values of each band are multiplied by, and what is added then; empty where no band
    /// has any.
    pub(super) scales: Vec<f64>,
    pub(super) offsets: Vec<f64>,
    /// The unit of the values of each band, in metres, where it is one of length that is known.
    pub(super) units_m: Vec<Option<f64>>,
}

impl BandNames {
    /// Reads the tag for a page of that many bands. Items of other bands are ignored.
    ///
    /// # Errors
    /// The file ends before the tag's text.
    pub(super) fn read(tiff: &mut Tiff<'_>, ifd: &Ifd, bands: usize) -> Result<Self, Error> {
        let xml = tiff.bytes(ifd, tag::GDAL_METADATA, MAX_XML_BYTES)?;
        Ok(Self::of(&String::from_utf8_lossy(&xml), bands))
    }

    fn of(xml: &str, bands: usize) -> Self {
        let of_role = |role: &str| {
            let mut values = vec![None; bands];
            for item in items(xml).filter(|item| item.role.eq_ignore_ascii_case(role)) {
                if let Some(value) = item.sample.and_then(|sample| values.get_mut(sample)) {
                    *value = Some(item.text).filter(|text| !text.is_empty());
                }
            }
            values
        };
        let (names, colors) = (of_role("description"), of_role("colorinterp"));
        let is = |value: &Option<String>, word: &str| {
            value.as_ref().is_some_and(|value| value.eq_ignore_ascii_case(word))
        };
        let numbers = |role: &str, default: f64| -> Vec<f64> {
            let texts = of_role(role);
            let number = |text: &Option<String>| {
                let number = text.as_ref().and_then(|it| it.parse::<f64>().ok());
                number.filter(|it| it.is_finite())
            };
            match texts.iter().any(|text| number(text).is_some()) {
                true => texts.iter().map(|text| number(text).unwrap_or(default)).collect(),
                false => Vec::new(),
            }
        };
        let (scales, offsets) = (numbers("scale", 1.0), numbers("offset", 0.0));
        let named = |word: &str| colors.iter().position(|color| is(color, word));
        Self {
            rgb: all(COLORS.map(named)).or_else(|| rgb_by_name(&names)),
            alpha: named("alpha"),
            scales,
            offsets,
            units_m: of_role("unittype").iter().map(|it| metres(it.as_deref()?)).collect(),
            names: if names.iter().any(Option::is_some) { names } else { Vec::new() },
            colors,
        }
    }
}

/// A unit of elevations in metres.
fn metres(unit: &str) -> Option<f64> {
    let word: String = unit.to_lowercase().split([' ', '_', '-']).collect();
    match word.as_str() {
        "m" | "metre" | "metres" | "meter" | "meters" => Some(1.0),
        "ft" | "foot" | "feet" | "internationalfoot" | "internationalfeet" => Some(FOOT_M),
        "ftus" | "usft" | "ussurveyfoot" | "ussurveyfeet" => Some(SURVEY_FOOT_M),
        _ => None,
    }
}

/// The bands whose names say that they are red, green and blue: by a word, or by a band's number.
fn rgb_by_name(names: &[Option<String>]) -> Option<[usize; 3]> {
    let words: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let lower = name.as_deref().unwrap_or_default().to_lowercase();
            lower.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
        })
        .collect();
    let is_color = |words: &Vec<String>, color: &str| {
        words.iter().any(|word| word == color)
            && !words.iter().any(|word| OTHER_BANDS.contains(&word.as_str()))
    };
    let by_color = |color: &str| {
        // a name that is the colour alone comes before one that contains it
        let alone = words.iter().position(|it| matches!(it.as_slice(), [word] if word == color));
        alone.or_else(|| words.iter().position(|it| is_color(it, color)))
    };
    let by_number = |numbers: [&str; 2]| {
        words.iter().position(|it| it.iter().any(|word| numbers.contains(&word.as_str())))
    };
    all(COLORS.map(by_color)).or_else(|| all(BAND_NUMBERS.map(by_number)))
}

/// All three, if there are all.
fn all([red, green, blue]: [Option<usize>; 3]) -> Option<[usize; 3]> {
    Some([red?, green?, blue?])
}

/// An item: `<Item name="DESCRIPTION" sample="0" role="description">B04</Item>`.
struct Item {
    /// The band, counted from 0; `None` for an item about the whole picture.
    sample: Option<usize>,
    role: String,
    text: String,
}

/// The items of a text. What is no well-formed item is ignored.
fn items(xml: &str) -> impl Iterator<Item = Item> {
    xml.split("<Item").skip(1).filter_map(|item| {
        let (attributes, rest) = item.split_once('>')?;
        let (text, _) = rest.split_once("</Item")?;
        let attribute = |name: &str| {
            let (_, value) = attributes.split_once(&format!(" {name}="))?;
            let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            value[1..].split(quote).next().map(unescaped)
        };
        Some(Item {
            sample: attribute("sample").and_then(|sample| sample.trim().parse().ok()),
            role: attribute("role").unwrap_or_default(),
            text: unescaped(text.trim()).chars().take(MAX_NAME_CHARS).collect(),
        })
    })
}

/// A text without XML's references to characters; unknown ones stay.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let character = part.split_once(';').and_then(|(name, rest)| {
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => {
                    let number = name.strip_prefix('#')?;
                    let number = match number.strip_prefix('x') {
                        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                        None => number.parse(),
                    };
                    char::from_u32(number.ok()?)?
                }
            };
            Some((character, rest))
        });
        let (character, rest) = character.unwrap_or(('&', part));
        plain.push(character);
        plain.push_str(rest);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb(names: &[&str]) -> Option<[usize; 3]> {
        rgb_by_name(&names.iter().map(|name| Some((*name).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn names_tell_red_green_and_blue() {
        assert_eq!(rgb(&["blue", "green", "red", "nir"]), Some([2, 1, 0]));
        assert_eq!(
            rgb(&["Red Edge 1", "NIR", "B4 - Red", "B3 - Green", "B2 (Blue)"]),
            Some([2, 3, 4])
        );
        assert_eq!(rgb(&["near red", "RED", "Green", "Blue"]), Some([1, 2, 3]));
        assert_eq!(rgb(&["B02", "B03", "B04", "B08"]), Some([2, 1, 0]));
        assert_eq!(rgb(&["SR_B2", "SR_B3", "SR_B4"]), Some([2, 1, 0]));
        assert_eq!(rgb(&["vv", "vh", "red"]), None);
    }

    #[test]
    fn items_are_read_whatever_surrounds_them() {
        let xml = "<GDALMetadata>\n <Item name='a'>x</Item> <Item name=\"DESCRIPTION\" \
                   sample=\"1\" role=\"description\">R &amp; D &#x41;&#66;&nbsp;</Item>\
                   <Item sample=\"0\" role=\"colorinterp\">Alpha</Item><Item sample='9";
        let names = BandNames::of(xml, 2);
        assert_eq!(names.names, [None, Some("R & D AB&nbsp;".to_owned())]);
        assert_eq!((names.rgb, names.alpha), (None, Some(0)));
        assert!(BandNames::of("", 3).names.is_empty());
        let xml = "<Item name=\"SCALE\" sample=\"1\" role=\"scale\">0.0001</Item>";
        let names = BandNames::of(xml, 2);
        assert_eq!((names.scales, names.offsets), (vec![1.0, 0.0001], Vec::new()));
        let unit = |unit: &str| {
            let xml = format!("<Item name='UNITTYPE' sample='0' role='unittype'>{unit}</Item>");
            BandNames::of(&xml, 1).units_m[0]
        };
        assert_eq!(
            ["metre", "ft", "US survey foot", "K"].map(unit),
            [Some(1.0), Some(0.3048), Some(1200.0 / 3937.0), None]
        );
    }
}
