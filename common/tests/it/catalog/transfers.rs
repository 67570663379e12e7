//! Rows are copied as they are, and a frozen catalog refuses every change.

use common::{
    account::{
        scopes::Scopes,
        sign_in::PendingSignIn,
        user::{Role, User, UserState},
    },
    catalog::{Allowance, NewToken, UserChange},
    pipeline::{AuditEvent, AuditOptions, TransferRoute, audit, transfer},
    store::{self, Content, Store},
};
use sea_orm::DbBackend;
use tokio_util::sync::CancellationToken;

use super::{
    users::{identity, signed_in},
    *,
};

/// The tables that a move copies.
const COPIED: [&str; 8] =
    ["images", "jobs", "renders", "sessions", "shares", "sign_ins", "tokens", "users"];
/// The tables that it leaves: the new installation begins them anew.
const LEFT: [&str; 7] = [
    "backfills",
    "blob_gc",
    "changes",
    "retentions",
    "seaql_migrations",
    "upload_parts",
    "uploads",
];

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        rows_are_copied_as_they_are
        a_frozen_catalog_refuses_changes_until_it_is_released
        accounts_are_copied_and_no_table_is_forgotten
        a_move_ends_with_the_accounts
        accounts_of_a_frozen_catalog_are_read_and_not_changed
        only_an_empty_catalog_takes_a_transfer_and_from_one_source
        large_originals_are_moved_and_checked
    ]
}

async fn rows_are_copied_as_they_are(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let blob = finish(&catalog, job, ENGINE, "width=80").await;
    let (other, _) = stored(&catalog, "b").await;
    let ids = catalog.image_ids(None, 9).await.unwrap();
    assert_eq!(ids, [image.id, other.id]);
    assert_eq!(catalog.image_ids(Some(image.id), 9).await.unwrap(), [other.id]);
    let rows = catalog.image_rows(&ids).await.unwrap();
    let keys: Vec<String> = rows[0].blobs(original_key).into_iter().map(|blob| blob.key).collect();
    assert_eq!(keys, [original_key(image.id, image.attempt), blob]);

    on_sqlite(async |target| {
        target.put_image_rows(&rows).await.unwrap();
        // again, with what has changed
        target.put_image_rows(&rows[..1]).await.unwrap();
        assert_eq!(target.image_rows(&ids).await.unwrap(), rows);
        assert_eq!(target.image(image.id).await.unwrap().as_ref(), Some(&image));
        let renders = |of: Catalog| async move { of.renders(image.id).await.unwrap() };
        assert_eq!(renders(target.clone()).await, renders(catalog.clone()).await);
        // what is still to be done is done there
        assert_eq!(due(&target).await.len(), 1);
        target.remove_image_rows(&ids[1..]).await.unwrap();
        assert_eq!(target.image_ids(None, 9).await.unwrap(), [image.id]);
    })
    .await;
}

async fn a_frozen_catalog_refuses_changes_until_it_is_released(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let upload = acquired(catalog.begin_upload(None, &metadata("b"), None, LONG).await.unwrap());
    let blob = reserved(&catalog, &upload).await;
    catalog.freeze().await.unwrap();
    // a move that was interrupted freezes again
    catalog.freeze().await.unwrap();
    let refused = catalog.begin_upload(None, &metadata("c"), None, LONG).await.unwrap_err();
    assert!(refused.to_string().contains("planet-admin move"), "{refused}");
    let commit = catalog.commit_upload(&upload, &blob, JobId::generate(), None, ENGINE).await;
    assert!(commit.is_err());
    assert!(catalog.claim(job, ENGINE, "worker", LONG, MAX_STRIKES).await.is_err());
    let key = |attempt| original_key(image.id, attempt);
    assert!(catalog.remove_image(image.id, &Principal::Open, key).await.is_err());
    assert_eq!(catalog.image(image.id).await.unwrap().as_ref(), Some(&image));

    catalog.unfreeze().await.unwrap();
    catalog.unfreeze().await.unwrap();
    let commit = catalog.commit_upload(&upload, &blob, JobId::generate(), None, ENGINE).await;
    assert!(commit.unwrap().stored().is_some());
    finish(&catalog, job, ENGINE, "width=80").await;
    assert!(removed(&catalog, image.id).await.is_some());
}

/// Ada has an image, a session, a token and a link, and has begun another sign-in.
async fn with_account(catalog: &Catalog) -> (Image, User) {
    let (image, job) = stored(catalog, "a").await;
    finish(catalog, job, ENGINE, "width=80").await;
    let ada = signed_in(catalog, "ada").await.id;
    catalog.adopt_images(ada, true, None).await.unwrap().unwrap();
    catalog.start_session(ada, "session", "browser", LONG, LONG).await.unwrap();
    let (name, tail, scopes) = ("CI", "tail", Scopes::ALL);
    let token = NewToken { user: ada, hash: "token", tail, name, scopes, life: None };
    catalog.create_token(&token, 9).await.unwrap().unwrap();
    catalog.create_share(image.id, ada, "link", None, 9).await.unwrap().unwrap();
    catalog.begin_sign_in("state", "browser", &pending(), LONG).await.unwrap();
    let image = catalog.image(image.id).await.unwrap().unwrap();
    (image, catalog.user(ada).await.unwrap().unwrap())
}

fn pending() -> PendingSignIn {
    PendingSignIn {
        provider: "oidc".into(),
        nonce: "nonce".into(),
        verifier: "verifier".into(),
        return_to: "/".into(),
    }
}

/// The names of all tables.
async fn tables(catalog: &Catalog) -> Vec<String> {
    let db = catalog.connection();
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        }
        _ => {
            "SELECT table_name::text AS name FROM information_schema.tables
                WHERE table_schema = current_schema()"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

async fn count(catalog: &Catalog, table: &str) -> i64 {
    let db = catalog.connection();
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    row.unwrap().unwrap().try_get("", "n").unwrap()
}

async fn accounts_are_copied_and_no_table_is_forgotten(catalog: Catalog) {
    for table in tables(&catalog).await {
        let is_known = COPIED.contains(&&*table) || LEFT.contains(&&*table);
        assert!(is_known, "a move neither copies nor leaves the table {table}");
    }
    let (image, ada) = with_account(&catalog).await;
    assert_eq!((ada.images_used, ada.bytes_used), (1, image.metadata.bytes));
    let rows = catalog.image_rows(&[image.id]).await.unwrap();

    on_sqlite(async |target| {
        // of an earlier call: a user who left since, and who signed in again as another one
        signed_in(&target, "gone").await;
        signed_in(&target, "ada").await;
        target.put_image_rows(&rows).await.unwrap();
        assert_eq!(target.user(ada.id).await.unwrap().unwrap().state, UserState::Blocked);
        // and again, as after an interruption
        for _ in 0..2 {
            target.copy_accounts_from(&catalog).await.unwrap();
            target.put_image_rows(&rows).await.unwrap();
        }
        target.copy_accounts_from(&catalog).await.unwrap();
        for table in COPIED {
            let copied = count(&target, table).await;
            assert_eq!((copied, copied > 0), (count(&catalog, table).await, true), "{table}");
        }
        assert_eq!(target.image(image.id).await.unwrap().as_ref(), Some(&image));
        assert_eq!(target.user(ada.id).await.unwrap().as_ref(), Some(&ada));
        assert_eq!(target.sessions(ada.id).await.unwrap(), catalog.sessions(ada.id).await.unwrap());
        assert_eq!(target.tokens(ada.id).await.unwrap(), catalog.tokens(ada.id).await.unwrap());
        assert_eq!(target.session("session", LONG).await.unwrap().unwrap().1.id, ada.id);
        assert_eq!(target.token("token").await.unwrap().unwrap().1, Scopes::ALL);
        assert_eq!(target.shared_image("link").await.unwrap(), Some(image.id));
        assert!(target.take_sign_in("state", "browser", "oidc").await.unwrap().is_some());
        // what the user stores is counted on from there
        removed(&target, image.id).await.unwrap();
        let user = target.user(ada.id).await.unwrap().unwrap();
        assert_eq!((user.images_used, user.bytes_used), (0, 0));
    })
    .await;
}

async fn folder(temp: &tempfile::TempDir, name: &str) -> Store {
    let url = format!("file:{}", temp.path().join(name).display());
    let config = store::Config::read(&mut Env::new([("STORE_URL".into(), url)], []));
    Store::open(&config).await.unwrap()
}

/// Originals of more than one part are moved if they have the bytes that were stored.
async fn large_originals_are_moved_and_checked(catalog: Catalog) {
    let temp = tempfile::tempdir().unwrap();
    let (from_store, to_store) = (folder(&temp, "from").await, folder(&temp, "to").await);
    let bytes: bytes::Bytes = (0..20 << 20).map(|n: u32| (n % 251) as u8).collect();
    let metadata = Metadata {
        bytes: bytes.len() as u64,
        sha256: common::render::sha256_hex(&bytes),
        ..metadata("a")
    };
    let store = async |bytes: bytes::Bytes| {
        let upload = acquired(catalog.begin_upload(None, &metadata, None, LONG).await.unwrap());
        let blob = reserved(&catalog, &upload).await;
        from_store.put(&blob, Content::Bytes(bytes)).await.unwrap();
        let job = JobId::generate();
        let image = catalog.commit_upload(&upload, &blob, job, None, ENGINE).await.unwrap();
        (image.stored().unwrap().id, blob)
    };
    let (_, whole) = store(bytes.clone()).await;
    let mut wrong = bytes.to_vec();
    *wrong.last_mut().unwrap() ^= 1;
    let (damaged, damaged_blob) = store(wrong.into()).await;
    let (short, short_blob) = store(bytes.slice(1..)).await;

    let mut options = AuditOptions::read(&mut Env::new::<String>([], []));
    options.concurrency = 1;
    let stop = CancellationToken::new();
    let mut problems = Vec::new();
    let mut observer = |event: AuditEvent<'_>| {
        if let AuditEvent::Problem(line) = event {
            problems.push(line);
        }
    };
    let report = audit(&catalog, &from_store, &options, &stop, &mut observer).await.unwrap();
    assert_eq!((report.images, report.hashed, report.problems), (3, 3, 2));
    for (image, what) in [(damaged, "other bytes"), (short, "bytes instead of")] {
        let told = |line: &String| line.contains(&image.to_string()) && line.contains(what);
        assert!(problems.iter().any(told), "{problems:?}");
    }

    let route = TransferRoute {
        from: &catalog,
        from_store: &from_store,
        to: None,
        to_store: &to_store,
        concurrency: 2,
    };
    let report = transfer(route, "source", &stop, &mut |_| {}).await.unwrap();
    assert!(!report.problems.is_empty(), "{report:?}");
    for problem in &report.problems {
        let is_named = [damaged, short].iter().any(|id| problem.contains(&id.to_string()));
        assert!(is_named, "{problem}");
    }
    for blob in [&damaged_blob, &short_blob] {
        assert_eq!(to_store.length(blob).await.unwrap(), None, "{blob}");
    }
    for image in [damaged, short] {
        removed(&catalog, image).await.unwrap();
    }
    let report = transfer(route, "source", &stop, &mut |_| {}).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(to_store.get(&whole).await.unwrap().unwrap() == bytes);
}

async fn a_move_ends_with_the_accounts(catalog: Catalog) {
    let temp = tempfile::tempdir().unwrap();
    let (from_store, to_store) = (folder(&temp, "from").await, folder(&temp, "to").await);
    let ada = signed_in(&catalog, "ada").await.id;
    let owner = Some(Allowance { user: ada, max_bytes: None, max_images: None });
    let metadata = Metadata { bytes: 1, ..metadata("a") };
    let upload = acquired(catalog.begin_upload(owner, &metadata, None, LONG).await.unwrap());
    let (job, blob) = (JobId::generate(), reserved(&catalog, &upload).await);
    from_store.put(&blob, Content::Bytes("a".into())).await.unwrap();
    let image = catalog.commit_upload(&upload, &blob, job, None, ENGINE).await.unwrap();
    let image = image.stored().unwrap();

    on_sqlite(async |target| {
        let route = TransferRoute {
            from: &catalog,
            from_store: &from_store,
            to: Some(&target),
            to_store: &to_store,
            concurrency: 2,
        };
        let stop = CancellationToken::new();
        let report = transfer(route, "source", &stop, &mut |_| {}).await.unwrap();
        assert_eq!((report.blobs, report.problems), (1, Vec::new()));
        assert_eq!(target.image(image.id).await.unwrap().as_ref(), Some(&image));
        let user = target.user(ada).await.unwrap().unwrap();
        assert_eq!((user.images_used, user.bytes_used), (1, 1));
        assert_eq!(Some(user), catalog.user(ada).await.unwrap());
    })
    .await;
    assert!(catalog.sign_in_user(&identity("ada"), Role::User).await.is_err(), "it is frozen");
}

async fn accounts_of_a_frozen_catalog_are_read_and_not_changed(catalog: Catalog) {
    let (image, ada) = with_account(&catalog).await;
    catalog.freeze().await.unwrap();
    // when they were used last is written
    for table in ["sessions SET seen_at = 0", "tokens SET used_at = NULL"] {
        catalog.connection().execute_unprepared(&format!("UPDATE {table}")).await.unwrap();
    }
    assert!(catalog.session("session", LONG).await.unwrap().is_some());
    assert!(catalog.token("token").await.unwrap().is_some());
    assert_eq!(catalog.shared_image("link").await.unwrap(), Some(image.id));
    let blocked = UserChange { state: Some(UserState::Blocked), ..UserChange::default() };
    assert!(catalog.change_user(ada.id, blocked).await.is_err());
    // who begins to sign in is told before they go to the provider
    assert!(catalog.begin_sign_in("other", "browser", &pending(), LONG).await.is_err());
    // one that was begun goes on at the new place: its code is not spent here
    assert!(catalog.take_sign_in("state", "browser", "oidc").await.is_err());
    assert!(catalog.start_session(ada.id, "other", "browser", LONG, LONG).await.is_err());
    assert!(catalog.end_session("session").await.is_err());
    let token = catalog.tokens(ada.id).await.unwrap()[0].id;
    assert!(catalog.revoke_token(ada.id, token).await.is_err());
    let share = catalog.shares(image.id).await.unwrap()[0].id;
    assert!(catalog.revoke_share(image.id, share).await.is_err());
    assert!(catalog.begin_leaving(ada.id).await.is_err());

    catalog.unfreeze().await.unwrap();
    catalog.change_user(ada.id, blocked).await.unwrap().unwrap();
    assert!(catalog.end_session("session").await.unwrap().is_some());
}

async fn only_an_empty_catalog_takes_a_transfer_and_from_one_source(catalog: Catalog) {
    catalog.begin_transfer_from("one").await.unwrap();
    // an interrupted transfer goes on
    stored(&catalog, "a").await;
    catalog.begin_transfer_from("one").await.unwrap();
    let refused = catalog.begin_transfer_from("other").await.unwrap_err().to_string();
    assert!(refused.contains("one is being moved"), "{refused}");
    catalog.end_transfer().await.unwrap();
    let refused = catalog.begin_transfer_from("one").await.unwrap_err().to_string();
    assert!(refused.contains("it has images or users already"), "{refused}");
    on_sqlite(async |other| {
        signed_in(&other, "ada").await;
        assert!(other.begin_transfer_from("one").await.is_err());
    })
    .await;
}
