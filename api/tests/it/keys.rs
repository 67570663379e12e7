//! `Idempotency-Key`: a repeated upload is stored once.

use std::time::Duration;

use common::{catalog::Intent, image::Metadata, render::sha256_hex};
use reqwest::Method;
use testkit::app::{Answer, TestApp, Uploaded};

use crate::pictures::png;

async fn post(app: &TestApp, key: &str, bytes: Vec<u8>) -> Answer {
    let request = app.request(Method::POST, "/images").header("idempotency-key", key);
    app.send(request.body(bytes)).await
}

#[tokio::test]
async fn the_same_upload_again_answers_the_same_image() {
    let app = TestApp::spawn().await;
    let first = post(&app, "a key", png(8, 8)).await.is(201);
    let again = post(&app, "a key", png(8, 8)).await.is(200);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.json(), first.json());
    assert_eq!((app.count("images").await, app.count("jobs").await), (1, 1));

    let other = post(&app, "another key", png(8, 8)).await.is(201);
    assert_ne!(other.header("location"), first.header("location"));
}

#[tokio::test]
async fn a_key_is_not_for_other_bytes() {
    let app = TestApp::spawn().await;
    post(&app, "key", png(8, 8)).await.is(201);
    let other = post(&app, "key", png(9, 9)).await;
    other.is(422).tells_problem("key-reused", &["new key"]);
    assert_eq!(app.count("images").await, 1);
}

#[tokio::test]
async fn a_key_is_free_again_once_its_image_is_removed() {
    let app = TestApp::spawn().await;
    let first = Uploaded::from(&post(&app, "key", png(8, 8)).await.is(201));
    app.delete(&first.at).await.is(204);
    let second = Uploaded::from(&post(&app, "key", png(9, 9)).await.is(201));
    assert_ne!(first.id, second.id);
}

#[tokio::test]
async fn a_refused_upload_does_not_use_its_key_up() {
    let app = TestApp::spawn().await;
    post(&app, "key", b"no image".to_vec()).await.is(415);
    post(&app, "key", png(8, 8)).await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_is_stored() {
    let app = TestApp::spawn().await;
    let answers =
        futures_util::future::join_all((0..12).map(|_| post(&app, "key", png(32, 32)))).await;
    let created: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(created.len(), 1);
    for answer in &answers {
        match answer.status {
            201 | 200 => assert_eq!(answer.header("location"), created[0].header("location")),
            _ => drop(answer.clone().is(409).tells_problem("key-busy", &["try again"])),
        }
    }
    assert_eq!((app.count("images").await, app.count("jobs").await), (1, 1));
    post(&app, "key", png(32, 32)).await.is(200);
}

#[tokio::test]
async fn a_key_is_busy_until_the_upload_that_has_it_ends() {
    let app = TestApp::with(&[("UPLOAD_LEASE_S", "0.3")]).await;
    let metadata = Metadata {
        name: None,
        media_type: "image/png".into(),
        bytes: 1,
        width: 8,
        height: 8,
        frames: 1,
        layout: None,
        band_names: Vec::new(),
        geo: None,
        sha256: sha256_hex(b""),
    };
    let lease = Duration::from_millis(300);
    let begun = app.pipeline.catalog().begin_upload(None, &metadata, Some("key"), lease).await;
    assert!(matches!(begun, Ok(Intent::Acquired(_))));
    post(&app, "key", png(8, 8)).await.is(409).tells_problem("key-busy", &["still running"]);

    // its process crashed: the lease expires
    tokio::time::sleep(lease).await;
    let image = Uploaded::from(&post(&app, "key", png(8, 8)).await.is(201));
    app.work(1).await;
    app.get(&image.at).await.is(200);
    assert_eq!(app.get(&format!("{}/original", image.at)).await.body, png(8, 8));
}
