//! A user: one subject of one identity provider.

use crate::{image::Millis, user_id::UserId};

/// What a user may do besides what every user may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nothing.
    User,
    /// See and change all images and users.
    Admin,
}

impl Role {
    /// `user` or `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Admin => "admin",
        }
    }
}

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserState {
    /// It can be used.
    Active,
    /// An admin blocked it: no session and no token of it is accepted.
    Blocked,
    /// It is being deleted, with its images.
    Leaving,
}

impl UserState {
    /// `active`, `blocked` or `leaving`.
    pub fn as_str(self) -> &'static str {
        match self {
            UserState::Active => "active",
            UserState::Blocked => "blocked",
            UserState::Leaving => "leaving",
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Who vouches for them: an OIDC issuer (OpenID Connect Core 1.0, section 2, `iss`), or the URL
    /// of a GitHub server.
    pub issuer: String,
    /// Their id at the issuer (`sub`).
    pub subject: String,
    /// How they are called. A label: nothing is decided by it.
    pub name: String,
    /// Their e-mail address, if the issuer told it. A label: nothing is decided by it.
    pub email: Option<String>,
    /// Their role.
    pub role: Role,
    /// The state of their account.
    pub state: UserState,
    /// The length of their originals, in bytes.
    pub bytes_used: u64,
    /// How many images they have.
    pub images_used: u64,
    /// Most bytes; `None`: what the service allows everyone.
    pub max_bytes: Option<u64>,
    /// Most images; `None`: what the service allows everyone.
    pub max_images: Option<u64>,
    /// When they signed in first.
    pub created_at: Millis,
    /// When they signed in last.
    pub seen_at: Millis,
}

/// What an identity provider says of somebody who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// See [`User::issuer`].
    pub issuer: String,
    /// See [`User::subject`].
    pub subject: String,
    /// See [`User::name`].
    pub name: String,
    /// See [`User::email`].
    pub email: Option<String>,
}
