//! A token: with it, a program acts for its user.

use std::{fmt, str::FromStr};

use asciify::escape_controls;
use uuid::Uuid;

use super::scopes::Scopes;
use crate::image::Millis;

/// The id of a token, which is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId(pub Uuid);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TokenId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(TokenId)
    }
}

/// The longest name of a token, in characters.
pub const MAX_TOKEN_NAME: usize = 100;

/// The name of a token as it is kept: on one line, without spaces around it, its control characters
/// escaped. `None` if it is empty or too long.
pub fn token_name(text: &str) -> Option<String> {
    let name = escape_controls(text.trim());
    (1..=MAX_TOKEN_NAME).contains(&name.chars().count()).then(|| name.into_owned())
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What its user calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The last characters of the secret.
    pub tail: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends; `None`: never.
    pub due_at: Option<Millis>,
    /// When it was last used, to the hour.
    pub used_at: Option<Millis>,
}
