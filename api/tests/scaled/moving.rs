//! Moves of installations that run: from one process with SQLite and files to several, and from
//! bucket to bucket.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::Method;
use reqwest::{Client, StatusCode};
use testkit::wait::eventually;
use tokio::time::sleep;

use crate::support::{
    embedded::Home,
    pictures::{picture, pictures},
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient, id},
};

/// So that there are not many more images than this test is about.
const UPLOAD_INTERVAL: Duration = Duration::from_millis(50);

/// What addresses answer: status, entity tag and bytes.
async fn answers(url: &str, kept: &[StoredImage]) -> BTreeMap<String, (u16, String, Vec<u8>)> {
    let http = Client::builder().no_proxy().build().unwrap();
    let mut answers = BTreeMap::new();
    for StoredImage { id, .. } in kept {
        for rest in ["", "?preset=small", "?preset=large", "/original", "/renders", "/metadata"] {
            let path = format!("/images/{id}{rest}");
            let answer = http.get(format!("{url}{path}")).send().await.unwrap();
            let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
            let status = answer.status().as_u16();
            assert_eq!(status, 200, "{path}");
            let body = answer.bytes().await.unwrap().to_vec();
            answers.insert(path, (status, tag.unwrap_or_default(), body));
        }
    }
    let list = http.get(format!("{url}/images?limit=200")).send().await.unwrap();
    answers.insert("/images".into(), (200, String::new(), list.bytes().await.unwrap().to_vec()));
    answers
}

/// Uploads again and again until `stop`, or until uploads are refused.
async fn keep_uploading(
    client: TestClient,
    kept: Arc<Mutex<Vec<StoredImage>>>,
    stop: Arc<AtomicBool>,
) {
    for nth in 100.. {
        let picture = picture(nth);
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("key-{nth}");
        let answer = client.try_upload(0, &picture, &key).await.unwrap();
        if answer.status() != StatusCode::CREATED {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.headers().contains_key("retry-after"));
            return;
        }
        let id = id(answer).await.unwrap();
        kept.lock().unwrap().push(StoredImage { id, picture, key, refusals: Vec::new() });
        sleep(UPLOAD_INTERVAL).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_installation_moves_to_several_machines_and_loses_nothing() {
    let Some(servers) = Servers::shared().await else { return };
    let home = Home::new();
    let mut planet = home.start().await;
    let old = TestClient::of(&[&home.url]);
    let first = old.upload_all(&pictures(40)).await;
    let deleted = old.upload(b"P1 1 1 1".to_vec()).await;
    old.wait_until_all_ready(&first).await;

    let site = Site::without_schema(&servers).await;
    let aws = ["AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];
    let mut settings: Vec<(&'static str, &str)> =
        aws.into_iter().map(|name| (name, site.setting(name))).collect();
    settings.push(("MOVE_TO_STORE", site.setting("STORE_URL")));
    settings.push(("MOVE_TO_DATABASE", site.setting("DATABASE_URL")));

    let later = Arc::new(Mutex::new(Vec::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let uploads = tokio::spawn(keep_uploading(old.clone(), later.clone(), stop.clone()));

    // killed while it copies; uploads go on meanwhile
    for name in ["originals/", "renders/"] {
        let mut trap = site.bucket.breakpoint(Method::PUT, name);
        let mut admin = home.admin(&["move"], &settings);
        trap.hit().await;
        let before = later.lock().unwrap().len();
        eventually("uploads go on", async || (later.lock().unwrap().len() > before).then_some(()))
            .await;
        admin.kill();
        trap.release();
    }
    // what was copied, and is deleted before the next attempt
    assert!(old.delete(&deleted).await.unwrap().status().is_success());

    let mut admin = home.admin(&["move"], &settings);
    let end = admin.ended().await;
    assert!(end.success(), "{}", admin.log());
    uploads.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    // a second move to the same place, and one into another installation, are refused
    let mut again = home.admin(&["move"], &settings);
    assert!(!again.ended().await.success());
    assert!(again.log().contains("it has images or users already"), "{}", again.log());

    // the old service still reads
    let mut kept = first;
    kept.extend(later.lock().unwrap().drain(..));
    let copied: Vec<StoredImage> = kept.clone();
    let ready: Vec<StoredImage> = {
        let mut ready = Vec::new();
        for image in &copied {
            let body = old.json(&format!("/images/{}/metadata", image.id)).await;
            if body["status"] == "ready" {
                ready.push(image.clone());
            }
        }
        ready
    };
    assert!(ready.len() >= 40);
    let before = answers(&home.url, &ready).await;
    let refused = old.delete(&ready[0].id).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = refused.text().await.unwrap();
    assert!(said.contains("was moved to another place"), "{said}");

    let api = site.api().await;
    let new = TestClient::of(&[&api.url]);
    let after = answers(&api.url, &ready).await;
    for (path, answer) in &before {
        assert!(after[path] == *answer, "{path} answers something else");
    }
    assert_eq!(new.get(&format!("/images/{deleted}")).await.unwrap().status(), 404);
    planet.signal("TERM");
    assert!(planet.ended().await.success());

    // what was refused is taken there, and what was taken is known by its key
    let known = new.retry_upload(&kept[0].picture, &kept[0].key).await;
    assert_eq!(known.id, kept[0].id);
    kept.extend(new.upload_all(&pictures(3)).await);
    let worker = site.worker().await;
    new.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&api], &[&worker], &kept).await;
    let check = site.check();
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success() && said.contains(": 0 wrong"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_of_the_store_keeps_the_database() {
    let home = Home::new();
    let mut planet = home.start().await;
    let client = TestClient::of(&[&home.url]);
    let kept = client.upload_all(&pictures(10)).await;
    client.wait_until_all_ready(&kept).await;
    let before = answers(&home.url, &kept).await;

    let mut admin = home.admin(&["move", "--to-store=file:data/others"], &[]);
    assert!(admin.ended().await.success(), "{}", admin.log());
    let refused = client.try_upload(0, &pictures(11)[10], "another").await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    planet.signal("TERM");
    assert!(planet.ended().await.success());
    std::fs::remove_dir_all(home.folder.path().join("data/blobs")).unwrap();

    assert!(home.admin(&["move", "release"], &[]).ended().await.success());
    let _planet = home.start_with(&[("STORE_URL", "file:data/others")]);
    client.wait_for_readyz(0, true).await;
    assert!(answers(&home.url, &kept).await == before);
    client.upload_all(&pictures(11)[10..]).await;
    let mut check = home.admin(&["check"], &[("STORE_URL", "file:data/others")]);
    assert!(check.ended().await.success(), "{}", check.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_file_is_damaged_stops_a_move_before_changes_are_refused() {
    let home = Home::new();
    let _planet = home.start().await;
    let client = TestClient::of(&[&home.url]);
    let kept = client.upload_all(&pictures(3)).await;
    client.wait_until_all_ready(&kept).await;
    let folder = &kept[1].id[35..];
    let file = format!("data/blobs/originals/{folder}/{}.1", kept[1].id);
    let damaged = home.folder.path().join(file);
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();

    let mut admin = home.admin(&["move", "--to-store=file:data/others"], &[]);
    assert_eq!(admin.ended().await.code(), Some(1));
    let said = admin.log();
    assert!(said.contains(&kept[1].id) && !said.contains(&kept[0].id), "{said}");
    client.upload_all(&pictures(4)[3..]).await;

    let mut admin = home.admin(&["move", "--to-store=file:data/blobs"], &[]);
    assert_eq!(admin.ended().await.code(), Some(1));
    assert!(admin.log().contains("the new place is the old one"), "{}", admin.log());
}
