//! The order and the pace of jobs: what is due is done, whatever hints, the backfill and outages do.

use std::{fs, time::Duration};

use common::job::JobId;
use sea_orm::ConnectionTrait;
use testkit::app::{TestApp, Uploaded, until};
use tokio_util::task::AbortOnDropHandle;

use crate::pictures::{noise, png};

const DONE: &str = "jobs WHERE state = 'done'";

/// Uploads `count` different images.
async fn upload(app: &TestApp, count: u32) -> Vec<Uploaded> {
    let mut images = Vec::new();
    for nth in 0..count {
        images.push(app.upload(png(40 + nth, 30)).await);
    }
    images
}

/// The image in a literal of SQL.
fn literal(image: &Uploaded) -> String {
    format!("x'{}'", image.id.replace('-', ""))
}

async fn run(app: &TestApp, sql: &str) {
    app.pipeline.catalog().connection().execute_unprepared(sql).await.expect("run SQL");
}

#[tokio::test]
async fn hints_without_end_do_not_delay_a_due_job() {
    let app = TestApp::spawn().await;
    let queue = app.pipeline.queue().clone();
    // more than the queue holds, for as long as the test runs: the hint of the upload is dropped
    let flood = move || (0..20_000).for_each(|_| queue.notify_job(JobId::generate(), None));
    flood();
    let _flooding = AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            flood();
            tokio::task::yield_now().await;
        }
    }));
    app.upload(png(40, 30)).await;
    app.spawn_worker();
    until("the job is done", async || app.count(DONE).await == 1).await;
}

#[tokio::test]
async fn the_longest_due_job_comes_first_though_newer_ones_have_hints() {
    // after its first poll, the worker polls only while it finds due jobs
    let app = TestApp::with(&[("WORKER_CLAIMS", "1"), ("POLL_S", "1000")]).await;
    let oldest = upload(&app, 1).await.remove(0);
    let lost = app.pipeline.queue().listen_jobs(1).next().await;
    upload(&app, 20).await;
    app.spawn_worker();
    until("all are done", async || app.count(DONE).await == 21).await;
    let is_oldest = format!("image_id = {}", literal(&oldest));
    assert_eq!(app.count(&format!("jobs WHERE {is_oldest} AND attempt = 1")).await, 1);
    let before = format!("jobs WHERE done_at < (SELECT done_at FROM jobs WHERE {is_oldest})");
    assert_eq!(app.count(&before).await, 0, "{} waited for newer jobs", lost.job);
}

#[tokio::test]
async fn the_backfill_takes_what_fresh_jobs_leave_and_needs_no_polls() {
    let app = TestApp::with(&[("POLL_S", "1000")]).await;
    upload(&app, 20).await;
    app.work(20).await;
    let app = app.restart(&[("POLL_S", "1000")], |config| config.engine = 2).await;
    app.clean_up().await;
    assert_eq!(app.count("jobs WHERE engine = 2 AND backfill").await, 20);
    let fresh = app.upload(png(80, 30)).await;
    app.spawn_worker();
    let done = "jobs WHERE state = 'done' AND engine = 2";
    until("all are done", async || app.count(done).await == 21).await;
    let fresh_done = format!("(SELECT done_at FROM jobs WHERE image_id = {})", literal(&fresh));
    let before = app.count(&format!("{done} AND done_at < {fresh_done}")).await;
    assert!(before <= 1, "the fresh job waited for {before} of the backfill");
}

#[tokio::test]
async fn a_worker_without_a_backfill_makes_no_jobs() {
    let app = TestApp::spawn().await;
    upload(&app, 3).await;
    app.work(3).await;
    let app = app.restart(&[("BACKFILL_S", "0")], |config| config.engine = 2).await;
    app.clean_up().await;
    assert_eq!(app.count("jobs WHERE engine = 2").await, 0);
    upload(&app, 1).await;
    app.work(1).await;
    assert_eq!(app.count("jobs WHERE engine = 2 AND state = 'done'").await, 1);
    let app = app.restart(&[], |config| config.engine = 2).await;
    app.clean_up().await;
    assert_eq!(app.count("jobs WHERE engine = 2").await, 4);
}

#[tokio::test]
async fn a_step_of_the_janitor_that_fails_stops_no_other() {
    let app = TestApp::with(&[("BACKFILL_S", "0")]).await;
    let catalog = app.pipeline.catalog();
    catalog.reserve_blobs(&["renders/a/1".to_owned()], Duration::ZERO).await.expect("reserve");
    // all steps that read jobs fail
    run(&app, "ALTER TABLE jobs RENAME TO hidden").await;
    worker::clean_up(&app.pipeline, &app.worker).await.expect_err("reports the failure");
    assert_eq!(app.count("blob_gc WHERE state = 'swept'").await, 1);
}

#[tokio::test]
async fn small_images_pass_large_ones_and_all_are_done() {
    const LARGE: i64 = 20;
    let settings = [
        ("RENDER_CONCURRENCY", "1"),
        ("LARGE_IMAGE_PX", "1000000"),
        ("PRESETS", "default?width=80"),
    ];
    let app = TestApp::with(&settings).await;
    for seed in 0..LARGE as u64 {
        app.upload(noise(1_100, seed)).await;
    }
    let small = upload(&app, 3).await;
    app.spawn_worker();
    until("all are done", async || app.count(DONE).await == LARGE + 3).await;
    for image in &small {
        let done = format!("(SELECT done_at FROM jobs WHERE image_id = {})", literal(image));
        let before = app.count(&format!("{DONE} AND done_at < {done}")).await;
        assert!(before <= LARGE / 2, "a small image waited for {before} jobs");
    }
    assert_eq!(app.count("jobs WHERE strikes > 1").await, 0, "postponed jobs lose no attempt");
}

#[tokio::test]
async fn the_backfill_leaves_a_core_to_others() {
    let two = [("RENDER_CONCURRENCY", "2"), ("PRESETS", "default?width=80")];
    let app = TestApp::with(&two).await;
    for seed in 0..6 {
        app.upload(noise(500, seed)).await;
    }
    app.work(6).await;
    let app = app.restart(&two, |config| config.engine = 2).await;
    app.clean_up().await;
    app.spawn_worker();
    until("the backfill is done", async || {
        let running =
            app.count("jobs WHERE engine = 2 AND state = 'pending' AND attempt > 0").await;
        assert!(running <= 1, "{running} jobs of the backfill at the same time");
        app.count("jobs WHERE engine = 2 AND state = 'done'").await == 6
    })
    .await;
}

#[tokio::test]
async fn failures_of_the_service_are_retried_later_and_later() {
    let app = TestApp::with(&[("BACKOFF_MAX_S", "30")]).await;
    let image = app.upload(png(40, 30)).await;
    fs::remove_file(app.original(&image)).expect("lose the original");
    for longest in [2, 4, 8, 16, 30, 30] {
        app.work(1).await;
        let now = app.pipeline.catalog().time().await.expect("the time").0;
        let within = |from: i64, to: i64| {
            format!("jobs WHERE strikes = 0 AND due_at BETWEEN {} AND {}", now + from, now + to)
        };
        // what this test itself takes passes before `now`
        let shortest = longest * 800 - Duration::from_secs(1).as_millis() as i64;
        assert_eq!(app.count(&within(shortest, longest * 1_000)).await, 1, "{longest} s");
        run(&app, "UPDATE jobs SET due_at = 0").await;
    }
}

#[tokio::test]
async fn an_outage_of_the_store_costs_few_jobs_an_attempt_and_none_waits_after_it() {
    const JOBS: u32 = 30;
    let settings = [("WORKER_CLAIMS", "2"), ("BACKOFF_MIN_S", "1000"), ("BACKOFF_MAX_S", "1000")];
    let app = TestApp::with(&settings).await;
    upload(&app, JOBS).await;
    let (here, away) = (app.folder().join("blobs"), app.folder().join("away"));
    fs::rename(&here, &away).expect("take the folder away");
    fs::write(&here, "").expect("put something in its place");
    app.spawn_worker();
    let postponed = "jobs WHERE error IS NOT NULL";
    until("a job has failed", async || app.count(postponed).await > 0).await;
    // time for as many attempts as there would be without a check of the store
    for _ in 0..100 {
        app.get("/readyz").await.is(503);
    }
    fs::remove_file(&here).expect("clear the place");
    fs::rename(&away, &here).expect("bring the folder back");
    until("the others are done", async || {
        let waiting = app.count(postponed).await;
        assert!(waiting <= 2, "{waiting} jobs wait after two were claimed when the store failed");
        app.count(DONE).await + waiting == i64::from(JOBS)
    })
    .await;
}
