//! The interface of identity providers: where a browser signs in, and who it was.

use url::Url;

use super::{
    attempt::{Attempt, Authorized},
    error::SignInError,
    fetch::Fetch,
    github::GitHub,
    oidc::Oidc,
    profile::Profile,
};

/// An identity provider.
pub(crate) enum Provider {
    Oidc(Box<Oidc>),
    GitHub(GitHub),
}

impl Provider {
    /// The name in addresses: `oidc` or `github`.
    pub fn slug(&self) -> &'static str {
        match self {
            Provider::Oidc(_) => "oidc",
            Provider::GitHub(_) => "github",
        }
    }

    /// The name on pages.
    pub fn name(&self) -> &str {
        match self {
            Provider::Oidc(oidc) => oidc.name(),
            Provider::GitHub(_) => "GitHub",
        }
    }

    /// Where the browser signs in.
    ///
    /// # Errors
    /// The provider is unavailable.
    pub async fn authorization_url(
        &self,
        fetch: &Fetch,
        attempt: &Attempt,
    ) -> Result<Url, SignInError> {
        match self {
            Provider::Oidc(oidc) => oidc.authorization_url(fetch, attempt).await,
            Provider::GitHub(github) => Ok(github.authorization_url(attempt)),
        }
    }

    /// Who signed in. The tokens of the provider are dropped.
    ///
    /// # Errors
    /// The provider is unavailable, or what it says is not accepted.
    pub async fn identify(
        &self,
        fetch: &Fetch,
        attempt: &Attempt,
        authorized: Authorized<'_>,
    ) -> Result<Profile, SignInError> {
        match self {
            Provider::Oidc(oidc) => oidc.identify(fetch, attempt, authorized).await,
            Provider::GitHub(github) => github.identify(fetch, attempt, authorized).await,
        }
    }

    /// Where the browser ends its session at the provider, if that is known.
    pub fn end_session_url(&self) -> Option<Url> {
        match self {
            Provider::Oidc(oidc) => oidc.end_session_url(),
            Provider::GitHub(_) => None,
        }
    }
}
