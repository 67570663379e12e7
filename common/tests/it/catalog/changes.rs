//! A reader that continues from where it was sees every change, however late it is committed.

use std::collections::HashSet;

use common::{
    catalog::{Catalog, Change, Snapshot},
    job::JobError,
};
use sea_orm::TransactionTrait;

use super::*;
use testkit::wait::{eventually, soon};

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        every_change_is_seen_by_a_reader_that_continues
        a_claim_is_no_change
        pages_of_changes_miss_none_with_the_same_number
        changes_at_the_same_time_are_all_seen
        deletions_are_pruned_and_numbers_continue
    ]
}

/// The images that changed and are not in `since`, which continues from here.
async fn changed(catalog: &Catalog, since: &mut Snapshot) -> HashSet<ImageId> {
    let now = catalog.snapshot().await.unwrap();
    let changes = catalog.changes(since, &now, None, 999).await.unwrap();
    assert!(changes.is_sorted_by_key(|change| (change.seq, change.image)));
    assert!(changes.iter().all(|change| now.contains(change.seq) && !since.contains(change.seq)));
    *since = now;
    changes.iter().map(|change| change.image).collect()
}

/// Continues, and sees exactly `image`.
async fn sees(catalog: &Catalog, since: &mut Snapshot, image: ImageId) {
    assert_eq!(changed(catalog, since).await, HashSet::from([image]));
}

async fn every_change_is_seen_by_a_reader_that_continues(catalog: Catalog) {
    let mut since = catalog.snapshot().await.unwrap();
    let (image, job) = stored(&catalog, "a").await;
    sees(&catalog, &mut since, image.id).await;
    finish(&catalog, job, ENGINE, "width=80").await;
    sees(&catalog, &mut since, image.id).await;
    // its result is reported, and not its beginning
    assert_eq!(backfilled(&catalog, ENGINE, &["width=40"]).await, 1);
    let claim = claimed(&catalog, job, LONG).await;
    assert!(catalog.discard(&claim, "why").await.unwrap());
    sees(&catalog, &mut since, image.id).await;
    assert_eq!(catalog.retry_dead(None, 100).await.unwrap(), 1);
    sees(&catalog, &mut since, image.id).await;
    removed(&catalog, image.id).await.unwrap();
    sees(&catalog, &mut since, image.id).await;
    assert!(
        catalog.last_change(image.id).await.unwrap().is_some_and(|last| since.contains(last.seq))
    );
}

async fn a_claim_is_no_change(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let before = catalog.last_change(image.id).await.unwrap();
    let claim = claimed(&catalog, job, LONG).await;
    assert!(catalog.extend_lease(&claim, LONG).await.unwrap());
    assert!(
        catalog.retry(&claim, ENDED, true, Some(&JobError::Service("busy".into()))).await.unwrap()
    );
    // nor is an upload that failed
    let upload = acquired(catalog.begin_upload(None, &metadata("b"), None, LONG).await.unwrap());
    let blob = reserved(&catalog, &upload).await;
    catalog.abandon_upload(&upload, &blob).await.unwrap();
    assert_eq!(catalog.last_change(image.id).await.unwrap(), before);
    assert_eq!(catalog.last_change(upload.image).await.unwrap(), None);
}

async fn pages_of_changes_miss_none_with_the_same_number(catalog: Catalog) {
    let since = catalog.snapshot().await.unwrap();
    let mut expected = HashSet::new();
    for nth in 0..7 {
        let (image, job) = stored(&catalog, &nth.to_string()).await;
        let claim = claimed(&catalog, job, LONG).await;
        catalog.discard(&claim, "why").await.unwrap();
        expected.insert(image.id);
    }
    // one statement
    assert_eq!(catalog.retry_dead(None, 100).await.unwrap(), 7);
    let now = catalog.snapshot().await.unwrap();
    assert!(catalog.has_more_changes(&since, &now, 6).await.unwrap());
    assert!(!catalog.has_more_changes(&since, &now, 7).await.unwrap());
    let (mut seen, mut after): (Vec<Change>, _) = (Vec::new(), None);
    while seen.len() <= 7 {
        let page = catalog.changes(&since, &now, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen.len(), 7, "each once: {seen:?}");
    assert_eq!(seen.iter().map(|change| change.image).collect::<HashSet<_>>(), expected);
}

async fn changes_at_the_same_time_are_all_seen(catalog: Catalog) {
    let mut since = catalog.snapshot().await.unwrap();
    let writers = (0..8).map(|writer| {
        let catalog = catalog.clone();
        async move {
            let mut gone = HashSet::new();
            for nth in 0..10 {
                let (image, job) = stored(&catalog, &format!("{writer} {nth}")).await;
                finish(&catalog, job, ENGINE, "width=80").await;
                removed(&catalog, image.id).await.unwrap();
                gone.insert(image.id);
            }
            gone
        }
    });
    // a reader that only continues sees every deletion
    let reader = async {
        let mut gone = HashSet::new();
        while gone.len() < 80 {
            for id in changed(&catalog, &mut since).await {
                if catalog.image(id).await.unwrap().is_none() {
                    gone.insert(id);
                }
            }
        }
        gone
    };
    let (written, seen) = tokio::join!(at_once(writers), soon("all deletions", reader));
    assert_eq!(seen, written.into_iter().flatten().collect());
}

async fn deletions_are_pruned_and_numbers_continue(catalog: Catalog) {
    let (kept, _) = stored(&catalog, "a").await;
    let (image, _) = stored(&catalog, "b").await;
    removed(&catalog, image.id).await.unwrap();
    assert_eq!(catalog.prune_deletions(LONG).await.unwrap(), 0);
    let before = catalog.last_change(image.id).await.unwrap().unwrap();
    assert_eq!(catalog.prune_deletions(ENDED).await.unwrap(), 1);
    assert_eq!(catalog.last_change(image.id).await.unwrap(), None);
    assert!(catalog.last_change(kept.id).await.unwrap().is_some());
    let (new, _) = stored(&catalog, "c").await;
    assert!(catalog.last_change(new.id).await.unwrap().unwrap().seq > before.seq);
}

#[tokio::test]
async fn a_commit_that_comes_late_is_not_missed() {
    on_postgres(async |catalog| {
        let (early, _) = stored(&catalog, "a").await;
        let mut since = catalog.snapshot().await.unwrap();
        let late = catalog.connection().begin().await.unwrap();
        late.execute_unprepared("UPDATE jobs SET state = 'dead'").await.unwrap();
        // others overtake it
        for nth in 0..3 {
            let (image, _) = stored(&catalog, &nth.to_string()).await;
            sees(&catalog, &mut since, image.id).await;
        }
        late.commit().await.unwrap();
        sees(&catalog, &mut since, early.id).await;
    })
    .await;
}

#[tokio::test]
async fn a_read_costs_what_is_new_however_long_another_transaction_lasts() {
    on_postgres(async |catalog| {
        let db = catalog.connection();
        let name = query(db, "SELECT current_database()::text").await;
        // a table as small as this would be read without its index
        let setting = format!("ALTER DATABASE {name} SET enable_seqscan = off");
        db.execute_unprepared(&setting).await.unwrap();
        let (early, _) = stored(&catalog, "a").await;
        let mut since = catalog.snapshot().await.unwrap();
        let late = db.begin().await.unwrap();
        late.execute_unprepared("UPDATE jobs SET state = 'dead'").await.unwrap();
        let mut read_before = 0;
        for round in 0..3 {
            let reader = catalog_at(&format!("{}?application_name=reader", url_of(&name))).await;
            for nth in 0..40 {
                let (image, _) = stored(&catalog, &format!("{round} {nth}")).await;
                sees(&reader, &mut since, image.id).await;
            }
            let read = entries_read(&catalog, reader).await;
            assert!(read - read_before <= 2 * 40, "{round}: {read} entries, {read_before} before");
            read_before = read;
        }
        late.commit().await.unwrap();
        sees(&catalog, &mut since, early.id).await;
    })
    .await;
}

/// Entries of the index of changes that were read by all readers. A connection reports its own when
/// it ends.
async fn entries_read(catalog: &Catalog, reader: Catalog) -> i64 {
    reader.connection().clone().close().await.unwrap();
    let connections = "SELECT COUNT(*)::text FROM pg_stat_activity \
                       WHERE application_name = 'reader' AND datname = current_database()";
    eventually("the end of the reader's connections", async || {
        (query(catalog.connection(), connections).await == "0").then_some(())
    })
    .await;
    let read = "SELECT idx_tup_read::text FROM pg_stat_user_indexes \
                WHERE indexrelname = 'changes_by_seq'";
    query(catalog.connection(), read).await.parse().unwrap()
}
