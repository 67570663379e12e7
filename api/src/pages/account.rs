//! The page of an account: usage, tokens, sessions, and its end.

use askama::Template;
use axum::response::Response;
use common::account::{
    settings::Quota,
    user::{Role, User},
};

use super::{format_bytes, page};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    user: &'a User,
    is_admin: bool,
    images: String,
    bytes: String,
}

/// The page of the account of `user`.
pub(crate) fn account(user: &User, quota: Quota) -> Response {
    page(&AccountPage {
        user,
        is_admin: user.role == Role::Admin,
        images: images_used(user, quota),
        bytes: bytes_used(user, quota),
    })
}

/// How many images a user has, such as `3 images` and `3 of 10 images`.
pub(super) fn images_used(user: &User, quota: Quota) -> String {
    match (user.images_used, quota.images) {
        (used, Some(max)) => format!("{used} of {max} images"),
        (1, None) => "1 image".to_owned(),
        (used, None) => format!("{used} images"),
    }
}

/// The length of a user's originals, such as `2.1 MB` and `2.1 MB of 50 MB`.
pub(super) fn bytes_used(user: &User, quota: Quota) -> String {
    let used = format_bytes(user.bytes_used);
    match quota.bytes {
        Some(max) => format!("{used} of {}", format_bytes(max)),
        None => used,
    }
}
