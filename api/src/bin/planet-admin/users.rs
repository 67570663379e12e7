//! Administers users, their tokens and their images.

use std::time::Duration;

use asciify::escape_controls;
use common::{
    account::{
        audit,
        principal::Principal,
        scopes::{Scope, Scopes},
        secret::{hash, new_token, token_tail},
        token::{MAX_TOKEN_NAME, token_name},
        user::{Role, User, UserState},
    },
    catalog::{Catalog, NewToken, UserChange},
    fault::Fault,
    pipeline::pluralize,
};

use crate::installation::Installation;

/// Users that one query reads.
const USERS: u64 = 500;

#[derive(Clone, Copy)]
pub(crate) enum UserVerb {
    Block,
    Unblock,
    Delete,
}

/// The user with that id, or the only one with that e-mail address.
async fn find_user(catalog: &Catalog, name: &str) -> Result<User, Fault> {
    let doing = "find the user";
    if let Ok(id) = name.parse() {
        return catalog.user(id).await?.ok_or_else(|| Fault::new(doing, "no user has that id"));
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = catalog.users(after, USERS).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let is_named =
            |user: &User| user.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(name));
        found.extend(page.into_iter().filter(is_named));
    }
    match (found.pop(), found.len()) {
        (None, _) => {
            let why = "no user has that e-mail address, or their provider did not verify it: user list \
                       shows the ids";
            Err(Fault::new(doing, why))
        }
        (Some(user), 0) => Ok(user),
        (Some(_), _) => {
            let why = "several users have that e-mail address: name one by id, as user list shows";
            Err(Fault::new(doing, why))
        }
    }
}

/// The same, who has not to be blocked or about to be deleted.
async fn find_active_user(catalog: &Catalog, name: &str) -> Result<User, Fault> {
    let user = find_user(catalog, name).await?;
    match user.state {
        UserState::Active => Ok(user),
        UserState::Blocked => {
            Err(Fault::new("find the user", "the user is blocked: unblock them first"))
        }
        UserState::Leaving => Err(being_deleted()),
    }
}

fn being_deleted() -> Fault {
    Fault::new("find the user", "the account is being deleted, with all of its images")
}

pub(crate) async fn list_users(installation: Installation) -> Result<(), Fault> {
    let catalog = installation.catalog().await?;
    let mut after = None;
    loop {
        let page = catalog.users(after, USERS).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for user in &page {
            let email = user.email.as_deref().unwrap_or("-");
            let (role, state) = (user.role.as_str(), user.state.as_str());
            println!(
                "{}",
                escape_controls(&format!(
                    "{} {role} {state} {email} {:?} {} {}",
                    user.id,
                    user.name,
                    pluralize(user.images_used, "image"),
                    pluralize(user.bytes_used, "byte"),
                ))
            );
        }
    }
}

pub(crate) async fn change_user(
    installation: Installation,
    user: String,
    verb: UserVerb,
) -> Result<(), Fault> {
    let catalog = installation.catalog().await?;
    let user = find_user(&catalog, &user).await?;
    let state = |state| UserChange { state: Some(state), ..UserChange::default() };
    let action = match verb {
        UserVerb::Block => {
            let changed = catalog.change_user(user.id, state(UserState::Blocked)).await?;
            changed.ok_or_else(being_deleted)?;
            "user blocked"
        }
        UserVerb::Unblock => {
            let changed = catalog.change_user(user.id, state(UserState::Active)).await?;
            changed.ok_or_else(being_deleted)?;
            "user unblocked"
        }
        UserVerb::Delete => {
            catalog.begin_leaving(user.id).await?;
            let mut after = None;
            while let Some((last, _)) = catalog.hide_images(user.id, after).await? {
                after = Some(last);
            }
            "account deletion begun"
        }
    };
    audit::audit(action, &Principal::Open, &user.id);
    println!("{action}: {}", user.id);
    Ok(())
}

pub(crate) async fn create_token(
    installation: Installation,
    user: String,
    name: String,
    scopes: Scopes,
    life: Duration,
    max: u64,
) -> Result<(), Fault> {
    let doing = "make a token";
    let catalog = installation.catalog().await?;
    let user = find_active_user(&catalog, &user).await?;
    let name = token_name(&name).ok_or_else(|| {
        Fault::new(doing, format!("its name must have 1 to {MAX_TOKEN_NAME} characters"))
    })?;
    if scopes == Scopes::NONE || (scopes.contains(Scope::Admin) && user.role != Role::Admin) {
        return Err(Fault::new(doing, "it needs a scope, and only admins have the scope admin"));
    }
    let secret = new_token();
    let new = NewToken {
        user: user.id,
        hash: &hash(&secret),
        tail: token_tail(&secret),
        name: &name,
        scopes,
        life: Some(life),
    };
    let token = catalog.create_token(&new, max).await?;
    let token = token.ok_or_else(|| Fault::new(doing, "the user has MAX_TOKENS already"))?;
    audit::audit("token made", &Principal::Open, &token.id);
    println!("{secret}");
    Ok(())
}

pub(crate) async fn adopt(
    installation: Installation,
    user: String,
    public: bool,
) -> Result<(), Fault> {
    let catalog = installation.catalog().await?;
    let user = find_active_user(&catalog, &user).await?;
    let (mut all, mut after) = (0, None);
    while let Some((last, some)) = catalog.adopt_images(user.id, public, after).await? {
        after = Some(last);
        all += some;
    }
    audit::audit("images adopted", &Principal::Open, &user.id);
    println!("adopted by {}: {}", user.id, pluralize(all, "image"));
    Ok(())
}
