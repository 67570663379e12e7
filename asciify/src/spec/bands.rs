//! The options `bands` and `stretch`: which bands of a file are shown, and which range of values.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The bands to show as grey, or as red, green and blue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Bands {
    /// The first three, or the only one.
    #[default]
    Auto,
    /// One band, counted from 1, as grey.
    Grey(u16),
    /// Three bands, counted from 1, as red, green and blue.
    Rgb([u16; 3]),
}

impl Bands {
    /// Indices of the bands for red, green and blue, from 0; `None` for `Auto`.
    pub(crate) fn chosen(self) -> Option<[usize; 3]> {
        let index = |band: u16| usize::from(band).saturating_sub(1);
        match self {
            Self::Auto => None,
            Self::Grey(band) => Some([index(band); 3]),
            Self::Rgb(bands) => Some(bands.map(index)),
        }
    }
}

/// `auto`, or one or three numbers joined by commas.
impl fmt::Display for Bands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Grey(band) => band.fmt(f),
            Self::Rgb([red, green, blue]) => write!(f, "{red},{green},{blue}"),
        }
    }
}

/// A text is no value of the option `bands`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `auto` nor one or three numbers of bands, counted from 1")]
pub struct BandsError;

impl FromStr for Bands {
    type Err = BandsError;

    fn from_str(text: &str) -> Result<Self, BandsError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let band = |text: &str| match text.parse() {
            Ok(band) if band > 0 && text.bytes().all(|it| it.is_ascii_digit()) => Ok(band),
            _ => Err(BandsError),
        };
        let bands: Result<Vec<u16>, BandsError> = text.split(',').map(band).collect();
        match *bands?.as_slice() {
            [band] => Ok(Self::Grey(band)),
            [red, green, blue] => Ok(Self::Rgb([red, green, blue])),
            _ => Err(BandsError),
        }
    }
}

/// The values to show as black and white.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Stretch {
    /// The 2nd and the 98th percentile of the values of a TIFF of more than 8 bits, and of a picture
    /// that uses a small part of its range; otherwise as `None`.
    #[default]
    Auto,
    /// The least and the most that the format can hold; 0 and 1 for floating point.
    None,
    /// These two, in the unit of the file's values: both finite, the first below the second.
    Range(f64, f64),
}

impl Eq for Stretch {}

impl Hash for Stretch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_string().hash(state);
    }
}

/// `auto`, `none`, or two numbers with a colon between.
impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_DIGITS: usize = 12;
        let number = |number: &f64| match number.to_string() {
            plain if plain.len() <= MOST_DIGITS => plain,
            _ => format!("{number:e}"),
        };
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Range(low, high) => write!(f, "{}:{}", number(low), number(high)),
        }
    }
}

/// A text is no value of the option `stretch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `auto` nor `none`, nor two numbers, the lower first, with a colon between")]
pub struct StretchError;

impl FromStr for Stretch {
    type Err = StretchError;

    fn from_str(text: &str) -> Result<Self, StretchError> {
        let number = |text: &str| -> Option<f64> {
            let number: f64 = text.parse().ok()?;
            // -0 is 0
            number.is_finite().then_some(number + 0.0)
        };
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            text => {
                let (low, high) = text.split_once(':').ok_or(StretchError)?;
                let range = number(low).zip(number(high));
                let (low, high) = range.filter(|(low, high)| low < high).ok_or(StretchError)?;
                Ok(Self::Range(low, high))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_meaning_go_both_ways() {
        for text in ["auto", "none", "0:3000", "-0.25:0.75", "1e-12:2e-12", "0:1e20"] {
            let stretch: Stretch = text.parse().expect("a valid range");
            assert_eq!(stretch.to_string(), text);
        }
        assert_eq!("-0:01.50".parse::<Stretch>().map(|it| it.to_string()), Ok("0:1.5".into()));
        for wrong in ["", "1", "2:1", "1:1", "nan:1", "0:inf", "a:b", "1:2:3"] {
            assert!(wrong.parse::<Stretch>().is_err(), "{wrong}");
        }
        for text in ["auto", "1", "3,2,1", "65535,1,1"] {
            assert_eq!(text.parse::<Bands>().map(|it| it.to_string()), Ok(text.into()));
        }
        for wrong in ["", "0", "1,2", "1,2,3,4", "-1", "+1", "65536", "1, 2, 3", "r,g,b"] {
            assert!(wrong.parse::<Bands>().is_err(), "{wrong}");
        }
    }
}
