//! The option `nodata`: the value of pixels without data.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The value of pixels without data, which are transparent.
#[derive(Debug, Clone, Copy, Default)]
pub enum Nodata {
    /// The one that the file states.
    #[default]
    Auto,
    /// This one, in place of the file's own; it may be NaN. NaN always means "no data".
    Value(f64),
}

impl Nodata {
    /// The value that is asked for.
    pub(crate) fn value(self) -> Option<f64> {
        match self {
            Self::Auto => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl PartialEq for Nodata {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Nodata {}

impl Hash for Nodata {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_string().hash(state);
    }
}

/// `auto`, `nan`, or a number.
impl fmt::Display for Nodata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_DIGITS: usize = 12;
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Value(value) if value.is_nan() => f.write_str("nan"),
            Self::Value(value) => match value.to_string() {
                plain if plain.len() <= MOST_DIGITS => f.write_str(&plain),
                _ => write!(f, "{value:e}"),
            },
        }
    }
}

/// A text is no value of the option `nodata`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `auto` nor a number nor `nan`")]
pub struct NodataError;

impl FromStr for Nodata {
    type Err = NodataError;

    fn from_str(text: &str) -> Result<Self, NodataError> {
        match text {
            "auto" => Ok(Self::Auto),
            // -0 is 0
            text => text.parse::<f64>().map(|it| Self::Value(it + 0.0)).map_err(|_| NodataError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_meaning_go_both_ways() {
        for text in ["auto", "nan", "0", "-9999", "0.5", "inf", "-3.4028234663852886e38"] {
            assert_eq!(text.parse::<Nodata>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("-0.0".parse::<Nodata>(), Ok(Nodata::Value(0.0)));
        assert_eq!("NaN".parse::<Nodata>(), Ok(Nodata::Value(f64::NAN)));
        for wrong in ["", "none", "1,2", "0x10"] {
            assert_eq!(wrong.parse::<Nodata>(), Err(NodataError), "{wrong}");
        }
    }
}
