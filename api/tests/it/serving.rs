//! What is kept in memory to answer readers, and when it is dropped.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use common::{catalog::Catalog, env::Env, pipeline::Config};
use futures_util::future::{join, join_all};
use testkit::app::{Answer, TestApp, Uploaded};

use crate::{
    operations::metric,
    pictures::{noise, png, png_with_broken_pixels},
};

/// Closes the database: from now on, every query fails.
async fn close_database(app: &TestApp) {
    app.pipeline.catalog().connection().clone().close().await.expect("close the database");
}

async fn rendered(app: &TestApp, bytes: Vec<u8>) -> Uploaded {
    let image = app.upload(bytes).await;
    app.work(1).await;
    image
}

/// Whether a format was written for this answer.
fn is_written(answer: &Answer) -> bool {
    answer.header("server-timing").contains("write;dur=")
}

#[tokio::test]
async fn what_is_kept_is_served_without_a_query() {
    let app = TestApp::spawn().await;
    let image = rendered(&app, png(64, 40)).await;
    let paths = ["", "?preset=color", "?format=png", "?preset=blocks&format=svg", "?width=31"]
        .map(|query| format!("{}{query}", image.at));
    let mut first = Vec::new();
    for path in &paths {
        first.push(app.get(path).await.is(200));
    }
    close_database(&app).await;
    for (path, first) in paths.iter().zip(&first) {
        let again = app.get(path).await.is(200);
        assert_eq!((again.source(), &again.body), ("memory", &first.body), "{path}");
        let tag = first.header("etag");
        app.ask(path, &[("if-none-match", tag)]).await.is(304);
        app.ask(path, &[("if-match", "\"another\"")]).await.is(412);
    }
    // a text that was never requested takes none either: the image and its renders are known
    app.get(&format!("{}?preset=small", image.at)).await.is(200);
    let original = app.get(&format!("{}/original", image.at)).await.is(200);
    assert_eq!(original.body, png(64, 40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_format_is_written_once() {
    let app = TestApp::spawn().await;
    let image = rendered(&app, noise(90, 2)).await;
    for format in ["txt", "html", "svg", "png"] {
        let path = format!("{}?preset=blocks&format={format}", image.at);
        let answers = join_all((0..20).map(|_| app.get(&path))).await;
        assert_eq!(answers.iter().filter(|answer| is_written(answer)).count(), 1, "{format}");
        let again = app.get(&path).await.is(200);
        assert!(!is_written(&again), "{format}");
        let headers = |answer: &Answer| {
            ["content-type", "content-security-policy", "etag", "content-length", "vary"]
                .map(|name| answer.header(name).to_owned())
        };
        for answer in &answers {
            assert_eq!(answer.body, again.body, "{format}");
            assert_eq!(headers(answer), headers(&again), "{format}");
        }
    }
}

#[tokio::test]
async fn without_a_cache_nothing_is_kept() {
    let app = TestApp::with(&[("CACHE_BYTES", "0")]).await;
    let image = rendered(&app, png(64, 40)).await;
    let path = format!("{}?format=png", image.at);
    let first = app.get(&path).await.is(200);
    let again = app.get(&path).await.is(200);
    assert!(is_written(&first) && is_written(&again));
    assert_eq!(first.body, again.body);
    close_database(&app).await;
    app.get(&path).await.is(503);
}

#[tokio::test]
async fn new_renders_are_served_at_once() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let drawn = app.get(&image.at).await.is(200);
    assert_eq!(drawn.source(), "render");
    app.work(1).await;
    let stored = app.get(&image.at).await.is(200);
    assert_ne!(stored.header("last-modified"), "");
    // it is known as stored: its text is that of the store
    let other = app.get(&format!("{}?preset=small", image.at)).await.is(200);
    assert_eq!(other.source(), "store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deletion_is_seen_by_every_later_reader() {
    let app = TestApp::spawn().await;
    for round in 0..20 {
        let image = app.upload(png(8 + round, 8)).await;
        let path = format!("{}?width=8", image.at);
        let tag = app.get(&path).await.is(200).header("etag").to_owned();
        let is_deleted = AtomicBool::new(false);
        let read = async |is_conditional: bool| {
            let headers = [("if-none-match", tag.as_str())];
            let headers = if is_conditional { &headers[..] } else { &[] };
            let mut is_gone = false;
            for _ in 0..1_000 {
                let was_deleted = is_deleted.load(Ordering::SeqCst);
                let status = app.ask(&path, headers).await.status;
                assert!(status == 404 || !was_deleted, "{status} after the deletion");
                assert!(status == 404 || !is_gone, "{status} after a 404");
                is_gone = status == 404;
                if was_deleted {
                    return;
                }
            }
        };
        let delete = async {
            // the readers have begun
            tokio::task::yield_now().await;
            app.get(&path).await.is(200);
            app.delete(&image.at).await.is(204);
            is_deleted.store(true, Ordering::SeqCst);
        };
        join(delete, join_all((0..6).map(|reader| read(reader % 2 == 0)))).await;
    }
}

#[tokio::test]
async fn a_list_is_made_again_when_an_image_changed() {
    let app = TestApp::spawn().await;
    app.upload(png(8, 8)).await;
    let page = [("accept", "text/html")];
    let mut tags = HashSet::new();
    for step in 0..5 {
        match step {
            0 => {}
            1 => drop(app.upload(png(9, 9)).await),
            2 => app.work(2).await,
            3 => {
                app.upload(png_with_broken_pixels()).await;
                app.work(1).await;
            }
            _ => {
                let newest = app.get("/images?limit=1").await.json()["items"][0]["id"].clone();
                let newest = newest.as_str().expect("an id").to_owned();
                app.delete(&format!("/images/{newest}")).await.is(204);
            }
        }
        let list = app.get("/images").await.is(200);
        let items = app.count("images").await as usize;
        assert_eq!(list.json()["items"].as_array().expect("items").len(), items, "step {step}");
        let gallery = app.ask("/", &page).await.is(200);
        for (answer, path, headers) in [(&list, "/images", &[][..]), (&gallery, "/", &page[..])] {
            // after the deletion, the list is as it was before that upload
            assert_eq!(tags.insert((path, answer.header("etag").to_owned())), step < 4, "{step}");
            let again = app.ask(path, headers).await.is(200);
            assert_eq!(
                (again.body, again.headers.len()),
                (answer.body.clone(), answer.headers.len())
            );
            let conditional = [headers, &[("if-none-match", answer.header("etag"))]].concat();
            let unmodified = app.ask(path, &conditional).await.is(304);
            assert_eq!(unmodified.header("vary"), answer.header("vary"));
        }
    }
}

#[tokio::test]
async fn what_another_program_changes_is_seen() {
    let app = TestApp::spawn().await;
    let image = rendered(&app, png_with_broken_pixels()).await;
    let status = async || {
        let page = app.ask("/", &[("accept", "text/html")]).await.text();
        let list = app.get("/images").await.is(200).json();
        let metadata = app.get(&format!("{}/metadata", image.at)).await.is(200).json();
        assert_eq!(list["items"][0], metadata);
        let status = metadata["status"].as_str().expect("a status").to_owned();
        assert!(page.contains(&format!("data-status=\"{status}\"")), "{status}: {page}");
        status
    };
    assert_eq!((status().await, status().await), ("failed".to_owned(), "failed".to_owned()));
    // as `planet-admin retry all` does, beside the service
    let file = format!("sqlite://{}", app.folder().join("planet.db").display());
    let mut env = Env::new([("DATABASE_URL", file.as_str())], []);
    let catalog = Catalog::open(&Config::read(&mut env).catalog).await.expect("the database");
    assert_eq!(catalog.retry_dead(None, 100).await.expect("retry"), 1);
    assert_eq!(status().await, "pending");
}

#[tokio::test]
async fn an_address_of_the_gallery_has_the_host_of_its_reader() {
    let app = TestApp::spawn().await;
    for host in ["one.localhost", "two.localhost", "one.localhost"] {
        let page = app.ask("/", &[("accept", "text/html"), ("host", host)]).await.is(200).text();
        assert!(page.contains(&format!("http://{host}")), "{host}");
    }
}

#[tokio::test]
async fn compressed_bodies_are_kept_by_their_own_entity_tags() {
    let app = TestApp::spawn().await;
    let image = rendered(&app, noise(90, 4)).await;
    let path = format!("{}?preset=blocks", image.at);
    let plain = app.get(&path).await.is(200);
    let mut tags = HashSet::from([plain.header("etag").to_owned()]);
    for coding in ["gzip", "br", "zstd"] {
        let accept = [("accept-encoding", coding)];
        let first = app.ask(&path, &accept).await.is(200);
        close_to(&first, &app.ask(&path, &accept).await.is(200));
        assert_eq!(first.header("content-encoding"), coding);
        assert!(first.body.len() < plain.body.len());
        assert!(tags.insert(first.header("etag").to_owned()), "{coding}");
    }
    assert_eq!(app.get(&path).await.body, plain.body);
}

#[track_caller]
fn close_to(one: &Answer, other: &Answer) {
    let headers = |answer: &Answer| {
        ["etag", "content-encoding", "content-length", "vary"]
            .map(|it| answer.header(it).to_owned())
    };
    assert_eq!((headers(one), &one.body), (headers(other), &other.body));
}

#[tokio::test]
async fn a_moment_without_the_store_does_not_make_the_service_unready() {
    let app = TestApp::with(&[("READY_GRACE_S", "1000")]).await;
    app.get("/readyz").await.is(200);
    let (here, away) = (app.folder().join("blobs"), app.folder().join("away"));
    std::fs::rename(&here, &away).expect("take the folder away");
    for _ in 0..2 {
        let body = app.get("/readyz").await.is(200).json();
        assert_eq!((&body["ready"], &body["dependencies"][1]["ok"]), (&true.into(), &false.into()));
    }
    std::fs::rename(&away, &here).expect("bring the folder back");
    assert_eq!(app.get("/readyz").await.is(200).json()["dependencies"][1]["ok"], true);

    let app = TestApp::with(&[("READY_GRACE_S", "1000")]).await;
    std::fs::remove_dir_all(app.folder().join("blobs")).expect("lose the folder");
    app.get("/readyz").await.is(503);
}

const GAUGES: [&[&str]; 6] = [
    &["planet_jobs{", "pending"],
    &["planet_jobs{", "dead"],
    &["planet_oldest_due_job_seconds"],
    &["planet_other_engine_jobs"],
    &["planet_blob_gc_entries{", "swept"],
    &["planet_oldest_due_blob_seconds"],
];

#[tokio::test]
async fn gauges_of_the_database_vanish_with_it() {
    let app = TestApp::spawn().await;
    app.upload(png(8, 8)).await;
    let text = app.text("/metrics").await;
    assert_eq!(metric(&text, GAUGES[0]), Some(1.0), "{text}");
    assert!(metric(&text, &["planet_backlog_age_seconds"]) < Some(1.0), "{text}");
    assert_eq!(metric(&text, &["planet_changes_age_seconds"]), None, "{text}");
    close_database(&app).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let text = app.text("/metrics").await;
    for gauge in GAUGES {
        assert_eq!(metric(&text, gauge), None, "{text}");
    }
    // what the process counts itself stays
    assert!(metric(&text, &["planet_requests_total"]).is_some());
    assert!(metric(&text, &["planet_backlog_age_seconds"]) >= Some(0.002), "{text}");
}

#[tokio::test]
async fn the_database_is_asked_once_however_many_scrape() {
    let app = TestApp::with(&[("METRICS_INTERVAL_S", "1000")]).await;
    let texts = join_all((0..10).map(|_| app.text("/metrics"))).await;
    app.upload(png(8, 8)).await;
    close_database(&app).await;
    let later = app.text("/metrics").await;
    for text in texts.iter().chain([&later]) {
        assert_eq!(metric(text, GAUGES[0]), Some(0.0), "{text}");
    }
    let age = |text| metric(text, &["planet_backlog_age_seconds"]).expect("an age");
    assert!(age(&later) > age(&texts[0]));
}
