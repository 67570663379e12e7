//! Faults of the store.

use axum::http::Method;
use common::render::sha256_hex;
use reqwest::{Response, StatusCode};
use testkit::wait::eventually;

use crate::support::{
    bucket::{Breakpoint, StoreFault},
    pictures::pictures,
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient, is_retryable},
};

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_fails_nothing_is_recorded_and_no_attempt_counts() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let pictures = pictures(8);

    // The jobs exist before the store fails; the worker starts afterwards.
    worker.process.signal("STOP");
    let kept = test_client.upload_all(&pictures[..5]).await;
    site.bucket.set_fault(StoreFault::Unavailable);
    worker.process.signal("CONT");
    let postponed = "SELECT COUNT(*) FROM jobs WHERE error IS NOT NULL AND strikes <= 1";
    eventually("a job is postponed", async || {
        (site.database.number(postponed).await > 0).then_some(())
    })
    .await;
    test_client.wait_for_readyz(0, false).await;
    refuses(&site, test_client.try_upload(0, &pictures[5], "busy").await.unwrap()).await;
    let look = test_client.get(&format!("/images/{}", kept[0].id)).await.unwrap();
    assert_eq!(look.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_retryable(&look), "{look:?}");

    site.bucket.set_fault(StoreFault::Disconnect);
    refuses(&site, test_client.try_upload(0, &pictures[6], "deaf").await.unwrap()).await;

    // It hangs, and executes the put after its client has given up.
    site.bucket.set_fault(StoreFault::None);
    let trap = site.bucket.breakpoint(Method::PUT, "originals/");
    refuses(&site, test_client.try_upload(0, &pictures[7], "hanging").await.unwrap()).await;
    trap.release();

    test_client.wait_for_readyz(0, true).await;
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
    let attempts = site.database.number("SELECT MAX(attempt) FROM jobs").await;
    let strikes = site.database.number("SELECT MAX(strikes) FROM jobs").await;
    assert!(attempts > 1, "no job was postponed");
    assert_eq!(strikes, 1, "the last attempt's own strike is the only one");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_wait_for_the_store_hold_no_core_and_wait_together() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    site.set("RENDER_CONCURRENCY", "1");
    site.set("WORKER_CLAIMS", "4");
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let mut loads = [(); 4].map(|()| site.bucket.breakpoint(Method::GET, "originals/"));
    let mut puts = [(); 4].map(|()| site.bucket.breakpoint(Method::PUT, "renders/"));
    let kept = test_client.upload_all(&pictures(4)).await;
    for load in &mut loads {
        load.hit().await;
    }
    loads.into_iter().for_each(Breakpoint::release);
    // one put for all renders of a job
    for put in &mut puts {
        put.hit().await;
    }
    puts.into_iter().for_each(Breakpoint::release);
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_original_raises_a_metric_and_its_job_waits() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let api = site.api().await;
    let test_client = TestClient::of(&[&api.url]);
    let kept = test_client.upload_all(&pictures(1)).await;
    let blob = site.bucket.file(&site.database.originals().await.remove(0));
    let aside = blob.with_extension("aside");
    std::fs::rename(&blob, &aside).unwrap();

    let worker = site.worker().await;
    eventually("the alarm is raised, more than once", async || {
        let metrics = reqwest::get(&worker.metrics).await.ok()?.text().await.ok()?;
        let alarms = metrics
            .lines()
            .find(|line| line.starts_with("planet_missing_blobs_total{kind=\"original\"}"))?;
        (alarms.rsplit(' ').next()?.parse::<u64>().ok()? > 1).then_some(())
    })
    .await;
    let blamed = "SELECT COUNT(*) FROM jobs WHERE state <> 'pending' OR strikes > 1";
    assert_eq!(site.database.number(blamed).await, 0);
    std::fs::rename(&aside, &blob).unwrap();
    test_client.wait_until_all_ready(&kept).await;
    drop(worker);
    // its metrics include the alarm; those of a new worker do not
    let worker = site.worker().await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_early_postpones_the_job_and_blames_no_image() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    worker.process.signal("STOP");
    let kept = test_client.upload_all(&pictures(2)).await;
    site.bucket.set_fault(StoreFault::Truncate);
    worker.process.signal("CONT");
    eventually("a job is postponed", async || {
        let postponed = "SELECT COUNT(*) FROM jobs WHERE faults > 0";
        (site.database.number(postponed).await > 0).then_some(())
    })
    .await;
    let look = test_client.get(&format!("/images/{}?width=33", kept[0].id)).await.unwrap();
    assert_eq!(look.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_retryable(&look), "{look:?}");
    let blamed = "SELECT COUNT(*) FROM jobs WHERE state <> 'pending' OR strikes > 1";
    assert_eq!(site.database.number(blamed).await, 0);
    site.bucket.set_fault(StoreFault::None);
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_is_sent_in_parts_and_takes_little_memory() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    site.set("MAX_UPLOAD_BYTES", &(256 << 20).to_string());
    let api = site.api().await;
    let test_client = TestClient::of(&[&api.url]);
    let warm = test_client.upload(pictures(1)[0].bytes.to_vec()).await;
    let base = api.process.memory_mib("VmHWM");
    // noise, as a PNM of 6000 x 6000 pixels
    let mut large = b"P6 6000 6000 255\n".to_vec();
    let (header, mut state) = (large.len(), 1_u32);
    large.resize_with(header + 6_000 * 6_000 * 3, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });

    let sha256 = sha256_hex(&large);
    let id = test_client.upload(large).await;
    let grown = api.process.memory_mib("VmHWM").saturating_sub(base);
    assert!(grown < 48, "{grown} MiB for a file of 103 MiB");
    let original = test_client.get(&format!("/images/{id}/original")).await.unwrap();
    assert_eq!(sha256_hex(&original.bytes().await.unwrap()), sha256);
    for id in [warm, id] {
        test_client.remove(&id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_in_the_bucket_becomes_an_image() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let picture = pictures(1).remove(0);
    let object = site.bucket.folder().join("scenes/may 1.png");
    std::fs::create_dir(object.parent().unwrap()).unwrap();
    std::fs::write(&object, &picture.bytes).unwrap();
    let said = site.admin_output(&["adopt-object", "scenes/may 1.png"]);
    let said = String::from_utf8(said.stdout).unwrap();
    let id = said.trim().strip_prefix("scenes/may 1.png is image ").unwrap();
    let id = id.strip_suffix(" now").unwrap().to_owned();
    let again = site.admin_output(&["adopt-object", "scenes/may 1.png"]);
    assert!(String::from_utf8(again.stdout).unwrap().contains(&format!("{id} already")));
    std::fs::remove_dir_all(object.parent().unwrap()).unwrap();
    let kept = [StoredImage { id, picture, key: String::new(), refusals: Vec::new() }];
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

/// Checks that the upload was refused with `Retry-After`, and that nothing was recorded.
async fn refuses(site: &Site, answer: Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(is_retryable(&answer), "{answer:?}");
    assert_eq!(site.database.number("SELECT COUNT(*) FROM images").await, 5);
    assert_eq!(site.database.number("SELECT COUNT(*) FROM jobs").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_interrupted_tells_where_to_go_on() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let api = site.api().await;
    let test_client = TestClient::of(&[&api.url]);
    let mut kept = test_client.upload_all(&pictures(3)).await;
    kept.sort_by(|one, other| one.id.cmp(&other.id));
    // the newest are checked first
    let mut trap = site.bucket.breakpoint(Method::HEAD, &format!("originals/{}", kept[0].id));
    let mut check = site.admin(&["check", "--concurrency=1"]);
    trap.hit().await;
    check.signal("INT");
    assert_eq!(check.ended().await.code(), Some(130));
    let told = format!("to go on: planet-admin check --after={}", kept[1].id);
    assert!(check.log().contains(&told), "{}", check.log());
    trap.release();
    let after = format!("--after={}", kept[1].id);
    let mut rest = site.admin(&["check", &after]);
    assert!(rest.ended().await.success());
    assert!(rest.log().contains("1 image, 0 renders, 1 of these"), "{}", rest.log());
}
