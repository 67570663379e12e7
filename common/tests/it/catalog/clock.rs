//! Only the database's clock counts, and what it left when it was wrong is set back.

use common::{catalog::Catalog, periods::Periods};

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        images_are_in_the_order_of_the_database_clock
        times_far_ahead_are_set_back
        times_that_settings_allow_stay
    ]
}

/// Ten days: further ahead than any setting of these tests allows.
const FAR: i64 = 10 * 86_400_000;

const PERIODS: Periods = Periods {
    upload_lease: LONG,
    transfer: Duration::ZERO,
    lease: Duration::from_secs(60),
    backoff_max: LONG,
    blob_grace: LONG,
};

async fn run(catalog: &Catalog, sql: &str) {
    catalog.connection().execute_unprepared(sql).await.unwrap();
}

fn total(counts: [(&str, u64); 4]) -> [u64; 4] {
    counts.map(|(_, count)| count)
}

async fn images_are_in_the_order_of_the_database_clock(catalog: Catalog) {
    let before = catalog.time().await.unwrap();
    let (image, _) = stored(&catalog, "a").await;
    let after = catalog.time().await.unwrap();
    assert!((before..=after).contains(&image.id.time()), "{before:?} {image:?} {after:?}");
}

async fn times_far_ahead_are_set_back(catalog: Catalog) {
    let (waiting, job) = stored(&catalog, "a").await;
    let upload =
        acquired(catalog.begin_upload(None, &metadata("b"), Some("key"), LONG).await.unwrap());
    reserved(&catalog, &upload).await;
    let (removed_image, _) = stored(&catalog, "c").await;
    removed(&catalog, removed_image.id).await;
    assert_eq!(total(catalog.count_ahead(&PERIODS).await.unwrap()), [0; 4]);

    // as if the clock had been ahead while each was written
    let claim = claimed(&catalog, job, LONG).await;
    assert!(catalog.retry(&claim, ENDED, true, None).await.unwrap());
    for table in ["images", "jobs", "blob_gc"] {
        run(&catalog, &format!("UPDATE {table} SET due_at = due_at + {FAR}")).await;
    }
    run(&catalog, &format!("UPDATE changes SET deleted_at = deleted_at + {FAR}")).await;
    assert_eq!(due(&catalog).await, [], "{waiting:?} is due in ten days");
    // the original of the upload, and the one of the removed image
    let ahead = [1, 1, 2, 1];
    assert_eq!(total(catalog.count_ahead(&PERIODS).await.unwrap()), ahead);
    assert_eq!(total(catalog.set_back(&PERIODS).await.unwrap()), ahead);
    assert_eq!(total(catalog.set_back(&PERIODS).await.unwrap()), [0; 4]);
    assert_eq!(total(catalog.count_ahead(&PERIODS).await.unwrap()), [0; 4]);

    let soon = catalog.time().await.unwrap().0 + PERIODS.lease.as_millis() as i64;
    let sql = format!("SELECT id FROM jobs WHERE due_at <= {soon}");
    let db = catalog.connection();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    assert_eq!(rows.unwrap().len(), 1, "the job is due when a lease that begins now ends");
    assert_eq!(catalog.prune_deletions(ENDED).await.unwrap(), 1);
}

async fn times_that_settings_allow_stay(catalog: Catalog) {
    let (_, job) = stored(&catalog, "a").await;
    let claim = claimed(&catalog, job, PERIODS.lease).await;
    assert!(catalog.retry(&claim, PERIODS.backoff_max, true, None).await.unwrap());
    let upload = acquired(catalog.begin_upload(None, &metadata("b"), None, LONG).await.unwrap());
    reserved(&catalog, &upload).await;
    assert_eq!(total(catalog.set_back(&PERIODS).await.unwrap()), [0; 4]);
    assert_eq!(due(&catalog).await, []);
}
