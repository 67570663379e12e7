//! The options `bands` and `stretch`: which bands of a file are shown, and which range of values.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The longest name of a band that can be asked for, in characters.
const MAX_NAME_CHARS: usize = 100;

/// The bands to show as grey, or as red, green and blue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Bands {
    /// Those that the file calls red, green and blue; otherwise the first three, or the only one.
    #[default]
    Auto,
    /// One band, as grey.
    Grey(Band),
    /// Three bands, as red, green and blue.
    Rgb([Band; 3]),
}

/// A band of a file, whose names are known when it is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Band {
    /// Counted from 1.
    Number(u16),
    /// In lower case: case does not matter. It has a letter, and neither commas nor control
    /// characters.
    Name(String),
}

/// `auto`, or one or three numbers or names joined by commas.
impl fmt::Display for Bands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Grey(band) => band.fmt(f),
            Self::Rgb([red, green, blue]) => write!(f, "{red},{green},{blue}"),
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A text is no value of the option `bands`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `auto` nor one or three numbers of bands, counted from 1, or names of bands")]
pub struct BandsError;

impl FromStr for Bands {
    type Err = BandsError;

    fn from_str(text: &str) -> Result<Self, BandsError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let mut bands = text.split(',').map(str::parse);
        let mut next = || bands.next().ok_or(BandsError)?;
        let first = next()?;
        if !text.contains(',') {
            return Ok(Self::Grey(first));
        }
        let rgb = [first, next()?, next()?];
        if bands.next().is_none() { Ok(Self::Rgb(rgb)) } else { Err(BandsError) }
    }
}

impl FromStr for Band {
    type Err = BandsError;

    fn from_str(text: &str) -> Result<Self, BandsError> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().ok().filter(|number| *number > 0);
            return number.map(Self::Number).ok_or(BandsError);
        }
        let is_name = text.chars().any(char::is_alphabetic)
            && text.trim() == text
            && text.chars().count() <= MAX_NAME_CHARS
            && !text.contains(|c: char| c == ',' || c.is_control());
        if is_name { Ok(Self::Name(text.to_lowercase())) } else { Err(BandsError) }
    }
}

/// The values to show as black and white.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Stretch {
    /// The 2nd and the 98th percentile of the values of a TIFF, JPEG 2000, FITS, VICAR or PDS3 of more
    /// than 8 bits: of all bands together, or of each where the values of one lie apart from, or
    /// extend far beyond, those of another. Also of a picture that uses a small part of its range.
    /// Otherwise as `None`.
    #[default]
    Auto,
    /// The least and the most that the format can hold; 0 and 1 for floating point.
    None,
    /// These two, in the unit of the file's values: both finite, the first below the second.
    Range(f64, f64),
    /// The same for red, green and blue; not all equal.
    Ranges([(f64, f64); 3]),
}

impl Stretch {
    /// Black and white of red, green and blue; `None` for `Auto` and `None`.
    pub(crate) fn ranges(self) -> Option<[(f64, f64); 3]> {
        match self {
            Self::Auto | Self::None => None,
            Self::Range(low, high) => Some([(low, high); 3]),
            Self::Ranges(ranges) => Some(ranges),
        }
    }
}

impl Eq for Stretch {}

impl Hash for Stretch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_string().hash(state);
    }
}

/// `auto`, `none`, or one or three pairs of numbers with a colon between, joined by commas.
impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_DIGITS: usize = 12;
        let number = |number: &f64| match number.to_string() {
            plain if plain.len() <= MOST_DIGITS => plain,
            _ => format!("{number:e}"),
        };
        let range = |(low, high): &(f64, f64)| format!("{}:{}", number(low), number(high));
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Range(low, high) => f.write_str(&range(&(*low, *high))),
            Self::Ranges(ranges) => f.write_str(&ranges.each_ref().map(range).join(",")),
        }
    }
}

/// A text is no value of the option `stretch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "neither `auto` nor `none`, nor two numbers, the lower first, with a colon between, nor three \
     such pairs joined by commas"
)]
pub struct StretchError;

impl FromStr for Stretch {
    type Err = StretchError;

    fn from_str(text: &str) -> Result<Self, StretchError> {
        let number = |text: &str| -> Option<f64> {
            let number: f64 = text.parse().ok()?;
            // -0 is 0
            number.is_finite().then_some(number + 0.0)
        };
        let range = |text: &str| -> Result<(f64, f64), StretchError> {
            let (low, high) = text.split_once(':').ok_or(StretchError)?;
            let range = number(low).zip(number(high));
            range.filter(|(low, high)| low < high).ok_or(StretchError)
        };
        let ranges = match text {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::None),
            text => text.split(',').map(range).collect::<Result<Vec<_>, _>>()?,
        };
        match *ranges.as_slice() {
            [(low, high)] => Ok(Self::Range(low, high)),
            [red, green, blue] if red == green && green == blue => Ok(Self::Range(red.0, red.1)),
            [red, green, blue] => Ok(Self::Ranges([red, green, blue])),
            _ => Err(StretchError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_meaning_go_both_ways() {
        for text in
            ["auto", "none", "0:3000", "-0.25:0.75", "1e-12:2e-12", "0:1e20", "0:1,-2:2,0:1e20"]
        {
            let stretch: Stretch = text.parse().expect("a valid range");
            assert_eq!(stretch.to_string(), text);
        }
        assert_eq!("-0:01.50".parse::<Stretch>().map(|it| it.to_string()), Ok("0:1.5".into()));
        assert_eq!("0:1,0:1,-0:1.0".parse::<Stretch>(), Ok(Stretch::Range(0.0, 1.0)));
        for wrong in
            ["", "1", "2:1", "1:1", "nan:1", "0:inf", "a:b", "1:2:3", "0:1,0:1", "0:1,0:1,auto"]
        {
            assert!(wrong.parse::<Stretch>().is_err(), "{wrong}");
        }
        for text in ["auto", "1", "3,2,1", "65535,1,1", "b8a", "b04,3,nir (near, far)"] {
            let canonical = text.parse::<Bands>().map(|it| it.to_string());
            assert_eq!(canonical.is_ok(), !text.contains("near"), "{text}");
            assert!(canonical.is_err() || canonical.as_deref() == Ok(text), "{text}");
        }
        assert_eq!(
            "B04,3,NIR + É".parse::<Bands>().map(|it| it.to_string()),
            Ok("b04,3,nir + é".into())
        );
        let long = "b".repeat(MAX_NAME_CHARS + 1);
        for wrong in [
            "", "0", "1,2", "1,2,3,4", "-1", "+1", "65536", "1, 2, 3", "b4,b3", ",,", "b,,", " b",
            "b\n", &long,
        ] {
            assert!(wrong.parse::<Bands>().is_err(), "{wrong}");
        }
    }
}
