//! The token that a service asks for: PLANET_TOKEN, or the password of its host in `.netrc`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The environment variable with the token.
pub(super) const VARIABLE: &str = "PLANET_TOKEN";

/// A token, and where it is from.
pub(super) struct Token {
    pub(super) text: String,
    /// The flags of curl that send the same.
    pub(super) curl_flags: &'static str,
}

impl Token {
    /// That of a host, if there is one.
    pub(super) fn of(host: &str) -> Option<Self> {
        let given = variable(VARIABLE)
            .map(|text| Self { text, curl_flags: "-H \"Authorization: Bearer $PLANET_TOKEN\" " });
        given.or_else(|| {
            let netrc = variable("NETRC").map(PathBuf::from);
            let path = netrc.or_else(|| Some(Path::new(&variable("HOME")?).join(".netrc")))?;
            let text = password(&fs::read_to_string(path).ok()?, host)?;
            Some(Self { text, curl_flags: "-n " })
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the command has no settings but these")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The password of a host, or that of `default`, in the words of a `.netrc`.
fn password(netrc: &str, host: &str) -> Option<String> {
    let mut words = netrc.split_whitespace();
    let mut is_meant = false;
    while let Some(word) = words.next() {
        match word {
            "machine" => is_meant = words.next().is_some_and(|it| it.eq_ignore_ascii_case(host)),
            "default" => is_meant = true,
            "password" => match words.next() {
                Some(password) if is_meant => return Some(password.to_owned()),
                _ => {}
            },
            // a login may be any word
            "login" | "account" => drop(words.next()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_netrc_has_the_password_of_a_host() {
        let netrc = "machine a.org login me password one\n\
                     machine b.org\n  login password password two\ndefault login x password three";
        let of = |host| password(netrc, host);
        assert_eq!(of("a.org").as_deref(), Some("one"));
        assert_eq!(of("B.org").as_deref(), Some("two"));
        assert_eq!(of("c.org").as_deref(), Some("three"));
        assert_eq!(password("machine a.org login me", "a.org"), None);
        assert_eq!(password("machine a.org password one", "b.org"), None);
    }
}
