//! Users, and the use of storage in their rows.

use common::{
    account::{
        scopes::Scopes,
        user::{Identity, Role, User, UserState},
    },
    catalog::{Allowance, NewToken, UserChange},
    user_id::UserId,
    visibility::Visibility,
};
use migration::SchemaStatus;
use sea_orm::TransactionTrait;
use sea_orm_migration::MigratorTrait;

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        a_subject_of_an_issuer_is_one_user
        nothing_is_given_to_an_account_that_is_being_deleted
        limits_of_tokens_and_links_are_exact_under_concurrency
        the_step_of_accounts_can_be_undone_and_follow_a_later_one
    ]
}

pub(crate) fn identity(subject: &str) -> Identity {
    Identity {
        issuer: "https://id.example".into(),
        subject: subject.into(),
        name: subject.to_uppercase(),
        email: Some(format!("{subject}@example.org")),
    }
}

pub(crate) async fn signed_in(catalog: &Catalog, subject: &str) -> User {
    catalog.sign_in_user(&identity(subject), Role::User).await.unwrap()
}

async fn a_subject_of_an_issuer_is_one_user(catalog: Catalog) {
    assert!(!catalog.has_users().await.unwrap());
    let first = signed_in(&catalog, "ada").await;
    assert_eq!((first.state, first.role), (UserState::Active, Role::User));
    let renamed = Identity { name: "Ada L.".into(), email: None, ..identity("ada") };
    let again = catalog.sign_in_user(&renamed, Role::Admin).await.unwrap();
    assert_eq!((again.id, again.name.as_str(), again.role), (first.id, "Ada L.", Role::Admin));
    assert_eq!(catalog.user(first.id).await.unwrap(), Some(again));
    let elsewhere = Identity { issuer: "https://other.example".into(), ..identity("ada") };
    assert_ne!(catalog.sign_in_user(&elsewhere, Role::User).await.unwrap().id, first.id);
    assert!(catalog.has_users().await.unwrap());
}

async fn nothing_is_given_to_an_account_that_is_being_deleted(catalog: Catalog) {
    let (image, _) = stored(&catalog, "a").await;
    let ada = signed_in(&catalog, "ada").await.id;
    catalog.begin_leaving(ada).await.unwrap();
    catalog.adopt_images(ada, true, None).await.unwrap_err();
    assert_eq!(catalog.image(image.id).await.unwrap().unwrap().owner, None);
    catalog.create_token(&new_token(ada, "late"), 9).await.unwrap_err();
    assert_eq!(catalog.change_user(ada, UserChange::default()).await.unwrap(), None);
    // an upload of a user whose row is gone is refused, and is no failure of the database
    assert!(catalog.delete_left_user(ada).await.unwrap());
    let owner = Allowance { user: ada, max_bytes: None, max_images: None };
    let begun = catalog.begin_upload(Some(owner), &metadata("b"), None, LONG).await.unwrap();
    assert!(matches!(begun, Intent::NoOwner), "{begun:?}");
}

async fn limits_of_tokens_and_links_are_exact_under_concurrency(catalog: Catalog) {
    let (image, _) = stored(&catalog, "a").await;
    let ada = signed_in(&catalog, "ada").await.id;
    let hashes: Vec<String> = (0..12).map(|nth| format!("hash {nth}")).collect();
    let tokens = hashes
        .iter()
        .map(async |hash| catalog.create_token(&new_token(ada, hash), 5).await.unwrap().is_some());
    let made = futures_util::future::join_all(tokens).await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 5);
    let links = hashes.iter().map(async |hash| {
        catalog.create_share(image.id, ada, hash, None, 5).await.unwrap().is_some()
    });
    let made = futures_util::future::join_all(links).await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 5);
}

fn new_token(user: UserId, hash: &str) -> NewToken<'_> {
    NewToken { user, hash, tail: "tail", name: "name", scopes: Scopes::ALL, life: None }
}

async fn the_step_of_accounts_can_be_undone_and_follow_a_later_one(catalog: Catalog) {
    let (image, _) = stored(&catalog, "a").await;
    let ada = signed_in(&catalog, "ada").await.id;
    assert_eq!(catalog.adopt_images(ada, true, None).await.unwrap(), Some((image.id, 1)));
    let db = catalog.connection();
    // one connection: others of SQLite still have the columns and triggers that it drops
    let txn = db.begin().await.unwrap();
    migration::Migrator::down(&txn, Some(3)).await.unwrap();
    // as in an installation that had the step of traces before
    for sql in [
        "ALTER TABLE jobs ADD COLUMN trace text",
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0014_traces', 0)",
    ] {
        txn.execute_unprepared(sql).await.unwrap();
    }
    txn.commit().await.unwrap();
    assert!(db.execute_unprepared("SELECT owner_id FROM images").await.is_err());
    assert_eq!(migration::schema_status(db).await.unwrap(), SchemaStatus::Outdated);
    migration::up(db).await.unwrap();
    let kept = catalog.image(image.id).await.unwrap().unwrap();
    assert_eq!((kept.owner, kept.visibility), (None, Visibility::Private));
    removed(&catalog, image.id).await.unwrap();
    let (image, _) = stored(&catalog, "b").await;
    removed(&catalog, image.id).await.unwrap();
}
