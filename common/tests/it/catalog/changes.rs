//! Every change of an image is seen by whoever asks what is new, however late it is committed.

use std::collections::HashSet;

use common::catalog::{Catalog, Change, Turn};
use sea_orm::TransactionTrait;

use super::*;
use crate::support::{eventually, soon};

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        every_change_is_seen_by_whoever_goes_on
        a_claim_is_no_change
        pages_of_changes_miss_none_of_the_same_turn
        changes_at_the_same_time_are_all_seen
        deletions_are_forgotten_and_turns_go_on
    ]
}

/// What changed from `since` on; and where to go on.
async fn news(catalog: &Catalog, since: Turn) -> (HashSet<ImageId>, Turn) {
    let window = catalog.window().await.unwrap();
    let changes = catalog.changes(since, None, window.next, 999).await.unwrap();
    assert!(changes.is_sorted_by_key(|change| (change.turn, change.image)));
    (changes.iter().map(|change| change.image).collect(), window.settled)
}

/// Goes on until `image` is among the news; other tests may keep the server's turns unsettled, so
/// that some are seen again.
async fn sees(catalog: &Catalog, since: &mut Turn, image: ImageId) {
    let (images, settled) = news(catalog, *since).await;
    assert!(images.contains(&image));
    assert!(settled >= *since);
    // once it is settled, it is not seen again
    eventually(async || {
        let (images, settled) = news(catalog, *since).await;
        *since = settled;
        (!images.contains(&image)).then_some(())
    })
    .await;
}

async fn every_change_is_seen_by_whoever_goes_on(catalog: Catalog) {
    let mut since = catalog.window().await.unwrap().settled;
    let (image, job) = stored(&catalog, "a").await;
    sees(&catalog, &mut since, image.id).await;
    finish(&catalog, job, ENGINE, "width=80").await;
    sees(&catalog, &mut since, image.id).await;
    assert_eq!(catalog.backfill(ENGINE, &[hash("width=40")]).await.unwrap(), 1);
    sees(&catalog, &mut since, image.id).await;
    let claim = claimed(&catalog, job, LONG).await;
    assert!(catalog.bury(&claim, "why").await.unwrap());
    sees(&catalog, &mut since, image.id).await;
    assert_eq!(catalog.revive(None).await.unwrap(), 1);
    sees(&catalog, &mut since, image.id).await;
    removed(&catalog, image.id).await.unwrap();
    sees(&catalog, &mut since, image.id).await;
    assert!(catalog.last_change(image.id).await.unwrap() < Some(since));
}

async fn a_claim_is_no_change(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let before = catalog.last_change(image.id).await.unwrap();
    let claim = claimed(&catalog, job, LONG).await;
    assert!(catalog.beat(&claim, LONG).await.unwrap());
    assert!(catalog.retry(&claim, ENDED, true, Some("busy")).await.unwrap());
    // nor is an upload that came to nothing
    let upload = ours(catalog.begin_upload(&facts("b"), None, LONG).await.unwrap());
    let blob = promised(&catalog, &upload).await;
    catalog.abandon_upload(&upload, &blob).await.unwrap();
    assert_eq!(catalog.last_change(image.id).await.unwrap(), before);
    assert_eq!(catalog.last_change(upload.image).await.unwrap(), None);
}

async fn pages_of_changes_miss_none_of_the_same_turn(catalog: Catalog) {
    let since = catalog.window().await.unwrap().settled;
    let mut expected = HashSet::new();
    for nth in 0..7 {
        let (image, job) = stored(&catalog, &nth.to_string()).await;
        let claim = claimed(&catalog, job, LONG).await;
        catalog.bury(&claim, "why").await.unwrap();
        expected.insert(image.id);
    }
    // one statement
    assert_eq!(catalog.revive(None).await.unwrap(), 7);
    let window = catalog.window().await.unwrap();
    let (mut seen, mut after): (Vec<Change>, _) = (Vec::new(), None);
    loop {
        let page = catalog.changes(since, after, window.next, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen.len(), 7, "each once: {seen:?}");
    assert_eq!(seen.iter().map(|change| change.image).collect::<HashSet<_>>(), expected);
}

async fn changes_at_the_same_time_are_all_seen(catalog: Catalog) {
    let since = catalog.window().await.unwrap().settled;
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
    // what is gone was seen as gone, by one who only ever goes on
    let reader = async {
        let (mut since, mut gone) = (since, HashSet::new());
        while gone.len() < 80 {
            let (images, settled) = news(&catalog, since).await;
            for id in images {
                if catalog.image(id).await.unwrap().is_none() {
                    gone.insert(id);
                }
            }
            since = settled;
        }
        gone
    };
    let (written, seen) = tokio::join!(at_once(writers), soon(reader));
    assert_eq!(seen, written.into_iter().flatten().collect());
}

async fn deletions_are_forgotten_and_turns_go_on(catalog: Catalog) {
    let (kept, _) = stored(&catalog, "a").await;
    let (image, _) = stored(&catalog, "b").await;
    removed(&catalog, image.id).await.unwrap();
    assert_eq!(catalog.forget_deletions(LONG).await.unwrap(), 0);
    let before = catalog.last_change(image.id).await.unwrap().unwrap();
    assert_eq!(catalog.forget_deletions(ENDED).await.unwrap(), 1);
    assert_eq!(catalog.last_change(image.id).await.unwrap(), None);
    assert!(catalog.last_change(kept.id).await.unwrap().is_some());
    let (new, _) = stored(&catalog, "c").await;
    assert!(catalog.last_change(new.id).await.unwrap().unwrap() > before);
}

#[tokio::test]
async fn a_commit_that_comes_late_is_not_missed() {
    on_postgres(async |catalog| {
        let (early, _) = stored(&catalog, "a").await;
        let mut since = catalog.window().await.unwrap().settled;
        eventually(async || {
            let (images, settled) = news(&catalog, since).await;
            since = settled;
            images.is_empty().then_some(())
        })
        .await;
        let late = catalog.connection().begin().await.unwrap();
        late.execute_unprepared("UPDATE jobs SET state = 'dead'").await.unwrap();
        // others overtake it
        for nth in 0..3 {
            let (image, _) = stored(&catalog, &nth.to_string()).await;
            let (images, settled) = news(&catalog, since).await;
            assert!(images.contains(&image.id) && !images.contains(&early.id));
            since = settled;
        }
        late.commit().await.unwrap();
        sees(&catalog, &mut since, early.id).await;
    })
    .await;
}
