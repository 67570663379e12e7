//! Event streams: a client of one API process gets the changes of all others, and misses none.

use testkit::wait::soon;

use crate::support::{
    events::Events, link::LinkFault, pictures::pictures, servers::Servers, site::Site,
    test_client::TestClient,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_one_door_is_heard_at_another() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    // without polling: only notifications
    site.set("POLL_S", "1000");
    let [one, two] = [site.api().await, site.api().await];
    site.set("POLL_S", "0.5");
    let worker = site.worker().await;
    let test_client = TestClient::of(&[&one.url]);
    let mut events = Events::of(&two.url, "/images/events", "").await;
    let mut kept = test_client.upload_all(&pictures(8)).await;
    let ready: Vec<(&str, &str)> = kept.iter().map(|image| (image.id.as_str(), "ready")).collect();
    events.expect_all(&ready).await;
    for image in &kept {
        let mut own = Events::of(&two.url, &format!("/images/{}/events", image.id), "").await;
        own.expect_status(&image.id, "ready").await;
    }
    let gone = kept.pop().unwrap();
    let mut own = Events::of(&two.url, &format!("/images/{}/events", gone.id), "").await;
    test_client.remove(&gone.id).await;
    events.expect_status(&gone.id, "deleted").await;
    own.expect_status(&gone.id, "deleted").await;
    assert_eq!(soon("the end of the stream", own.next()).await, None);
    site.assert_invariants(&[&one, &two], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_events_arrive_with_the_next_poll() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let link = site.link_to_broker(&servers).await;
    let [one, two] = [site.api().await, site.api().await];
    let worker = site.worker().await;
    let test_client = TestClient::of(&[&one.url]);
    let pictures = pictures(4);
    let mut events = Events::of(&two.url, "/images/events", "").await;
    let mut kept = Vec::new();
    for (picture, fault) in
        pictures.iter().zip([LinkFault::Hang, LinkFault::Refuse, LinkFault::Hang, LinkFault::Pass])
    {
        link.set(fault);
        let image = test_client.upload_until_stored(0, picture.clone()).await;
        events.expect_status(&image.id, "ready").await;
        kept.push(image);
    }
    site.assert_invariants(&[&one, &two], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reconnects_after_a_crash_has_missed_nothing() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let (one, mut two) = (site.api().await, site.api().await);
    let worker = site.worker().await;
    let test_client = TestClient::of(&[&one.url]);
    let pictures = pictures(24);
    let mut events = Events::of(&two.url, "/images/events", "").await;
    let mut kept = test_client.upload_all(&pictures[..8]).await;
    events.expect_status(&kept[0].id, "ready").await;

    two.process.kill();
    // data in transit can still be read
    soon("the end of the stream", async { while events.next().await.is_some() {} }).await;
    let told_before = events.last_id.clone();
    let more = test_client.upload_all(&pictures[8..]).await;
    test_client.wait_until_all_ready(&more).await;
    let gone = kept.pop().unwrap();
    test_client.remove(&gone.id).await;

    let mut missed: Vec<(&str, &str)> =
        more.iter().map(|image| (image.id.as_str(), "ready")).collect();
    missed.push((&gone.id, "deleted"));
    for url in [&one.url, &site.api().await.url] {
        let mut again = Events::of(url, "/images/events", &told_before).await;
        again.expect_all(&missed).await;
    }
    kept.extend(more);
    site.assert_invariants(&[&one], &[&worker], &kept).await;
}
