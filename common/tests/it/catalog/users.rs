//! Users, and the use of storage in their rows.

use common::account::{
    user::{Identity, Role, User, UserState},
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

async fn the_step_of_accounts_can_be_undone_and_follow_a_later_one(catalog: Catalog) {
    let (image, _) = stored(&catalog, "a").await;
    let ada = signed_in(&catalog, "ada").await.id;
    assert_eq!(catalog.adopt_images(ada, true, None).await.unwrap(), Some((image.id, 1)));
    let db = catalog.connection();
    // one connection: others of SQLite still have the columns and triggers that it drops
    let txn = db.begin().await.unwrap();
    migration::Migrator::down(&txn, Some(2)).await.unwrap();
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
