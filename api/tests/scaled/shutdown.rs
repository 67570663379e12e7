//! SIGTERM under load: running jobs are completed or released, running requests are completed.

use axum::http::Method;
use reqwest::StatusCode;
use testkit::wait::{at_once, eventually};

use crate::support::{
    bucket::Trap,
    customer::{Customer, Kept, id},
    pictures::pictures,
    servers::Servers,
    site::Site,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_finishes_its_jobs() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let api = site.api().await;
    let mut workers = vec![site.worker().await, site.worker().await];
    let customer = Customer::of(&[&api.url]);

    let mut trap = site.bucket.trap(Method::PUT, "renders/");
    let kept = customer.keep_all(&pictures(20)).await;
    let key = trap.sprung().await;
    let mut stopped = workers.remove(site.holder(&key, &workers).await);
    stopped.process.signal("TERM");
    eventually("it drains", async || {
        stopped.process.log().contains("the worker drains").then_some(())
    })
    .await;
    assert!(stopped.process.runs(), "it left a job");
    trap.release();
    assert!(stopped.process.ended().await.success());
    customer.all_ready(&kept).await;
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
    let customer = Customer::of(&[&api.url]);

    let mut trap = site.bucket.trap(Method::PUT, "renders/");
    let kept = customer.keep_all(&pictures(10)).await;
    trap.sprung().await;
    slow.process.signal("TERM");
    assert!(slow.process.ended().await.success());
    let other = site.worker().await;
    customer.all_ready(&kept).await;
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
    let customer = Customer::of(&[&api.url]);
    let gone = customer.keep_all(&pictures(1)).await;
    customer.all_ready(&gone).await;

    // The API and the janitor both try to delete its blobs.
    let mut traps = [(); 2].map(|()| site.bucket.trap(Method::DELETE, ""));
    let deletion = tokio::spawn(async move { customer.delete(&gone[0].id).await });
    for trap in &mut traps {
        trap.sprung().await;
    }
    stopped.process.signal("TERM");
    assert!(stopped.process.ended().await.success());
    assert!(!deletion.is_finished(), "it waited until the store gave up hanging");

    traps.into_iter().for_each(Trap::release);
    assert_eq!(deletion.await.unwrap().unwrap().status(), StatusCode::NO_CONTENT);
    site.assert_invariants(&[&api], &[&site.worker().await], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_api_answers_its_running_uploads() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let [mut stopped, other] = [site.api().await, site.api().await];
    let worker = site.worker().await;
    let customer = Customer::of(&[&stopped.url]);
    let pictures = pictures(6);

    let mut traps: Vec<_> =
        pictures.iter().map(|_| site.bucket.trap(Method::PUT, "originals/")).collect();
    let uploads = pictures.iter().cloned().enumerate().map(|(nth, picture)| {
        let customer = customer.clone();
        async move {
            let key = format!("key-{nth}");
            let answer = customer.offer(0, &picture, &key).await.unwrap();
            assert_eq!(answer.status(), StatusCode::CREATED);
            let id = id(answer).await.unwrap();
            Kept { id, picture, key, refusals: Vec::new() }
        }
    });
    let uploads = tokio::spawn(at_once(uploads.collect::<Vec<_>>()));
    for trap in &mut traps {
        trap.sprung().await;
    }
    stopped.process.signal("TERM");
    eventually("it takes no more", async || customer.get("/livez").await.err()).await;
    assert!(stopped.process.runs(), "it left its uploads");
    traps.into_iter().for_each(Trap::release);
    let kept = uploads.await.unwrap();
    assert!(stopped.process.ended().await.success());
    Customer::of(&[&other.url]).all_ready(&kept).await;
    site.assert_invariants(&[&other], &[&worker], &kept).await;
}
