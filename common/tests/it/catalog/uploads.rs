//! An upload becomes an image by one commit, of whoever holds it then.

use common::{
    catalog::{Catalog, Intent, Upload},
    image::Facts,
    job::JobId,
    store::original_key,
};

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        an_upload_is_an_image_once_it_is_committed
        an_upload_commits_once
        an_upload_that_was_overtaken_commits_nothing
        an_upload_whose_blob_was_condemned_commits_nothing
        a_key_belongs_to_one_upload
        a_key_is_given_to_one_of_many
        an_abandoned_upload_frees_its_key
        dead_uploads_are_forgotten
    ]
}

async fn an_upload_is_an_image_once_it_is_committed(catalog: Catalog) {
    let facts = Facts { name: Some("naïve \"name\".png".into()), ..facts("a") };
    let upload = ours(catalog.begin_upload(&facts, None, LONG).await.unwrap());
    assert_eq!(catalog.image(upload.image).await.unwrap(), None);
    assert_eq!(catalog.images(&page(9)).await.unwrap(), []);

    let (job, blob) = (JobId::fresh(), promised(&catalog, &upload).await);
    let image = catalog.commit_upload(&upload, &blob, job, ENGINE).await.unwrap().unwrap();
    assert_eq!(image.facts, facts);
    assert!(image.stored_at >= image.created_at);
    assert_eq!(catalog.image(upload.image).await.unwrap(), Some(image.clone()));
    assert_eq!(catalog.images(&page(9)).await.unwrap(), [image]);
    assert_eq!(due(&catalog).await, [job]);
    // its blob is loose no more
    catalog.break_promise(&[blob]).await.unwrap();
    assert_eq!(condemned(&catalog).await, HashSet::new());
}

async fn an_upload_commits_once(catalog: Catalog) {
    let upload = ours(catalog.begin_upload(&facts("a"), None, LONG).await.unwrap());
    let blob = promised(&catalog, &upload).await;
    let commits =
        at_once(
            (0..8).map(|_| {
                let (catalog, upload, blob) = (catalog.clone(), upload.clone(), blob.clone());
                async move {
                    catalog.commit_upload(&upload, &blob, JobId::fresh(), ENGINE).await.unwrap()
                }
            }),
        );
    assert_eq!(commits.await.into_iter().flatten().count(), 1);
    assert_eq!(due(&catalog).await.len(), 1);
}

async fn an_upload_that_was_overtaken_commits_nothing(catalog: Catalog) {
    let slow = ours(catalog.begin_upload(&facts("a"), Some("key"), ENDED).await.unwrap());
    let slow_blob = promised(&catalog, &slow).await;
    let quick = ours(catalog.begin_upload(&facts("b"), Some("key"), LONG).await.unwrap());
    assert_eq!((quick.image, quick.attempt), (slow.image, 2));
    let quick_blob = promised(&catalog, &quick).await;

    let commit = |upload: Upload, blob: String| {
        let catalog = catalog.clone();
        async move { catalog.commit_upload(&upload, &blob, JobId::fresh(), ENGINE).await.unwrap() }
    };
    assert_eq!(commit(slow.clone(), slow_blob.clone()).await, None);
    let image = commit(quick, quick_blob).await.unwrap();
    assert_eq!((image.facts, image.attempt), (facts("b"), 2));
    assert_eq!(commit(slow, slow_blob.clone()).await, None);
    // it did not even lose its promise
    catalog.break_promise(std::slice::from_ref(&slow_blob)).await.unwrap();
    assert_eq!(condemned(&catalog).await, HashSet::from([slow_blob]));
}

async fn an_upload_whose_blob_was_condemned_commits_nothing(catalog: Catalog) {
    let upload = ours(catalog.begin_upload(&facts("a"), None, LONG).await.unwrap());
    let blob = original_key(upload.image, upload.attempt);
    catalog.promise(std::slice::from_ref(&blob), ENDED).await.unwrap();
    assert_eq!(catalog.condemn_overdue().await.unwrap(), 1);
    let committed = catalog.commit_upload(&upload, &blob, JobId::fresh(), ENGINE).await.unwrap();
    assert_eq!(committed, None);
    assert_eq!(catalog.image(upload.image).await.unwrap(), None);
    assert_eq!(due(&catalog).await, []);
    assert_eq!(condemned(&catalog).await, HashSet::from([blob]));
}

async fn a_key_belongs_to_one_upload(catalog: Catalog) {
    let upload = ours(catalog.begin_upload(&facts("a"), Some("key"), LONG).await.unwrap());
    let again = catalog.begin_upload(&facts("a"), Some("key"), LONG).await.unwrap();
    assert!(matches!(again, Intent::Running), "{again:?}");
    let blob = promised(&catalog, &upload).await;
    catalog.commit_upload(&upload, &blob, JobId::fresh(), ENGINE).await.unwrap().unwrap();
    let again = catalog.begin_upload(&facts("b"), Some("key"), LONG).await.unwrap();
    assert!(matches!(&again, Intent::Stored(image) if image.facts == facts("a")), "{again:?}");
    // other keys, and uploads without one, are others
    ours(catalog.begin_upload(&facts("a"), Some("Key"), LONG).await.unwrap());
    for _ in 0..2 {
        ours(catalog.begin_upload(&facts("a"), None, LONG).await.unwrap());
    }
}

async fn a_key_is_given_to_one_of_many(catalog: Catalog) {
    let mut given = 0;
    for lease in [ENDED, LONG] {
        let intents = at_once((0..8).map(|_| {
            let catalog = catalog.clone();
            async move { catalog.begin_upload(&facts("a"), Some("key"), lease).await.unwrap() }
        }));
        let mut attempts: Vec<i32> = Vec::new();
        for intent in intents.await {
            match intent {
                Intent::Ours(upload) => attempts.push(upload.attempt),
                // even a lease of no length ends after a statement that began before it
                Intent::Running => {}
                Intent::Stored(image) => panic!("nobody stored {image:?}"),
            }
        }
        attempts.sort_unstable();
        let expected: Vec<i32> = (given + 1..).take(attempts.len()).collect();
        assert_eq!(attempts, expected, "each overtakes the one before it");
        assert!(lease == ENDED || attempts.len() == 1, "one holds the lease: {attempts:?}");
        given += attempts.len() as i32;
    }
}

async fn an_abandoned_upload_frees_its_key(catalog: Catalog) {
    let upload = ours(catalog.begin_upload(&facts("a"), Some("key"), LONG).await.unwrap());
    let blob = promised(&catalog, &upload).await;
    catalog.abandon_upload(&upload, &blob).await.unwrap();
    assert_eq!(condemned(&catalog).await, HashSet::from([blob.clone()]));
    assert_eq!(catalog.commit_upload(&upload, &blob, JobId::fresh(), ENGINE).await.unwrap(), None);
    let next = ours(catalog.begin_upload(&facts("b"), Some("key"), LONG).await.unwrap());
    assert_ne!(next.image, upload.image);
    // one that was overtaken abandons nothing of its successor
    catalog.abandon_upload(&Upload { attempt: 0, ..next.clone() }, "other").await.unwrap();
    let blob = promised(&catalog, &next).await;
    assert!(catalog.commit_upload(&next, &blob, JobId::fresh(), ENGINE).await.unwrap().is_some());
}

async fn dead_uploads_are_forgotten(catalog: Catalog) {
    let dead = ours(catalog.begin_upload(&facts("a"), Some("dead"), ENDED).await.unwrap());
    let alive = ours(catalog.begin_upload(&facts("b"), Some("alive"), LONG).await.unwrap());
    let (stored, _) = stored(&catalog, "c").await;
    assert_eq!(catalog.forget_dead_uploads(LONG).await.unwrap(), 0, "its grace is not over");
    assert_eq!(catalog.forget_dead_uploads(ENDED).await.unwrap(), 1);
    let next = ours(catalog.begin_upload(&facts("a"), Some("dead"), LONG).await.unwrap());
    assert_ne!(next.image, dead.image);
    assert_eq!(catalog.image(stored.id).await.unwrap(), Some(stored));
    let blob = promised(&catalog, &alive).await;
    assert!(catalog.commit_upload(&alive, &blob, JobId::fresh(), ENGINE).await.unwrap().is_some());
}

/// SQLite ends the transaction that meets a full disk by itself, as it does for this trigger.
#[tokio::test]
async fn transactions_that_sqlite_ended_harm_none_after_them() {
    let temp = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", temp.path().join("planet.db").display());
    let catalog = opened(&url).await;
    let upload = ours(catalog.begin_upload(&facts("a"), None, LONG).await.unwrap());
    let blob = promised(&catalog, &upload).await;
    let commit = async |upload| {
        catalog.commit_upload(&upload, &blob, JobId::fresh(), ENGINE).await.map(|i| i.is_some())
    };
    let run = |sql| catalog.connection().execute_unprepared(sql);
    run("CREATE TRIGGER full BEFORE UPDATE ON images BEGIN SELECT RAISE(ROLLBACK, 'full'); END")
        .await
        .unwrap();
    let rounds = 8; // every connection has its turn
    for _ in 0..rounds {
        commit(upload.clone()).await.unwrap_err();
    }
    run("DROP TRIGGER full").await.unwrap();
    for _ in 0..rounds {
        assert!(!commit(Upload { attempt: 9, ..upload.clone() }).await.unwrap());
    }
    assert!(commit(upload.clone()).await.unwrap());
    // what was acknowledged is there for everybody
    assert!(catalog_at(&url).await.image(upload.image).await.unwrap().is_some());
}
