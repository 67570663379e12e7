//! Hundreds of hostile clients of every kind at once: memory stays bounded, and others are served.

use std::path::Path;

use reqwest::StatusCode;
use tempfile::TempDir;
use testkit::wait::eventually;

use crate::support::{
    hostile::HostileCrowd, pictures::pictures, process::Process, site::SHORT_WAITS,
    test_client::TestClient,
};

const CLIENTS_OF_EACH_KIND: usize = 300;
const ROUNDS: usize = 4;
const RENDER_MEMORY_MIB: u64 = 128;
const ANSWER_MEMORY_MIB: u64 = 48;
const CACHE_MIB: u64 = 8;
const UPLOAD_MIB: u64 = 4;
const MAX_CONNECTIONS: u64 = 1600;
/// Memory of a connection, in KiB: see docs/reliability.md.
const CONNECTION_KIB: u64 = 307;
/// Idle, in MiB, in a debug build; and what the allocator does not return.
const AT_REST_MIB: u64 = 128;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_crowds_of_every_kind_take_bounded_memory_and_others_are_served() {
    let folder = TempDir::new().unwrap();
    let mut settings = SHORT_WAITS.map(|(name, value)| (name, value.to_owned())).to_vec();
    settings.extend([
        ("BIND", "127.0.0.1:0".to_owned()),
        ("MAX_CONNECTIONS", MAX_CONNECTIONS.to_string()),
        ("RENDER_MEMORY_MIB", RENDER_MEMORY_MIB.to_string()),
        ("ANSWER_MEMORY_MIB", ANSWER_MEMORY_MIB.to_string()),
        ("CACHE_BYTES", (CACHE_MIB << 20).to_string()),
        ("MAX_UPLOAD_BYTES", (UPLOAD_MIB << 20).to_string()),
        // a slow machine must not fail the test
        ("UPLOAD_LEASE_S", "50".to_owned()),
        ("LEASE_S", "50".to_owned()),
    ]);
    let process = Process::start(Path::new(env!("CARGO_BIN_EXE_planet")), folder.path(), &settings);
    let url = process.address().await;
    let honest = TestClient::of(&[&url]);
    honest.wait_for_readyz(0, true).await;
    let pictures = pictures(ROUNDS as u32 + 1);
    let mut kept = honest.upload_all(&pictures[..1]).await;
    honest.wait_until_all_ready(&kept).await;

    let target = format!("/images/{}", kept[0].id);
    let address = url.strip_prefix("http://").unwrap();
    let crowd = HostileCrowd::start(address, &target, CLIENTS_OF_EACH_KIND);
    crowd.is_there(CLIENTS_OF_EACH_KIND as u64).await;
    for picture in &pictures[1..] {
        assert_eq!(honest.get("/livez").await.unwrap().status(), StatusCode::OK);
        eventually("a stored text is read", async || {
            let text = honest.get(&target).await.ok()?;
            (text.status() == StatusCode::OK).then_some(())
        })
        .await;
        kept.push(honest.upload_until_stored(0, picture.clone()).await);
        honest.wait_until_all_ready(&kept).await;
    }
    let connections = crowd.connections();
    drop(crowd);

    let peak = process.memory_mib("VmHWM");
    let budget = RENDER_MEMORY_MIB
        + ANSWER_MEMORY_MIB
        + CACHE_MIB
        + 2 * 2 * UPLOAD_MIB
        + MAX_CONNECTIONS * CONNECTION_KIB / 1024;
    eprintln!("at most {peak} MiB, {budget} MiB configured; connections: {connections:?}");
    assert!(peak <= AT_REST_MIB + budget, "{peak} MiB, {budget} MiB configured");
}
