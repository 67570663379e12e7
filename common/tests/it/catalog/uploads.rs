//! An upload becomes an image by one commit of the process that holds it.

use common::{
    catalog::{Catalog, Intent, Upload},
    image::Metadata,
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
        an_upload_whose_blob_was_marked_commits_nothing
        a_key_belongs_to_one_upload
        a_key_is_given_to_one_of_many
        an_abandoned_upload_frees_its_key
        expired_uploads_are_deleted
    ]
}

async fn an_upload_is_an_image_once_it_is_committed(catalog: Catalog) {
    let metadata = Metadata { name: Some("naïve \"name\".png".into()), ..metadata("a") };
    let upload = acquired(catalog.begin_upload(None, &metadata, None, LONG).await.unwrap());
    assert_eq!(catalog.image(upload.image).await.unwrap(), None);
    assert_eq!(catalog.images(&page(9)).await.unwrap(), []);

    let (job, blob) = (JobId::generate(), reserved(&catalog, &upload).await);
    let image =
        catalog.commit_upload(&upload, &blob, job, None, ENGINE).await.unwrap().stored().unwrap();
    assert_eq!(image.metadata, metadata);
    assert!(image.stored_at >= image.created_at);
    assert_eq!(catalog.image(upload.image).await.unwrap(), Some(image.clone()));
    assert_eq!(catalog.images(&page(9)).await.unwrap(), [image]);
    assert_eq!(due(&catalog).await, [job]);
    // its blob is not listed any more
    catalog.release_blobs(&[blob]).await.unwrap();
    assert_eq!(marked(&catalog).await, HashSet::new());
}

async fn an_upload_commits_once(catalog: Catalog) {
    let upload = acquired(catalog.begin_upload(None, &metadata("a"), None, LONG).await.unwrap());
    let blob = reserved(&catalog, &upload).await;
    let commits = at_once((0..8).map(|_| {
        let (catalog, upload, blob) = (catalog.clone(), upload.clone(), blob.clone());
        async move {
            catalog
                .commit_upload(&upload, &blob, JobId::generate(), None, ENGINE)
                .await
                .unwrap()
                .stored()
        }
    }));
    assert_eq!(commits.await.into_iter().flatten().count(), 1);
    assert_eq!(due(&catalog).await.len(), 1);
}

async fn an_upload_that_was_overtaken_commits_nothing(catalog: Catalog) {
    let slow =
        acquired(catalog.begin_upload(None, &metadata("a"), Some("key"), ENDED).await.unwrap());
    let slow_blob = reserved(&catalog, &slow).await;
    let quick =
        acquired(catalog.begin_upload(None, &metadata("b"), Some("key"), LONG).await.unwrap());
    assert_eq!((quick.image, quick.attempt), (slow.image, 2));
    let quick_blob = reserved(&catalog, &quick).await;

    let commit = |upload: Upload, blob: String| {
        let catalog = catalog.clone();
        async move {
            catalog
                .commit_upload(&upload, &blob, JobId::generate(), None, ENGINE)
                .await
                .unwrap()
                .stored()
        }
    };
    assert_eq!(commit(slow.clone(), slow_blob.clone()).await, None);
    let image = commit(quick, quick_blob).await.unwrap();
    assert_eq!((image.metadata, image.attempt), (metadata("b"), 2));
    assert_eq!(commit(slow, slow_blob.clone()).await, None);
    // its reservation is still there
    catalog.release_blobs(std::slice::from_ref(&slow_blob)).await.unwrap();
    assert_eq!(marked(&catalog).await, HashSet::from([slow_blob]));
}

async fn an_upload_whose_blob_was_marked_commits_nothing(catalog: Catalog) {
    let upload = acquired(catalog.begin_upload(None, &metadata("a"), None, LONG).await.unwrap());
    let blob = original_key(upload.image, upload.attempt);
    catalog.reserve_blobs(std::slice::from_ref(&blob), ENDED).await.unwrap();
    assert_eq!(catalog.mark_expired().await.unwrap(), 1);
    let committed = catalog
        .commit_upload(&upload, &blob, JobId::generate(), None, ENGINE)
        .await
        .unwrap()
        .stored();
    assert_eq!(committed, None);
    assert_eq!(catalog.image(upload.image).await.unwrap(), None);
    assert_eq!(due(&catalog).await, []);
    assert_eq!(marked(&catalog).await, HashSet::from([blob]));
}

async fn a_key_belongs_to_one_upload(catalog: Catalog) {
    let upload =
        acquired(catalog.begin_upload(None, &metadata("a"), Some("key"), LONG).await.unwrap());
    let again = catalog.begin_upload(None, &metadata("a"), Some("key"), LONG).await.unwrap();
    assert!(matches!(again, Intent::InProgress), "{again:?}");
    let blob = reserved(&catalog, &upload).await;
    catalog
        .commit_upload(&upload, &blob, JobId::generate(), None, ENGINE)
        .await
        .unwrap()
        .stored()
        .unwrap();
    let again = catalog.begin_upload(None, &metadata("b"), Some("key"), LONG).await.unwrap();
    assert!(
        matches!(&again, Intent::Stored(image) if image.metadata == metadata("a")),
        "{again:?}"
    );
    // other keys, and uploads without one, are others
    acquired(catalog.begin_upload(None, &metadata("a"), Some("Key"), LONG).await.unwrap());
    for _ in 0..2 {
        acquired(catalog.begin_upload(None, &metadata("a"), None, LONG).await.unwrap());
    }
}

async fn a_key_is_given_to_one_of_many(catalog: Catalog) {
    let mut given = 0;
    for lease in [ENDED, LONG] {
        let intents =
            at_once((0..8).map(|_| {
                let catalog = catalog.clone();
                async move {
                    catalog.begin_upload(None, &metadata("a"), Some("key"), lease).await.unwrap()
                }
            }));
        let mut attempts: Vec<i32> = Vec::new();
        for intent in intents.await {
            match intent {
                Intent::Acquired(upload) => attempts.push(upload.attempt),
                // a statement that began earlier sees even a lease of zero length as running
                Intent::InProgress => {}
                other => panic!("neither stored nor of a user: {other:?}"),
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
    let upload =
        acquired(catalog.begin_upload(None, &metadata("a"), Some("key"), LONG).await.unwrap());
    let blob = reserved(&catalog, &upload).await;
    catalog.abandon_upload(&upload, &blob).await.unwrap();
    assert_eq!(marked(&catalog).await, HashSet::from([blob.clone()]));
    assert_eq!(
        catalog
            .commit_upload(&upload, &blob, JobId::generate(), None, ENGINE)
            .await
            .unwrap()
            .stored(),
        None
    );
    let next =
        acquired(catalog.begin_upload(None, &metadata("b"), Some("key"), LONG).await.unwrap());
    assert_ne!(next.image, upload.image);
    // one that was overtaken abandons nothing of its successor
    catalog.abandon_upload(&Upload { attempt: 0, ..next.clone() }, "other").await.unwrap();
    let blob = reserved(&catalog, &next).await;
    assert!(
        catalog
            .commit_upload(&next, &blob, JobId::generate(), None, ENGINE)
            .await
            .unwrap()
            .stored()
            .is_some()
    );
}

async fn expired_uploads_are_deleted(catalog: Catalog) {
    let dead =
        acquired(catalog.begin_upload(None, &metadata("a"), Some("dead"), ENDED).await.unwrap());
    let alive =
        acquired(catalog.begin_upload(None, &metadata("b"), Some("alive"), LONG).await.unwrap());
    let (stored, _) = stored(&catalog, "c").await;
    assert_eq!(catalog.delete_expired_uploads(LONG).await.unwrap(), 0, "its grace is not over");
    assert_eq!(catalog.delete_expired_uploads(ENDED).await.unwrap(), 1);
    let next =
        acquired(catalog.begin_upload(None, &metadata("a"), Some("dead"), LONG).await.unwrap());
    assert_ne!(next.image, dead.image);
    assert_eq!(catalog.image(stored.id).await.unwrap(), Some(stored));
    let blob = reserved(&catalog, &alive).await;
    assert!(
        catalog
            .commit_upload(&alive, &blob, JobId::generate(), None, ENGINE)
            .await
            .unwrap()
            .stored()
            .is_some()
    );
}

/// SQLite ends the transaction that meets a full disk by itself, as it does for this trigger.
#[tokio::test]
async fn transactions_that_sqlite_ended_harm_none_after_them() {
    let temp = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", temp.path().join("planet.db").display());
    let catalog = opened(&url).await;
    let upload = acquired(catalog.begin_upload(None, &metadata("a"), None, LONG).await.unwrap());
    let blob = reserved(&catalog, &upload).await;
    let commit = async |upload| {
        catalog
            .commit_upload(&upload, &blob, JobId::generate(), None, ENGINE)
            .await
            .map(|i| i.stored().is_some())
    };
    let run = |sql| catalog.connection().execute_unprepared(sql);
    run("CREATE TRIGGER full BEFORE UPDATE ON images BEGIN SELECT RAISE(ROLLBACK, 'full'); END")
        .await
        .unwrap();
    let rounds = 8; // so that every connection is used
    for _ in 0..rounds {
        commit(upload.clone()).await.unwrap_err();
    }
    run("DROP TRIGGER full").await.unwrap();
    for _ in 0..rounds {
        assert!(!commit(Upload { attempt: 9, ..upload.clone() }).await.unwrap());
    }
    assert!(commit(upload.clone()).await.unwrap());
    // what was committed is visible to other connections
    assert!(catalog_at(&url).await.image(upload.image).await.unwrap().is_some());
}
