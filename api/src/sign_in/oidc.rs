//! OpenID Connect: discovery, the authorization code flow with PKCE, ID tokens and userinfo.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::{
    attempt::{Attempt, Authorized},
    config::{OidcConfig, is_loopback, is_private_enough},
    error::SignInError,
    fetch::Fetch,
    id_token::{Claims, Expected},
    jwks::Jwks,
    jws::Token,
    profile::{Labels, Profile},
};

/// How long the metadata of the provider is used before it is requested again.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The least time between two requests while the provider is away.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// An OpenID Connect provider.
pub(crate) struct Oidc {
    config: OidcConfig,
    /// Whether a rule depends on groups.
    needs_groups: bool,
    /// The metadata that was loaded last.
    known: RwLock<Option<Arc<Metadata>>>,
    /// When it is requested again. Held during a request.
    due_at: Mutex<Option<Instant>>,
    keys: Jwks,
}

/// The metadata of a provider (OpenID Connect Discovery, 3).
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Endpoint,
    token_endpoint: Endpoint,
    jwks_uri: Endpoint,
    userinfo_endpoint: Option<Endpoint>,
    /// OpenID Connect RP-Initiated Logout, 2.1.
    end_session_endpoint: Option<Endpoint>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// RFC 9207, 3.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// The address of a part of the provider.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Endpoint(Url);

impl TryFrom<String> for Endpoint {
    type Error = url::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Url::parse(&text).map(Endpoint)
    }
}

/// The response of the token endpoint (RFC 6749, 5).
#[derive(Deserialize)]
struct TokenResponse {
    id_token: Option<String>,
    access_token: Option<String>,
    error: Option<String>,
}

impl Oidc {
    pub fn new(config: OidcConfig, needs_groups: bool) -> Self {
        let (known, due_at, keys) = (RwLock::default(), Mutex::default(), Jwks::default());
        Oidc { config, needs_groups, known, due_at, keys }
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// See [`Provider::authorization_url`](super::provider::Provider::authorization_url).
    pub async fn authorization_url(
        &self,
        fetch: &Fetch,
        attempt: &Attempt,
    ) -> Result<Url, SignInError> {
        let mut url = self.metadata(fetch).await?.authorization_endpoint.0.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &attempt.redirect_uri)
            .append_pair("scope", &self.config.scopes)
            .append_pair("state", &attempt.state.0)
            .append_pair("nonce", &attempt.nonce.0)
            .append_pair("code_challenge", &attempt.verifier.code_challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// See [`Provider::identify`](super::provider::Provider::identify).
    pub async fn identify(
        &self,
        fetch: &Fetch,
        attempt: &Attempt,
        Authorized { code, iss }: Authorized<'_>,
    ) -> Result<Profile, SignInError> {
        let metadata = self.metadata(fetch).await?;
        let is_mixed_up = match iss {
            Some(iss) => iss != self.config.issuer,
            None => metadata.authorization_response_iss_parameter_supported,
        };
        if is_mixed_up {
            return Err(SignInError::refused("the issuer of the callback (iss) is another one"));
        }
        let tokens = self.redeem(fetch, &metadata, attempt, code).await?;
        let refused = |why: &str| SignInError::refused(format!("the ID token is refused: {why}"));
        let id_token = tokens.id_token.ok_or_else(|| refused("there is none"))?;
        let token = Token::parse(&id_token).map_err(refused)?;
        let key = self.keys.key(fetch, &metadata.jwks_uri.0, &token).await?;
        let payload = token.verify(&key).map_err(refused)?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce: &attempt.nonce.0,
            now: now(),
        };
        let mut claims = Claims::read(payload, &expected).map_err(|why| refused(&why))?;
        if let (Some(url), Some(access_token)) = (&metadata.userinfo_endpoint, &tokens.access_token)
            && self.is_incomplete(&claims.profile)
        {
            let info: Map<String, Value> = fetch.get(&url.0, Some(access_token)).await?;
            // OpenID Connect Core, 5.3.2
            if info.get("sub").and_then(Value::as_str) != Some(&claims.sub) {
                return Err(SignInError::refused("the userinfo is that of another subject"));
            }
            if info.contains_key("email") {
                // what is said of one address does not hold for another
                claims.profile.remove("email_verified");
            }
            claims.profile.extend(info);
        }
        self.profile(&claims).ok_or_else(|| refused("its subject is empty or too long"))
    }

    /// The provider's page that ends a session there, if the metadata was loaded and has one.
    pub fn end_session_url(&self) -> Option<Url> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut url = known?.end_session_endpoint.as_ref()?.0.clone();
        url.query_pairs_mut().append_pair("client_id", &self.config.client_id);
        Some(url)
    }

    /// Whether the ID token lacks a claim that was asked for and that userinfo may have.
    fn is_incomplete(&self, profile: &Map<String, Value>) -> bool {
        let is_asked = |scope| self.config.scopes.split(' ').any(|one| one == scope);
        let lacks = |claim: &str| !profile.contains_key(claim);
        (is_asked("email") && (lacks("email") || lacks("email_verified")))
            || (is_asked("profile") && lacks("name") && lacks("preferred_username"))
            || (self.needs_groups && lacks(&self.config.groups_claim))
    }

    fn profile(&self, Claims { sub, profile, .. }: &Claims) -> Option<Profile> {
        let text = |claim: &str| profile.get(claim).and_then(Value::as_str);
        let groups = match profile.get(&self.config.groups_claim) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(group)) => vec![group.as_str()],
            _ => vec![],
        };
        let labels = Labels {
            names: ["name", "preferred_username", "nickname"].map(text),
            email: text("email"),
            is_email_verified: match profile.get("email_verified") {
                Some(Value::Bool(is_verified)) => *is_verified,
                // as some providers write it
                Some(Value::String(text)) => text == "true",
                _ => false,
            },
            groups: groups.into_iter().map(str::to_owned).collect(),
        };
        Profile::new(&self.config.issuer, sub, labels)
    }

    /// Exchanges the code for tokens (RFC 6749, 4.1.3).
    async fn redeem(
        &self,
        fetch: &Fetch,
        metadata: &Metadata,
        attempt: &Attempt,
        code: &str,
    ) -> Result<TokenResponse, SignInError> {
        let client_id = &self.config.client_id;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &attempt.redirect_uri),
            ("code_verifier", &attempt.verifier.0),
        ];
        let mut basic = None;
        match &self.config.client_secret {
            Some(secret) if metadata.takes_basic() => basic = Some(basic_of(client_id, &secret.0)),
            Some(secret) => {
                form.extend([("client_id", &**client_id), ("client_secret", &secret.0)])
            }
            None => form.push(("client_id", client_id)),
        }
        let tokens: TokenResponse =
            fetch.post(&metadata.token_endpoint.0, &form, basic.as_deref()).await?;
        match &tokens.error {
            None => Ok(tokens),
            Some(error) => Err(SignInError::refused_code(error)),
        }
    }

    /// The metadata. While the provider is away, what was loaded before is used.
    async fn metadata(&self, fetch: &Fetch) -> Result<Arc<Metadata>, SignInError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        // one request at a time; who knows the metadata already does not wait for it
        let mut due_at = match (&known, self.due_at.try_lock()) {
            (_, Ok(due_at)) => due_at,
            (Some(known), Err(_)) => return Ok(known.clone()),
            (None, Err(_)) => self.due_at.lock().await,
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut failure = None;
        if due_at.is_none_or(|due_at| due_at <= Instant::now()) {
            match self.discover(fetch).await {
                Ok(metadata) => {
                    let metadata = Arc::new(metadata);
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    *known = Some(metadata.clone());
                    *due_at = Some(Instant::now() + MAX_AGE);
                    return Ok(metadata);
                }
                Err(err) => failure = Some(err),
            }
            *due_at = Some(Instant::now() + RETRY_INTERVAL);
        }
        let away = || SignInError::Unavailable("it was away a moment ago".into());
        known.ok_or_else(|| failure.unwrap_or_else(away))
    }

    async fn discover(&self, fetch: &Fetch) -> Result<Metadata, SignInError> {
        let issuer = &self.config.issuer;
        let at = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let at = Url::parse(&at).map_err(|err| SignInError::Unavailable(err.to_string()))?;
        let metadata: Metadata = fetch.get(&at, None).await?;
        // OpenID Connect Discovery, 4.3
        if metadata.issuer != *issuer {
            let named =
                format!("its issuer is {}: set OIDC_ISSUER to exactly that", metadata.issuer);
            return Err(SignInError::unavailable(&at, named));
        }
        let endpoints = [
            Some(&metadata.authorization_endpoint),
            Some(&metadata.token_endpoint),
            Some(&metadata.jwks_uri),
            metadata.userinfo_endpoint.as_ref(),
            metadata.end_session_endpoint.as_ref(),
        ];
        // one of another machine must not send requests to this one
        let is_local = is_loopback(&at);
        let is_safe = |url: &Url| is_private_enough(url) && (is_local || !is_loopback(url));
        let unsafe_one = endpoints.into_iter().flatten().find(|Endpoint(url)| !is_safe(url));
        match unsafe_one.map(|Endpoint(url)| format!("{url} is not an https URL")) {
            Some(why) => Err(SignInError::unavailable(&at, why)),
            None => Ok(metadata),
        }
    }
}

impl Metadata {
    /// Whether the client authenticates by `client_secret_basic`, the default of the standard.
    fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|methods| methods.iter().any(|one| one == "client_secret_basic"))
    }
}

/// `Authorization` of a client (RFC 6749, 2.3.1): both parts are encoded as in a form.
fn basic_of(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret));
    format!("Basic {}", STANDARD.encode(pair))
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a provider's `exp` is compared with the clock of this process (RFC 7519, 4.1.4)"
)]
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}
