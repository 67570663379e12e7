//! Whose images a list has: the parameter `owner`.

use common::{
    account::{audit::audit, principal::Principal},
    user_id::UserId,
};

use crate::{access::unauthorized, problem::Problem};

/// Whose images are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListedOwner {
    /// Those of who asks.
    Me,
    /// Public ones, of all owners.
    Public,
    /// All that they may read.
    Any,
}

impl ListedOwner {
    const ALL: [ListedOwner; 3] = [ListedOwner::Me, ListedOwner::Public, ListedOwner::Any];

    /// The value of the parameter.
    pub fn name(self) -> &'static str {
        match self {
            ListedOwner::Me => "me",
            ListedOwner::Public => "public",
            ListedOwner::Any => "any",
        }
    }

    /// # Errors
    /// 400: it is no value of the parameter.
    pub fn parse(value: &str) -> Result<Self, Problem> {
        let named = ListedOwner::ALL.into_iter().find(|owner| owner.name() == value);
        named.ok_or_else(|| Problem::parameter("owner", "me, public or any"))
    }
}

/// Whose images are listed, `None` for those of everyone, and on whose behalf they are read. By
/// default, a user sees their own. The log has a line for an admin who lists those of everyone.
///
/// # Errors
/// 401: a reader who is not signed in asks for their own.
pub(crate) fn listed_owner(
    reader: &Principal,
    owner: Option<ListedOwner>,
) -> Result<(Option<UserId>, Principal), Problem> {
    match (reader, owner) {
        (Principal::User(caller), Some(ListedOwner::Any)) if caller.is_admin() => {
            audit("images listed", reader, &"any");
            Ok((None, reader.clone()))
        }
        (Principal::User(caller), None | Some(ListedOwner::Me)) => {
            Ok((Some(caller.id), reader.clone()))
        }
        (Principal::User(_), Some(ListedOwner::Public)) => {
            Ok((None, Principal::Anonymous { reads_public: true }))
        }
        (Principal::Anonymous { .. } | Principal::ShareLink(_), Some(ListedOwner::Me)) => {
            Err(unauthorized())
        }
        _ => Ok((None, reader.clone())),
    }
}
