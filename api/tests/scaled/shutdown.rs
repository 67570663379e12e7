//! SIGTERM under load: running jobs are completed or released, running requests are completed.

use axum::http::Method;
use reqwest::StatusCode;
use serde_json::Value;
use testkit::wait::{at_once, eventually};

use crate::support::{
    bucket::Breakpoint,
    pictures::pictures,
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient, id},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_finishes_its_jobs() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let api = site.api().await;
    let mut workers = vec![site.worker().await, site.worker().await];
    let test_client = TestClient::of(&[&api.url]);

    let mut trap = site.bucket.breakpoint(Method::PUT, "renders/");
    let kept = test_client.upload_all(&pictures(20)).await;
    let key = trap.hit().await;
    let mut stopped = workers.remove(site.holder(&key, &workers).await);
    stopped.process.signal("TERM");
    eventually("it drains", async || {
        stopped.process.log().contains("the worker drains").then_some(())
    })
    .await;
    assert!(stopped.process.runs(), "it left a job");
    trap.release();
    assert!(stopped.process.ended().await.success());
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&workers[0]], &kept).await;
    assert_eq!(site.database.number("SELECT MAX(attempt) FROM jobs").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_releases_slow_jobs() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    // no lease may expire in this test
    site.set("LEASE_S", "1000");
    let api = site.api().await;
    site.set("DRAIN_S", "0.5");
    let mut slow = site.worker().await;
    let test_client = TestClient::of(&[&api.url]);

    let mut trap = site.bucket.breakpoint(Method::PUT, "renders/");
    let kept = test_client.upload_all(&pictures(10)).await;
    trap.hit().await;
    slow.process.signal("TERM");
    assert!(slow.process.ended().await.success());
    let other = site.worker().await;
    test_client.wait_until_all_ready(&kept).await;
    trap.release();
    site.assert_invariants(&[&api], &[&other], &kept).await;
    assert_eq!(site.database.number("SELECT MAX(attempt) FROM jobs").await, 2);
    assert_eq!(site.database.number("SELECT MAX(strikes) FROM jobs").await, 1, "a strike too many");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_does_not_wait_for_a_store_that_hangs() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    site.set("DRAIN_S", "0.5");
    let (api, mut stopped) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let gone = test_client.upload_all(&pictures(1)).await;
    test_client.wait_until_all_ready(&gone).await;

    // The API and the janitor both try to delete its blobs.
    let mut traps = [(); 2].map(|()| site.bucket.breakpoint(Method::POST, ""));
    let deletion = tokio::spawn(async move { test_client.delete(&gone[0].id).await });
    for trap in &mut traps {
        trap.hit().await;
    }
    stopped.process.signal("TERM");
    assert!(stopped.process.ended().await.success());
    assert!(!deletion.is_finished(), "it waited until the store gave up hanging");

    traps.into_iter().for_each(Breakpoint::release);
    assert_eq!(deletion.await.unwrap().unwrap().status(), StatusCode::NO_CONTENT);
    site.assert_invariants(&[&api], &[&site.worker().await], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_api_answers_its_running_uploads() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let [mut stopped, other] = [site.api().await, site.api().await];
    let worker = site.worker().await;
    let test_client = TestClient::of(&[&stopped.url]);
    let pictures = pictures(6);

    let mut traps: Vec<_> =
        pictures.iter().map(|_| site.bucket.breakpoint(Method::PUT, "originals/")).collect();
    let uploads = pictures.iter().cloned().enumerate().map(|(nth, picture)| {
        let test_client = test_client.clone();
        async move {
            let key = format!("key-{nth}");
            let answer = test_client.try_upload(0, &picture, &key).await.unwrap();
            assert_eq!(answer.status(), StatusCode::CREATED);
            let id = id(answer).await.unwrap();
            StoredImage { id, picture, key, refusals: Vec::new() }
        }
    });
    let uploads = tokio::spawn(at_once(uploads.collect::<Vec<_>>()));
    for trap in &mut traps {
        trap.hit().await;
    }
    stopped.process.signal("TERM");
    eventually("it takes no more", async || test_client.get("/livez").await.err()).await;
    assert!(stopped.process.runs(), "it left its uploads");
    traps.into_iter().for_each(Breakpoint::release);
    let kept = uploads.await.unwrap();
    assert!(stopped.process.ended().await.success());
    TestClient::of(&[&other.url]).wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&other], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_api_is_not_ready_before_it_closes() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    site.set("SHUTDOWN_NOTICE_S", "1000");
    let mut api = site.api().await;
    let test_client = TestClient::of(&[&api.url]);
    let kept = test_client.upload_all(&pictures(1)).await;
    api.process.signal("TERM");
    test_client.wait_for_readyz(0, false).await;
    // on new connections
    let ready = reqwest::get(format!("{}/readyz", api.url)).await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json::<Value>().await.unwrap()["stopping"], true);
    let image = reqwest::get(format!("{}/images/{}/original", api.url, kept[0].id)).await.unwrap();
    assert_eq!(image.status(), StatusCode::OK);
    api.process.signal("TERM");
    assert_eq!(api.process.ended().await.code(), Some(143), "a second signal ends the notice");

    site.set("SHUTDOWN_NOTICE_S", "0.2");
    let mut api = site.api().await;
    api.process.signal("TERM");
    assert!(api.process.ended().await.success());
    assert!(reqwest::get(format!("{}/livez", api.url)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_drains_is_live_and_not_ready() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let (api, mut worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let status = async |path: &str| {
        let address = worker.metrics.replace("/metrics", path);
        reqwest::get(address).await.map(|answer| answer.status().as_u16()).unwrap_or_default()
    };
    eventually("it is ready", async || (status("/readyz").await == 200).then_some(())).await;
    let mut trap = site.bucket.breakpoint(Method::PUT, "renders/");
    let kept = test_client.upload_all(&pictures(1)).await;
    trap.hit().await;
    worker.process.signal("TERM");
    eventually("it drains", async || (status("/readyz").await == 503).then_some(())).await;
    assert_eq!(status("/livez").await, 200);
    trap.release();
    assert!(worker.process.ended().await.success());
    test_client.wait_until_all_ready(&kept).await;
}
