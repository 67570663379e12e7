//! Slow and broken connections to the database, the broker and the store.

use std::time::Duration;

use reqwest::StatusCode;
use testkit::wait::eventually;

use crate::support::{
    link::{Link, LinkFault},
    pictures::pictures,
    servers::Servers,
    site::Site,
    test_client::{TestClient, is_retryable},
};

/// This delay makes an upload about a second longer.
const SLOW: LinkFault = LinkFault::Delay(Duration::from_millis(30));

/// All processes use a slow link to one of the servers.
async fn is_slow(link: impl AsyncFnOnce(&mut Site, &Servers) -> Link) {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let link = link(&mut site, &servers).await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    link.set(SLOW);
    let kept = test_client.upload_all(&pictures(4)).await;
    for one in &kept {
        assert_eq!(one.refusals, [] as [StatusCode; 0], "slow is not away");
    }
    test_client.wait_until_all_ready(&kept).await;
    let strikes = site.database.number("SELECT MAX(strikes) FROM jobs").await;
    assert_eq!(strikes, 1, "a slow link costs no attempt");
    link.set(LinkFault::Pass);
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_to_the_database_costs_only_time() {
    is_slow(async |site, _| site.link_to_database().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_to_the_broker_costs_only_time() {
    is_slow(async |site, servers| site.link_to_broker(servers).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_to_the_store_costs_only_time() {
    is_slow(async |site, _| site.link_to_store().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_store_link_is_cut_mid_put_is_refused_and_leaves_nothing() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let link = site.link_to_store().await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let large = pictures(10).remove(9);
    assert!(large.bytes.len() > 100_000);

    for after in [1, 2_000, 90_000] {
        link.set(LinkFault::CutAfter(after));
        let refused = test_client.try_upload(0, &large, "the-key").await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "after {after} bytes");
        assert!(is_retryable(&refused), "{refused:?}");
        assert_eq!(site.database.number("SELECT COUNT(*) FROM jobs").await, 0);
    }
    link.set(LinkFault::Pass);
    let kept = [test_client.retry_upload(&large, "the-key").await];
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_store_link_is_cut_mid_get_is_postponed_and_no_attempt_counts() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let api = site.api().await;
    let link = site.link_to_store().await;
    let test_client = TestClient::of(&[&api.url]);
    let large = pictures(10).split_off(9);
    let kept = test_client.upload_all(&large).await;

    link.set(LinkFault::CutAfter(50_000));
    let worker = site.worker().await;
    eventually("the job is put off", async || {
        let put_off = "SELECT COUNT(*) FROM jobs WHERE error IS NOT NULL AND attempt > 1";
        (site.database.number(put_off).await == 1).then_some(())
    })
    .await;
    link.set(LinkFault::Pass);
    test_client.wait_until_all_ready(&kept).await;
    assert_eq!(site.database.number("SELECT MAX(strikes) FROM jobs").await, 1);
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_database_link_is_cut_between_two_bytes_is_kept_once_or_not_at_all() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let link = site.link_to_database().await;
    let api = site.api().await;
    site.unlink_database();
    let worker = site.worker().await;
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(8);
    let mut kept = Vec::new();
    for (nth, picture) in pictures.iter().enumerate() {
        // early and late, in either direction
        link.set(LinkFault::CutAfter(1 + 300 * nth));
        let answer = test_client.try_upload(0, picture, &picture.name).await.unwrap();
        let is_taken = answer.status() == StatusCode::CREATED;
        assert!(is_taken || is_retryable(&answer), "{answer:?}");
        link.set(LinkFault::Pass);
        test_client.wait_for_readyz(0, true).await;
        kept.push(test_client.retry_upload(picture, &picture.name).await);
    }
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_lost_with_their_link_are_replaced_by_polling() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let link = site.link_to_broker(&servers).await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(8);
    let mut kept = Vec::new();
    for (nth, picture) in pictures.iter().enumerate() {
        link.set(LinkFault::CutAfter(1 + 100 * nth));
        kept.push(test_client.upload_until_stored(0, picture.clone()).await);
    }
    for one in &kept {
        assert_eq!(one.refusals, [] as [StatusCode; 0], "an upload waits for no broker");
    }
    test_client.wait_until_all_ready(&kept).await;
    link.set(LinkFault::Pass);
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}
