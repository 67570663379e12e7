//! The session of a browser: who is signed in.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Uri, header, request::Parts},
};
use common::account::{session::SessionId, user::User};

use crate::{
    app::App,
    cookies::Cookie,
    pages::AccountLink,
    problem::{Problem, UNAUTHORIZED},
    sign_in::is_return_to,
};

/// A user who is signed in with a browser. Anyone else is refused with 401, also the holder of a
/// token: what takes this may only be done by people.
pub(crate) struct SignedIn {
    pub session: SessionId,
    pub user: User,
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        signed_in(app, &parts.headers).await?.ok_or_else(|| {
            // RFC 9110, 15.5.2, requires a challenge
            let challenge = HeaderValue::from_static("Bearer realm=\"planet\"");
            Problem::new(UNAUTHORIZED, "sign in with a browser: /auth/login")
                .with_header(header::WWW_AUTHENTICATE, challenge)
        })
    }
}

/// Who is signed in, by the cookie of `headers`.
async fn signed_in(app: &App, headers: &HeaderMap) -> Result<Option<SignedIn>, Problem> {
    let Some(sign_in) = &app.sign_in else { return Ok(None) };
    let cookie = Cookie::Session.value(headers, sign_in.config.is_https());
    let Some(token) = cookie else { return Ok(None) };
    let session = app.pipeline.session(token, sign_in.config.session_idle).await?;
    Ok(session.map(|(session, user)| SignedIn { session, user }))
}

/// The link in the header of the page at `uri`: to the account, or to sign in. `None` without
/// accounts.
///
/// # Errors
/// 503: the database is unavailable.
pub(crate) async fn account_link(
    app: &App,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Option<AccountLink>, Problem> {
    let Some(sign_in) = &app.sign_in else { return Ok(None) };
    Ok(Some(match signed_in(app, headers).await? {
        Some(SignedIn { user, .. }) => AccountLink { href: "/account".to_owned(), text: user.name },
        None => {
            let here = uri.path_and_query().map_or("/", |here| here.as_str());
            let return_to = if is_return_to(here) { here } else { "/" };
            AccountLink { href: sign_in.link(return_to), text: "Sign in".to_owned() }
        }
    }))
}
