//! Who may read and change an image, as conditions of queries.
//!
//! [`Principal::may_read`] has the same rules for an image that is in memory.

use sea_orm::{Condition, entity::prelude::*, sea_query::Expr};

use super::entity::images::Column as C;
use crate::{account::principal::Principal, user_id::UserId};

/// Images that `principal` may read.
pub(super) fn readable(principal: &Principal) -> Condition {
    match principal {
        Principal::Open => Condition::all(),
        Principal::User(caller) if caller.is_admin() => Condition::all(),
        Principal::User(caller) => Condition::any().add(owned(caller.id)).add(public()),
        Principal::Anonymous { reads_public: true } => Condition::all().add(public()),
        Principal::Anonymous { reads_public: false } => never(),
        Principal::ShareLink(image) => Condition::all().add(C::Id.eq(image.0)),
    }
}

/// Images that `principal` may change and delete.
pub(super) fn changeable(principal: &Principal) -> Condition {
    match principal {
        Principal::Open => Condition::all(),
        Principal::User(caller) if caller.is_admin() => Condition::all(),
        Principal::User(caller) => Condition::all().add(owned(caller.id)),
        Principal::Anonymous { .. } | Principal::ShareLink(_) => never(),
    }
}

/// Images of `user`.
pub(super) fn owned(user: UserId) -> Expr {
    C::OwnerId.eq(user.0)
}

/// Public images: a literal, since neither database uses the partial index for a bound parameter.
pub(super) fn public() -> Expr {
    Expr::cust("\"images\".\"visibility\" = 'public'")
}

fn never() -> Condition {
    Condition::all().add(Expr::cust("1 = 0"))
}
