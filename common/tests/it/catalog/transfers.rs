//! Rows are copied as they are, and a frozen catalog refuses every change.

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        rows_are_copied_as_they_are
        a_frozen_catalog_refuses_changes_until_it_is_released
        only_an_empty_catalog_takes_a_transfer_and_from_one_source
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
    let upload = acquired(catalog.begin_upload(&metadata("b"), None, LONG).await.unwrap());
    let blob = reserved(&catalog, &upload).await;
    catalog.freeze().await.unwrap();
    // a move that was interrupted freezes again
    catalog.freeze().await.unwrap();
    let refused = catalog.begin_upload(&metadata("c"), None, LONG).await.unwrap_err();
    assert!(refused.to_string().contains("planet-admin move"), "{refused}");
    let commit = catalog.commit_upload(&upload, &blob, JobId::generate(), None, ENGINE).await;
    assert!(commit.is_err());
    assert!(catalog.claim(job, ENGINE, "worker", LONG, MAX_STRIKES).await.is_err());
    let key = |attempt| original_key(image.id, attempt);
    assert!(catalog.remove_image(image.id, key).await.is_err());
    assert_eq!(catalog.image(image.id).await.unwrap().as_ref(), Some(&image));

    catalog.unfreeze().await.unwrap();
    catalog.unfreeze().await.unwrap();
    let commit = catalog.commit_upload(&upload, &blob, JobId::generate(), None, ENGINE).await;
    assert!(commit.unwrap().is_some());
    finish(&catalog, job, ENGINE, "width=80").await;
    assert!(removed(&catalog, image.id).await.is_some());
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
    assert!(refused.contains("it has images already"), "{refused}");
}
