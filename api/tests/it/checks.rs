//! `planet-admin` checks an installation, and retries dead jobs.

use std::{fs, process::Command};

use common::{
    env::Env,
    pipeline::{AuditEvent, AuditOptions, audit},
    store::Store,
};
use sea_orm::ConnectionTrait;
use testkit::app::{TestApp, files, until};
use tokio_util::sync::CancellationToken;

use crate::{
    pictures::{png, png_with_broken_pixels},
    programs::{PLANET_ADMIN, run},
};

/// `planet-admin` for the app's installation.
pub(crate) fn command(app: &TestApp, words: &[&str]) -> Command {
    let at = |name: &str| app.folder().join(name).display().to_string();
    let mut command = Command::new(PLANET_ADMIN);
    command
        .args(words)
        .current_dir(app.folder())
        .env_clear()
        .env("DATABASE_URL", format!("sqlite://{}", at("planet.db")))
        .env("STORE_URL", format!("file:{}", at("blobs")));
    command
}

/// What it says of the installation, and whether all is well.
fn admin(app: &TestApp, words: &[&str]) -> (String, bool) {
    let output = command(app, words).env("RUST_LOG", "off").output().expect("run planet-admin");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.success())
}

/// The error of a check that cannot run.
fn error(app: &TestApp) -> String {
    let output = command(app, &["check"]).output().expect("run planet-admin");
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[tokio::test]
async fn a_check_names_everything_that_is_missing_or_changed() {
    let app = TestApp::spawn().await;
    let images = [app.upload(png(64, 40)).await, app.upload(png(40, 64)).await];
    app.work(2).await;
    let (said, is_well) = admin(&app, &["check"]);
    assert_eq!(said, "2 images, 10 renders, 12 of these originals and texts hashed: 0 wrong\n");
    assert!(is_well);
    let (said, _) = admin(&app, &["check", "--check-percent=0"]);
    assert_eq!(said, "2 images, 10 renders, 0 of these originals and texts hashed: 0 wrong\n");

    fs::remove_file(app.original(&images[0])).expect("lose an original");
    let other = app.original(&images[1]);
    let mut bytes = fs::read(&other).expect("an original");
    bytes[20] ^= 1;
    fs::write(&other, bytes).expect("damage an original");
    let renders = app.folder().join("blobs/renders");
    let render = files(&renders).pop().expect("a render");
    fs::write(renders.join(render), "short").expect("damage a render");

    let (said, is_well) = admin(&app, &["check"]);
    assert!(!is_well);
    for (id, wrong) in [
        (&images[0].id, "its original is missing in the store (originals/"),
        (&images[1].id, "its original has other bytes than those that were stored (originals/"),
    ] {
        assert!(said.contains(&format!("image {id}: {wrong}")), "{said}");
    }
    assert!(said.contains("has 5 bytes instead of"), "{said}");
    // the texts of a job are in one file
    assert!(said.ends_with(": 7 wrong\n"), "{said}");
    // by their lengths alone, changed bytes pass
    let (said, _) = admin(&app, &["check", "--check-percent=0"]);
    assert!(said.ends_with(": 6 wrong\n"), "{said}");
}

#[tokio::test]
async fn a_check_goes_on_after_an_image_and_takes_samples() {
    let app = TestApp::spawn().await;
    let mut images = Vec::new();
    for nth in 0..12 {
        images.push(app.upload(png(8 + nth, 8)).await);
    }
    for image in &images {
        fs::remove_file(app.original(image)).expect("lose an original");
    }
    let (one_by_one, _) = admin(&app, &["check", "--concurrency", "1"]);
    let (side_by_side, is_well) = admin(&app, &["check", "--check-concurrency=12"]);
    assert!(!is_well && side_by_side == one_by_one, "{side_by_side}");
    // the newest first
    let lines: Vec<&str> = one_by_one.lines().collect();
    for (line, image) in lines.iter().zip(images.iter().rev()) {
        assert!(
            line.starts_with(&format!("image {}: its original is missing", image.id)),
            "{line}"
        );
    }
    let after = format!("--after={}", images[4].id);
    let (rest, _) = admin(&app, &["check", &after]);
    assert!(rest.contains(&lines[8..12].join("\n")) && rest.contains("4 images, "), "{rest}");

    let (sample, _) = admin(&app, &["check", "--sample", "1000000000000"]);
    assert!(sample.starts_with("0 images, 0 renders, "), "{sample}");
    for wrong in [&["check", "--sample=0"], &["check", "--after=me"], &["check", "--concurrency=0"]]
    {
        let output = command(&app, wrong).output().expect("run planet-admin");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[tokio::test]
async fn a_check_that_is_stopped_knows_how_far_it_came() {
    let app = TestApp::spawn().await;
    for nth in 0..6 {
        app.upload(png(8 + nth, 8)).await;
    }
    let store = Store::open(&app.pipeline.config().store).await.expect("the store");
    let mut options = AuditOptions::read(&mut Env::default());
    let check = async |options: &AuditOptions, stop_at: usize| {
        let (stop, mut checked) = (CancellationToken::new(), Vec::new());
        let mut observer = |event: AuditEvent<'_>| {
            if let AuditEvent::Checked(id, _) = event {
                checked.push(id);
                if checked.len() == stop_at {
                    stop.cancel();
                }
            }
        };
        let report = audit(app.pipeline.catalog(), &store, options, &stop, &mut observer).await;
        let report = report.expect("an audit");
        assert_eq!(report.stopped, stop_at > 0);
        checked
    };
    let all = check(&options, 0).await;
    let first = check(&options, 2).await;
    assert!(all.len() == 6 && first.len() < 6 && all.starts_with(&first), "{all:?} {first:?}");
    options.after = first.last().copied();
    assert_eq!([first, check(&options, 0).await].concat(), all);
}

#[tokio::test]
async fn times_that_a_wrong_clock_left_ahead_are_reported_and_the_job_is_done() {
    let app = TestApp::with(&[("LEASE_S", "0.2"), ("JANITOR_S", "0.1")]).await;
    let image = app.upload(png(64, 40)).await;
    let ahead = async |set: &str| {
        let sql = format!("UPDATE {set} + 10 * 86400000");
        app.pipeline.catalog().connection().execute_unprepared(&sql).await.expect("run SQL");
    };
    ahead("jobs SET due_at = due_at").await;
    ahead("images SET created_at = created_at").await;
    let (said, is_well) = admin(&app, &["check"]);
    assert!(!is_well && said.contains("1 due times of jobs are far ahead"), "{said}");
    assert!(said.contains(&format!("image {}: its times are ahead", image.id)), "{said}");
    assert!(said.ends_with(": 2 wrong\n"), "{said}");

    app.spawn_worker();
    let done = async || app.count("jobs WHERE state = 'done'").await == 1;
    until("the job is done", done).await;
    ahead("renders SET created_at = created_at").await;
    let (said, _) = admin(&app, &["check"]);
    assert!(said.ends_with(": 6 wrong\n") && said.contains("the time of its render"), "{said}");
}

#[test]
fn where_no_data_is_none_is_made_and_the_place_is_told() {
    // where a folder is empty, `run` sees to it that it stays so
    for words in [&["check"] as &[_], &["dead"], &["retry", "all"]] {
        let output = run(PLANET_ADMIN, words, &[]);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{said}");
        assert!(said.contains("/data/planet.db; DATABASE_URL names another place"), "{said}");
    }
}

#[tokio::test]
async fn where_half_of_the_data_is_the_missing_half_is_told() {
    let app = TestApp::spawn().await;
    fs::remove_dir_all(app.folder().join("blobs")).expect("lose the store");
    let said = error(&app);
    assert!(said.contains("/blobs; STORE_URL names another place"), "{said}");
    assert!(!app.folder().join("blobs").exists());

    let database = app.folder().join("planet.db");
    fs::write(&database, "").expect("lose the tables");
    for beside in ["planet.db-wal", "planet.db-shm"] {
        let _not_there = fs::remove_file(app.folder().join(beside));
    }
    let said = error(&app);
    assert!(said.contains("/planet.db; DATABASE_URL names another place"), "{said}");
}

#[tokio::test]
async fn a_list_of_no_dead_jobs_says_so_beside_the_list() {
    let app = TestApp::spawn().await;
    let output = command(&app, &["dead"]).output().expect("run planet-admin");
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "there are no dead jobs\n");
}

#[tokio::test]
async fn control_characters_in_a_reason_are_escaped() {
    let app = TestApp::spawn().await;
    app.upload(png_with_broken_pixels()).await;
    app.work(1).await;
    let reason = "UPDATE jobs SET error = char(27) || '[31m' || char(155, 8238) || 'x'";
    let changed = app.pipeline.catalog().connection().execute_unprepared(reason).await;
    assert_eq!(changed.expect("change the reason").rows_affected(), 1);
    for words in [["dead"], ["check"]] {
        let (said, _) = admin(&app, &words);
        assert!(said.contains(r": \u{1b}[31m\u{9b}\u{202e}x"), "{said:?}");
        assert!(!said.replace('\n', "").contains(asciify::is_display_control), "{said:?}");
    }
}

#[tokio::test]
async fn dead_jobs_are_listed_and_tried_again() {
    let app = TestApp::spawn().await;
    let image = app.upload(png_with_broken_pixels()).await;
    app.work(1).await;
    let metadata = format!("{}/metadata", image.at);
    assert_eq!(app.get(&metadata).await.json()["status"], "failed");

    let (listed, is_well) = admin(&app, &["dead"]);
    assert!(is_well && listed.lines().count() == 1, "{listed}");
    assert!(listed.starts_with(&format!("image {}: job ", image.id)), "{listed}");
    assert!(listed.contains("dead after 1 attempt: the PNG is damaged"), "{listed}");
    let (checked, is_well) = admin(&app, &["check"]);
    assert!(!is_well && checked.starts_with(&listed), "{checked}");

    let job = listed.split_whitespace().nth(3).expect("the job's id");
    assert_eq!(admin(&app, &["retry", job]), ("1 job will be tried again\n".into(), true));
    assert_eq!(app.get(&metadata).await.json()["status"], "pending");
    assert_eq!(admin(&app, &["retry", job]), ("0 jobs will be tried again\n".into(), false));
    app.work(1).await;
    assert_eq!(admin(&app, &["retry", "all"]), ("1 job will be tried again\n".into(), true));
    assert!(!admin(&app, &["retry", "none"]).1 && !admin(&app, &["chekc"]).1);
}
