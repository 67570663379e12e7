//! A reader that continues from where it was sees every change, however late it is committed.

use std::collections::HashSet;

use common::{
    catalog::{Catalog, Change, ChangeSeq},
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

/// The images that changed from `since` on, and where to continue.
async fn changed(catalog: &Catalog, since: ChangeSeq) -> (HashSet<ImageId>, ChangeSeq) {
    let window = catalog.seq_window().await.unwrap();
    let changes = catalog.changes(since, None, window.next, 999).await.unwrap();
    assert!(changes.is_sorted_by_key(|change| (change.seq, change.image)));
    (changes.iter().map(|change| change.image).collect(), window.settled)
}

/// Continues until `image` was seen and is settled. Other tests may keep the server's numbers
/// unsettled, so that some changes are seen again.
async fn sees(catalog: &Catalog, since: &mut ChangeSeq, image: ImageId) {
    let (images, settled) = changed(catalog, *since).await;
    assert!(images.contains(&image));
    assert!(settled >= *since);
    // once it is settled, it is not seen again
    eventually("the settled change", async || {
        let (images, settled) = changed(catalog, *since).await;
        *since = settled;
        (!images.contains(&image)).then_some(())
    })
    .await;
}

async fn every_change_is_seen_by_a_reader_that_continues(catalog: Catalog) {
    let mut since = catalog.seq_window().await.unwrap().settled;
    let (image, job) = stored(&catalog, "a").await;
    sees(&catalog, &mut since, image.id).await;
    finish(&catalog, job, ENGINE, "width=80").await;
    sees(&catalog, &mut since, image.id).await;
    assert_eq!(catalog.backfill(ENGINE, &[hash("width=40")]).await.unwrap(), 1);
    sees(&catalog, &mut since, image.id).await;
    let claim = claimed(&catalog, job, LONG).await;
    assert!(catalog.discard(&claim, "why").await.unwrap());
    sees(&catalog, &mut since, image.id).await;
    assert_eq!(catalog.retry_dead(None).await.unwrap(), 1);
    sees(&catalog, &mut since, image.id).await;
    removed(&catalog, image.id).await.unwrap();
    sees(&catalog, &mut since, image.id).await;
    assert!(catalog.last_change(image.id).await.unwrap() < Some(since));
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
    let upload = acquired(catalog.begin_upload(&metadata("b"), None, LONG).await.unwrap());
    let blob = reserved(&catalog, &upload).await;
    catalog.abandon_upload(&upload, &blob).await.unwrap();
    assert_eq!(catalog.last_change(image.id).await.unwrap(), before);
    assert_eq!(catalog.last_change(upload.image).await.unwrap(), None);
}

async fn pages_of_changes_miss_none_with_the_same_number(catalog: Catalog) {
    let since = catalog.seq_window().await.unwrap().settled;
    let mut expected = HashSet::new();
    for nth in 0..7 {
        let (image, job) = stored(&catalog, &nth.to_string()).await;
        let claim = claimed(&catalog, job, LONG).await;
        catalog.discard(&claim, "why").await.unwrap();
        expected.insert(image.id);
    }
    // one statement
    assert_eq!(catalog.retry_dead(None).await.unwrap(), 7);
    let window = catalog.seq_window().await.unwrap();
    let (mut seen, mut after): (Vec<Change>, _) = (Vec::new(), None);
    while seen.len() <= 7 {
        let page = catalog.changes(since, after, window.next, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen.len(), 7, "each once: {seen:?}");
    assert_eq!(seen.iter().map(|change| change.image).collect::<HashSet<_>>(), expected);
}

async fn changes_at_the_same_time_are_all_seen(catalog: Catalog) {
    let since = catalog.seq_window().await.unwrap().settled;
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
        let (mut since, mut gone) = (since, HashSet::new());
        while gone.len() < 80 {
            let (images, settled) = changed(&catalog, since).await;
            for id in images {
                if catalog.image(id).await.unwrap().is_none() {
                    gone.insert(id);
                }
            }
            since = settled;
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
    assert!(catalog.last_change(new.id).await.unwrap().unwrap() > before);
}

#[tokio::test]
async fn a_commit_that_comes_late_is_not_missed() {
    on_postgres(async |catalog| {
        let (early, _) = stored(&catalog, "a").await;
        let mut since = catalog.seq_window().await.unwrap().settled;
        eventually("the settled upload", async || {
            let (images, settled) = changed(&catalog, since).await;
            since = settled;
            images.is_empty().then_some(())
        })
        .await;
        let late = catalog.connection().begin().await.unwrap();
        late.execute_unprepared("UPDATE jobs SET state = 'dead'").await.unwrap();
        // others overtake it
        for nth in 0..3 {
            let (image, _) = stored(&catalog, &nth.to_string()).await;
            let (images, settled) = changed(&catalog, since).await;
            assert!(images.contains(&image.id) && !images.contains(&early.id));
            since = settled;
        }
        late.commit().await.unwrap();
        sees(&catalog, &mut since, early.id).await;
    })
    .await;
}
