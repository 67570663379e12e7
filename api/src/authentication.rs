//! Who makes a request: by a token, or by the session of a browser.
//!
//! `Authorization` counts before the cookie. A token that is not valid is refused; a session that
//! has ended is as none, so that a browser with an old cookie can still read what is public.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::account::{
    principal::{Caller, Principal},
    scopes::Scopes,
    secret::{hash, is_token},
    user::{User, UserState},
};

use crate::{
    app::App,
    cookies::Cookie,
    credentials::Asker,
    problem::{INVALID_TOKEN, Problem},
};

/// Who makes a request with these headers.
///
/// # Errors
/// 401: the token is not valid. 503: the database is unavailable.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Asker, Problem> {
    let Some(sign_in) = &app.sign_in else {
        return Ok(Asker { principal: Principal::Open, user: None });
    };
    if headers.contains_key(header::AUTHORIZATION) {
        let token = token(headers).filter(|token| is_token(token)).ok_or_else(invalid_token)?;
        let key = hash(&token);
        if let Some(kept) = app.credentials.get(&key) {
            return Ok(kept);
        }
        let found = app.pipeline.token(&key).await?;
        let (scopes, user) = found.ok_or_else(invalid_token)?;
        return keep(app, key, user, scopes).ok_or_else(invalid_token);
    }
    let anonymous = Asker {
        principal: Principal::Anonymous {
            reads_public: app.pipeline.config().accounts.public_images,
        },
        user: None,
    };
    let cookie = Cookie::Session.value(headers, sign_in.config.is_https());
    let Some(session) = cookie else { return Ok(anonymous) };
    // a token that comes as a cookie is none
    let key = format!("session {}", hash(session));
    if let Some(kept) = app.credentials.get(&key) {
        return Ok(kept);
    }
    let found = app.pipeline.session(session, sign_in.config.session_idle).await?;
    Ok(found.and_then(|(_, user)| keep(app, key, user, Scopes::ALL)).unwrap_or(anonymous))
}

/// `None` when the account cannot be used.
fn keep(app: &App, key: String, user: User, scopes: Scopes) -> Option<Asker> {
    if user.state != UserState::Active {
        return None;
    }
    let caller = Caller { id: user.id, role: user.role, scopes };
    let asker = Asker { principal: Principal::User(caller), user: Some(Arc::new(user)) };
    app.credentials.keep(key, asker.clone());
    Some(asker)
}

/// The token of `Authorization`: as Bearer (RFC 6750, 2.1), or as the password of Basic (RFC 7617),
/// which `curl -n` sends. `None` when there is none, or several headers.
fn token(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok().filter(|_| values.next().is_none())?;
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(rest).ok())??;
    let (_, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some(password.to_owned())
}

/// The same for a token that is unknown, revoked, expired or malformed.
fn invalid_token() -> Problem {
    metrics::counter!("planet_refused_tokens_total").increment(1);
    let challenge = HeaderValue::from_static("Bearer realm=\"planet\", error=\"invalid_token\"");
    Problem::new(INVALID_TOKEN, "the token is not valid: it is mistyped, expired or revoked")
        .with_header(header::WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::AUTHORIZATION, line.parse().unwrap());
        }
        token(&headers)
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_password() {
        assert_eq!(token_of(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token_of(&["bearer  abc "]).as_deref(), Some("abc"));
        let basic = format!("Basic {}", STANDARD.encode("ada:a:b"));
        assert_eq!(token_of(&[&basic]).as_deref(), Some("a:b"));
        for other in ["", "Bearer", "Digest abc", "Basic !", "Basic YWJj"] {
            assert_eq!(token_of(&[other]), None, "{other}");
        }
        assert_eq!(token_of(&["Bearer abc", "Bearer abc"]), None);
    }
}
