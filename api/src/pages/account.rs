//! The page of an account: usage, tokens, sessions.

use askama::Template;
use axum::response::Response;
use common::account::user::{Role, User};

use super::{format_bytes, page};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    origin: &'a str,
    user: &'a User,
    is_admin: bool,
    bytes_used: String,
    max_bytes: Option<String>,
    max_images: Option<u64>,
}

/// The page of the account of `user`, who may have so many bytes and images.
pub(crate) fn account(
    origin: &str,
    user: &User,
    max_bytes: Option<u64>,
    max_images: Option<u64>,
) -> Response {
    page(&AccountPage {
        origin,
        user,
        is_admin: user.role == Role::Admin,
        bytes_used: format_bytes(user.bytes_used),
        max_bytes: max_bytes.map(format_bytes),
        max_images,
    })
}
