//! Whose images a list has: the parameter `owner`.

use common::account::{principal::Principal, user_id::UserId};

use crate::{access::unauthorized, problem::Problem};

/// Whose images are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListedOwner {
    /// Those of who asks.
    Me,
    /// All that they may read.
    Any,
}

impl ListedOwner {
    /// As a further parameter of a query.
    pub fn parameter(self) -> &'static str {
        match self {
            ListedOwner::Me => "&owner=me",
            ListedOwner::Any => "&owner=any",
        }
    }

    /// # Errors
    /// 400: neither `me` nor `any`.
    pub fn parse(value: &str) -> Result<Self, Problem> {
        match value {
            "me" => Ok(ListedOwner::Me),
            "any" => Ok(ListedOwner::Any),
            _ => Err(Problem::parameter("owner", "me or any")),
        }
    }
}

/// Whose images are listed; `None`: those of everyone. By default, a user sees their own.
///
/// # Errors
/// 401: nobody is signed in, and asks for their own.
pub(crate) fn listed_owner(
    reader: &Principal,
    owner: Option<ListedOwner>,
) -> Result<Option<UserId>, Problem> {
    match (reader, owner) {
        (Principal::User(caller), None | Some(ListedOwner::Me)) => Ok(Some(caller.id)),
        (Principal::Anonymous { .. } | Principal::ShareLink(_), Some(ListedOwner::Me)) => {
            Err(unauthorized())
        }
        _ => Ok(None),
    }
}
