//! Old engine versions are deleted where only some are kept, and the newest complete one never is.

use common::catalog::Snapshot;

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        versions_older_than_the_newest_complete_ones_are_deleted
        two_processes_move_a_retention_once
        every_superseded_job_is_found_batch_by_batch
    ]
}

/// Renders an image with this engine version, and with no other; the blob.
async fn render_with(catalog: &Catalog, image: ImageId, engine: u32) -> String {
    backfilled(catalog, engine, &["width=80"]).await;
    let jobs = catalog.jobs_of(&[image]).await.unwrap();
    let job = jobs.iter().find(|job| job.engine == engine).unwrap();
    finish(catalog, job.id, engine, "width=80").await
}

async fn versions(catalog: &Catalog, image: ImageId) -> Vec<u32> {
    catalog.renders(image).await.unwrap().into_iter().map(|render| render.engine).collect()
}

/// Deletes what is old of these images; returns how many renders.
async fn delete_old(catalog: &Catalog, images: &[ImageId], kept: u32, grace: Duration) -> u64 {
    let old = catalog.with_old_versions(images, kept).await.unwrap();
    let seen = catalog.retention(kept).await.unwrap();
    let deleted = catalog.delete_old_versions(&old, kept, grace, &seen, &seen).await;
    deleted.unwrap().unwrap()
}

async fn versions_older_than_the_newest_complete_ones_are_deleted(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let (other, other_job) = stored(&catalog, "b").await;
    let all = [image.id, other.id];
    let first = finish(&catalog, job, ENGINE, "width=80").await;
    finish(&catalog, other_job, ENGINE, "width=80").await;
    assert_eq!(delete_old(&catalog, &all, 1, ENDED).await, 0, "there is one version");

    // the next version is pending for both, then complete for one, then dead for the other
    assert_eq!(backfilled(&catalog, ENGINE + 1, &["width=80"]).await, 2);
    assert_eq!(delete_old(&catalog, &all, 1, ENDED).await, 0, "the next one is not complete");
    let second = render_with(&catalog, image.id, ENGINE + 1).await;
    let [dead] = due_of(&catalog, ENGINE + 1).await[..] else { panic!() };
    let claim = catalog.claim(dead, ENGINE + 1, "w", LONG, MAX_STRIKES).await.unwrap().unwrap();
    assert!(catalog.discard(&claim, "broken").await.unwrap());
    assert_eq!(delete_old(&catalog, &all, 2, ENDED).await, 0, "two versions are kept");

    let since = catalog.snapshot().await.unwrap();
    assert_eq!(delete_old(&catalog, &all, 1, LONG).await, 1);
    let now = catalog.snapshot().await.unwrap();
    assert_eq!(catalog.changes(&since, &now, None, 9).await.unwrap(), [], "it is no news");
    assert_eq!(versions(&catalog, image.id).await, [ENGINE + 1]);
    assert_eq!(versions(&catalog, other.id).await, [ENGINE]);
    let jobs = catalog.jobs_of(&[image.id]).await.unwrap();
    assert!(jobs.iter().all(|job| job.engine == ENGINE + 1), "{jobs:?}");
    assert_eq!(marked(&catalog).await, HashSet::new(), "{first} has its grace");
    assert_eq!(delete_old(&catalog, &all, 1, ENDED).await, 0, "there is nothing more");

    // a process of the first version renders again, and a third version comes
    let again = render_with(&catalog, image.id, ENGINE).await;
    render_with(&catalog, image.id, ENGINE + 2).await;
    assert_eq!(delete_old(&catalog, &all, 2, ENDED).await, 1);
    assert_eq!(marked(&catalog).await, HashSet::from([again]));
    assert_eq!(versions(&catalog, image.id).await, [ENGINE + 2, ENGINE + 1]);
    assert_eq!(delete_old(&catalog, &all, 1, ENDED).await, 1);
    assert!(marked(&catalog).await.contains(&second));
    removed(&catalog, image.id).await.unwrap();
    assert_eq!(delete_old(&catalog, &all, 1, ENDED).await, 0);
}

async fn two_processes_move_a_retention_once(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    finish(&catalog, job, ENGINE, "width=80").await;
    render_with(&catalog, image.id, ENGINE + 1).await;
    let seen = catalog.retention(1).await.unwrap();
    assert_eq!(seen, Snapshot::EMPTY);
    let next = catalog.snapshot().await.unwrap();
    let outcomes = at_once((0..2).map(|_| {
        let (catalog, seen, next) = (catalog.clone(), seen.clone(), next.clone());
        async move {
            let deleted = catalog.delete_old_versions(&[image.id], 1, LONG, &seen, &next).await;
            deleted.unwrap()
        }
    }));
    let mut outcomes = outcomes.await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [None, Some(1)]);
    assert_eq!(catalog.retention(1).await.unwrap(), next);
    assert_eq!(catalog.retention(2).await.unwrap(), Snapshot::EMPTY, "each number has its own");
}

async fn every_superseded_job_is_found_batch_by_batch(catalog: Catalog) {
    let mut images = Vec::new();
    for nth in 0..7 {
        images.push(stored(&catalog, &nth.to_string()).await.0.id);
    }
    backfilled(&catalog, ENGINE + 1, &[]).await;
    for image in &images[2..] {
        let jobs = catalog.jobs_of(&[*image]).await.unwrap();
        finish(&catalog, jobs[0].id, ENGINE + 1, "width=80").await;
    }
    let (mut after, mut counts) = (None, Vec::new());
    loop {
        let (deleted, last) = catalog.delete_superseded(ENGINE + 1, after, 2).await.unwrap();
        counts.push(deleted);
        after = last;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(counts, [0, 2, 2, 1]);
    assert_eq!(due(&catalog).await.len(), 2);
}
