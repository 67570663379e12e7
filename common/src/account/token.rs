//! A token: with it, a program acts for its user.

use std::{fmt, str::FromStr};

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
