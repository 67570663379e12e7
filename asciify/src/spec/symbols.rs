//! What is drawn with: a known set, a choice of symbols, or a ramp.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

use crate::glyphs::shapes::Shapes;
use crate::glyphs::{self, Glyphs};

/// The most symbols of a ramp or a choice.
const MOST: usize = 256;

/// What is drawn with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Symbols {
    /// All symbols of a set.
    Shapes(Shapes),
    /// Some symbols of the sets, each once, in the order of the sets.
    Chars(String),
    /// Any characters of one column, from the barest to the densest, in equal steps of lightness.
    Ramp(String),
}

impl Default for Symbols {
    fn default() -> Self {
        Self::Shapes(Shapes::default())
    }
}

impl Symbols {
    /// Their glyphs. Those of a ramp have no known shape, and stand for ASCII here: see
    /// [`crate::draw::ramp`].
    pub(crate) fn glyphs(&self) -> Arc<Glyphs> {
        match self {
            Self::Shapes(Shapes::Ascii) | Self::Ramp(_) => glyphs::ASCII.clone(),
            Self::Shapes(shapes) => Arc::new(glyphs::of(*shapes)),
            Self::Chars(chars) => Arc::new(glyphs::among(chars)),
        }
    }
}

/// A word for a set, `chars:` with a choice of symbols, or `ramp:` with a ramp.
impl fmt::Display for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shapes(shapes) => shapes.fmt(f),
            Self::Chars(chars) => write!(f, "chars:{chars}"),
            Self::Ramp(ramp) => write!(f, "ramp:{ramp}"),
        }
    }
}

/// The text says nothing that we can draw with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no set of symbols, no chars: with symbols of the sets, no ramp: with characters of one column"
)]
pub struct SymbolsError;

impl FromStr for Symbols {
    type Err = SymbolsError;

    fn from_str(text: &str) -> Result<Self, SymbolsError> {
        if let Some(ramp) = text.strip_prefix("ramp:") {
            let fits = (2..=MOST).contains(&ramp.chars().count());
            return if fits && ramp.chars().all(is_one_column) {
                Ok(Self::Ramp(ramp.into()))
            } else {
                Err(SymbolsError)
            };
        }
        if let Some(chars) = text.strip_prefix("chars:") {
            let choice: String = glyphs::known().filter(|it| chars.contains(*it)).collect();
            let known = (1..=MOST).contains(&choice.chars().count())
                && chars.chars().all(|it| choice.contains(it));
            return if known { Ok(Self::Chars(choice)) } else { Err(SymbolsError) };
        }
        Shapes::of(text).map(Self::Shapes).ok_or(SymbolsError)
    }
}

/// Whether it fills a cell wherever text is shown: no control character, nothing that combines.
pub(crate) fn is_one_column(symbol: char) -> bool {
    // line and paragraph separators count as one column all the same
    symbol.width() == Some(1) && !matches!(symbol, '\u{2028}' | '\u{2029}')
}
