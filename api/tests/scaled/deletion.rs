//! Images are deleted while they are rendered.

use axum::http::Method;
use reqwest::StatusCode;
use testkit::wait::eventually;

use crate::support::{pictures::pictures, servers::Servers, site::Site, test_client::TestClient};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_deleted_while_it_renders_leaves_nothing() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(21);

    let mut trap = site.bucket.breakpoint(Method::PUT, "renders/");
    let first = test_client.upload_until_stored(0, pictures[0].clone()).await;
    trap.hit().await;
    let deleted = test_client.delete(&first.id).await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    let look = test_client.get(&format!("/images/{}", first.id)).await.unwrap();
    assert_eq!(look.status(), StatusCode::NOT_FOUND);
    trap.release();
    eventually("the worker sees that it is fenced", async || {
        let metrics = reqwest::get(&worker.metrics).await.ok()?.text().await.ok()?;
        metrics.contains("planet_jobs_total{outcome=\"gone\"} 1").then_some(())
    })
    .await;

    // at any point of its job
    let mut kept = test_client.upload_all(&pictures[1..]).await;
    for gone in kept.drain(..10) {
        let deleted = test_client.delete(&gone.id).await.unwrap();
        assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    }
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}
