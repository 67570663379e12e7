//! Visibility: whether others than the owner may see an image.

use std::str::FromStr;

/// Who may see an image, besides its owner, admins, and who has a link to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Visibility {
    /// No one.
    #[default]
    Private,
    /// Everyone.
    Public,
}

impl Visibility {
    /// `private` or `public`.
    pub fn as_str(self) -> &'static str {
        match self {
            Visibility::Private => "private",
            Visibility::Public => "public",
        }
    }
}

/// A text that names no visibility.
#[derive(Debug, thiserror::Error)]
#[error("it is neither `private` nor `public`")]
pub struct NotAVisibility;

impl FromStr for Visibility {
    type Err = NotAVisibility;

    fn from_str(text: &str) -> Result<Self, NotAVisibility> {
        match text {
            "private" => Ok(Visibility::Private),
            "public" => Ok(Visibility::Public),
            _ => Err(NotAVisibility),
        }
    }
}
