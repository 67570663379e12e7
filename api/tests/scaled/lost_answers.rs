//! Lost responses: the database committed, but its client did not learn of it.

use reqwest::StatusCode;
use testkit::wait::eventually;

use crate::support::{
    link::LinkFault,
    pictures::pictures,
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient, id, is_retryable},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_commit_response_is_lost_is_found_by_row_or_key() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let link = site.link_to_database().await;
    let api = site.api().await;
    site.unlink_database();
    let worker = site.worker().await;
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(2);

    // The row is read again.
    link.lose_answer_to(b"COMMIT", LinkFault::Pass);
    let answer = test_client.try_upload(0, &pictures[0], "heard").await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert!(!link.is_waiting());
    let first = id(answer).await.unwrap();

    // The row is unreadable, too: the client gets 503.
    link.lose_answer_to(b"COMMIT", LinkFault::Refuse);
    let answer = test_client.try_upload(0, &pictures[1], "unheard").await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_retryable(&answer), "{answer:?}");
    link.set(LinkFault::Pass);
    test_client.wait_for_readyz(0, true).await;
    let again = test_client.try_upload(0, &pictures[1], "unheard").await.unwrap();
    assert_eq!(again.status(), StatusCode::OK, "it was stored the first time");
    let second = id(again).await.unwrap();

    let kept = [(first, "heard"), (second, "unheard")].into_iter().zip(&pictures).map(
        |((id, key), picture)| StoredImage {
            id,
            picture: picture.clone(),
            key: key.to_owned(),
            refusals: Vec::new(),
        },
    );
    let kept: Vec<StoredImage> = kept.collect();
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_commit_response_is_lost_is_done_once() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let api = site.api().await;
    let link = site.link_to_database().await;
    let worker = site.worker().await;
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(2);

    link.lose_answer_to(b"COMMIT", LinkFault::Pass);
    let mut kept = test_client.upload_all(&pictures[..1]).await;
    test_client.wait_until_all_ready(&kept).await;
    assert!(!link.is_waiting());
    let attempts = "SELECT MAX(attempt) FROM jobs";
    assert_eq!(site.database.number(attempts).await, 1, "the row was read again");

    // The row is unreadable for a while.
    link.lose_answer_to(b"COMMIT", LinkFault::Hang);
    kept.extend(test_client.upload_all(&pictures[1..]).await);
    test_client.wait_until_all_ready(&kept).await;
    assert!(!link.is_waiting());
    link.set(LinkFault::Refuse);
    link.set(LinkFault::Pass);
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_whose_database_hangs_acknowledges_nothing_and_recovers() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let link = site.link_to_database().await;
    let api = site.api().await;
    site.unlink_database();
    let worker = site.worker().await;
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(2);
    let mut kept = test_client.upload_all(&pictures[..1]).await;

    link.set(LinkFault::Hang);
    test_client.wait_for_readyz(0, false).await;
    let refused = test_client.try_upload(0, &pictures[1], "hanging").await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_retryable(&refused), "{refused:?}");
    link.set(LinkFault::Pass);
    test_client.wait_for_readyz(0, true).await;
    test_client.wait_until_all_ready(&kept).await;
    // the delayed commit may have succeeded in the end: then the key finds its image
    let second = eventually("the upload is taken", async || {
        let answer = test_client.try_upload(0, &pictures[1], "hanging").await.ok()?;
        let is_taken = matches!(answer.status(), StatusCode::CREATED | StatusCode::OK);
        if is_taken { id(answer).await } else { None }
    })
    .await;
    kept.push(StoredImage {
        id: second,
        picture: pictures[1].clone(),
        key: "hanging".into(),
        refusals: Vec::new(),
    });
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}
