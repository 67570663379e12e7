//! The page for signing in: a link for each provider. A link, because the policy of the pages lets
//! no form lead to another site.

use askama::Template;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::page;
use crate::sign_in::SignIn;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    /// Names of providers, and the addresses of their sign-ins.
    providers: Vec<(&'a str, String)>,
    is_signed_out: bool,
    /// Names of providers, and the addresses that end their own sessions.
    ends: &'a [(&'a str, String)],
}

/// The page for signing in, which returns to `return_to` afterwards.
pub(crate) fn sign_in(
    sign_in: &SignIn,
    return_to: &str,
    is_signed_out: bool,
    ends: &[(&str, String)],
) -> Response {
    let query = utf8_percent_encode(return_to, NON_ALPHANUMERIC);
    let providers = sign_in.providers.iter().map(|provider| {
        (provider.name(), format!("/auth/login/{}?return_to={query}", provider.slug()))
    });
    page(&SignInPage { providers: providers.collect(), is_signed_out, ends })
}
