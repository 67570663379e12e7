//! The page of users, for admins: who they are, what they use, and their limits.

use askama::Template;
use axum::response::Response;
use common::{
    account::{
        settings::Settings,
        user::{Role, User, UserState},
    },
    user_id::UserId,
};

use super::account::{bytes_used, images_used};
use super::{day, page};

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage<'a> {
    rows: Vec<UserRow<'a>>,
    next: Option<String>,
}

struct UserRow<'a> {
    user: &'a User,
    is_admin: bool,
    is_blocked: bool,
    is_leaving: bool,
    /// Whether it is who looks at the page.
    is_reader: bool,
    last_signed_in: String,
    images: String,
    bytes: String,
}

/// A page of users for the admin `reader`; `next` is the address of the next one.
pub(crate) fn users(
    users: &[User],
    settings: &Settings,
    next: Option<String>,
    reader: Option<UserId>,
) -> Response {
    let rows = users.iter().map(|user| UserRow {
        user,
        is_admin: user.role == Role::Admin,
        is_blocked: user.state == UserState::Blocked,
        is_leaving: user.state == UserState::Leaving,
        is_reader: reader == Some(user.id),
        last_signed_in: day(user.seen_at),
        images: images_used(user, settings.quota_of(user)),
        bytes: bytes_used(user, settings.quota_of(user)),
    });
    page(&UsersPage { rows: rows.collect(), next })
}
