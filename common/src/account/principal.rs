//! The principal: on whose behalf a request is made.

use super::{
    scopes::{Scope, Scopes},
    user::{Role, UserId},
};
use crate::image::ImageId;

/// On whose behalf a request is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Anyone, in a service without accounts: may see and change everything.
    Open,
    /// Someone who did not sign in.
    Anonymous {
        /// Whether they may see public images: `PUBLIC_IMAGES`.
        sees_public: bool,
    },
    /// A user.
    User(Caller),
    /// Whoever has a link to this image.
    ShareLink(ImageId),
}

/// A user who makes a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Who it is.
    pub id: UserId,
    /// Their role.
    pub role: Role,
    /// All of a session, or those of a token.
    pub scopes: Scopes,
}

impl Caller {
    /// Whether this request may do what admins may.
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin && self.scopes.contains(Scope::Admin)
    }
}

impl Principal {
    /// Who it is; `None` for anyone else than a user.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Principal::User(caller) => Some(caller.id),
            Principal::Open | Principal::Anonymous { .. } | Principal::ShareLink(_) => None,
        }
    }
}
