//! Extractors of who makes a request, each for what it is about to do.
//!
//! A request without the right scope is refused whatever it asks for; what remains is decided by
//! the catalog's queries.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use common::{
    account::{
        principal::{Caller, Principal},
        scopes::Scope,
    },
    jitter::jitter,
};
use tokio::time::sleep;

use crate::{
    app::App,
    authentication::authenticate,
    credentials::Asker,
    problem::{FORBIDDEN, INSUFFICIENT_SCOPE, Problem, UNAUTHORIZED},
};

/// How often a stream checks that its reader may still read.
const RIGHTS_INTERVAL: Duration = Duration::from_secs(2);

/// Someone who reads.
pub(crate) struct Reads(pub Principal);

/// Someone who changes images.
pub(crate) struct Changes(pub Principal);

/// Someone who deletes images.
pub(crate) struct Deletes(pub Principal);

/// An admin.
pub(crate) struct Administers(pub Principal);

impl FromRequestParts<App> for Reads {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Reads(may(app, &parts.headers, Scope::Read).await?.principal))
    }
}

impl FromRequestParts<App> for Changes {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Changes(user_may(app, &parts.headers, Scope::Upload).await?.principal))
    }
}

impl FromRequestParts<App> for Deletes {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Deletes(user_may(app, &parts.headers, Scope::Delete).await?.principal))
    }
}

impl FromRequestParts<App> for Administers {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let principal = user_may(app, &parts.headers, Scope::Admin).await?.principal;
        match &principal {
            Principal::User(caller) if caller.is_admin() => Ok(Administers(principal)),
            _ => Err(Problem::new(FORBIDDEN, "only admins may do this: ADMINS names them")),
        }
    }
}

/// Who makes the request: a user, or anyone in a service without accounts.
///
/// # Errors
/// 401: the reader is not signed in, or the token is not valid. 403: the token lacks the scope. 503.
pub(crate) async fn user_may(
    app: &App,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<Asker, Problem> {
    let asker = may(app, headers, scope).await?;
    match asker.principal {
        Principal::Open | Principal::User(_) => Ok(asker),
        Principal::Anonymous { .. } | Principal::ShareLink(_) => Err(unauthorized()),
    }
}

/// 401: the reader is not signed in.
pub(crate) fn unauthorized() -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"planet\"");
    let detail = "sign in at /auth/login, or send a token: Authorization: Bearer TOKEN";
    Problem::new(UNAUTHORIZED, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

/// Returns once `reader` is no longer who the headers say: their session or token has ended, or an
/// admin blocked them.
pub(crate) async fn lose_rights(app: App, headers: HeaderMap, reader: Principal) {
    if reader.user().is_none() {
        return std::future::pending().await;
    }
    loop {
        rights_interval().await;
        match authenticate(&app, &headers).await {
            Ok(asker) if asker.principal == reader => {}
            // the database is away: nothing can be read either
            Err(problem) if problem.is_unavailable() => {}
            _ => return,
        }
    }
}

/// Waits until a stream checks again that its reader may still read.
pub(crate) async fn rights_interval() {
    sleep(jitter(RIGHTS_INTERVAL)).await;
}

async fn may(app: &App, headers: &HeaderMap, scope: Scope) -> Result<Asker, Problem> {
    let asker = authenticate(app, headers).await?;
    match &asker.principal {
        Principal::User(caller) => check_scope(caller, scope)?,
        Principal::Open | Principal::Anonymous { .. } | Principal::ShareLink(_) => {}
    }
    Ok(asker)
}

fn check_scope(caller: &Caller, scope: Scope) -> Result<(), Problem> {
    if caller.scopes.contains(scope) {
        return Ok(());
    }
    let scope = scope.as_str();
    // RFC 6750, 3.1
    let challenge =
        format!("Bearer realm=\"planet\", error=\"insufficient_scope\", scope=\"{scope}\"");
    let challenge = HeaderValue::from_str(&challenge).expect("names of scopes are ASCII");
    let detail = format!("the token has not the scope {scope}: make one that has, at /account");
    Err(Problem::new(INSUFFICIENT_SCOPE, detail).with_header(header::WWW_AUTHENTICATE, challenge))
}
