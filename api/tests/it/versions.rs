//! Changes of the engine version and of presets while images are read.

use sea_orm::ConnectionTrait;
use testkit::app::{TestApp, Uploaded, files};

use crate::pictures::{drawn, png};

/// Removes the originals: only stored renders can be served.
pub fn lose_original(app: &TestApp, image: &Uploaded) {
    std::fs::remove_file(app.original(image)).expect("lose the original");
}

#[tokio::test]
async fn the_old_version_is_served_until_the_new_one_is_stored() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let image = app.upload(bytes.clone()).await;
    app.work(1).await;
    let first = app.get(&image.at).await.is(200);
    assert_eq!(first.version(), 1);
    let metadata = format!("{}/metadata", image.at);

    let app = app.restart(&[], |config| config.engine = 2).await;
    let old = app.get(&image.at).await.is(200);
    assert_eq!((old.version(), old.source(), old.text()), (1, "store", first.text()));
    assert_eq!(old.header("etag"), first.header("etag"));
    app.work(0).await;
    app.clean_up().await;
    assert_eq!(app.get(&image.at).await.is(200).version(), 1);
    assert_eq!(app.get(&format!("{}/renders", image.at)).await.json()["job"]["state"], "pending");
    // stored renders stay available
    assert_eq!(app.get(&metadata).await.json()["status"], "ready");

    app.work(1).await;
    let new = app.get(&image.at).await.is(200);
    assert_eq!((new.version(), new.source(), new.text()), (2, "store", drawn(&bytes, "width=80")));
    assert_ne!(new.header("etag"), first.header("etag"));
    app.ask(&image.at, &[("if-none-match", first.header("etag"))]).await.is(200);

    let fixed = app.get(&format!("{}?version=1", image.at)).await.is(200);
    assert_eq!((fixed.version(), fixed.text()), (1, first.text()));
    assert_eq!(app.get(&format!("{}?version=2", image.at)).await.is(200).version(), 2);
    let never = app.get(&format!("{}?version=3", image.at)).await.is(404);
    never.tells_problem("not-found", &["version 3"]);

    let items = app.get(&format!("{}/renders", image.at)).await.json()["items"].clone();
    let versions: Vec<_> =
        items.as_array().expect("items").iter().map(|item| item["version"].clone()).collect();
    assert_eq!(versions, [2, 2, 2, 2, 2, 1, 1, 1, 1, 1]);

    // a rollback does not serve an older version again
    let app = app.restart(&[], |config| config.engine = 1).await;
    app.clean_up().await;
    app.work(0).await;
    assert_eq!(app.get(&image.at).await.is(200).version(), 2);
}

#[tokio::test]
async fn an_image_that_was_never_rendered_is_drawn_by_the_new_engine() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    assert_eq!(app.get(&image.at).await.is(200).version(), 1);
    // rendered on demand, not stored
    app.get(&format!("{}?version=1", image.at)).await.is(404);
    let app = app.restart(&[], |config| config.engine = 2).await;
    let drawn = app.get(&image.at).await.is(200);
    assert_eq!((drawn.version(), drawn.source()), (2, "render"));
    app.clean_up().await;
    app.work(1).await;
    assert_eq!(app.get(&image.at).await.is(200).version(), 2);
}

#[tokio::test]
async fn a_reader_never_sees_a_version_go_back() {
    let app = TestApp::spawn().await;
    let images = [app.upload(png(64, 40)).await, app.upload(png(40, 64)).await];
    let mut seen = [0; 4];
    let look = async |app: &TestApp, seen: &mut [u32; 4]| {
        let paths = images
            .iter()
            .flat_map(|image| ["", "?width=40"].map(|options| format!("{}{options}", image.at)));
        for (path, before) in paths.zip(seen) {
            let version = app.get(&path).await.is(200).version();
            assert!(version >= *before, "{path}: {before}, then {version}");
            *before = version;
        }
    };
    look(&app, &mut seen).await;
    app.work(2).await;
    look(&app, &mut seen).await;
    let mut app = app;
    for engine in [2, 3, 2, 4] {
        app = app.restart(&[], |config| config.engine = engine).await;
        look(&app, &mut seen).await;
        app.clean_up().await;
        let due = app.count(&format!("jobs WHERE state = 'pending' AND engine = {engine}")).await;
        for _ in 0..due {
            app.work(1).await;
            look(&app, &mut seen).await;
        }
        app.clean_up().await;
        look(&app, &mut seen).await;
    }
    assert_eq!(seen, [4; 4]);
}

#[tokio::test]
async fn a_new_preset_is_made_for_old_images_too() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let image = app.upload(bytes.clone()).await;
    app.work(1).await;
    let default = app.text(&image.at).await;

    let presets = "default?width=80 small?width=40 wide?width=200&invert=true";
    let app = app.restart(&[("PRESETS", presets)], |_| {}).await;
    let wide = format!("{}?preset=wide", image.at);
    assert_eq!(app.get(&wide).await.is(200).source(), "render");
    assert_eq!(app.get(&image.at).await.is(200).source(), "store");
    app.clean_up().await;
    assert_eq!(app.text(&image.at).await, default);
    let metadata = app.get(&format!("{}/metadata", image.at)).await.json();
    assert_eq!(metadata["status"], "ready");
    app.work(1).await;
    app.clean_up().await;
    app.work(0).await;

    // the old preset's render is still listed, without a name
    let renders = app.get(&format!("{}/renders", image.at)).await.json();
    let mut names: Vec<_> = renders["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["preset"].as_str())
        .collect();
    names.sort();
    assert_eq!(names, [None, None, None, Some("default"), Some("small"), Some("wide")]);

    let app = app.restart(&[("PRESETS", presets)], |_| {}).await;
    lose_original(&app, &image);
    assert_eq!(app.text(&wide).await, drawn(&bytes, "width=200&invert=true"));
    assert_eq!(app.text(&image.at).await, default);
    // no longer a preset, but still stored
    assert_eq!(app.text(&format!("{}?width=160", image.at)).await, drawn(&bytes, "width=160"));
    app.get(&format!("{}?preset=large", image.at))
        .await
        .is(400)
        .tells_problem("bad-parameter", &["wide"]);
}

#[tokio::test]
async fn of_the_versions_that_an_image_has_the_newest_are_kept() {
    let settings = &[("VERSIONS_KEPT", "1"), ("BLOB_GRACE_S", "1000")];
    let app = TestApp::with(settings).await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    app.clean_up().await;
    let app = app.restart(settings, |config| config.engine = 2).await;
    let fixed = |version: u32| format!("{}?version={version}", image.at);
    app.clean_up().await;
    assert_eq!(app.get(&image.at).await.is(200).version(), 1, "the next version is not complete");
    app.get(&fixed(1)).await.is(200);

    app.work(1).await;
    app.get(&fixed(1)).await.is(200);
    let blobs = app.folder().join("blobs/renders");
    assert_eq!(files(&blobs).len(), 2);
    app.clean_up().await;
    app.get(&fixed(1)).await.is(404).tells_problem("not-found", &["version 1"]);
    assert_eq!(app.get(&fixed(2)).await.is(200).version(), 2);
    assert_eq!(app.get(&image.at).await.is(200).version(), 2);
    assert_eq!(app.get(&format!("{}/metadata", image.at)).await.json()["status"], "ready");
    assert_eq!(app.count("renders WHERE engine = 1").await, 0);
    assert_eq!(files(&blobs).len(), 2, "a reader may have looked it up before");
    let due = "UPDATE blob_gc SET due_at = 0";
    app.pipeline.catalog().connection().execute_unprepared(due).await.expect("run SQL");
    app.clean_up().await;
    assert_eq!(files(&blobs).len(), 1);

    let app = app.restart(settings, |config| config.engine = 1).await;
    app.clean_up().await;
    assert_eq!(app.get(&image.at).await.is(200).version(), 2);
}
