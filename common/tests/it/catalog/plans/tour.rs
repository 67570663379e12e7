//! Everything that uploads, jobs, readers, the janitor, the backfill and operators do: each method
//! of the catalog, in each way in which it makes another statement.

use common::{
    account::{
        principal::Caller,
        scopes::Scopes,
        sign_in::PendingSignIn,
        user::{Role, UserState},
    },
    catalog::{
        Allowance, Cursor, MarkedBlob, NewToken, NewUpload, Received, Renders, Snapshot, Sort,
        UserChange,
    },
    job::{JobError, Lane},
    periods::Periods,
    resumable::{HashState, Part, UploadState},
    user_id::UserId,
    visibility::Visibility,
};

use super::filling::{ADA, NEXT, RENDERED, SAME_SHA256, id};
use crate::catalog::{users::identity, *};

const PERIODS: Periods = Periods {
    upload_lease: LONG,
    transfer: LONG,
    lease: LONG,
    backoff_max: LONG,
    blob_grace: Duration::from_secs(3_600),
};

pub(super) async fn run(catalog: &Catalog) {
    catalog.time().await.unwrap();
    uploads(catalog).await;
    resumable_uploads(catalog).await;
    jobs(catalog).await;
    let image = id(7);
    readers(catalog, image).await;
    lists(catalog).await;
    changes(catalog).await;
    backfills(catalog).await;
    accounts(catalog).await;
    removed(catalog, image).await.unwrap();
    janitor(catalog).await;
    operator(catalog).await;
    transfer(catalog).await;
}

/// One of each kind whose queries differ. Admins make those of [`Principal::Open`].
fn principals() -> [Principal; 4] {
    let ada = Caller { id: ADA, role: Role::User, scopes: Scopes::ALL };
    [
        Principal::Open,
        Principal::Anonymous { reads_public: true },
        Principal::Anonymous { reads_public: false },
        Principal::User(ada),
    ]
}

async fn uploads(catalog: &Catalog) {
    let begin = async |key: &'static str, lease| {
        catalog.begin_upload(None, &metadata("a"), Some(key), lease).await.unwrap()
    };
    acquired(begin("key", ENDED).await);
    let upload = acquired(begin("key", LONG).await);
    assert!(matches!(begin("key", LONG).await, Intent::InProgress));
    let blob = reserved(catalog, &upload).await;
    let job = JobId::generate();
    catalog.commit_upload(&upload, &blob, job, None, ENGINE).await.unwrap().stored().unwrap();
    assert!(matches!(begin("key", LONG).await, Intent::Stored(_)));
    let upload = acquired(begin("other", LONG).await);
    let blob = reserved(catalog, &upload).await;
    catalog.abandon_upload(&upload, &blob).await.unwrap();
    let ada = Some(Allowance { user: ADA, max_bytes: None, max_images: None });
    let upload =
        acquired(catalog.begin_upload(ada, &metadata("a"), Some("key"), LONG).await.unwrap());
    let (blob, job) = (reserved(catalog, &upload).await, JobId::generate());
    catalog.commit_upload(&upload, &blob, job, None, ENGINE).await.unwrap().stored().unwrap();
}

async fn resumable_uploads(catalog: &Catalog) {
    let part = Part { number: 2, receipt: "tag".into() };
    for owner in [None, Some(ADA)] {
        catalog.announced_bytes(owner).await.unwrap();
        let new = |length| NewUpload { owner, length, name: None, hash: HashState("x".into()) };
        let created = catalog.create_upload(new(8), 100, LONG).await.unwrap().unwrap();
        catalog.upload(created.id, &Principal::Open).await.unwrap().unwrap();
        let mut upload = catalog.begin_receiving(created.id, LONG).await.unwrap().unwrap();
        assert!(catalog.name_multipart(&upload, "id").await.unwrap());
        let blobs = [format!("uploads/{}/1", upload.id)];
        catalog.reserve_blobs(&blobs, LONG).await.unwrap();
        let received = |part, position| Received {
            part,
            blobs: if position == 4 { &blobs } else { &[] },
            position,
            hash: HashState("x".into()),
            kept: ENDED,
        };
        assert!(catalog.record_received(&upload, received(None, 4)).await.unwrap());
        upload.tail = Some(blobs[0].clone());
        assert!(catalog.record_received(&upload, received(Some((&part, 8)), 8)).await.unwrap());
        assert_eq!(catalog.upload_parts(upload.id).await.unwrap().len(), 1);
        let claimed = catalog.claim_finishing(Some(upload.id), ENDED).await.unwrap().unwrap();
        let claimed = catalog.claim_finishing(None, ENDED).await.unwrap().unwrap_or(claimed);
        let failed = UploadState::Failed("why".into());
        assert!(catalog.conclude_upload(&claimed, &failed, &[], ENDED).await.unwrap());
        for expired in catalog.claim_ended_uploads(LONG).await.unwrap() {
            catalog.remove_upload(&expired, &[]).await.unwrap();
        }
        let created = catalog.create_upload(new(8), 100, LONG).await.unwrap().unwrap();
        let ending = catalog.begin_ending(created.id, LONG).await.unwrap().unwrap();
        catalog.remove_upload(&ending, &[format!("uploads/{}/2", ending.id)]).await.unwrap();
    }
}

async fn jobs(catalog: &Catalog) {
    let (_, job) = stored(catalog, "a").await;
    let claim = claimed(catalog, job, LONG).await;
    assert!(catalog.extend_lease(&claim, LONG).await.unwrap());
    let render = rendered(catalog, &claim, "width=80").await;
    assert!(catalog.finish(&claim, ENGINE, &render).await.unwrap());
    assert_eq!(catalog.done_by(&claim).await.unwrap(), Some(true));
    for (engine, lane) in [(ENGINE, Lane::Fresh), (NEXT, Lane::Backfill)] {
        let claims = catalog.claim_due(engine, lane, "worker", LONG, MAX_STRIKES, 8).await.unwrap();
        assert_eq!(claims.len(), 8);
        assert!(catalog.count_strike(&claims[0]).await.unwrap());
        let error = JobError::Service("away".into());
        assert!(catalog.retry(&claims[0], LONG, true, Some(&error)).await.unwrap());
        assert!(catalog.retry(&claims[1], LONG, false, None).await.unwrap());
        assert!(catalog.discard(&claims[2], "why").await.unwrap());
        let render = rendered(catalog, &claims[3], "width=80").await;
        catalog.release_blobs(&[render[0].blob.clone()]).await.unwrap();
        assert!(!catalog.finish(&claims[3], engine, &render).await.unwrap());
        assert!(catalog.finish(&claims[3], engine, &[]).await.unwrap());
    }
}

async fn readers(catalog: &Catalog, image: ImageId) {
    catalog.image(image).await.unwrap().unwrap();
    for reader in &principals() {
        catalog.readable_image(image, reader).await.unwrap();
        catalog.image_with_jobs(image, reader).await.unwrap();
    }
    catalog.images_of(&[image, id(8)]).await.unwrap();
    catalog.jobs_of(&[image, id(8)]).await.unwrap();
    assert_eq!(catalog.renders(image).await.unwrap().len(), 1);
    let spec_hash = &hash("width=80");
    let newest = |engine| Renders::Newest { spec_hash, engine };
    for which in [Renders::All, newest(None), newest(Some(RENDERED))] {
        for reader in &principals() {
            let found = catalog.image_with_renders(image, which, reader).await.unwrap();
            assert!(found.is_none_or(|(_, renders)| renders.len() == 1));
        }
    }
}

async fn lists(catalog: &Catalog) {
    for sort in Sort::ALL {
        let start = Page { sort, ..page(50) };
        let rows = catalog.images_with_jobs(&start, &Principal::Open).await.unwrap();
        let place = Cursor::of(&rows[49].0, sort);
        for is_backward in [false, true] {
            for cursor in [None, Some(place.clone())] {
                for sha256 in [None, Some(SAME_SHA256.to_owned())] {
                    let cursor = cursor.clone();
                    let page = Page { is_backward, cursor, sha256, ..start.clone() };
                    for reader in &principals() {
                        list(catalog, reader, page.clone()).await;
                        let owner = reader.user();
                        if owner.is_some() {
                            list(catalog, reader, Page { owner, ..page.clone() }).await;
                        }
                    }
                }
            }
        }
    }
}

/// A page, and searches by name, which look at so many names, whether they find images or not.
async fn list(catalog: &Catalog, reader: &Principal, page: Page) {
    let until = catalog.place_after(&page, 40, reader).await.unwrap();
    let search = |word: &str, until| Page { words: vec![word.into()], until, ..page.clone() };
    let searches = [search("e 1", until.clone()), search("nothing", until), search("e 1", None)];
    for page in [&page].into_iter().chain(&searches) {
        if *reader == Principal::Open {
            catalog.images(page).await.unwrap();
        }
        catalog.images_with_jobs(page, reader).await.unwrap();
        catalog.count_images(page, reader).await.unwrap();
    }
}

async fn accounts(catalog: &Catalog) {
    assert!(catalog.has_users().await.unwrap());
    let bob = catalog.sign_in_user(&identity("bob"), Role::User).await.unwrap().id;
    catalog.user(bob).await.unwrap().unwrap();
    catalog.users(None, 20).await.unwrap();
    catalog.users(Some(ADA), 20).await.unwrap();
    sign_ins(catalog, bob).await;
    tokens(catalog, bob).await;
    let shared = id(9);
    let share = catalog.create_share(shared, bob, "link", Some(LONG), 9).await.unwrap().unwrap();
    assert_eq!(catalog.shared_image("link").await.unwrap(), Some(shared));
    assert_eq!(catalog.shares(shared).await.unwrap().len(), 1);
    assert!(catalog.revoke_share(shared, share.id).await.unwrap());
    catalog.delete_ended_shares().await.unwrap();
    catalog.count_upload(bob, 1).await.unwrap().unwrap();
    catalog.count_upload(bob, 1).await.unwrap().unwrap();
    for principal in &principals() {
        for visibility in [Visibility::Public, Visibility::Private] {
            catalog.set_visibility(id(40), visibility, principal).await.unwrap();
        }
        let original = |attempt| original_key(id(41), attempt);
        catalog.remove_image(id(41), principal, original).await.unwrap();
    }
    catalog.adopt_images(ADA, false, None).await.unwrap().unwrap();
    catalog.adopt_images(ADA, true, Some(id(600))).await.unwrap().unwrap();
    for state in [None, Some(UserState::Active)] {
        for max_bytes in [None, Some(None)] {
            for max_images in [None, Some(Some(9))] {
                let change = UserChange { state, max_bytes, max_images };
                catalog.change_user(bob, change).await.unwrap().unwrap();
            }
        }
    }
    for user in [bob, ADA] {
        assert!(catalog.begin_leaving(user).await.unwrap());
        catalog.hide_images(user, None).await.unwrap();
        catalog.hide_images(user, Some(id(9))).await.unwrap();
        catalog.images_owned_by(user).await.unwrap();
    }
    assert_eq!(catalog.leaving_users().await.unwrap().len(), 2);
    assert!(catalog.delete_left_user(bob).await.unwrap());
    assert!(!catalog.delete_left_user(ADA).await.unwrap(), "there are images");
}

fn pending_sign_in() -> PendingSignIn {
    PendingSignIn {
        provider: "oidc".into(),
        nonce: String::new(),
        verifier: String::new(),
        return_to: "/".into(),
    }
}

async fn sign_ins(catalog: &Catalog, user: UserId) {
    catalog.begin_sign_in("state", "browser", &pending_sign_in(), LONG).await.unwrap();
    assert!(catalog.take_sign_in("state", "browser", "oidc").await.unwrap().is_some());
    catalog.delete_expired_sign_ins().await.unwrap();
    for hash in ["one", "two"] {
        catalog.start_session(user, hash, "browser", LONG, LONG).await.unwrap();
        let sql = "UPDATE sessions SET seen_at = 0";
        catalog.connection().execute_unprepared(sql).await.unwrap();
        catalog.session(hash, LONG).await.unwrap().unwrap();
    }
    let sessions = catalog.sessions(user).await.unwrap();
    assert!(catalog.end_session_of(user, sessions[0].id).await.unwrap());
    assert_eq!(catalog.end_session("one").await.unwrap(), Some(user));
    catalog.delete_ended_sessions().await.unwrap();
}

async fn tokens(catalog: &Catalog, user: UserId) {
    let (name, tail, scopes) = ("CI", "tail", Scopes::ALL);
    let new = NewToken { user, hash: "token", tail, name, scopes, life: Some(LONG) };
    let token = catalog.create_token(&new, 9).await.unwrap().unwrap();
    catalog.token("token").await.unwrap().unwrap();
    assert_eq!(catalog.tokens(user).await.unwrap().len(), 1);
    assert!(catalog.revoke_token(user, token.id).await.unwrap());
    catalog.delete_ended_tokens().await.unwrap();
}

async fn changes(catalog: &Catalog) {
    let now = catalog.snapshot().await.unwrap();
    let next = now.next().0;
    let since = |text: String| text.parse::<Snapshot>().unwrap();
    let some_in_progress = since(format!("{}:5,6", next - 1));
    for from in [Snapshot::EMPTY, some_in_progress.clone()] {
        let page = catalog.changes(&from, &now, None, 20).await.unwrap();
        catalog.changes(&from, &now, page.last().copied(), 20).await.unwrap();
        catalog.has_more_changes(&from, &now, 20).await.unwrap();
        let to = since(format!("{next}:{}", next - 1));
        let page = catalog.changes(&from, &to, None, 20).await.unwrap();
        catalog.changes(&from, &to, page.last().copied(), 20).await.unwrap();
        catalog.has_more_changes(&from, &to, 20).await.unwrap();
    }
    catalog.last_change(id(7)).await.unwrap().unwrap();
}

async fn backfills(catalog: &Catalog) {
    let other_presets = backfill::target(RENDERED, &["width=80"]);
    catalog.lead_backfill(&other_presets).await.unwrap().unwrap();
    for (engine, presets) in
        [(RENDERED, ["width=80", "width=40"]), (NEXT + 1, ["width=80", "width=80"])]
    {
        let target = backfill::target(engine, &presets);
        let mut lead = catalog.lead_backfill(&target).await.unwrap().unwrap();
        // those of the tour, and then older ones
        catalog.step_backfill(&mut lead).await.unwrap().unwrap();
        assert_eq!(catalog.step_backfill(&mut lead).await.unwrap().unwrap().jobs, 500);
        catalog.resign_backfill(&lead).await.unwrap();
    }
    assert_eq!(catalog.backfill(&other_presets).await.unwrap(), 0, "it has a leader");
}

async fn janitor(catalog: &Catalog) {
    catalog.set_back(&PERIODS).await.unwrap();
    catalog.discard_exhausted(ENGINE, MAX_STRIKES).await.unwrap();
    let (deleted, last) = catalog.delete_superseded(RENDERED, None, 200).await.unwrap();
    assert_eq!(deleted, 200);
    assert_eq!(catalog.delete_superseded(RENDERED, last, 200).await.unwrap().0, 200);
    let (old, seen) = (&[id(8)], catalog.retention(1).await.unwrap());
    catalog.with_old_versions(old, 1).await.unwrap();
    catalog.delete_old_versions(old, 1, LONG, &seen, &seen).await.unwrap();
    catalog.delete_expired_uploads(LONG).await.unwrap();
    catalog.prune_deletions(LONG).await.unwrap();
    catalog.mark_expired().await.unwrap();
    let mut blobs = catalog.claim_marked(20, LONG).await.unwrap();
    assert_eq!(blobs.len(), 20);
    blobs.push(MarkedBlob { was_swept: true, ..blobs[0].clone() });
    catalog.record_sweep(&blobs, LONG).await.unwrap();
    catalog.expire_leases().await.unwrap();
}

async fn operator(catalog: &Catalog) {
    catalog.backlog(ENGINE).await.unwrap();
    catalog.overdue(LONG).await.unwrap();
    assert_eq!(catalog.count_ahead(&PERIODS).await.unwrap().map(|(_, count)| count), [0; 4]);
    let dead = catalog.dead(20).await.unwrap();
    assert_eq!(catalog.retry_dead(Some(dead[0].id), 1).await.unwrap(), 1);
    catalog.retry_dead(None, 100).await.unwrap();
}

async fn transfer(catalog: &Catalog) {
    let ids = catalog.image_ids(Some(id(8)), 20).await.unwrap();
    assert_eq!(ids.len(), 20);
    let rows = catalog.image_rows(&ids[..2]).await.unwrap();
    catalog.put_image_rows(&rows).await.unwrap();
    assert_eq!(catalog.image_rows(&ids[..2]).await.unwrap(), rows);
    catalog.remove_image_rows(&ids[..1]).await.unwrap();
    transfer_accounts(catalog).await;
    catalog.begin_transfer_from("elsewhere").await.unwrap_err();
    catalog.end_transfer().await.unwrap();
    catalog.freeze().await.unwrap();
    catalog.unfreeze().await.unwrap();
}

/// The accounts go to another catalog, and back.
async fn transfer_accounts(catalog: &Catalog) {
    let user = catalog.sign_in_user(&identity("carol"), Role::User).await.unwrap().id;
    catalog.start_session(user, "moved", "browser", LONG, LONG).await.unwrap();
    let (name, tail, scopes) = ("CI", "tail", Scopes::ALL);
    let token = NewToken { user, hash: "moved", tail, name, scopes, life: None };
    catalog.create_token(&token, 9).await.unwrap().unwrap();
    let shared = catalog.image_ids(None, 1).await.unwrap();
    catalog.create_share(shared[0], user, "moved", None, 9).await.unwrap().unwrap();
    catalog.begin_sign_in("moved", "browser", &pending_sign_in(), LONG).await.unwrap();

    let temp = tempfile::tempdir().unwrap();
    let other = catalog_at(&format!("sqlite://{}", temp.path().join("other.db").display())).await;
    migration::up(other.connection()).await.unwrap();
    other.put_image_rows(&catalog.image_rows(&shared).await.unwrap()).await.unwrap();
    other.copy_accounts_from(catalog).await.unwrap();
    let gone = catalog.sign_in_user(&identity("gone"), Role::User).await.unwrap().id;
    catalog.copy_accounts_from(&other).await.unwrap();
    assert_eq!(catalog.user(gone).await.unwrap(), None);
}
