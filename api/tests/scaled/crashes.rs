//! Processes that crash, or are suspended for too long.

use axum::http::Method;
use reqwest::StatusCode;
use testkit::wait::eventually;

use crate::support::{
    pictures::pictures,
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient, id, is_retryable},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_suspended_past_its_lease_is_fenced() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let api = site.api().await;
    let workers = [site.worker().await, site.worker().await];
    let test_client = TestClient::of(&[&api.url]);

    // It is suspended while its first blob is being stored.
    let mut trap = site.bucket.breakpoint(Method::PUT, "renders/");
    let kept = test_client.upload_all(&pictures(1)).await;
    let key = trap.hit().await;
    let sleeper = &workers[site.holder(&key, &workers).await];
    sleeper.process.signal("STOP");
    test_client.wait_until_all_ready(&kept).await;
    let attempts = "SELECT COUNT(*) FROM jobs WHERE state = 'done' AND attempt = 2";
    assert_eq!(site.database.number(attempts).await, 1, "another worker did the job");

    // The blob is stored after all, and its writer continues.
    trap.release();
    let blob = site.bucket.file(&key);
    eventually("the late blob", async || blob.exists().then_some(())).await;
    sleeper.process.signal("CONT");
    eventually("the sleeper sees that it is fenced", async || {
        let metrics = reqwest::get(&sleeper.metrics).await.ok()?.text().await.ok()?;
        metrics.contains("planet_jobs_total{outcome=\"gone\"} 1").then_some(())
    })
    .await;
    site.assert_invariants(&[&api], &[&workers[0], &workers[1]], &kept).await;
    assert!(!blob.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_kills_its_workers_fails_and_no_other() {
    const STRIKES: usize = 3;
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    site.set("MAX_STRIKES", &STRIKES.to_string());
    site.set("LEASE_S", "1");
    let api = site.api().await;
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(6);
    let killer = test_client.upload_until_stored(0, pictures[0].clone()).await;
    for _ in 0..STRIKES {
        // A worker that renders it crashes.
        let mut trap = site.bucket.breakpoint(Method::PUT, "renders/");
        let mut worker = site.worker().await;
        trap.hit().await;
        worker.process.kill();
    }
    let worker = site.worker().await;
    let kept = test_client.upload_all(&pictures[1..]).await;
    test_client.wait_until_all_ready(&kept).await;
    eventually("the killer is given up", async || {
        let metadata = test_client.json(&format!("/images/{}/metadata", killer.id)).await;
        (metadata["status"] == "failed").then_some(())
    })
    .await;
    assert_eq!(test_client.delete(&killer.id).await.unwrap().status(), StatusCode::NO_CONTENT);
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_api_dies_is_taken_over() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let [mut dying, living] = [site.api().await, site.api().await];
    let worker = site.worker().await;
    let pictures = pictures(2);

    let mut trap = site.bucket.breakpoint(Method::PUT, "originals/");
    let test_client = TestClient::of(&[&living.url, &dying.url]);
    let picture = pictures[0].clone();
    let first = tokio::spawn({
        let test_client = test_client.clone();
        async move { test_client.try_upload(1, &picture, "the-key").await }
    });
    trap.hit().await;
    dying.process.kill();
    assert!(first.await.unwrap().is_err(), "the API died before it answered");
    // between the put and the commit, as seen by the store
    trap.release();

    let running = test_client.try_upload(0, &pictures[0], "the-key").await.unwrap();
    assert_eq!(running.status(), StatusCode::CONFLICT);
    assert!(is_retryable(&running), "{running:?}");
    let id = eventually("the key is taken over", async || {
        let answer = test_client.try_upload(0, &pictures[0], "the-key").await.ok()?;
        if answer.status() == StatusCode::CREATED { id(answer).await } else { None }
    })
    .await;
    let (picture, key) = (pictures[0].clone(), "the-key".to_owned());
    let kept = [StoredImage { id, picture, key, refusals: Vec::new() }];
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&living], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_suspended_past_its_upload_lease_acknowledges_nothing() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let (sleeping, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&sleeping.url]);
    let pictures = pictures(1);

    let mut trap = site.bucket.breakpoint(Method::PUT, "originals/");
    let picture = pictures[0].clone();
    let upload = tokio::spawn({
        let test_client = test_client.clone();
        async move { test_client.try_upload(0, &picture, "the-key").await }
    });
    let key = trap.hit().await;
    sleeping.process.signal("STOP");
    let forgotten = "SELECT COUNT(*) FROM images";
    eventually("the janitor forgets the upload", async || {
        (site.database.number(forgotten).await == 0).then_some(())
    })
    .await;
    trap.release();
    let blob = site.bucket.file(&key);
    eventually("the late blob", async || blob.exists().then_some(())).await;
    sleeping.process.signal("CONT");
    let answer = upload.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_retryable(&answer), "{answer:?}");
    site.assert_invariants(&[&sleeping], &[&worker], &[]).await;
}
