//! The JSON bodies of responses about accounts; the OpenAPI document has their schemas.

use common::account::{
    scopes::Scope, session::Session, settings::Quota, share::Share, token::Token, user::User,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::responses::rfc3339;

/// The account of a user.
#[derive(Serialize, ToSchema)]
pub struct AccountBody {
    /// UUID version 7.
    id: String,
    /// The name, as the provider says.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// The e-mail address, if the provider says one.
    #[schema(required = true)]
    email: Option<String>,
    /// The issuer of the provider, or the address of GitHub.
    #[schema(example = "https://accounts.google.com")]
    issuer: String,
    /// `user` or `admin`.
    #[schema(example = "user")]
    role: &'static str,
    /// Number of images.
    images_used: u64,
    /// Length of the originals, in bytes.
    bytes_used: u64,
    /// Most images that the user may have; null: no limit.
    #[schema(required = true)]
    max_images: Option<u64>,
    /// Most bytes that the originals of the user may have; null: no limit.
    #[schema(required = true)]
    max_bytes: Option<u64>,
    /// When the user signed in first (RFC 3339, UTC).
    created_at: String,
}

impl AccountBody {
    pub(crate) fn new(user: User, quota: Quota) -> Self {
        AccountBody {
            id: user.id.to_string(),
            name: user.name,
            email: user.email,
            issuer: user.issuer,
            role: user.role.as_str(),
            images_used: user.images_used,
            bytes_used: user.bytes_used,
            max_images: quota.images,
            max_bytes: quota.bytes,
            created_at: rfc3339(user.created_at),
        }
    }
}

/// The sessions of a user, newest first.
#[derive(Serialize, ToSchema)]
pub struct SessionsBody {
    /// The sessions.
    pub(crate) items: Vec<SessionBody>,
}

/// A browser in which a user is signed in.
#[derive(Serialize, ToSchema)]
pub struct SessionBody {
    /// UUID version 7.
    id: String,
    /// The browser, as it calls itself (`User-Agent`).
    agent: String,
    /// When the user signed in (RFC 3339, UTC).
    created_at: String,
    /// When it was last used, to the hour (RFC 3339, UTC).
    seen_at: String,
    /// When it ends at the latest (RFC 3339, UTC).
    expires_at: String,
    /// Whether it is the session of this request.
    is_current: bool,
}

impl SessionBody {
    pub(crate) fn new(session: Session, is_current: bool) -> Self {
        SessionBody {
            id: session.id.to_string(),
            agent: session.agent,
            created_at: rfc3339(session.created_at),
            seen_at: rfc3339(session.seen_at),
            expires_at: rfc3339(session.due_at),
            is_current,
        }
    }
}

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
pub struct TokenBody {
    /// UUID version 7.
    id: String,
    /// As its user calls it.
    #[schema(example = "CI")]
    name: String,
    /// What it may do: `read`, `upload`, `delete`, `admin`.
    scopes: Vec<&'static str>,
    /// Its last characters.
    tail: String,
    /// When it was made (RFC 3339, UTC).
    created_at: String,
    /// When it ends (RFC 3339, UTC); null: never.
    #[schema(required = true)]
    expires_at: Option<String>,
    /// When it was last used, to the hour (RFC 3339, UTC).
    #[schema(required = true)]
    used_at: Option<String>,
    /// The token itself: in the answer that makes it, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl TokenBody {
    pub(crate) fn new(token: Token, secret: Option<String>) -> Self {
        TokenBody {
            id: token.id.to_string(),
            name: token.name,
            scopes: token.scopes.iter().map(Scope::as_str).collect(),
            tail: token.tail,
            created_at: rfc3339(token.created_at),
            expires_at: token.due_at.map(rfc3339),
            used_at: token.used_at.map(rfc3339),
            token: secret,
        }
    }
}

/// The tokens of a user, newest first.
#[derive(Serialize, ToSchema)]
pub struct TokensBody {
    /// The tokens.
    pub(crate) items: Vec<TokenBody>,
}

/// A link to an image.
#[derive(Serialize, ToSchema)]
pub struct ShareBody {
    /// UUID version 7.
    id: String,
    /// When it was made (RFC 3339, UTC).
    created_at: String,
    /// When it ends (RFC 3339, UTC); null: never.
    #[schema(required = true)]
    expires_at: Option<String>,
    /// The link: in the answer that makes it, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl ShareBody {
    pub(crate) fn new(share: Share, secret: Option<String>) -> Self {
        ShareBody {
            id: share.id.to_string(),
            created_at: rfc3339(share.created_at),
            expires_at: share.due_at.map(rfc3339),
            url: secret.map(|secret| format!("/s/{secret}")),
        }
    }
}

/// The links to an image, newest first.
#[derive(Serialize, ToSchema)]
pub struct SharesBody {
    /// The links.
    pub(crate) items: Vec<ShareBody>,
}

/// A user, for admins.
#[derive(Serialize, ToSchema)]
pub struct UserBody {
    /// UUID version 7.
    id: String,
    /// Who vouches for them.
    issuer: String,
    /// Their id there.
    subject: String,
    /// How they are called.
    name: String,
    /// Their e-mail address.
    #[schema(required = true)]
    email: Option<String>,
    /// `user` or `admin`.
    role: &'static str,
    /// `active`, `blocked` or `leaving`.
    state: &'static str,
    /// Length of their originals, in bytes.
    bytes_used: u64,
    /// How many images they have.
    images_used: u64,
    /// A limit of their own, in bytes; null: that of everyone.
    #[schema(required = true)]
    max_bytes: Option<u64>,
    /// A limit of their own, in images; null: that of everyone.
    #[schema(required = true)]
    max_images: Option<u64>,
    /// When they signed in first (RFC 3339, UTC).
    created_at: String,
    /// When they signed in last (RFC 3339, UTC).
    seen_at: String,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        UserBody {
            id: user.id.to_string(),
            issuer: user.issuer,
            subject: user.subject,
            name: user.name,
            email: user.email,
            role: user.role.as_str(),
            state: user.state.as_str(),
            bytes_used: user.bytes_used,
            images_used: user.images_used,
            max_bytes: user.max_bytes,
            max_images: user.max_images,
            created_at: rfc3339(user.created_at),
            seen_at: rfc3339(user.seen_at),
        }
    }
}

/// A page of users, in the order of their first sign-in.
#[derive(Serialize, ToSchema)]
pub struct UsersBody {
    /// The users.
    pub(crate) items: Vec<UserBody>,
    /// Address of the next page; null on the last one.
    #[schema(required = true)]
    pub(crate) next: Option<String>,
}
