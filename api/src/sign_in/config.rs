//! The settings of accounts: identity providers, who may sign in, and how long sessions last.

use std::{net::IpAddr, time::Duration};

use common::env::Env;
use url::{Host, Url};

use super::{rules::Rules, secret::Secret};

/// The settings of accounts, where a provider is set.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// `PUBLIC_URL`: scheme, host and port, as people reach this service; without a `/` at its end.
    pub public_url: String,
    pub oidc: Option<OidcConfig>,
    pub github: Option<GitHubConfig>,
    /// `SIGN_IN_ALLOW`: who may sign in.
    pub allow: Rules,
    /// `ADMINS`: who of them is an admin.
    pub admins: Rules,
    /// `SESSION_IDLE_S`: how long a session lasts without a request.
    pub session_idle: Duration,
    /// `SESSION_MAX_S`: how long a session lasts.
    pub session_max: Duration,
    /// `PROVIDER_TIMEOUT_S`: how long a provider has for a whole response.
    pub provider_timeout: Duration,
    /// `SIGN_INS_PER_MINUTE`: sign-ins that one client address may begin.
    pub sign_ins_per_minute: u32,
}

/// An OpenID Connect provider.
#[derive(Debug, Clone)]
pub(crate) struct OidcConfig {
    /// `OIDC_ISSUER`: exactly as the provider writes it.
    pub issuer: String,
    /// `OIDC_CLIENT_ID`.
    pub client_id: String,
    /// `OIDC_CLIENT_SECRET`; `None` for a public client.
    pub client_secret: Option<Secret>,
    /// `OIDC_NAME`: as the sign-in page names it.
    pub name: String,
    /// `OIDC_SCOPES`.
    pub scopes: String,
    /// `OIDC_GROUPS_CLAIM`.
    pub groups_claim: String,
}

/// GitHub, as an OAuth 2 provider.
#[derive(Debug, Clone)]
pub(crate) struct GitHubConfig {
    /// `GITHUB_CLIENT_ID`.
    pub client_id: String,
    /// `GITHUB_CLIENT_SECRET`.
    pub client_secret: Secret,
    /// `GITHUB_URL`: GitHub's own, or that of a GitHub Enterprise Server.
    pub url: Url,
}

/// `ACCOUNTS`: whether a service without a provider may serve the images of users to everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// There are accounts if a provider is set. Once there were users, a provider is required.
    Auto,
    /// There are none.
    Off,
}

impl Switch {
    fn read(env: &mut Env) -> Self {
        env.parsed(
            "ACCOUNTS",
            "auto",
            "auto or off",
            "auto: people sign in if OIDC_ISSUER or GITHUB_CLIENT_ID is set; off: there are no \
             accounts, and everyone may do everything",
            |text| match text {
                "auto" => Some(Switch::Auto),
                "off" => Some(Switch::Off),
                _ => None,
            },
        )
    }
}

impl Config {
    /// Reads the settings; `None` when no provider is set or accounts are off. `env` collects the
    /// errors.
    pub fn read(env: &mut Env) -> (Option<Self>, Switch) {
        let switch = Switch::read(env);
        (Config::read_providers(env, switch), switch)
    }

    fn read_providers(env: &mut Env, switch: Switch) -> Option<Self> {
        let is_off = switch == Switch::Off;
        let public_url = read_public_url(env);
        let oidc = OidcConfig::read(env);
        let github = GitHubConfig::read(env);
        let rules = "comma-separated addresses, @domains, group:NAME";
        let allow = env.parsed(
            "SIGN_IN_ALLOW",
            "",
            &format!("{rules}, or * for everyone whom a provider knows"),
            "who may sign in: addresses, @domains, group:NAME, or * for everyone whom a provider \
             knows; required with a provider. Addresses must be verified by the provider",
            Rules::parse,
        );
        let admins = env.parsed(
            "ADMINS",
            "",
            rules,
            "which of them are admins: addresses, @domains, group:NAME",
            |text| Rules::parse(text).filter(|rules| !rules.include_everyone()),
        );
        let session_idle = env.period(
            "SESSION_IDLE_S",
            "604800",
            "how long a browser stays signed in without a request, in seconds",
        );
        let session_max = env.period(
            "SESSION_MAX_S",
            "2592000",
            "how long a browser stays signed in at most, in seconds",
        );
        let provider_timeout = env.period(
            "PROVIDER_TIMEOUT_S",
            "10",
            "how long an identity provider has for a whole response, in seconds",
        );
        let sign_ins_per_minute = env.number(
            "SIGN_INS_PER_MINUTE",
            30,
            1..=1_000_000,
            "sign-ins that one client address may begin in a minute, at each API process; further \
             ones get 429. See TRUSTED_PROXIES",
        ) as u32;
        if is_off || (oidc.is_none() && github.is_none()) {
            return None;
        }
        if public_url.is_empty() {
            env.reject(
                "PUBLIC_URL: required with OIDC_ISSUER or GITHUB_CLIENT_ID: the address at which \
                 people reach this service, such as https://planet.example.org"
                    .into(),
            );
        }
        if allow.is_empty() {
            env.reject(format!(
                "SIGN_IN_ALLOW: required with OIDC_ISSUER or GITHUB_CLIENT_ID: {rules}, or * for \
                 everyone whom the provider knows"
            ));
        }
        Some(Config {
            public_url,
            oidc,
            github,
            allow,
            admins,
            session_idle,
            session_max,
            provider_timeout,
            sign_ins_per_minute,
        })
    }

    /// The host name of `PUBLIC_URL`, which is one of this service.
    pub fn public_host(&self) -> Option<String> {
        Url::parse(&self.public_url).ok()?.host_str().map(str::to_owned)
    }

    /// Whether browsers reach this service by https.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https:")
    }
}

fn read_public_url(env: &mut Env) -> String {
    env.parsed(
        "PUBLIC_URL",
        "",
        "https://HOST or https://HOST:PORT, without a path; http: only for localhost or a loopback \
         address",
        "the address at which people reach this service, such as https://planet.example.org; \
         required with a provider",
        |text| {
            if text.is_empty() {
                return Some(String::new());
            }
            let url = Url::parse(text).ok()?;
            let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            let is_anonymous = url.username().is_empty() && url.password().is_none();
            (is_origin && is_anonymous && is_private_enough(&url))
                .then(|| url.origin().ascii_serialization())
        },
    )
}

impl OidcConfig {
    fn read(env: &mut Env) -> Option<Self> {
        let issuer = env.parsed(
            "OIDC_ISSUER",
            "",
            "an https URL, without a query; http: only for localhost or a loopback address",
            "the issuer of an OpenID Connect provider, exactly as the provider writes it",
            |text| {
                let is_issuer = |url: &Url| {
                    is_private_enough(url) && url.query().is_none() && url.fragment().is_none()
                };
                let is_valid = text.is_empty() || Url::parse(text).is_ok_and(|url| is_issuer(&url));
                is_valid.then(|| text.to_owned())
            },
        );
        let client_id = env.text("OIDC_CLIENT_ID", "", "the client id that the provider gave you");
        let client_secret = env.secret(
            "OIDC_CLIENT_SECRET",
            "OIDC_CLIENT_SECRET_FILE",
            "the client secret that the provider gave you; empty for a public client",
        );
        let name = env.text("OIDC_NAME", "OpenID", "the provider's name on the sign-in page");
        let scopes = env.parsed(
            "OIDC_SCOPES",
            "openid email profile",
            "scopes separated by spaces, openid among them",
            "what is requested from the provider: scopes separated by spaces",
            |text| text.split(' ').any(|scope| scope == "openid").then(|| text.to_owned()),
        );
        let groups_claim = env.text(
            "OIDC_GROUPS_CLAIM",
            "groups",
            "the claim that has the groups of a user, for rules such as group:staff",
        );
        match (issuer.is_empty(), client_id.is_empty()) {
            (true, true) => return None,
            (true, false) => env.reject("OIDC_ISSUER: required with OIDC_CLIENT_ID".into()),
            (false, true) => env.reject("OIDC_CLIENT_ID: required with OIDC_ISSUER".into()),
            (false, false) => {}
        }
        let client_secret = client_secret.map(Secret);
        Some(OidcConfig { issuer, client_id, client_secret, name, scopes, groups_claim })
    }
}

impl GitHubConfig {
    fn read(env: &mut Env) -> Option<Self> {
        let client_id = env.text("GITHUB_CLIENT_ID", "", "the client id of a GitHub OAuth app");
        let client_secret = env.secret(
            "GITHUB_CLIENT_SECRET",
            "GITHUB_CLIENT_SECRET_FILE",
            "the client secret of the GitHub OAuth app",
        );
        let url = env.parsed(
            "GITHUB_URL",
            "https://github.com",
            "an https URL without a path; http: only for localhost or a loopback address",
            "GitHub, or a GitHub Enterprise Server",
            |text| Url::parse(text).ok().filter(|url| is_private_enough(url) && url.path() == "/"),
        );
        match (client_id.is_empty(), client_secret) {
            (true, None) => None,
            (true, Some(_)) => {
                env.reject("GITHUB_CLIENT_ID: required with GITHUB_CLIENT_SECRET".into());
                None
            }
            (false, None) => {
                env.reject("GITHUB_CLIENT_SECRET: required with GITHUB_CLIENT_ID".into());
                None
            }
            (false, Some(secret)) => {
                Some(GitHubConfig { client_id, client_secret: Secret(secret), url })
            }
        }
    }
}

/// Whether `url` is https, or http that does not leave this machine.
pub(crate) fn is_private_enough(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// Whether the host of `url` is this machine: a loopback address, or a name that is reserved for
/// one (RFC 6761, 6.3).
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> (Option<Config>, Vec<String>) {
        let mut env = Env::new(settings.iter().copied(), []);
        (Config::read(&mut env).0, env.errors().to_vec())
    }

    const GITHUB: [(&str, &str); 4] = [
        ("PUBLIC_URL", "https://planet.example.org/"),
        ("GITHUB_CLIENT_ID", "planet"),
        ("GITHUB_CLIENT_SECRET", "hunter2"),
        ("SIGN_IN_ALLOW", "*"),
    ];

    #[test]
    fn accounts_are_off_without_a_provider_or_when_switched_off() {
        assert!(matches!(read(&[]), (None, errors) if errors.is_empty()));
        let (config, errors) = read(&GITHUB);
        assert_eq!(errors, [] as [&str; 0]);
        let config = config.expect("accounts");
        assert_eq!(config.public_url, "https://planet.example.org");
        assert!(!format!("{config:?}").contains("hunter2"));
        let off = [&GITHUB[1..3], &[("ACCOUNTS", "off")]].concat();
        assert!(matches!(read(&off), (None, errors) if errors.is_empty()));
    }

    #[test]
    fn what_is_missing_or_unsafe_is_refused_with_words() {
        let oidc = ("OIDC_ISSUER", "https://id.example");
        let id = ("OIDC_CLIENT_ID", "planet");
        for (settings, error) in [
            (&GITHUB[1..] as &[_], "PUBLIC_URL: required with"),
            (&GITHUB[..3], "SIGN_IN_ALLOW: required with"),
            (&[GITHUB[1]], "GITHUB_CLIENT_SECRET: required with"),
            (&[GITHUB[2]], "GITHUB_CLIENT_ID: required with"),
            (&[oidc], "OIDC_CLIENT_ID: required with"),
            (&[id], "OIDC_ISSUER: required with"),
            (&[("OIDC_ISSUER", "http://id.example")], "OIDC_ISSUER: expected an https URL"),
            (&[("OIDC_ISSUER", "http://127.0.0.1.evil.example")], "OIDC_ISSUER: expected"),
            (&[("OIDC_SCOPES", "email")], "OIDC_SCOPES: expected"),
            (&[("PUBLIC_URL", "http://planet.example.org")], "PUBLIC_URL: expected https://HOST"),
            (&[("PUBLIC_URL", "https://planet.example.org/app")], "PUBLIC_URL: expected"),
            (&[("PUBLIC_URL", "planet.example.org")], "PUBLIC_URL: expected"),
            (&[("GITHUB_URL", "http://github.com")], "GITHUB_URL: expected"),
            (&[("SIGN_IN_ALLOW", "everyone")], "SIGN_IN_ALLOW: expected"),
            (&[("ADMINS", "*")], "ADMINS: expected"),
            (&[("ACCOUNTS", "on")], "ACCOUNTS: expected auto or off"),
        ] {
            let (_, errors) = read(settings);
            assert!(errors.iter().any(|one| one.starts_with(error)), "{error}: {errors:?}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (url, is_allowed) in [
            ("https://id.example", true),
            ("http://localhost:3000", true),
            ("http://provider.localhost:5556", true),
            ("http://127.1.2.3", true),
            ("http://[::1]:80", true),
            ("http://localhost.evil.example", false),
            ("http://10.0.0.1", false),
            ("ftp://localhost", false),
        ] {
            assert_eq!(is_private_enough(&Url::parse(url).unwrap()), is_allowed, "{url}");
        }
    }
}
