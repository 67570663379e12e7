//! The principal: on whose behalf a request is made, and what it may do with an image.
//!
//! [`crate::catalog`] has the same rules as conditions of its queries; a test compares them.

use super::{
    scopes::{Scope, Scopes},
    user::Role,
};
use crate::{
    image::{Image, ImageId},
    user_id::UserId,
    visibility::Visibility,
};

/// On whose behalf a request is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Anyone, in a service without accounts: may read and change everything.
    Open,
    /// Someone who did not sign in.
    Anonymous {
        /// Whether they may read public images: `PUBLIC_IMAGES`.
        reads_public: bool,
    },
    /// A user.
    User(Caller),
    /// The holder of a link to this image.
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

    /// Whether it may read everything of an image: texts, metadata, original and events.
    pub fn may_read(&self, image: &Image) -> bool {
        let is_public = image.visibility == Visibility::Public;
        match self {
            Principal::ShareLink(id) => *id == image.id,
            _ => self.may_read_of(image.owner, is_public),
        }
    }

    /// Whether it may read, or once could, the images of `owner` that are or were public.
    pub(crate) fn may_read_of(&self, owner: Option<UserId>, is_public: bool) -> bool {
        match self {
            Principal::Open => true,
            Principal::Anonymous { reads_public } => *reads_public && is_public,
            Principal::User(caller) => caller.is_admin() || is_public || owner == Some(caller.id),
            Principal::ShareLink(_) => false,
        }
    }

    /// Whether it may change and delete an image.
    pub fn may_change(&self, image: &Image) -> bool {
        match self {
            Principal::Open => true,
            Principal::User(caller) => caller.is_admin() || image.owner == Some(caller.id),
            Principal::Anonymous { .. } | Principal::ShareLink(_) => false,
        }
    }

    /// Whether it reads `image` only as an admin: neither its own nor a public one.
    pub fn reads_as_admin(&self, image: &Image) -> bool {
        match self {
            Principal::User(caller) => {
                caller.is_admin()
                    && image.owner != Some(caller.id)
                    && image.visibility == Visibility::Private
            }
            Principal::Open | Principal::Anonymous { .. } | Principal::ShareLink(_) => false,
        }
    }

    /// Who reads further parts of `image` for the same response: the log has one line for what an
    /// admin reads.
    pub fn reading_on(&self, image: &Image) -> Principal {
        match self.reads_as_admin(image) {
            true => Principal::ShareLink(image.id),
            false => self.clone(),
        }
    }
}
