//! Decompression bombs: they are refused, rendered or given up, without effect on other images.

use std::{fs, path::Path, time::Duration};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use testkit::wait::{at_once, eventually};

use crate::support::{
    bombs::{Bomb, bombs, gif},
    pictures::pictures,
    process::Process,
    servers::Servers,
    site::{SHORT_WAITS, Site},
    test_client::{TestClient, id},
};

const RENDER_MEMORY_MIB: u64 = 192;
const ANSWER_MEMORY_MIB: u64 = 32;
const CACHE_MIB: u64 = 8;
const UPLOAD_MIB: u64 = 12;
/// Memory of two renders outside of the budget, in MiB: each original file, and a copy of it.
const ORIGINALS_MIB: u64 = 2 * 2 * UPLOAD_MIB;
/// Memory that the allocator does not return, and buffers of connections and of SQLite, in MiB.
const LEEWAY_MIB: u64 = 64;
const BOMBS_AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn bombs_stay_within_the_configured_memory_and_affect_no_other_image() {
    let folder = TempDir::new().unwrap();
    let mut settings = SHORT_WAITS.map(|(name, value)| (name, value.to_owned())).to_vec();
    settings.extend([
        ("BIND", "127.0.0.1:0".to_owned()),
        ("RENDER_MEMORY_MIB", RENDER_MEMORY_MIB.to_string()),
        ("ANSWER_MEMORY_MIB", ANSWER_MEMORY_MIB.to_string()),
        ("CACHE_BYTES", (CACHE_MIB << 20).to_string()),
        ("MAX_UPLOAD_BYTES", (UPLOAD_MIB << 20).to_string()),
        // a slow machine must not fail the test
        ("RENDER_WAIT_S", "50".to_owned()),
        ("UPLOAD_LEASE_S", "50".to_owned()),
    ]);
    let process = Process::start(Path::new(env!("CARGO_BIN_EXE_planet")), folder.path(), &settings);
    let url = process.address().await;
    let test_client = TestClient::of(&[&url]);
    test_client.wait_for_readyz(0, true).await;
    let pictures = pictures(26);
    let first = test_client.upload_all(&pictures[..1]).await;
    test_client.wait_until_all_ready(&first).await;
    let base = process.memory_mib("VmRSS");

    let normal = tokio::spawn({
        let test_client = test_client.clone();
        async move {
            let mut kept = Vec::new();
            for picture in &pictures[1..] {
                let one = test_client.upload_until_stored(0, picture.clone()).await;
                assert_eq!(one.refusals, [] as [StatusCode; 0]);
                let look = test_client.get(&format!("/images/{}?width=77", one.id)).await.unwrap();
                assert_eq!(look.status(), StatusCode::OK);
                kept.push(one);
            }
            kept
        }
    });
    throw_all(&url, &["width=120", "width=50&frame=1"]).await;
    test_client.wait_until_all_ready(&normal.await.unwrap()).await;

    let peak = process.memory_mib("VmHWM");
    let budget = RENDER_MEMORY_MIB + ANSWER_MEMORY_MIB + CACHE_MIB + ORIGINALS_MIB;
    eprintln!("at rest {base} MiB, at most {peak} MiB, {budget} MiB configured");
    assert!(peak <= base + budget + LEEWAY_MIB, "{base} MiB at rest, {peak} MiB at most");
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_stay_within_the_configured_memory_of_a_worker() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    site.set("RENDER_MEMORY_MIB", &RENDER_MEMORY_MIB.to_string());
    site.set("MAX_UPLOAD_BYTES", &(UPLOAD_MIB << 20).to_string());
    site.set("UPLOAD_LEASE_S", "50");
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let first = test_client.upload_all(&pictures(1)).await;
    test_client.wait_until_all_ready(&first).await;
    let base = worker.process.memory_mib("VmRSS");

    throw_all(&api.url, &[]).await;
    let peak = worker.process.memory_mib("VmHWM");
    let budget = RENDER_MEMORY_MIB + ORIGINALS_MIB;
    eprintln!("at rest {base} MiB, at most {peak} MiB, {budget} MiB configured");
    assert!(peak <= base + budget + LEEWAY_MIB, "{base} MiB at rest, {peak} MiB at most");
}

/// Uploads every bomb, and checks its outcome.
async fn throw_all(url: &str, looks: &'static [&str]) {
    let test_client = TestClient::of(&[url]);
    let mut left = bombs();
    while !left.is_empty() {
        let some = left.split_off(left.len().saturating_sub(BOMBS_AT_ONCE));
        let thrown = at_once(some.into_iter().map(|bomb| throw(url.to_owned(), bomb, looks))).await;
        for (what, at) in thrown.into_iter().flatten() {
            has_ended(&test_client, what, &at).await;
        }
    }
}

/// Uploads a bomb, and requests renders of several sizes; returns its address if it was accepted.
async fn throw(
    url: String,
    Bomb { what, bytes }: Bomb,
    looks: &[&str],
) -> Option<(&'static str, String)> {
    let http = Client::builder().no_proxy().build().unwrap();
    let answer = http.post(format!("{url}/images")).body(bytes).send().await.unwrap();
    let status = answer.status();
    if status.is_client_error() {
        eprintln!("{what}: {status} {}", answer.text().await.unwrap());
        return None;
    }
    assert_eq!(status, StatusCode::CREATED, "{what}");
    let at = format!("/images/{}", id(answer).await.unwrap());
    for look in looks {
        let status = http.get(format!("{url}{at}?{look}")).send().await.unwrap().status();
        assert!(status.is_success() || status.is_client_error(), "{what}: {status}");
    }
    Some((what, at))
}

/// Checks that the image is rendered, or failed with a reason.
async fn has_ended(test_client: &TestClient, what: &str, at: &str) -> Value {
    let body: Value = eventually(&format!("the end of {what}"), async || {
        let body = test_client.json(&format!("{at}/metadata")).await;
        (body["status"] != "pending").then_some(body)
    })
    .await;
    let is_explained = body["error"].as_str().is_some_and(|error| error.len() > 10);
    assert!(body["status"] == "ready" || is_explained, "{what}: {body}");
    eprintln!("{what}: {} {}", body["status"], body["error"]);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_that_takes_too_long_is_stopped_and_its_core_is_free_again() {
    let folder = TempDir::new().unwrap();
    let mut settings = SHORT_WAITS.map(|(name, value)| (name, value.to_owned())).to_vec();
    settings.retain(|(name, _)| *name != "RENDER_CONCURRENCY");
    settings.extend([
        ("BIND", "127.0.0.1:0".to_owned()),
        ("RENDER_CONCURRENCY", "1".to_owned()),
        ("RENDER_LIMIT_S", "0.1".to_owned()),
        ("RENDER_WAIT_S", "50".to_owned()),
    ]);
    let process = Process::start(Path::new(env!("CARGO_BIN_EXE_planet")), folder.path(), &settings);
    let url = process.address().await;
    let test_client = TestClient::of(&[&url]);
    test_client.wait_for_readyz(0, true).await;
    let slow = test_client.upload(gif(8_000, 1)).await;
    let look = test_client.get(&format!("/images/{slow}?width=9")).await.unwrap();
    assert_eq!(look.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = look.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("longer than 0.1 s"), "{problem}");
    let end = has_ended(&test_client, "a slow image", &format!("/images/{slow}")).await;
    assert_eq!(end["status"], "failed");
    assert!(end["error"].as_str().unwrap().contains("longer than 0.1 s"), "{end}");

    // the only core is free for other renders
    let quick = test_client.upload(gif(8, 1)).await;
    eventually("the quick one is seen", async || {
        let look = test_client.get(&format!("/images/{quick}?width=9")).await.ok()?;
        (look.status() == StatusCode::OK).then_some(())
    })
    .await;
    has_ended(&test_client, "a quick image", &format!("/images/{quick}")).await;
    eventually("the process rests", async || {
        let before = cpu_ticks(&process);
        tokio::time::sleep(Duration::from_millis(300)).await;
        // it would use 30 if it continued
        (cpu_ticks(&process) - before < 10).then_some(())
    })
    .await;
}

/// Processor time of the process, in hundredths of a second.
fn cpu_ticks(process: &Process) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
