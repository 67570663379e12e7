//! An identity provider on a loopback address: OpenID Connect, and GitHub's OAuth 2. It misbehaves
//! on request.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use futures_util::stream;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

use crate::token_signer::Signer;

pub use crate::token_signer::Signing;

/// The client id that it knows.
pub const CLIENT_ID: &str = "planet";
/// The client's secret. It has a character that Basic authentication has to encode.
pub const CLIENT_SECRET: &str = "hunter2+/secret";

/// How an address misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehaviour {
    /// It responds with 503.
    Away,
    /// It redirects to `/trap`.
    Redirect,
    /// Its body does not end.
    Endless,
    /// Its body pauses for a minute after the first byte.
    Slow,
}

/// What it does, and has done. Tests change it.
pub struct Behaviour {
    /// The claims of the user who signs in, besides those of every ID token.
    pub claims: Value,
    /// Changes of the ID token's claims; null removes one.
    pub id_token: Value,
    /// Whether all claims but `sub` are in userinfo alone.
    pub userinfo_only: bool,
    /// Changes of the userinfo.
    pub userinfo: Value,
    /// Changes of the metadata.
    pub metadata: Value,
    /// How ID tokens are signed.
    pub signing: Signing,
    /// Replaces the id of the key in ID tokens.
    pub kid: Option<String>,
    /// The user as GitHub has it, and their addresses.
    pub github: (Value, Value),
    /// Addresses that misbehave, by path.
    pub misbehaves: BTreeMap<&'static str, Misbehaviour>,
    /// Requests, by path.
    pub requests: BTreeMap<String, usize>,
    signer: Signer,
    codes: BTreeMap<String, Code>,
}

/// A code that was not redeemed yet.
struct Code {
    challenge: String,
    redirect_uri: String,
    nonce: Option<String>,
}

#[derive(Clone)]
struct Shared {
    issuer: String,
    behaviour: Arc<Mutex<Behaviour>>,
}

/// The running provider. It stops when this is dropped.
pub struct FakeProvider {
    /// `http://127.0.0.1:PORT`
    pub issuer: String,
    shared: Shared,
    serving: JoinHandle<()>,
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl FakeProvider {
    /// Starts a provider whose user is Ada, with a verified address.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}", listener.local_addr().expect("its address"));
        let shared = Shared {
            issuer: issuer.clone(),
            behaviour: Arc::new(Mutex::new(Behaviour {
                claims: json!({
                    "sub": "ada", "name": "Ada Lovelace", "email": "ada@example.org",
                    "email_verified": true, "groups": ["staff"],
                }),
                id_token: json!({}),
                userinfo_only: false,
                userinfo: json!({}),
                metadata: json!({}),
                signing: Signing::Rs256,
                kid: None,
                github: (
                    json!({ "id": 1815, "login": "ada", "name": "Ada Lovelace" }),
                    json!([
                        { "email": "old@example.org", "primary": false, "verified": true },
                        { "email": "ada@example.org", "primary": true, "verified": true },
                    ]),
                ),
                misbehaves: BTreeMap::new(),
                requests: BTreeMap::new(),
                signer: Signer::new(),
                codes: BTreeMap::new(),
            })),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/login/oauth/authorize", get(authorize))
            .route("/login/oauth/access_token", post(token))
            .route("/api/v3/user", get(github_user))
            .route("/api/v3/user/emails", get(github_emails))
            .fallback(|| async { StatusCode::NOT_FOUND })
            .layer(from_fn_with_state(shared.clone(), misbehave))
            .with_state(shared.clone());
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serve");
        });
        FakeProvider { issuer, shared, serving }
    }

    /// What it does, to be changed.
    pub fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.shared.behaviour()
    }

    /// How many requests there were to `path`.
    pub fn requests(&self, path: &str) -> usize {
        self.behaviour().requests.get(path).copied().unwrap_or(0)
    }

    /// Replaces the ids of all keys, as a provider does that rotates them.
    pub fn rotate_keys(&self) {
        self.behaviour().signer.generation += 1;
    }

    /// The settings of a service that trusts it as an OpenID Connect provider.
    pub fn oidc_settings(&self) -> Vec<(&str, &str)> {
        vec![
            ("OIDC_ISSUER", &self.issuer),
            ("OIDC_CLIENT_ID", CLIENT_ID),
            ("OIDC_CLIENT_SECRET", CLIENT_SECRET),
        ]
    }

    /// The settings of a service that trusts it as GitHub.
    pub fn github_settings(&self) -> Vec<(&str, &str)> {
        vec![
            ("GITHUB_URL", &self.issuer),
            ("GITHUB_CLIENT_ID", CLIENT_ID),
            ("GITHUB_CLIENT_SECRET", CLIENT_SECRET),
        ]
    }
}

impl Shared {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().expect("no test panics while it holds the lock")
    }
}

impl Behaviour {
    #[expect(
        clippy::disallowed_methods,
        reason = "a provider's times are of its own clock (RFC 7519, 4.1.4)"
    )]
    fn id_token(&self, issuer: &str, nonce: Option<String>) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let mut claims = json!({
            "iss": issuer, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": nonce,
            "sub": self.claims["sub"],
        });
        if !self.userinfo_only {
            change(&mut claims, &self.claims);
        }
        change(&mut claims, &self.id_token);
        self.signer.sign(self.signing, self.kid.as_deref(), &claims)
    }
}

/// Replaces members of an object; null removes one.
fn change(object: &mut Value, changes: &Value) {
    let members: &mut Map<String, Value> = object.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        match value.is_null() {
            true => drop(members.remove(name)),
            false => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

async fn misbehave(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let misbehaviour = {
        let mut behaviour = shared.behaviour();
        *behaviour.requests.entry(path.clone()).or_default() += 1;
        behaviour.misbehaves.get(&*path).copied()
    };
    let endless = |pause: Duration| {
        Body::from_stream(stream::unfold(true, move |is_first| async move {
            if !is_first {
                sleep(pause).await;
            }
            let part = if pause.is_zero() { " ".repeat(65_536) } else { " ".to_owned() };
            Some((Ok::<_, std::io::Error>(part), false))
        }))
    };
    match misbehaviour {
        None => next.run(request).await,
        Some(Misbehaviour::Away) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Misbehaviour::Redirect) => {
            (StatusCode::FOUND, [(header::LOCATION, format!("{}/trap", shared.issuer))])
                .into_response()
        }
        Some(Misbehaviour::Endless) => endless(Duration::ZERO).into_response(),
        Some(Misbehaviour::Slow) => endless(Duration::from_secs(60)).into_response(),
    }
}

async fn metadata(State(shared): State<Shared>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", shared.issuer);
    let mut metadata = json!({
        "issuer": shared.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "end_session_endpoint": at("/end"),
        "jwks_uri": at("/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    change(&mut metadata, &shared.behaviour().metadata);
    Json(metadata)
}

async fn jwks(State(shared): State<Shared>) -> Json<Value> {
    Json(shared.behaviour().signer.jwks())
}

/// Signs the user in without asking, and redirects to the client (RFC 6749, 4.1.2).
async fn authorize(State(shared): State<Shared>, uri: Uri) -> Response {
    let query = decode(uri.query().unwrap_or_default().as_bytes());
    let wrong = query.get("client_id").map(String::as_str) != Some(CLIENT_ID)
        || query.get("response_type").is_some_and(|kind| kind != "code")
        || query.get("code_challenge_method").map(String::as_str) != Some("S256");
    let (Some(redirect_uri), Some(state), Some(challenge), false) =
        (query.get("redirect_uri"), query.get("state"), query.get("code_challenge"), wrong)
    else {
        return (StatusCode::BAD_REQUEST, format!("{query:?}")).into_response();
    };
    let mut behaviour = shared.behaviour();
    let code = format!("code-{}", fastrand::u64(..));
    let nonce = query.get("nonce").cloned();
    let (challenge, redirect_uri) = (challenge.clone(), redirect_uri.clone());
    let mut answer = form_urlencoded::Serializer::new(String::new());
    answer.append_pair("code", &code).append_pair("state", state);
    if behaviour.metadata["authorization_response_iss_parameter_supported"] == true {
        answer.append_pair("iss", &shared.issuer);
    }
    let location = format!("{redirect_uri}?{}", answer.finish());
    behaviour.codes.insert(code, Code { challenge, redirect_uri, nonce });
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

/// Redeems a code, once (RFC 6749, 4.1.3; RFC 7636, 4.6).
async fn token(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let form = decode(&body);
    let of = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret: String = form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    let is_client = match basic.and_then(|value| value.strip_prefix("Basic ")) {
        Some(basic) => basic == STANDARD.encode(format!("{CLIENT_ID}:{secret}")),
        None => of("client_id") == CLIENT_ID && of("client_secret") == CLIENT_SECRET,
    };
    if !is_client {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" })))
            .into_response();
    }
    let mut behaviour = shared.behaviour();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier")));
    let code = behaviour
        .codes
        .remove(of("code"))
        .filter(|code| code.challenge == challenge && code.redirect_uri == of("redirect_uri"));
    let Some(code) = code else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })))
            .into_response();
    };
    let id_token = behaviour.id_token(&shared.issuer, code.nonce);
    Json(json!({ "access_token": "opaque", "token_type": "Bearer", "id_token": id_token }))
        .into_response()
}

async fn userinfo(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if !has_token(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let behaviour = shared.behaviour();
    let mut info = behaviour.claims.clone();
    change(&mut info, &behaviour.userinfo);
    Json(info).into_response()
}

async fn github_user(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    match has_token(&headers) && headers.contains_key(header::USER_AGENT) {
        true => Json(shared.behaviour().github.0.clone()).into_response(),
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn github_emails(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    match has_token(&headers) {
        true => Json(shared.behaviour().github.1.clone()).into_response(),
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// The parameters of a query or a form.
fn decode(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn has_token(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer opaque")
}
