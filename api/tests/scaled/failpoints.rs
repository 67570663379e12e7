//! Processes that crash at the critical points: see `common::failpoint`.

use std::os::unix::process::ExitStatusExt;

use crate::support::{pictures::pictures, servers::Servers, site::Site, test_client::TestClient};

/// An API process crashes at this point of an upload; the client retries with another one.
async fn a_door_dies(point: &str) {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    site.set("FAILPOINT", point);
    let mut dying = site.api().await;
    site.unset("FAILPOINT");
    let (living, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&living.url, &dying.url]);
    let picture = pictures(1).remove(0);
    // it may have responded just before
    let _broken_or_answered = test_client.try_upload(1, &picture, "the-key").await;
    assert_eq!(dying.process.ended().await.signal(), Some(9), "{point}");

    let kept = [test_client.retry_upload(&picture, "the-key").await];
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&living], &[&worker], &kept).await;
}

/// A worker crashes at this point of a job; another one completes it.
async fn a_worker_dies(point: &str) {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let api = site.api().await;
    // it gets the job by a hint
    site.set("POLL_S", "1000");
    site.set("FAILPOINT", point);
    let mut dying = site.worker().await;
    site.unset("FAILPOINT");
    site.set("POLL_S", "0.5");
    let test_client = TestClient::of(&[&api.url]);
    let kept = test_client.upload_all(&pictures(1)).await;
    assert_eq!(dying.process.ended().await.signal(), Some(9), "{point}");

    let worker = site.worker().await;
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_intent_and_before_the_put() {
    a_door_dies("upload: intent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_put_and_before_the_commit() {
    a_door_dies("upload: put").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_commit_and_before_the_hint() {
    a_door_dies("upload: commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_publish_and_before_the_confirm() {
    a_door_dies("hint: publish").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holding_an_unclaimed_hint() {
    a_worker_dies("hint: heard").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_claim_and_before_the_ack() {
    a_worker_dies("hint: claim").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_rendering_and_before_the_put() {
    a_worker_dies("render: drawn").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_put_and_before_finish() {
    a_worker_dies("render: put").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_finish() {
    a_worker_dies("render: finish").await;
}
