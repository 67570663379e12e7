//! A sign-in that waits for the answer of its identity provider.

/// What is kept of a sign-in until the browser comes back from the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingSignIn {
    /// The provider: `oidc` or `github`.
    pub provider: String,
    /// What its ID token has to repeat (OpenID Connect Core 1.0, section 3.1.2.1).
    pub nonce: String,
    /// The code verifier (RFC 7636, 4.1).
    pub verifier: String,
    /// The path to which the browser returns.
    pub return_to: String,
}
