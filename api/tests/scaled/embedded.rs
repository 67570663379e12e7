//! The whole service in one process, in one folder.

use std::{io::Cursor, os::unix::process::ExitStatusExt, sync::Arc};

use crate::support::{
    embedded::Home,
    pictures::{Picture, pictures},
    reader::Reader,
    sync_counter::SyncCounter,
    test_client::TestClient,
};

/// The process crashes at this point of an upload or of its job; after a restart the client
/// retries.
async fn dies(point: &str) {
    let home = Home::new();
    let test_client = TestClient::of(&[&home.url]);
    let picture = pictures(1).remove(0);
    let mut dying = home.start_with(&[("FAILPOINT", point)]);
    test_client.wait_for_readyz(0, true).await;
    // it may have responded just before
    let _broken_or_answered = test_client.try_upload(0, &picture, "the-key").await;
    assert_eq!(dying.ended().await.signal(), Some(9), "{point}");

    let _process = home.start().await;
    let kept = [test_client.retry_upload(&picture, "the-key").await];
    test_client.wait_until_all_ready(&kept).await;
    home.assert_invariants(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_process_that_dies_in_an_upload_loses_nothing() {
    for point in ["upload: intent", "upload: put", "upload: commit"] {
        dies(point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_process_that_dies_in_a_job_does_it_after_restart() {
    for point in ["hint: heard", "hint: claim", "render: drawn", "render: put", "render: finish"] {
        dies(point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_process_continues_at_once_after_a_crash() {
    for point in ["upload: put", "hint: claim"] {
        let home = Home::new();
        let test_client = TestClient::of(&[&home.url]);
        let picture = pictures(1).remove(0);
        // longer than the test
        let waits = ["LEASE_S", "UPLOAD_LEASE_S", "BLOB_GRACE_S"].map(|name| (name, "7200"));
        let mut dying = home.start_with(&[&waits[..], &[("FAILPOINT", point)]].concat());
        test_client.wait_for_readyz(0, true).await;
        let _broken_or_answered = test_client.try_upload(0, &picture, "the-key").await;
        assert_eq!(dying.ended().await.signal(), Some(9), "{point}");

        let _process = home.start_with(&waits);
        test_client.wait_for_readyz(0, true).await;
        let spooled = std::fs::read_dir(home.folder.path().join("data/spool")).unwrap();
        assert_eq!(spooled.count(), 0, "{point}");
        let kept = [test_client.retry_upload(&picture, "the-key").await];
        test_client.wait_until_all_ready(&kept).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_and_its_renders_take_eight_syncs() {
    const UPLOADS: usize = 5;
    let home = Home::new();
    let counter = SyncCounter::build(home.folder.path());
    // of five presets, by default
    let settings = [("PRESETS", ""), ("BACKFILL_S", "0"), ("JANITOR_S", "600")];
    let _process = home.start_with(&[&counter.environment()[..], &settings].concat());
    let test_client = TestClient::of(&[&home.url]);
    test_client.wait_for_readyz(0, true).await;
    // a connection's first commit also syncs the folder of the database
    let once = home.folder.path().join("data").display().to_string();
    for nth in 0..=UPLOADS {
        let before = counter.synced().len();
        let kept = test_client.upload_all(&[Arc::new(photo(nth as u32))]).await;
        test_client.wait_until_all_ready(&kept).await;
        let mut synced = counter.synced().split_off(before);
        synced.retain(|path| *path != once);
        // during the first one, the process may still sync what it made at its start
        assert!(nth == 0 || (1..=8).contains(&synced.len()), "upload {nth}: {synced:#?}");
    }
}

/// A JPEG of about 100 kB.
fn photo(seed: u32) -> Picture {
    let pixels = image::RgbImage::from_fn(400, 300, |x, y| {
        let noise = x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503).wrapping_add(seed);
        image::Rgb([(noise >> 8) as u8, (noise >> 16) as u8, (x / 2) as u8])
    });
    let mut file = Cursor::new(Vec::new());
    pixels.write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
    let bytes = file.into_inner();
    assert!((50_000..200_000).contains(&bytes.len()), "{} bytes", bytes.len());
    Picture { name: "photo.jpg".to_owned(), bytes: bytes.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_in_the_same_folder_does_not_start() {
    let home = Home::new();
    let _first = home.start().await;
    let mut second = home.start_with(&[("BIND", "127.0.0.1:0")]);
    assert_eq!(second.ended().await.code(), Some(1));
    assert!(second.log().contains("another process uses"), "{}", second.log());
    TestClient::of(&[&home.url]).wait_for_readyz(0, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_process_killed_twice_loses_nothing() {
    let home = Home::new();
    let test_client = TestClient::of(&[&home.url]);
    let pictures = pictures(50);

    let mut process = home.start().await;
    let reader = Reader::start(test_client.clone());
    let gallery = reader.gallery();
    let uploads = tokio::spawn({
        let (test_client, gallery) = (test_client.clone(), gallery.clone());
        async move {
            let mut all = Vec::new();
            for batch in pictures.chunks(10) {
                let kept = test_client.upload_all(batch).await;
                gallery.add(&kept);
                all.extend(kept);
            }
            all
        }
    });
    for kept in [10, 30] {
        gallery.reaches(kept).await;
        process.kill();
        process = home.start().await;
    }
    let kept = uploads.await.unwrap();
    test_client.wait_until_all_ready(&kept).await;

    home.assert_invariants(&kept).await;
    reader.finish().await;
    process.signal("TERM");
    assert!(process.ended().await.success());
}
