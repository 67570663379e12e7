//! Outages of the database.

use axum::http::Method;
use reqwest::StatusCode;
use testkit::wait::eventually;

use crate::support::{
    bucket::Breakpoint,
    crowd::Crowd,
    pictures::pictures,
    reader::Reader,
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient, is_retryable},
};

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_down_nothing_is_acknowledged_and_nothing_is_lost() {
    let Some(servers) = Servers::alone().await else { return };
    let mut site = Site::open(&servers).await;
    // longer than the outages: no lease expires
    site.set("LEASE_S", "20");
    let [one, two] = [site.api().await, site.api().await];
    let workers = [site.worker().await, site.worker().await];
    let test_client = TestClient::of(&[&one.url, &two.url]);
    let reader = Reader::start(test_client.clone());
    let pictures = pictures(20);
    let crowd = Crowd::start(&test_client, &pictures, &reader.gallery());

    crowd.grow_by(10).await;
    // Workers are about to render when the database crashes.
    let mut traps = [(); 4].map(|()| site.bucket.breakpoint(Method::GET, "originals/"));
    let mut images = Vec::new();
    for trap in &mut traps {
        images.push(trap.hit().await.split('/').nth(1).unwrap().to_owned());
    }
    servers.run("kill", "postgres").await;
    traps.into_iter().for_each(Breakpoint::release);
    test_client.wait_for_readyz(0, false).await;
    let refused = test_client.try_upload(0, &pictures[0], "while-it-is-away").await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_retryable(&refused), "{refused:?}");
    for worker in &workers {
        eventually("a worker cannot even put its job off", async || {
            worker.process.log().contains("could not reschedule a job").then_some(())
        })
        .await;
    }
    servers.run("start", "postgres").await;
    test_client.wait_for_readyz(0, true).await;
    test_client.wait_for_readyz(1, true).await;

    crowd.grow_by(10).await;
    servers.run("restart", "postgres").await;
    crowd.grow_by(10).await;
    let kept = crowd.stop().await;

    let refusals = kept.iter().flat_map(|kept| &kept.refusals).count();
    assert!(refusals > 0, "no request failed while the database was down");
    for StoredImage { id, picture, key, .. } in kept.iter().filter(|kept| !kept.refusals.is_empty())
    {
        let again = test_client.try_upload(0, picture, key).await.unwrap();
        assert_eq!(again.status(), StatusCode::OK, "the same key again");
        assert_eq!(crate::support::test_client::id(again).await.as_ref(), Some(id));
    }
    site.assert_invariants(&[&one, &two], &[&workers[0], &workers[1]], &kept).await;
    reader.finish().await;
    let images = images.join("', '");
    let strikes = format!("SELECT MAX(strikes) FROM jobs WHERE image_id IN ('{images}')");
    assert_eq!(site.database.number(&strikes).await, 1, "the outage was held against an image");
}
