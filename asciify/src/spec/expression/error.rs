//! Why a text is no expression, and where.

use std::fmt;

/// The most characters of a text that a message repeats.
const MAX_REPEATED_CHARS: usize = 40;

/// A text is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// Where, in characters from 0.
    at: usize,
    /// What is wrong there, as a clause.
    reason: String,
}

impl ExpressionError {
    pub(super) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into() }
    }
}

impl std::error::Error for ExpressionError {}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at + 1, self.reason)
    }
}

/// A part of an expression as a message repeats it: in quotes, the beginning of a long one.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_REPEATED_CHARS) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}
