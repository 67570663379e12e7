//! A share: a link that shows one image to everyone who has it.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::image::Millis;

/// The id of a share, which is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShareId(pub Uuid);

impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ShareId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(ShareId)
    }
}

/// A share, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its id.
    pub id: ShareId,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends; `None`: never.
    pub due_at: Option<Millis>,
}
