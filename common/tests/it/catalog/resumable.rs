//! A resumable upload goes on by one request at a time, and is finished by one process.

use common::{
    catalog::{NewUpload, Received},
    resumable::{HashState, Part, ResumableUpload, UploadState},
};

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        a_newer_request_fences_off_the_older
        an_upload_is_finished_by_one_of_many
        an_upload_that_ends_is_not_continued
        as_many_uploads_are_open_as_may_be
    ]
}

async fn created(catalog: &Catalog, length: u64) -> ResumableUpload {
    let new = NewUpload { owner: None, length, name: None, hash: HashState("0".into()) };
    catalog.create_upload(new, 100, LONG).await.unwrap().unwrap()
}

/// Records that an attempt has received a part up to `position`.
async fn receive(catalog: &Catalog, upload: &ResumableUpload, position: u64) -> bool {
    let part = Part { number: upload.next_part, receipt: position.to_string() };
    let hash = HashState(position.to_string());
    let part = Some((&part, position - upload.position));
    let received = Received { part, blobs: &[], position, hash, kept: ENDED };
    catalog.record_received(upload, received).await.unwrap()
}

async fn a_newer_request_fences_off_the_older(catalog: Catalog) {
    let id = created(&catalog, 100).await.id;
    let older = catalog.begin_receiving(id, LONG).await.unwrap().unwrap();
    let newer = catalog.begin_receiving(id, LONG).await.unwrap().unwrap();
    assert!(newer.next_part > older.next_part, "they never use the same number");
    assert!(!receive(&catalog, &older, 10).await);
    assert!(!catalog.name_multipart(&older, "older").await.unwrap());
    assert!(receive(&catalog, &newer, 20).await);
    let now = catalog.upload(id, &Principal::Open).await.unwrap().unwrap();
    assert_eq!((now.position, now.hash, now.multipart_id), (20, HashState("20".into()), None));
    let parts = catalog.upload_parts(id).await.unwrap();
    assert_eq!(parts, [(Part { number: newer.next_part, receipt: "20".into() }, 20)]);
}

async fn an_upload_is_finished_by_one_of_many(catalog: Catalog) {
    let id = created(&catalog, 100).await.id;
    let upload = catalog.begin_receiving(id, LONG).await.unwrap().unwrap();
    assert!(catalog.claim_finishing(None, LONG).await.unwrap().is_none(), "it is not whole");
    assert!(receive(&catalog, &upload, 100).await);
    assert!(catalog.begin_receiving(id, LONG).await.unwrap().is_none(), "it is whole");
    assert!(catalog.begin_ending(id, LONG).await.unwrap().is_none(), "it is being finished");
    let claims = at_once((0..8).map(|_| {
        let catalog = catalog.clone();
        async move { catalog.claim_finishing(Some(id), LONG).await.unwrap() }
    }));
    let claims: Vec<_> = claims.await.into_iter().flatten().collect();
    assert_eq!(claims.len(), 1);
    let done = UploadState::Failed("why".into());
    let conclude = |by: &ResumableUpload| {
        let (catalog, by, done) = (catalog.clone(), by.clone(), done.clone());
        async move { catalog.conclude_upload(&by, &done, &[], LONG).await.unwrap() }
    };
    assert!(!conclude(&upload).await, "its lease has ended");
    assert!(conclude(&claims[0]).await);
    let now = catalog.upload(id, &Principal::Open).await.unwrap().unwrap();
    assert_eq!(now.state, done);
    assert!(catalog.upload_parts(id).await.unwrap().is_empty());
}

async fn an_upload_that_ends_is_not_continued(catalog: Catalog) {
    let id = created(&catalog, 100).await.id;
    let upload = catalog.begin_receiving(id, LONG).await.unwrap().unwrap();
    assert!(catalog.claim_ended_uploads(LONG).await.unwrap().is_empty(), "it has not expired");
    let ending = catalog.begin_ending(id, LONG).await.unwrap().unwrap();
    assert!(!receive(&catalog, &upload, 10).await);
    assert!(catalog.begin_receiving(id, LONG).await.unwrap().is_none());
    assert!(catalog.upload(id, &Principal::Open).await.unwrap().is_none());
    catalog.remove_upload(&ending, &["uploads/x/1".to_owned()]).await.unwrap();
    assert!(catalog.begin_ending(id, LONG).await.unwrap().is_none());
    assert_eq!(marked(&catalog).await, HashSet::from(["uploads/x/1".to_owned()]));
    assert_eq!(catalog.announced_bytes(None).await.unwrap(), 0);
}

async fn as_many_uploads_are_open_as_may_be(catalog: Catalog) {
    let catalog = &catalog;
    let begin_many = |max| {
        at_once((0..12).map(move |_| {
            let catalog = catalog.clone();
            let new = NewUpload { owner: None, length: 7, name: None, hash: HashState("0".into()) };
            async move { catalog.create_upload(new, max, LONG).await.unwrap() }
        }))
    };
    assert_eq!(begin_many(3).await.into_iter().flatten().count(), 3);
    assert_eq!(begin_many(5).await.into_iter().flatten().count(), 2);
    assert_eq!(begin_many(5).await.into_iter().flatten().count(), 0);
}
