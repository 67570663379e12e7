//! Outages of the database.

use axum::http::Method;
use reqwest::StatusCode;
use testkit::wait::eventually;

use crate::support::{
    bucket::Trap,
    crowd::Crowd,
    customer::{Customer, Kept, is_retryable},
    pictures::pictures,
    reader::Reader,
    servers::Servers,
    site::Site,
};

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_down_nothing_is_acknowledged_and_nothing_is_lost() {
    let Some(servers) = Servers::alone().await else { return };
    let mut site = Site::open(&servers).await;
    // longer than the outages: no lease expires
    site.set("LEASE_S", "20");
    let [one, two] = [site.api().await, site.api().await];
    let workers = [site.worker().await, site.worker().await];
    let customer = Customer::of(&[&one.url, &two.url]);
    let reader = Reader::start(customer.clone());
    let pictures = pictures(20);
    let crowd = Crowd::gather(&customer, &pictures, &reader.shelf());

    crowd.grows_by(10).await;
    // Workers are about to render when the database crashes.
    let mut traps = [(); 4].map(|()| site.bucket.trap(Method::GET, "originals/"));
    let mut images = Vec::new();
    for trap in &mut traps {
        images.push(trap.sprung().await.split('/').nth(1).unwrap().to_owned());
    }
    servers.run("kill", "postgres").await;
    traps.into_iter().for_each(Trap::release);
    customer.sees_ready(0, false).await;
    let refused = customer.offer(0, &pictures[0], "while-it-is-away").await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_retryable(&refused), "{refused:?}");
    for worker in &workers {
        eventually("a worker cannot even put its job off", async || {
            worker.process.log().contains("could not reschedule a job").then_some(())
        })
        .await;
    }
    servers.run("start", "postgres").await;
    customer.sees_ready(0, true).await;
    customer.sees_ready(1, true).await;

    crowd.grows_by(10).await;
    servers.run("restart", "postgres").await;
    crowd.grows_by(10).await;
    let kept = crowd.leaves().await;

    let refusals = kept.iter().flat_map(|kept| &kept.refusals).count();
    assert!(refusals > 0, "nobody noticed that the database was away");
    for Kept { id, picture, key, .. } in kept.iter().filter(|kept| !kept.refusals.is_empty()) {
        let again = customer.offer(0, picture, key).await.unwrap();
        assert_eq!(again.status(), StatusCode::OK, "the same key again");
        assert_eq!(crate::support::customer::id(again).await.as_ref(), Some(id));
    }
    site.assert_invariants(&[&one, &two], &[&workers[0], &workers[1]], &kept).await;
    reader.leaves_content().await;
    let images = images.join("', '");
    let strikes = format!("SELECT MAX(strikes) FROM jobs WHERE image_id IN ('{images}')");
    assert_eq!(site.database.number(&strikes).await, 1, "the outage was held against an image");
}
