//! GitHub as an OAuth 2 provider: it has no ID tokens, but an API that says who signed in.

use serde::Deserialize;
use url::Url;

use super::{
    attempt::{Attempt, Authorized},
    config::GitHubConfig,
    error::SignInError,
    fetch::Fetch,
    profile::{Labels, Profile},
};

/// GitHub, or a GitHub Enterprise Server.
pub(crate) struct GitHub(GitHubConfig);

#[derive(Deserialize)]
struct TokenResponse {
    access_token: Option<String>,
    error: Option<String>,
}

/// `GET /user`. A login may be given to another person later; the id never is.
#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
}

/// An item of `GET /user/emails`.
#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub fn new(config: GitHubConfig) -> Self {
        GitHub(config)
    }

    /// See [`Provider::authorization_url`](super::provider::Provider::authorization_url).
    pub fn authorization_url(&self, attempt: &Attempt) -> Url {
        let mut url = self.at("/login/oauth/authorize");
        url.query_pairs_mut()
            .append_pair("client_id", &self.0.client_id)
            .append_pair("redirect_uri", &attempt.redirect_uri)
            .append_pair("scope", "read:user user:email")
            .append_pair("state", &attempt.state.0)
            .append_pair("code_challenge", &attempt.verifier.code_challenge())
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// See [`Provider::identify`](super::provider::Provider::identify).
    pub async fn identify(
        &self,
        fetch: &Fetch,
        attempt: &Attempt,
        authorized: Authorized<'_>,
    ) -> Result<Profile, SignInError> {
        let form = [
            ("client_id", &*self.0.client_id),
            ("client_secret", &self.0.client_secret.0),
            ("code", authorized.code),
            ("redirect_uri", &attempt.redirect_uri),
            ("code_verifier", &attempt.verifier.0),
        ];
        let at = self.at("/login/oauth/access_token");
        let tokens: TokenResponse = fetch.post(&at, &form, None).await?;
        if let Some(error) = tokens.error {
            return Err(SignInError::refused_code(&error));
        }
        let token = tokens.access_token.ok_or_else(|| SignInError::refused("no access token"))?;
        let user: User = fetch.get(&self.api("/user"), Some(&token)).await?;
        let addresses: Vec<Address> = fetch.get(&self.api("/user/emails"), Some(&token)).await?;
        let primary = addresses.into_iter().find(|address| address.primary);
        let labels = Labels {
            names: [user.name.as_deref(), Some(&user.login), None],
            email: primary.as_ref().map(|address| address.email.as_str()),
            is_email_verified: primary.as_ref().is_some_and(|address| address.verified),
            groups: Vec::new(),
        };
        let issuer = self.0.url.origin().ascii_serialization();
        Profile::new(&issuer, &user.id.to_string(), labels)
            .ok_or_else(|| SignInError::refused("the user has no id"))
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.0.url.clone();
        url.set_path(path);
        url
    }

    /// The API: a host of its own at GitHub, a path at a GitHub Enterprise Server.
    fn api(&self, path: &str) -> Url {
        match self.0.url.host_str() {
            Some("github.com") => {
                let mut url = self.at(path);
                url.set_host(Some("api.github.com")).expect("an https URL has a host");
                url
            }
            _ => self.at(&format!("/api/v3{path}")),
        }
    }
}
