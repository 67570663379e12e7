//! The option `alpha`: the backdrop of a transparent picture.

use std::fmt;
use std::str::FromStr;

/// The backdrop of a transparent picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Alpha {
    /// Black or white: the one that is drawn as bare background, unless the picture would be
    /// invisible on it.
    #[default]
    Auto,
    /// Black.
    Dark,
    /// White.
    Light,
    /// A colour: red, green and blue in sRGB.
    Color([u8; 3]),
}

/// `auto`, `dark`, `light`, or `#rrggbb` in lower-case hexadecimal digits.
impl fmt::Display for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Dark => f.write_str("dark"),
            Self::Light => f.write_str("light"),
            Self::Color([r, g, b]) => write!(f, "#{r:02x}{g:02x}{b:02x}"),
        }
    }
}

/// A text is no value of the option `alpha`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `auto`, `dark` nor `light`, nor six hexadecimal digits")]
pub struct AlphaError;

/// Reads what is written; the `#`, which must be escaped in a URL, may be missing.
impl FromStr for Alpha {
    type Err = AlphaError;

    fn from_str(text: &str) -> Result<Self, AlphaError> {
        match text {
            "auto" => Ok(Self::Auto),
            "dark" => Ok(Self::Dark),
            "light" => Ok(Self::Light),
            text => {
                let digits = text.strip_prefix('#').unwrap_or(text);
                let plain = digits.len() == 6 && digits.bytes().all(|it| it.is_ascii_hexdigit());
                let value = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
                let [_, r, g, b] = value.ok_or(AlphaError)?.to_be_bytes();
                Ok(Self::Color([r, g, b]))
            }
        }
    }
}
