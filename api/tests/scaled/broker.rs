//! Outages of the broker: workers find jobs by polling, a little later.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use testkit::wait::eventually;
use tokio::net::TcpListener;

use crate::support::{
    pictures::{Picture, pictures},
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient},
};

/// An upload that waits for the broker takes five seconds or more.
const NORMAL: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_uploads_are_as_quick_and_workers_poll() {
    let Some(servers) = Servers::alone().await else { return };
    let mut site = Site::open(&servers).await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(24);
    let mut kept = test_client.upload_all(&pictures[..4]).await;

    // RabbitMQ 3.10 loses the leader of a quorum queue that it made just before a crash.
    servers.run("restart", "rabbitmq").await;
    servers.run("kill", "rabbitmq").await;
    sees_queue(&test_client, false).await;
    kept.extend(quick_uploads(&test_client, &pictures[4..12]).await);
    test_client.wait_until_all_ready(&kept).await;

    // It accepts connections, but does not respond.
    let address = servers.queue.split('@').nth(1).unwrap().split('/').next().unwrap();
    let mute = TcpListener::bind(address).await.unwrap();
    let (_silence, _) = mute.accept().await.unwrap();
    kept.extend(quick_uploads(&test_client, &pictures[12..20]).await);
    test_client.wait_until_all_ready(&kept).await;
    drop((mute, _silence));

    servers.run("start", "rabbitmq").await;
    sees_queue(&test_client, true).await;
    // This worker polls once, while there is no job.
    site.set("POLL_S", "1000");
    let listener = site.worker().await;
    drop(worker);
    kept.extend(quick_uploads(&test_client, &pictures[20..]).await);
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&listener], &kept).await;
}

/// Uploads without retries: each gets its response at once.
async fn quick_uploads(
    test_client: &TestClient,
    pictures: &[std::sync::Arc<Picture>],
) -> Vec<StoredImage> {
    let mut kept = Vec::new();
    for picture in pictures {
        let started = Instant::now();
        let one = test_client.upload_until_stored(0, picture.clone()).await;
        assert_eq!(one.refusals, [] as [StatusCode; 0]);
        assert!(started.elapsed() < NORMAL, "an upload took {:?}", started.elapsed());
        kept.push(one);
        let ready = test_client.get("/readyz").await.unwrap();
        assert_eq!(ready.status(), StatusCode::OK);
    }
    kept
}

/// Waits until `/readyz` reports this state of the queue; its status must stay 200.
async fn sees_queue(test_client: &TestClient, ok: bool) {
    eventually(&format!("the queue is ok: {ok}"), async || {
        let body: Value = test_client.json("/readyz").await;
        let all = body["dependencies"].as_array().unwrap();
        let queue = all.iter().find(|dependency| dependency["name"] == "queue").unwrap();
        (queue["ok"] == ok).then_some(())
    })
    .await;
}
