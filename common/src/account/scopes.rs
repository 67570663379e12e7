//! Scopes: what a token may do of what its user may.

use std::{fmt, str::FromStr};

/// One thing that a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// See images and the account.
    Read,
    /// Upload images and change them.
    Upload,
    /// Delete images.
    Delete,
    /// What the role of an admin allows, to be used with the other scopes.
    Admin,
}

impl Scope {
    /// Every scope, in the order in which they are written.
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Upload, Scope::Delete, Scope::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Upload => "upload",
            Scope::Delete => "delete",
            Scope::Admin => "admin",
        }
    }
}

/// A set of scopes. Its text has their names with a space between (RFC 6749, section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// None.
    pub const NONE: Scopes = Scopes(0);
    /// All of them: what a session has.
    pub const ALL: Scopes = Scopes(0b1111);

    /// Whether the scope is one of them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Those that it has, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Scopes(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, scope) in self.iter().enumerate() {
            write!(f, "{}{}", if nth == 0 { "" } else { " " }, scope.as_str())?;
        }
        Ok(())
    }
}

/// A text that names no scope, with what it says.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is none of `read`, `upload`, `delete` and `admin`")]
pub struct NotAScope(String);

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(name: &str) -> Result<Self, NotAScope> {
        let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
        scope.ok_or_else(|| NotAScope(name.to_owned()))
    }
}

impl FromStr for Scopes {
    type Err = NotAScope;

    /// Names with spaces or commas between.
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        text.split([' ', ',']).filter(|name| !name.is_empty()).map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_one_text() {
        for text in ["", "read", "upload delete", "read upload delete admin"] {
            assert_eq!(text.parse::<Scopes>().unwrap().to_string(), text);
        }
        assert_eq!("delete,read".parse::<Scopes>().unwrap().to_string(), "read delete");
        assert_eq!(Scopes::ALL.to_string(), "read upload delete admin");
        assert!("read write".parse::<Scopes>().is_err() && "Read".parse::<Scopes>().is_err());
    }
}
