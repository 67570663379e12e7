//! Signing in with an identity provider: the service as a relying party of OpenID Connect, and as
//! an OAuth 2 client of GitHub.
//!
//! `config` has the settings; `provider` is the interface of providers, which are `oidc` and
//! `github`; `profile` is who signed in; `rules` decide whether they may.

mod attempt;
mod config;
mod error;
mod fetch;
mod github;
mod id_token;
mod jwks;
mod jws;
mod oidc;
mod profile;
mod provider;
mod rate;
mod return_to;
mod rules;
mod secret;

pub(crate) use attempt::{Attempt, Authorized};
pub(crate) use config::{Config, Switch};
pub(crate) use error::{SignInError, quoted};
pub(crate) use profile::Profile;
pub(crate) use provider::Provider;
pub(crate) use return_to::is_return_to;
pub(crate) use secret::Secret;

use ipnet::IpNet;
use url::Url;

use self::{fetch::Fetch, github::GitHub, oidc::Oidc, rate::Rates};

/// The providers, and the rules of signing in.
pub(crate) struct SignIn {
    pub config: Config,
    pub providers: Vec<Provider>,
    fetch: Fetch,
    rates: Rates,
}

impl SignIn {
    pub fn new(config: Config) -> Self {
        let needs_groups = config.allow.ask_for_groups() || config.admins.ask_for_groups();
        let oidc = config.oidc.clone().map(|oidc| Oidc::new(oidc, needs_groups));
        let github = config.github.clone().map(GitHub::new);
        let providers =
            [oidc.map(|oidc| Provider::Oidc(Box::new(oidc))), github.map(Provider::GitHub)];
        SignIn {
            providers: providers.into_iter().flatten().collect(),
            fetch: Fetch::new(config.provider_timeout),
            rates: Rates::new(config.sign_ins_per_minute),
            config,
        }
    }

    /// The provider of that name in addresses.
    pub fn provider(&self, slug: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.slug() == slug)
    }

    /// Whether `client` may begin another sign-in.
    pub fn admit(&self, client: IpNet) -> bool {
        self.rates.admit(client)
    }

    /// A new sign-in at `provider`, and where the browser continues it.
    ///
    /// # Errors
    /// The provider is unavailable.
    pub async fn begin(&self, provider: &Provider) -> Result<(Attempt, Url), SignInError> {
        let attempt = Attempt {
            state: Secret::random(),
            nonce: Secret::random(),
            verifier: Secret::random(),
            redirect_uri: self.redirect_uri(provider),
        };
        let url = provider.authorization_url(&self.fetch, &attempt).await?;
        Ok((attempt, url))
    }

    /// The address of the callback of `provider`: each has its own (RFC 9700, 4.4.2.2).
    pub fn redirect_uri(&self, provider: &Provider) -> String {
        format!("{}/auth/callback/{}", self.config.public_url, provider.slug())
    }

    /// Who signed in at `provider`.
    ///
    /// # Errors
    /// The provider is unavailable, or what it says is not accepted.
    pub async fn identify(
        &self,
        provider: &Provider,
        attempt: &Attempt,
        authorized: Authorized<'_>,
    ) -> Result<Profile, SignInError> {
        provider.identify(&self.fetch, attempt, authorized).await
    }

    /// The address of the link that begins a sign-in, and returns to `return_to`.
    pub fn link(&self, return_to: &str) -> String {
        match &self.providers[..] {
            [only] => self.link_to(only, return_to),
            _ => format!("/auth/login?return_to={}", encode(return_to)),
        }
    }

    /// The address of the link that begins a sign-in at `provider`, and returns to `return_to`.
    pub fn link_to(&self, provider: &Provider, return_to: &str) -> String {
        format!("/auth/login/{}?return_to={}", provider.slug(), encode(return_to))
    }
}

/// `text` as a value in a query.
fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
