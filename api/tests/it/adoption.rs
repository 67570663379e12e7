//! `planet-admin adopt-object`: what is in the store already becomes an image.

use std::fs;

use testkit::app::TestApp;

use crate::{checks::command, pictures::png};

/// What `planet-admin` prints, or else its error.
fn admin(app: &TestApp, words: &[&str]) -> Result<String, String> {
    let output = command(app, words).output().expect("run planet-admin");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The id of the image that was adopted.
fn id(said: &str) -> &str {
    said.split(" is image ").nth(1).and_then(|it| it.split(' ').next()).expect("an id")
}

#[tokio::test]
async fn a_file_in_the_store_becomes_an_image() {
    let app = TestApp::spawn().await;
    fs::create_dir(app.folder().join("blobs/scenes")).expect("a folder");
    let scene = app.folder().join("blobs/scenes/may.png");
    fs::write(&scene, png(64, 40)).expect("a file");
    let said = admin(&app, &["adopt-object", "scenes/may.png"]).expect("adopted");
    let id = id(&said).to_owned();
    // the program's engine version is not that of the app
    app.clean_up().await;
    app.work(1).await;
    let metadata = app.get(&format!("/images/{id}/metadata")).await.json();
    assert_eq!(metadata["status"], "ready");
    assert_eq!(metadata["name"], "may.png");
    assert_eq!(metadata["bytes"], fs::metadata(&scene).expect("the file").len());
    let original = app.get(&format!("/images/{id}/original")).await;
    assert_eq!(original.body, fs::read(&scene).expect("the file"));
    assert!(app.get("/images").await.text().contains(&id), "lists show it");

    // by another path, it is the same file, adopted once more
    let again = admin(&app, &["adopt-object", "scenes/may.png", "June.png"]).expect("adopted");
    assert_eq!(again, format!("scenes/may.png is image {id} already\n"));
    fs::write(&scene, png(40, 64)).expect("another file");
    let other = admin(&app, &["adopt-object", "scenes/may.png", "June.png"]).expect("adopted");
    app.clean_up().await;
    app.work(1).await;
    let other = self::id(&other).to_owned();
    assert_ne!(other, id);
    let metadata = app.get(&format!("/images/{other}/metadata")).await.json();
    assert_eq!((&metadata["name"], &metadata["width"]), (&"June.png".into(), &40.into()));
    assert_eq!(app.get(&format!("/images/{id}")).await.status, 200);

    fs::remove_file(&scene).expect("remove the file");
    assert_eq!(app.get(&format!("/images/{other}/original")).await.status, 200);
    assert!(admin(&app, &["check"]).is_ok());
}

#[tokio::test]
async fn what_cannot_be_adopted_leaves_nothing_and_the_error_says_what_would() {
    let app = TestApp::spawn().await;
    let kept = app.upload(png(8, 8)).await;
    app.work(1).await;
    let blobs = app.folder().join("blobs");
    fs::write(blobs.join("notes.txt"), "no image").expect("a file");
    fs::write(blobs.join("empty.png"), "").expect("a file");
    fs::write(blobs.join("cut.png"), &png(64, 64)[..60]).expect("a file");
    let own = app.original(&kept);
    for (name, words) in [
        ("notes.txt", "not an image"),
        ("empty.png", "empty"),
        ("cut.png", ""),
        ("missing.png", "expected the name of an object"),
        ("s3://planet/missing.png", "without s3://"),
        ("originals", "belongs to an image"),
        (own.to_str().expect("UTF-8"), "belongs to an image"),
    ] {
        let error = admin(&app, &["adopt-object", name]).expect_err(name);
        assert!(error.contains(words), "{name}: {error}");
    }
    let error = admin(&app, &["adopt-object"]).expect_err("no name");
    assert!(error.contains("expected the name of an object"), "{error}");
    assert_eq!(app.count("images").await, 1);
    assert_eq!(app.count("blob_gc").await, 0);
}
