//! A session: a browser in which a user is signed in.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::image::Millis;

/// The id of a session. It is no secret: the session's cookie has another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(SessionId)
    }
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The browser, as it calls itself (`User-Agent`).
    pub agent: String,
    /// When the user signed in.
    pub created_at: Millis,
    /// When it was last used, to the hour.
    pub seen_at: Millis,
    /// When it ends at the latest.
    pub due_at: Millis,
}
