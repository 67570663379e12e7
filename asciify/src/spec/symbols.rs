//! The option `symbols`: a known set, a choice of symbols, or a ramp.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

use crate::glyphs::symbol_set::SymbolSet;
use crate::glyphs::{self, GlyphSet};

/// The most symbols of a ramp or a choice.
pub(crate) const MAX_SYMBOLS: usize = 256;

/// The symbols to draw with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Symbols {
    /// All symbols of a set.
    Set(SymbolSet),
    /// Some symbols of the sets, each once, in the order of the sets.
    Chars(String),
    /// Any characters of one column, from the sparsest to the densest, in equal steps of lightness.
    Ramp(String),
}

impl Default for Symbols {
    fn default() -> Self {
        Self::Set(SymbolSet::default())
    }
}

impl Symbols {
    /// The glyphs. For a ramp, whose symbols have no known shape, those of ASCII: only their
    /// largest coverage is used.
    pub(crate) fn glyphs(&self) -> Arc<GlyphSet> {
        match self {
            Self::Set(SymbolSet::Ascii) | Self::Ramp(_) => glyphs::ASCII.clone(),
            Self::Set(set) => Arc::new(glyphs::of_set(*set)),
            Self::Chars(chars) => Arc::new(glyphs::of_chars(chars)),
        }
    }
}

/// The name of a set, `chars:` with a choice of symbols, or `ramp:` with a ramp.
impl fmt::Display for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(set) => set.fmt(f),
            Self::Chars(chars) => write!(f, "chars:{chars}"),
            Self::Ramp(ramp) => write!(f, "ramp:{ramp}"),
        }
    }
}

/// A text is no value of the option `symbols`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no set of symbols, no chars: with symbols of the sets, no ramp: with characters of one column"
)]
pub struct SymbolsError;

impl FromStr for Symbols {
    type Err = SymbolsError;

    fn from_str(text: &str) -> Result<Self, SymbolsError> {
        if let Some(ramp) = text.strip_prefix("ramp:") {
            let fits = (2..=MAX_SYMBOLS).contains(&ramp.chars().count());
            return if fits && ramp.chars().all(is_one_column) {
                Ok(Self::Ramp(ramp.into()))
            } else {
                Err(SymbolsError)
            };
        }
        if let Some(chars) = text.strip_prefix("chars:") {
            let choice: String = glyphs::known_symbols().filter(|it| chars.contains(*it)).collect();
            let known = (1..=MAX_SYMBOLS).contains(&choice.chars().count())
                && chars.chars().all(|it| choice.contains(it));
            return if known { Ok(Self::Chars(choice)) } else { Err(SymbolsError) };
        }
        SymbolSet::named(text).map(Self::Set).ok_or(SymbolsError)
    }
}

/// Whether a character is one column wide wherever text is shown: no control, combining or wide
/// character.
pub(crate) fn is_one_column(symbol: char) -> bool {
    // the width of line and paragraph separators is 1, too
    symbol.width() == Some(1) && !matches!(symbol, '\u{2028}' | '\u{2029}')
}
