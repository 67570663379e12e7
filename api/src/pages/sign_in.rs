//! The page for signing in: a link for each provider. A link, because the policy of the pages lets
//! no form lead to another site.

use askama::Template;
use axum::response::Response;

use super::page;
use crate::sign_in::{Provider, SignIn};

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
pub(crate) fn sign_in<'a>(
    sign_in: &'a SignIn,
    return_to: &str,
    is_signed_out: bool,
    ends: &[(&'a str, String)],
) -> Response {
    let link = |provider: &'a Provider| (provider.name(), sign_in.link_to(provider, return_to));
    let providers = sign_in.providers.iter().map(link).collect();
    page(&SignInPage { providers, is_signed_out, ends })
}
