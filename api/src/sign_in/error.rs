//! Why nobody was signed in.

use asciify::escape_controls;
use url::Url;

/// The longest text of a provider in a message, in characters.
const MAX_QUOTED: usize = 100;

/// Text of a provider in a message: cut, with its control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    escape_controls(text).chars().take(MAX_QUOTED).collect()
}

/// Why nobody was signed in.
#[derive(Debug)]
pub(crate) enum SignInError {
    /// The callback, or what the provider says of it, is not accepted: the reason.
    Refused(String),
    /// The provider does not answer as it should; the reason is for the log.
    Unavailable(String),
}

impl SignInError {
    pub fn refused(why: impl Into<String>) -> Self {
        SignInError::Refused(why.into())
    }

    /// The token endpoint's `error` (RFC 6749, 5.2).
    pub fn refused_code(error: &str) -> Self {
        SignInError::refused(format!("the provider refuses its code: {}", quoted(error)))
    }

    /// `url` is what was requested; its query is not logged.
    pub fn unavailable(url: &Url, why: impl AsRef<str>) -> Self {
        let host = url.host_str().unwrap_or_default();
        SignInError::Unavailable(format!("{host}{}: {}", url.path(), escape_controls(why.as_ref())))
    }
}
