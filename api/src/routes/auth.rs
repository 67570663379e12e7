//! Signing in and out: `/auth/…`. These addresses exist only if a provider is set.

use std::time::Duration;

use asciify::escape_controls;
use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use common::{
    account::{
        sign_in::PendingSignIn,
        user::{Role, User, UserState},
    },
    pipeline::{NewSession, SIGN_IN_LIFETIME},
};
use ipnet::IpNet;

use crate::{
    app::App,
    cookies::Cookie,
    extract::query,
    headers::CLEAR_CACHE,
    negotiate::negotiate,
    pages,
    problem::{
        NOT_FOUND, PROVIDER_UNAVAILABLE, Problem, ProblemBody, RATE_LIMITED, SIGN_IN_FAILED,
        SIGN_IN_REFUSED,
    },
    sign_in::{
        Attempt, Authorized, Profile, Provider, Secret, SignIn, SignInError, is_return_to, quoted,
    },
};

/// The longest `User-Agent` that is kept, in characters.
const MAX_AGENT: usize = 200;

/// Offers the ways to sign in.
#[utoipa::path(
    get, path = "/auth/login", operation_id = "getSignIn", tag = "accounts",
    params(("return_to" = Option<String>, Query, description = "The path to return to afterwards.")),
    responses(
        (status = 200, description = "The page with a link for each provider.", content((String = "text/html"))),
        (status = 400, description = "`return_to` is not a path of this service.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn page(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let sign_in = sign_in(&app);
    let is_signed_out = query(&uri)?.iter().any(|(name, _)| name == "signed_out");
    let mut ends = Vec::new();
    for provider in sign_in.providers.iter().filter(|_| is_signed_out) {
        ends.extend(provider.end_session_url().map(|url| (provider.name(), url.to_string())));
    }
    Ok(pages::sign_in(sign_in, &return_to(&uri)?, is_signed_out, &ends))
}

/// Begins a sign-in: redirects the browser to the provider.
#[utoipa::path(
    get, path = "/auth/login/{provider}", operation_id = "beginSignIn", tag = "accounts",
    params(
        ("provider" = String, Path, description = "`oidc` or `github`."),
        ("return_to" = Option<String>, Query, description = "The path to return to afterwards."),
    ),
    responses(
        (status = 303, description = "To the provider."),
        (status = 400, description = "`return_to` is not a path of this service.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such provider is set.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many sign-ins from this address.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The provider or the database is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn login(
    State(app): State<App>,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let sign_in = sign_in(&app);
    let provider = find_provider(sign_in, &slug)?;
    let return_to = return_to(request.uri())?;
    if !sign_in.admit(app.config.trusted_proxies.client(&request)) {
        let detail = "too many sign-ins from this address: try again in a minute";
        return Err(Problem::new(RATE_LIMITED, detail));
    }
    let (attempt, url) = sign_in.begin(provider).await.map_err(|err| problem(provider, err))?;
    let Attempt { state, nonce, verifier, .. } = attempt;
    let is_https = sign_in.config.is_https();
    // that of another tab stays valid
    let browser = Cookie::SignIn.value(request.headers(), is_https);
    let browser = browser.filter(|value| Secret::is_random(value));
    let browser = browser.map_or_else(Secret::random, |value| Secret(value.to_owned()));
    let pending = PendingSignIn { provider: slug, nonce: nonce.0, verifier: verifier.0, return_to };
    app.pipeline.begin_sign_in(&state.0, &browser.0, &pending).await?;
    let cookie = Cookie::SignIn.set(&browser.0, SIGN_IN_LIFETIME, is_https);
    Ok(see_other(url.as_str(), [cookie]))
}

/// Ends a sign-in: the provider redirects the browser to this address.
#[utoipa::path(
    get, path = "/auth/callback/{provider}", operation_id = "completeSignIn", tag = "accounts",
    params(
        ("provider" = String, Path, description = "`oidc` or `github`."),
        ("state" = String, Query, description = "As this service sent it to the provider."),
        ("code" = Option<String>, Query, description = "The authorization code (RFC 6749, 4.1.2)."),
        ("iss" = Option<String>, Query, description = "The issuer (RFC 9207)."),
        ("error" = Option<String>, Query, description = "Why the provider did not sign anyone in (RFC 6749, 4.1.2.1)."),
    ),
    responses(
        (status = 303, description = "Signed in: to `return_to`, with the session's cookie."),
        (status = 400, description = "The callback does not belong to a sign-in of this browser, or what the provider says is not accepted.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This user may not sign in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such provider is set.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The provider or the database is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn callback(
    State(app): State<App>,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let sign_in = sign_in(&app);
    let provider = find_provider(sign_in, &slug)?;
    let client = app.config.trusted_proxies.client(&request);
    let (parts, _) = request.into_parts();
    let answer = complete(&app, sign_in, provider, client, &parts).await;
    let outcome = match &answer {
        Ok(_) => "signed-in",
        Err(problem) if problem.status() == StatusCode::FORBIDDEN => "refused",
        Err(problem) if problem.status().is_server_error() => "unavailable",
        Err(_) => "failed",
    };
    let labels = [("provider", provider.slug()), ("outcome", outcome)];
    metrics::counter!("planet_sign_ins_total", &labels).increment(1);
    answer
}

/// Signs in whom the provider names, if the callback belongs to a sign-in of this browser.
async fn complete(
    app: &App,
    sign_in: &SignIn,
    provider: &Provider,
    client: IpNet,
    Parts { uri, headers, .. }: &Parts,
) -> Result<Response, Problem> {
    let answer = CallbackQuery::read(uri)?;
    let (attempt, return_to) = take(app, provider, &answer.state, headers).await?;
    let authorized = answer.authorized().map_err(|err| problem(provider, err))?;
    let profile = sign_in.identify(provider, &attempt, authorized).await;
    let profile = profile.map_err(|err| problem(provider, err))?;
    let session = new_session(sign_in, headers);
    let user = admit(app, &profile, &session).await.inspect_err(|refusal| {
        let (issuer, subject) = (&*profile.identity.issuer, &*profile.identity.subject);
        tracing::warn!(target: "audit", action = "sign-in refused", by = "", of = subject, issuer, %client, "{refusal}");
    })?;
    tracing::info!(target: "audit", action = "signed in", by = %user.id, of = %user.id, provider = provider.slug(), %client);
    let is_https = sign_in.config.is_https();
    // a session that was there before ends: what was planted is never signed in
    if let Some(former) = Cookie::Session.value(headers, is_https) {
        app.pipeline.sign_out(former).await?;
        app.credentials.forget();
    }
    let cookie = Cookie::Session.set(&session.token, session.max, is_https);
    Ok(see_other(&return_to, [cookie]))
}

/// Signs out: ends the session of this browser. The provider's own session stays.
#[utoipa::path(
    post, path = "/auth/logout", operation_id = "signOut", tag = "accounts",
    responses(
        (status = 204, description = "Signed out."),
        (status = 303, description = "Signed out: a browser is sent to the page for signing in."),
        (status = 503, description = "The database is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let is_https = sign_in(&app).config.is_https();
    if let Some(token) = Cookie::Session.value(&headers, is_https)
        && let Some(user) = app.pipeline.sign_out(token).await?
    {
        app.credentials.forget();
        tracing::info!(target: "audit", action = "signed out", by = %user, of = %user);
    }
    let cookie = Cookie::Session.set("", Duration::ZERO, is_https);
    let response = match negotiate(&headers, &["application/json", "text/html"]) {
        Some("text/html") => see_other("/auth/login?signed_out=", [cookie]),
        _ => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
    };
    Ok(([CLEAR_CACHE], response).into_response())
}

/// The query of a callback. Providers may add parameters of their own.
struct CallbackQuery {
    state: String,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl CallbackQuery {
    fn read(uri: &Uri) -> Result<Self, Problem> {
        let mut parameters = query(uri)?;
        let mut take = |name: &str| {
            let at = parameters.iter().position(|(one, _)| one == name)?;
            Some(parameters.swap_remove(at).1)
        };
        let (code, iss, error) = (take("code"), take("iss"), take("error"));
        let state = take("state").ok_or_else(not_begun)?;
        Ok(CallbackQuery { state, code, iss, error })
    }

    fn authorized(&self) -> Result<Authorized<'_>, SignInError> {
        match (self.error.as_deref(), self.code.as_deref()) {
            (Some(error @ ("server_error" | "temporarily_unavailable")), _) => {
                Err(SignInError::Unavailable(format!("it says {error}")))
            }
            (Some(error), _) => {
                let error = quoted(error);
                Err(SignInError::refused(format!("the provider refused the sign-in: {error}")))
            }
            (None, Some(code)) => Ok(Authorized { code, iss: self.iss.as_deref() }),
            (None, None) => Err(SignInError::refused("the callback has no code")),
        }
    }
}

/// The sign-in of `state` that this browser began with `provider`, and where it returns to.
async fn take(
    app: &App,
    provider: &Provider,
    state: &str,
    headers: &HeaderMap,
) -> Result<(Attempt, String), Problem> {
    let sign_in = sign_in(app);
    let browser = Cookie::SignIn.value(headers, sign_in.config.is_https()).ok_or_else(not_begun)?;
    let pending = app.pipeline.take_sign_in(state, browser, provider.slug()).await?;
    let pending = pending.ok_or_else(not_begun)?;
    let attempt = Attempt {
        state: Secret(state.to_owned()),
        nonce: Secret(pending.nonce),
        verifier: Secret(pending.verifier),
        redirect_uri: sign_in.redirect_uri(provider),
    };
    Ok((attempt, pending.return_to))
}

/// Signs in who may sign in.
async fn admit(app: &App, profile: &Profile, session: &NewSession) -> Result<User, Problem> {
    let config = &sign_in(app).config;
    if !config.allow.apply_to(profile) {
        let detail = match &profile.identity.email {
            Some(_) => "you may not sign in here: SIGN_IN_ALLOW of this service does not name you",
            None => {
                "you may not sign in here: SIGN_IN_ALLOW of this service does not name you, and \
                 your provider told no address that it verified"
            }
        };
        return Err(Problem::new(SIGN_IN_REFUSED, detail));
    }
    let role = if config.admins.apply_to(profile) { Role::Admin } else { Role::User };
    let user = app.pipeline.sign_in(&profile.identity, role, session).await?;
    match user.state {
        UserState::Active => Ok(user),
        UserState::Blocked => {
            Err(Problem::new(SIGN_IN_REFUSED, "an admin of this service blocked your account"))
        }
        UserState::Leaving => Err(Problem::new(
            SIGN_IN_REFUSED,
            "your account is being deleted: sign in again later for a new one",
        )),
    }
}

fn new_session(sign_in: &SignIn, headers: &HeaderMap) -> NewSession {
    let agent = headers.get(header::USER_AGENT).map(|agent| agent.as_bytes()).unwrap_or_default();
    let agent = String::from_utf8_lossy(agent);
    NewSession {
        token: Secret::random().0,
        agent: escape_controls(&agent).chars().take(MAX_AGENT).collect(),
        idle: sign_in.config.session_idle,
        max: sign_in.config.session_max,
    }
}

fn sign_in(app: &App) -> &SignIn {
    app.sign_in.as_deref().expect("these addresses exist only if a provider is set")
}

fn find_provider<'a>(sign_in: &'a SignIn, slug: &str) -> Result<&'a Provider, Problem> {
    sign_in.provider(slug).ok_or_else(|| {
        let names = sign_in.providers.iter().map(Provider::slug).collect::<Vec<_>>().join(", ");
        Problem::new(NOT_FOUND, format!("no such provider: this service has {names}"))
    })
}

/// The parameter `return_to`; `/` without one.
fn return_to(uri: &Uri) -> Result<String, Problem> {
    match query(uri)?.into_iter().find(|(name, _)| name == "return_to") {
        None => Ok("/".to_owned()),
        Some((_, path)) if is_return_to(&path) => Ok(path),
        Some(_) => Err(Problem::parameter("return_to", "a path of this service, such as /account")),
    }
}

fn not_begun() -> Problem {
    let detail = "this browser did not begin this sign-in, or it took too long: begin again";
    Problem::new(SIGN_IN_FAILED, detail)
}

fn problem(provider: &Provider, err: SignInError) -> Problem {
    let name = provider.name();
    match err {
        SignInError::Refused(why) => {
            tracing::warn!(target: "audit", action = "sign-in failed", by = "", of = "", provider = provider.slug(), "{why}");
            Problem::new(SIGN_IN_FAILED, format!("signing in with {name} failed: {why}"))
        }
        SignInError::Unavailable(why) => {
            tracing::error!(
                provider = provider.slug(),
                "the identity provider is unavailable: {why}"
            );
            let detail = format!(
                "{name} cannot be reached at the moment; people who are signed in stay so: try again soon"
            );
            Problem::new(PROVIDER_UNAVAILABLE, detail)
        }
    }
}

fn see_other(location: &str, cookies: [HeaderValue; 1]) -> Response {
    let location = HeaderValue::from_str(location).expect("an address is visible ASCII");
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
