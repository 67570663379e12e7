//! A sign-in at an identity provider, from its begin to its callback.

use super::secret::Secret;

/// A sign-in that this service began.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// Repeated by the callback (RFC 6749, 10.12).
    pub state: Secret,
    /// Repeated by the ID token (OpenID Connect Core, 3.1.2.1).
    pub nonce: Secret,
    /// The code verifier (RFC 7636, 4.1).
    pub verifier: Secret,
    /// The address of the callback.
    pub redirect_uri: String,
}

/// What a callback has of a successful authorization.
pub(crate) struct Authorized<'a> {
    /// The authorization code (RFC 6749, 4.1.2).
    pub code: &'a str,
    /// The issuer (RFC 9207).
    pub iss: Option<&'a str>,
}
