//! Who signed in, as an identity provider says.

use asciify::escape_controls;
use common::account::user::Identity;

/// The longest name that is kept, in characters.
const MAX_NAME: usize = 200;
/// The longest subject or address, in bytes: that of OpenID Connect Core, 2, for a subject.
const MAX_BYTES: usize = 255;

/// Who signed in, and what the rules of signing in depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub identity: Identity,
    pub groups: Vec<String>,
}

/// What a provider says of a subject.
pub(crate) struct Labels<'a> {
    /// In order of preference.
    pub names: [Option<&'a str>; 3],
    pub email: Option<&'a str>,
    /// Whether the provider says that the address belongs to the user. Without that, it is not kept:
    /// anyone could claim the address of another person.
    pub is_email_verified: bool,
    pub groups: Vec<String>,
}

impl Profile {
    /// The profile of `subject` at `issuer`. Without a name, it is called by its address or its
    /// subject. `None` if the subject is empty or too long, or has control characters.
    pub fn new(issuer: &str, subject: &str, labels: Labels<'_>) -> Option<Self> {
        let email = labels.email.filter(|email| labels.is_email_verified && is_address(email));
        let mut names = labels.names.into_iter().flatten().map(str::trim);
        let name = names.find(|name| !name.is_empty()).or(email).unwrap_or(subject);
        let is_subject =
            (1..=MAX_BYTES).contains(&subject.len()) && !subject.contains(char::is_control);
        is_subject.then(|| Profile {
            identity: Identity {
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
                name: escape_controls(name).chars().take(MAX_NAME).collect(),
                email: email.map(str::to_owned),
            },
            groups: labels.groups,
        })
    }
}

/// Whether `text` has one `@` with something on both sides, and no spaces or control characters.
pub(crate) fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    text.len() <= MAX_BYTES
        && parts.is_some_and(|(name, domain)| {
            !name.is_empty() && !domain.is_empty() && !domain.contains('@')
        })
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_label_without_control_characters() {
        let named = |name: &str, subject: &str| {
            let names = [None, Some(name), None];
            let labels = Labels { names, email: None, is_email_verified: false, groups: vec![] };
            Profile::new("i", subject, labels).map(|profile| profile.identity.name)
        };
        assert_eq!(named("Ada\u{1b}[2J", "7").as_deref(), Some("Ada\\u{1b}[2J"));
        assert_eq!(named("  ", "7").as_deref(), Some("7"));
        assert_eq!(named(&"a".repeat(999), "7").map(|name| name.len()), Some(MAX_NAME));
        assert_eq!(named("Ada", ""), None);
        assert_eq!(named("Ada", &"7".repeat(256)), None);
        assert_eq!(named("Ada", "7\0"), None);
    }
}
