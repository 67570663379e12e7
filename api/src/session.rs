//! The session of a browser, for pages that name who is signed in.

use axum::http::{HeaderMap, Uri};
use common::account::user::User;

use crate::{
    app::App, cookies::Cookie, pages::AccountLink, problem::Problem, sign_in::is_return_to,
};

/// Who is signed in, by the cookie of `headers`.
///
/// # Errors
/// 503: the database is unavailable.
pub(crate) async fn signed_in(app: &App, headers: &HeaderMap) -> Result<Option<User>, Problem> {
    let Some(sign_in) = &app.sign_in else { return Ok(None) };
    match Cookie::Session.value(headers, sign_in.config.is_https()) {
        Some(token) => Ok(app.pipeline.session(token, sign_in.config.session_idle).await?),
        None => Ok(None),
    }
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
        Some(user) => AccountLink { href: "/account".to_owned(), text: user.name },
        None => {
            let here = uri.path_and_query().map_or("/", |here| here.as_str());
            let return_to = if is_return_to(here) { here } else { "/" };
            AccountLink { href: sign_in.link(return_to), text: "Sign in".to_owned() }
        }
    }))
}
