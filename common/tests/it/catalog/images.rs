//! Images are listed, found and removed, and no blob is left behind.

use std::collections::HashSet;

use common::{
    catalog::{Catalog, MarkedBlob, Page},
    store::original_key,
};

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        pages_go_from_new_to_old
        images_are_found_by_their_bytes
        a_removed_image_takes_everything_along
        a_removal_and_a_finish_leave_no_blob
        an_unreferenced_blob_is_swept_twice
        processes_that_sweep_at_the_same_time_share_no_blob
        the_backlog_is_counted
    ]
}

async fn pages_go_from_new_to_old(catalog: Catalog) {
    let mut ids = Vec::new();
    for nth in 0..7 {
        ids.push(stored(&catalog, &nth.to_string()).await.0.id);
    }
    ids.reverse();
    let (mut seen, mut cursor) = (Vec::new(), None);
    while seen.len() <= ids.len() {
        let rows = catalog.images(&Page { cursor, ..page(3) }).await.unwrap();
        let Some(last) = rows.last() else { break };
        assert!(rows.len() <= 3);
        cursor = Some(last.id.into());
        seen.extend(rows.iter().map(|image| image.id));
        // what comes while one reads does not shift the pages
        stored(&catalog, "new").await;
    }
    assert_eq!(seen, ids);
    let after = Page { cursor: Some(ids[5].into()), is_backward: true, ..page(3) };
    let nearest = catalog.images(&after).await.unwrap().into_iter().map(|image| image.id);
    assert_eq!(nearest.collect::<Vec<_>>(), [ids[4], ids[3], ids[2]]);
}

async fn images_are_found_by_their_bytes(catalog: Catalog) {
    let (first, _) = stored(&catalog, "a").await;
    stored(&catalog, "b").await;
    let (second, _) = stored(&catalog, "a").await;
    let same = Page { sha256: Some(metadata("a").sha256), ..page(9) };
    let found = catalog.images(&same).await.unwrap();
    assert_eq!(found, [second, first.clone()]);
    let older = Page { cursor: Some(found[0].id.into()), ..same };
    assert_eq!(catalog.images(&older).await.unwrap(), [first]);
    let none = Page { sha256: Some("00".repeat(32)), ..page(9) };
    assert_eq!(catalog.images(&none).await.unwrap(), []);
}

async fn a_removed_image_takes_everything_along(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let (other, other_job) = stored(&catalog, "b").await;
    let blob = finish(&catalog, job, ENGINE, "width=80").await;
    let removed = removed(&catalog, image.id).await.unwrap();
    assert_eq!(removed, HashSet::from([original_key(image.id, 1), blob]));
    assert_eq!(marked(&catalog).await, removed);
    assert_eq!(catalog.image(image.id).await.unwrap(), None);
    assert_eq!(catalog.renders(image.id).await.unwrap(), []);
    assert_eq!(catalog.jobs_of(&[image.id]).await.unwrap(), []);
    assert_eq!(self::removed(&catalog, image.id).await, None);
    assert_eq!(catalog.images(&page(9)).await.unwrap(), [other]);
    assert_eq!(due(&catalog).await, [other_job]);

    let unfinished =
        acquired(catalog.begin_upload(None, &metadata("c"), None, LONG).await.unwrap());
    assert_eq!(self::removed(&catalog, unfinished.image).await, None);
}

async fn a_removal_and_a_finish_leave_no_blob(catalog: Catalog) {
    for round in 0..10 {
        let (image, job) = stored(&catalog, &round.to_string()).await;
        let claim = claimed(&catalog, job, LONG).await;
        let render = rendered(&catalog, &claim, "width=80").await;
        let blob = render[0].blob.clone();
        let finish = {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.finish(&claim, ENGINE, &render).await.unwrap() })
        };
        let removed = removed(&catalog, image.id).await.unwrap();
        let finished = finish.await.unwrap();
        assert_eq!(
            removed.contains(&blob),
            finished,
            "the removal has the blob if and only if the finish came first"
        );
        // what the worker does when it was fenced
        catalog.release_blobs(std::slice::from_ref(&blob)).await.unwrap();
        let marked = marked(&catalog).await;
        assert!(marked.contains(&blob) && marked.contains(&original_key(image.id, 1)));
    }
}

async fn an_unreferenced_blob_is_swept_twice(catalog: Catalog) {
    let blobs = ["a", "b"].map(str::to_owned);
    catalog.reserve_blobs(&blobs[..1], LONG).await.unwrap();
    catalog.reserve_blobs(&blobs[1..], ENDED).await.unwrap();
    assert_eq!(marked(&catalog).await, HashSet::new(), "reserved blobs are not listed");
    assert_eq!(catalog.mark_expired().await.unwrap(), 1);
    assert_eq!(catalog.mark_expired().await.unwrap(), 0);
    let overdue = HashSet::from(["b".to_owned()]);
    assert_eq!(marked(&catalog).await, overdue);

    let sweep = async |blob: &str, was_swept, again| {
        let marked = MarkedBlob { blob: blob.to_owned(), was_swept };
        catalog.record_sweep(&[marked], again).await.unwrap();
    };
    // a reserved blob does not become swept
    sweep("a", false, ENDED).await;
    assert_eq!(marked(&catalog).await, overdue);
    sweep("b", false, ENDED).await;
    assert_eq!(marked(&catalog).await, overdue, "it is swept once more");
    sweep("b", false, ENDED).await;
    assert_eq!(
        marked(&catalog).await,
        overdue,
        "a sweep that listed it earlier does not remove it"
    );
    let listed = catalog.claim_marked(9, ENDED).await.unwrap();
    assert_eq!(listed, [MarkedBlob { blob: "b".into(), was_swept: true }]);
    sweep("b", true, LONG).await;
    assert_eq!(marked(&catalog).await, HashSet::new(), "then it is removed");

    catalog.release_blobs(&blobs).await.unwrap();
    sweep("a", false, LONG).await;
    assert_eq!(marked(&catalog).await, HashSet::new(), "its second time has not come");
    assert_eq!(catalog.claim_marked(1, ENDED).await.unwrap().len(), 0);
}

async fn processes_that_sweep_at_the_same_time_share_no_blob(catalog: Catalog) {
    let blobs: Vec<String> = (0..60).map(|nth| format!("renders/{nth}/1")).collect();
    catalog.reserve_blobs(&blobs, ENDED).await.unwrap();
    assert_eq!(catalog.mark_expired().await.unwrap(), 60);
    let claims = at_once((0..4).map(|_| {
        let catalog = catalog.clone();
        async move { catalog.claim_marked(15, LONG).await.unwrap() }
    }));
    let claimed: Vec<MarkedBlob> = claims.await.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 60);
    let keys: HashSet<&str> = claimed.iter().map(MarkedBlob::key).collect();
    assert_eq!(keys.len(), 60);
    assert_eq!(catalog.claim_marked(15, LONG).await.unwrap(), [], "they are claimed");
    catalog.record_sweep(&claimed, ENDED).await.unwrap();
    let again = catalog.claim_marked(99, LONG).await.unwrap();
    assert!(again.len() == 60 && again.iter().all(|blob| blob.was_swept));
    // some of them for the second time
    catalog.record_sweep(&[&again[..50], &claimed[..9]].concat(), ENDED).await.unwrap();
    let rest = "UPDATE blob_gc SET due_at = 0";
    catalog.connection().execute_unprepared(rest).await.unwrap();
    assert_eq!(catalog.claim_marked(99, LONG).await.unwrap().len(), 10);
}

async fn the_backlog_is_counted(catalog: Catalog) {
    let empty = catalog.backlog(ENGINE).await.unwrap();
    assert_eq!((empty.pending, empty.dead, empty.oldest_due), (0, 0, Duration::ZERO));
    let mut jobs = Vec::new();
    for name in ["a", "b", "c", "d"] {
        jobs.push(stored(&catalog, name).await.1);
    }
    next_millisecond().await;
    let claim = claimed(&catalog, jobs[0], LONG).await;
    assert!(catalog.discard(&claim, "no picture").await.unwrap());
    finish(&catalog, jobs[1], ENGINE, "width=80").await;
    let backlog = catalog.backlog(ENGINE).await.unwrap();
    assert_eq!((backlog.pending, backlog.dead), (2, 1));
    assert!(backlog.oldest_due > Duration::ZERO && backlog.oldest_due < LONG, "{backlog:?}");
    // running jobs are not overdue
    for job in &jobs[2..] {
        claimed(&catalog, *job, LONG).await;
    }
    let backlog = catalog.backlog(ENGINE).await.unwrap();
    assert_eq!((backlog.pending, backlog.oldest_due), (2, Duration::ZERO));
    let next = catalog.backlog(ENGINE + 1).await.unwrap();
    assert_eq!((next.pending, next.of_other_engines), (0, 2));
    let previous = catalog.backlog(ENGINE - 1).await.unwrap();
    assert_eq!((previous.pending, previous.of_other_engines), (0, 2));
    assert_eq!(backlog.of_other_engines, 0);

    assert_eq!(backlog.oldest_due_blob, Duration::ZERO);
    let entries = |sets: &str| format!("INSERT INTO blob_gc (blob, state, due_at) VALUES {sets}");
    let entries = entries("('a', 'marked', 1), ('b', 'marked', 99), ('c', 'swept', 5)");
    catalog.connection().execute_unprepared(&entries).await.unwrap();
    let later = catalog.backlog(ENGINE).await.unwrap();
    let [(_, reserved), ..] = backlog.blobs;
    assert_eq!(later.blobs, [("reserved", reserved), ("marked", 2), ("swept", 1)]);
    assert!(later.oldest_due_blob > LONG, "{later:?}");
}
