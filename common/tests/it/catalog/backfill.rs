//! The backfill: it looks at each image once, under one leader, and misses none.

use common::catalog::{BackfillStep, BackfillTarget, Snapshot};

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        every_image_is_looked_at_once_and_the_newest_first
        a_leader_is_alone_until_its_lease_ends
        an_upload_that_an_older_process_stores_late_is_not_missed
        jobs_that_a_worker_with_other_presets_ended_are_not_missed
        a_new_preset_is_one_change_of_each_image
    ]
}

/// What one worker has to do; it leads until it resigns.
pub(crate) fn target(engine: u32, specs: &[&str]) -> BackfillTarget {
    let spec_hashes = specs.iter().copied().map(hash).collect();
    BackfillTarget { engine, spec_hashes, lease: LONG, silence: LONG }
}

/// Adds `count` images of long ago, with ids that begin at `first`, in that state.
async fn add_old(catalog: &Catalog, first: u32, count: u32, state: &str) {
    let sqlite = catalog.connection().get_database_backend() == sea_orm::DbBackend::Sqlite;
    let values: Vec<String> = (first..first + count)
        .map(|nth| {
            let id = id_literal(sqlite, old(nth));
            format!("({id}, '{state}', 1, 'image/png', 1, 1, 1, 1, 'x', 9999999999999, 0, 0)")
        })
        .collect();
    let sql = format!(
        "INSERT INTO images (id, state, attempt, media_type, bytes, width, height, frames, sha256,
            due_at, created_at, stored_at) VALUES {}",
        values.join(", ")
    );
    catalog.connection().execute_unprepared(&sql).await.unwrap();
}

fn old(nth: u32) -> ImageId {
    ImageId(Uuid::from_u128(u128::from(nth) << 80))
}

fn id_literal(sqlite: bool, id: ImageId) -> String {
    match sqlite {
        true => format!("x'{}'", id.0.simple()),
        false => format!("'{id}'"),
    }
}

async fn images_with_jobs(catalog: &Catalog, engine: u32) -> HashSet<ImageId> {
    let sql = format!("SELECT image_id FROM jobs WHERE engine = {engine}");
    let db = catalog.connection();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    rows.unwrap().iter().map(|row| ImageId(row.try_get("", "image_id").unwrap())).collect()
}

async fn every_image_is_looked_at_once_and_the_newest_first(catalog: Catalog) {
    const COUNT: u32 = 1_200;
    add_old(&catalog, 1, COUNT, "stored").await;
    let target = target(ENGINE, &["width=80"]);
    let mut lead = catalog.lead_backfill(&target).await.unwrap().unwrap();
    let mut made = Vec::new();
    while let Some(BackfillStep { jobs, more }) = catalog.step_backfill(&mut lead).await.unwrap() {
        made.push(jobs);
        if made.len() == 2 {
            let newest = (COUNT - 499..=COUNT).map(old).collect::<HashSet<_>>();
            assert_eq!(images_with_jobs(&catalog, ENGINE).await, newest);
        }
        if !more {
            break;
        }
    }
    catalog.resign_backfill(&lead).await.unwrap();
    assert_eq!(made, [0, 500, 500, 200], "first those that are new since the start");
    // nothing comes back to what was looked at
    add_old(&catalog, COUNT + 1, 1, "stored").await;
    assert_eq!(catalog.backfill(&target).await.unwrap(), 0);
    stored(&catalog, "new").await;
    let next_engine = super::backfill::target(ENGINE + 1, &["width=80"]);
    assert_eq!(catalog.backfill(&next_engine).await.unwrap(), u64::from(COUNT) + 2);
}

async fn a_leader_is_alone_until_its_lease_ends(catalog: Catalog) {
    add_old(&catalog, 1, 600, "stored").await;
    let target = target(ENGINE, &["width=80"]);
    let ending = BackfillTarget { lease: ENDED, ..target.clone() };
    let mut first = catalog.lead_backfill(&ending).await.unwrap().unwrap();
    catalog.step_backfill(&mut first).await.unwrap().unwrap();
    catalog.step_backfill(&mut first).await.unwrap().unwrap();
    assert_eq!(images_with_jobs(&catalog, ENGINE).await.len(), 500);

    let mut second = catalog.lead_backfill(&target).await.unwrap().unwrap();
    assert!(catalog.lead_backfill(&target).await.unwrap().is_none());
    assert_eq!(catalog.backfill(&target).await.unwrap(), 0);
    assert_eq!(catalog.step_backfill(&mut first).await.unwrap(), None);
    catalog.resign_backfill(&first).await.unwrap();
    assert!(catalog.lead_backfill(&target).await.unwrap().is_none(), "the second still leads");
    assert_eq!(images_with_jobs(&catalog, ENGINE).await.len(), 500);

    // it continues where the first was
    catalog.step_backfill(&mut second).await.unwrap().unwrap();
    let step = catalog.step_backfill(&mut second).await.unwrap();
    assert_eq!(step, Some(BackfillStep { jobs: 100, more: false }));
    catalog.resign_backfill(&second).await.unwrap();
    assert!(catalog.lead_backfill(&target).await.unwrap().is_some());
    assert!(catalog.lead_backfill(&target).await.unwrap().is_none());
    let far_ahead = "UPDATE backfills SET leased_until = leased_until + 10000000";
    catalog.connection().execute_unprepared(far_ahead).await.unwrap();
    assert!(catalog.lead_backfill(&target).await.unwrap().is_some(), "the clock was wrong");
}

async fn an_upload_that_an_older_process_stores_late_is_not_missed(catalog: Catalog) {
    let next = target(ENGINE + 1, &["width=80"]);
    add_old(&catalog, 1, 1, "stored").await;
    add_old(&catalog, 2, 1, "uploading").await;
    add_old(&catalog, 3, 1, "stored").await;
    let begun = acquired(catalog.begin_upload(None, &metadata("a"), None, LONG).await.unwrap());
    let blob = reserved(&catalog, &begun).await;
    assert_eq!(catalog.backfill(&next).await.unwrap(), 2);
    assert_eq!(catalog.backfill(&next).await.unwrap(), 0);
    catalog
        .commit_upload(&begun, &blob, JobId::generate(), None, ENGINE)
        .await
        .unwrap()
        .stored()
        .unwrap();
    assert_eq!(catalog.backfill(&next).await.unwrap(), 1);
    let store = "UPDATE images SET state = 'stored' WHERE state = 'uploading'";
    catalog.connection().execute_unprepared(store).await.unwrap();
    assert_eq!(catalog.backfill(&next).await.unwrap(), 1);
    assert_eq!(catalog.backfill(&next).await.unwrap(), 0);
}

async fn jobs_that_a_worker_with_other_presets_ended_are_not_missed(catalog: Catalog) {
    add_old(&catalog, 1, 1, "stored").await;
    let (old, new) = (target(ENGINE, &["width=80"]), target(ENGINE, &["width=40", "width=80"]));
    assert_eq!(catalog.backfill(&old).await.unwrap(), 1);
    assert_eq!(catalog.backfill(&new).await.unwrap(), 0, "its job will have the new presets");
    next_millisecond().await;
    // a worker with the old presets does the job, looks for others, and is stopped
    let [job] = due(&catalog).await[..] else { panic!() };
    finish(&catalog, job, ENGINE, "width=80").await;
    assert_eq!(catalog.backfill(&old).await.unwrap(), 0);
    assert_eq!(catalog.backfill(&new).await.unwrap(), 0, "that worker may be there still");
    let later = BackfillTarget { silence: ENDED, ..new.clone() };
    assert_eq!(catalog.backfill(&later).await.unwrap(), 1);
    finish(&catalog, job, ENGINE, "width=40").await;
    assert_eq!(catalog.backfill(&later).await.unwrap(), 0);
    let same = target(ENGINE, &["width=80", "width=40"]);
    assert!(catalog.lead_backfill(&same).await.unwrap().is_some());
    assert!(catalog.lead_backfill(&new).await.unwrap().is_none(), "their order does not matter");
}

async fn a_new_preset_is_one_change_of_each_image(catalog: Catalog) {
    let mut jobs = Vec::new();
    for nth in 0..20 {
        let (_, job) = stored(&catalog, &nth.to_string()).await;
        finish(&catalog, job, ENGINE, "width=80").await;
        jobs.push(job);
    }
    let changes = async |since: &mut Snapshot| {
        let now = catalog.snapshot().await.unwrap();
        let changes = catalog.changes(since, &now, None, 999).await.unwrap().len();
        *since = now;
        changes
    };
    let mut since = catalog.snapshot().await.unwrap();
    let more = target(ENGINE, &["width=80", "width=40"]);
    assert_eq!(catalog.backfill(&more).await.unwrap(), 20);
    assert_eq!(catalog.backfill(&target(ENGINE + 1, &["width=80"])).await.unwrap(), 20);
    assert_eq!(changes(&mut since).await, 0);
    for job in jobs {
        finish(&catalog, job, ENGINE, "width=40").await;
    }
    assert_eq!(changes(&mut since).await, 20);
}
