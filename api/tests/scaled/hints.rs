//! Repeated and malformed hints: the row of the job is authoritative.

use testkit::wait::eventually;

use crate::support::{pictures::pictures, servers::Servers, site::Site, test_client::TestClient};

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_delivered_three_times_is_one_render() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let (api, broker) = (site.api().await, site.broker(&servers).await);
    let test_client = TestClient::of(&[&api.url]);
    let kept = test_client.upload_all(&pictures(1)).await;
    broker.waits(1).await;
    let job = site.database.texts("SELECT CAST(id AS text) FROM jobs").await.remove(0);
    for _ in 0..2 {
        broker.publish(format!("{{\"v\":1,\"job\":\"{job}\"}}").as_bytes()).await;
    }
    broker.waits(3).await;

    // they get jobs by hints only
    site.set("POLL_S", "1000");
    let workers = [site.worker().await, site.worker().await];
    test_client.wait_until_all_ready(&kept).await;
    broker.waits(0).await;
    // and again, after the job
    broker.publish(format!("{{\"v\":1,\"job\":\"{job}\"}}").as_bytes()).await;
    broker.waits(0).await;
    assert_eq!(site.database.number("SELECT MAX(attempt) FROM jobs").await, 1);
    site.assert_invariants(&[&api], &[&workers[0], &workers[1]], &kept).await;
    // each was acknowledged: none is redelivered
    drop(workers);
    broker.waits(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_hint_is_counted_and_blocks_no_other() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let (api, broker) = (site.api().await, site.broker(&servers).await);
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(3);
    let mut kept = test_client.upload_all(&pictures[..1]).await;
    broker.waits(1).await;
    for junk in ["", "{", "{\"v\":2}", "{\"v\":1,\"job\":\"../x\"}", "\u{0}\u{1f600}"] {
        broker.publish(junk.as_bytes()).await;
    }
    kept.extend(test_client.upload_all(&pictures[1..2]).await);
    broker.waits(7).await;

    site.set("POLL_S", "1000");
    let worker = site.worker().await;
    test_client.wait_until_all_ready(&kept).await;
    kept.extend(test_client.upload_all(&pictures[2..]).await);
    test_client.wait_until_all_ready(&kept).await;
    eventually("all five are counted", async || {
        let metrics = reqwest::get(&worker.metrics).await.ok()?.text().await.ok()?;
        metrics.contains("planet_hints_total{outcome=\"unreadable\"} 5").then_some(())
    })
    .await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
    drop(worker);
    broker.waits(0).await;
}
