//! The page of an account: usage, tokens, sessions, and its end.

use askama::Template;
use axum::response::Response;
use common::account::user::{Role, User};

use super::{format_bytes, page};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    user: &'a User,
    is_admin: bool,
    bytes_used: String,
}

/// The page of the account of `user`.
pub(crate) fn account(user: &User) -> Response {
    let (is_admin, bytes_used) = (user.role == Role::Admin, format_bytes(user.bytes_used));
    page(&AccountPage { user, is_admin, bytes_used })
}
