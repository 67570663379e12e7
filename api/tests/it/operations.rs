//! For operators: liveness, readiness, metrics, request ids.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    time::Duration,
};

use rustix::fs::{CWD, FileType, mknodat};
use serde_json::{Value, json};
use testkit::app::{TestApp, until};

use crate::pictures::{png, png_with_broken_pixels};

#[tokio::test]
async fn a_start_removes_what_a_crash_left_in_the_spool_folder_and_nothing_else() {
    let app = TestApp::spawn().await;
    let spool = app.folder().join("spool");
    let file = |name: &str| File::create(spool.join(name)).expect("the folder is writable");
    let name = |nth: u8| format!("planet-upload-01a20f99-48b9-701c-bde0-968a9045721{nth}.spool");
    let of_others = [
        "thesis.txt",
        "upload-report-2026.csv",
        "planet-upload-report.spool",
        "planet-upload-01a20f99-48b9-701c-bde0-968a90457218.spool.bak",
        "planet-upload-01A20F99-48B9-701C-BDE0-968A90457218.spool",
    ];
    of_others.into_iter().for_each(|name| drop(file(name)));
    file(&name(0));
    let alive = file(&name(1));
    alive.lock().expect("it is ours");
    // named as ours, and something else
    fs::create_dir(spool.join(name(2))).expect("a folder");
    mknodat(CWD, spool.join(name(3)), FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
    symlink(spool.join("thesis.txt"), spool.join(name(4))).expect("a link");
    file(&name(5));
    let app = app.restart(&[], |_| {}).await;
    let entries = fs::read_dir(app.folder().join("spool")).expect("the folder");
    let mut left: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    left.sort();
    let mut expected = of_others.map(str::to_owned).to_vec();
    expected.extend([1, 2, 3, 4].map(name));
    expected.sort();
    assert_eq!(left, expected);
}

#[tokio::test]
async fn a_service_that_is_well_says_so() {
    let app = TestApp::spawn().await;
    assert_eq!(app.text("/livez").await, "ok\n");
    assert_eq!(
        app.get("/readyz").await.is(200).json(),
        json!({
            "ready": true,
            "stopping": false,
            "dependencies": [
                { "name": "database", "ok": true, "required": true },
                { "name": "store", "ok": true, "required": true },
                { "name": "spool", "ok": true, "required": true },
                { "name": "queue", "ok": true, "required": false },
            ],
        })
    );
}

fn ok(body: &Value, name: &str) -> bool {
    let dependencies = body["dependencies"].as_array().expect("dependencies");
    let dependency = dependencies.iter().find(|dependency| dependency["name"] == name);
    dependency.expect("a dependency")["ok"] == true
}

#[tokio::test]
async fn a_service_without_its_store_is_alive_but_not_ready() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let (here, away) = (app.folder().join("blobs"), app.folder().join("away"));
    std::fs::rename(&here, &away).expect("take the folder away");
    std::fs::write(&here, "").expect("put something in its place");

    app.get("/livez").await.is(200);
    let answer = app.get("/readyz").await.is(503);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(!answer.header("retry-after").is_empty());
    let body = answer.json();
    assert!(body["ready"] == false && !ok(&body, "store") && ok(&body, "database"), "{body}");
    app.get(&image.at).await.is(503).tells_problem("unavailable", &["try again"]);
    app.get(&format!("{}/original", image.at)).await.is(503).tells_problem("unavailable", &[]);
    app.post(png(8, 8)).await.is(503).tells_problem("unavailable", &["try again"]);
    app.get(&format!("{}/metadata", image.at)).await.is(200);
    assert_eq!((app.count("images").await, app.count("jobs").await), (1, 1));

    // the job is postponed, without a failed attempt
    app.work(1).await;
    let job = app.get(&format!("{}/renders", image.at)).await.is(200).json()["job"].clone();
    assert_eq!((&job["state"], &job["attempts"]), (&json!("pending"), &json!(1)));
    assert_eq!(app.count("jobs WHERE strikes = 0").await, 1);

    std::fs::remove_file(&here).expect("clear the place");
    std::fs::rename(&away, &here).expect("bring the folder back");
    app.get("/readyz").await.is(200);
    app.get(&image.at).await.is(200);
}

#[tokio::test]
async fn readers_are_not_told_what_failed_inside_the_service() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    std::fs::remove_file(app.original(&image)).expect("remove the file");
    std::fs::create_dir(app.original(&image)).expect("put a folder in its place");
    app.work(1).await;

    let renders = app.get(&format!("{}/renders", image.at)).await.is(200).json();
    let told = renders["job"]["error"].as_str().expect("an error");
    assert!(told.contains("the service") && told.contains("tried again"), "{told}");
    for path in ["", "/metadata", "/renders"] {
        for accept in ["text/plain", "application/json", "text/html"] {
            let answer = app.ask(&format!("{}{path}", image.at), &[("accept", accept)]).await;
            assert!(!answer.text().contains("regular file"), "{path}: {}", answer.text());
        }
    }
    // the operator sees it
    let jobs = app.pipeline.catalog().jobs_of(&[image.id.parse().expect("an id")]).await;
    let error = jobs.expect("the jobs")[0].error.clone().expect("an error").to_string();
    assert!(error.starts_with("service failure: ") && error.contains("regular file"), "{error}");
}

#[tokio::test]
async fn a_service_whose_folders_were_unmounted_is_not_ready() {
    let app = TestApp::spawn().await;
    for (folder, name) in [("blobs", "store"), ("spool", "spool")] {
        std::fs::remove_dir_all(app.folder().join(folder)).expect("lose the folder");
        assert!(!ok(&app.get("/readyz").await.is(503).json(), name));
    }
}

#[tokio::test]
async fn a_service_without_its_database_is_alive_but_not_ready() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.pipeline.catalog().connection().clone().close().await.expect("close the database");

    app.get("/livez").await.is(200);
    let body = app.get("/readyz").await.is(503).json();
    assert!(body["ready"] == false && !ok(&body, "database") && ok(&body, "store"), "{body}");
    for path in ["", "?width=9", "/metadata", "/original", "/renders"] {
        let answer = app.get(&format!("{}{path}", image.at)).await.is(503);
        assert!(!answer.text().to_lowercase().contains("sqlite"), "nothing of the inside");
        answer.tells_problem("unavailable", &["try again"]);
    }
    app.get("/images").await.is(503);
    app.post(png(8, 8)).await.is(503);
    app.delete(&image.at).await.is(503);
    // metrics work without the database
    app.get("/metrics").await.is(200);
}

#[tokio::test]
async fn every_request_has_an_id() {
    let app = TestApp::spawn().await;
    let own = app.get("/livez").await;
    let other = app.get("/livez").await;
    assert_ne!(own.header("x-request-id"), other.header("x-request-id"));
    let given = app.ask("/nowhere", &[("x-request-id", "abc-123")]).await.is(404);
    assert_eq!(given.header("x-request-id"), "abc-123");
    assert_eq!(given.json()["request_id"], "abc-123");
    for odd in ["", "two words", "caf\u{e9}", &"x".repeat(129)] {
        let answer = app.ask("/livez", &[("x-request-id", odd)]).await.is(200);
        assert_eq!(answer.header("x-request-id").len(), 36, "{odd}");
    }
}

/// The value of the first series whose name and labels contain all of `parts`.
pub fn metric(text: &str, parts: &[&str]) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn metrics_tell_what_happens() {
    // the recorder is shared by all tests of the process
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.upload(png_with_broken_pixels()).await;
    app.work(2).await;
    app.get(&format!("{}?width=44", image.at)).await.is(200);
    app.get(&format!("{}?width=44", image.at)).await.is(200);
    app.get("/nowhere/at/all").await.is(404);
    let answer = app.get("/metrics").await.is(200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for series in [
        &["planet_requests_total{", "route=\"/images\"", "method=\"POST\"", "status=\"201\""]
            as &[_],
        &["planet_requests_total{", "route=\"/images/{id}\"", "status=\"200\""],
        &["planet_requests_total{", "route=\"none\"", "status=\"404\""],
        &["planet_request_seconds_count{", "route=\"/images/{id}\""],
        &["planet_render_seconds_bucket{", "stage=\"render\"", "le=\"+Inf\""],
        &["planet_render_seconds_count{", "stage=\"load\""],
        &["planet_cache_total{", "outcome=\"hit\""],
        &["planet_cache_total{", "outcome=\"miss\""],
        &["planet_jobs_total{", "outcome=\"done\""],
        &["planet_jobs_total{", "outcome=\"dead\""],
    ] {
        assert!(metric(&text, series) >= Some(1.0), "{series:?}\n{text}");
    }
    for gauge in [
        &["planet_jobs{", "pending"] as &[_],
        &["planet_jobs{", "dead"],
        &["planet_oldest_due_job_seconds"],
    ] {
        assert!(metric(&text, gauge).is_some(), "{gauge:?}");
    }
    assert!(!text.contains(&image.id), "ids would make a series each");
}

#[tokio::test]
async fn rounds_of_the_janitor_and_of_the_backfill_are_timed() {
    let app = TestApp::spawn().await;
    let worker = app.spawn_worker();
    for task in ["task=\"clean-up\"", "task=\"backfill\""] {
        let series = ["planet_maintenance_seconds_count{", task, "outcome=\"done\""];
        until(task, async || metric(&app.text("/metrics").await, &series) >= Some(1.0)).await;
    }
    worker.abort();
}

#[tokio::test]
async fn the_age_of_the_backlog_is_seen() {
    let app = TestApp::spawn().await;
    app.upload(png(64, 40)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let backlog = app.pipeline.catalog().backlog(1).await.expect("the backlog");
    assert_eq!((backlog.pending, backlog.dead), (1, 0));
    assert!(backlog.oldest_due >= Duration::from_millis(20));
    app.work(1).await;
    let backlog = app.pipeline.catalog().backlog(1).await.expect("the backlog");
    assert_eq!((backlog.pending, backlog.oldest_due), (0, Duration::ZERO));
}
