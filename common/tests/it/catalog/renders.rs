//! A stored render does not change, newer ones are added, and missing ones are made.

use common::catalog::{Catalog, Renders};

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        a_finish_without_its_blobs_is_none
        the_newest_version_is_served
        the_backfill_makes_what_is_missing_once
        the_backfill_opens_the_jobs_that_lack_a_preset
        superseded_jobs_are_forgotten
    ]
}

async fn a_finish_without_its_blobs_is_none(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let claim = claimed(&catalog, job, LONG).await;
    let mut render = rendered(&catalog, &claim, "width=80").await;
    render.extend(rendered(&catalog, &claim, "width=40").await);
    catalog.release_blobs(&[render[1].blob.clone()]).await.unwrap();
    assert!(!catalog.finish(&claim, ENGINE, &render).await.unwrap());
    assert_eq!(catalog.renders(image.id).await.unwrap(), []);
    assert_eq!(catalog.done_by(&claim).await.unwrap(), Some(false), "the job is to be done");
}

/// The engine version of the render that is served of a stored image.
async fn served(catalog: &Catalog, id: ImageId, spec: &str, engine: Option<u32>) -> Option<u32> {
    let which = Renders::Newest { spec_hash: &hash(spec), engine };
    let (image, renders) =
        catalog.image_with_renders(id, which, &Principal::Open).await.unwrap().unwrap();
    assert_eq!(image.id, id);
    renders.first().map(|render| render.engine)
}

async fn the_newest_version_is_served(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    finish(&catalog, job, ENGINE, "width=80").await;
    let newest = async |engine| served(&catalog, image.id, "width=80", engine).await;
    assert_eq!(newest(None).await, Some(ENGINE));
    // a newer engine, and then an older one that comes late
    for engine in [ENGINE + 2, ENGINE + 1] {
        assert_eq!(backfilled(&catalog, engine, &["width=80"]).await, 1);
        let before = newest(None).await;
        let [job] = due_of(&catalog, engine).await[..] else { panic!() };
        assert_eq!(newest(None).await, before, "nothing is served before it is there");
        finish(&catalog, job, engine, "width=80").await;
        assert_eq!(newest(None).await, Some(ENGINE + 2));
        assert_eq!(newest(Some(engine)).await, Some(engine));
    }
    assert_eq!(newest(Some(ENGINE)).await, Some(ENGINE), "what was made stays");
    assert_eq!(newest(Some(ENGINE + 3)).await, None);
    assert_eq!(served(&catalog, image.id, "width=81", None).await, None);
    let engines = catalog.renders(image.id).await.unwrap();
    let engines: Vec<u32> = engines.into_iter().map(|render| render.engine).collect();
    assert_eq!(engines, [ENGINE + 2, ENGINE + 1, ENGINE]);
    let (_, all) = catalog
        .image_with_renders(image.id, Renders::All, &Principal::Open)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all, catalog.renders(image.id).await.unwrap());
    removed(&catalog, image.id).await;
    assert!(
        catalog
            .image_with_renders(image.id, Renders::All, &Principal::Open)
            .await
            .unwrap()
            .is_none()
    );
}

async fn the_backfill_makes_what_is_missing_once(catalog: Catalog) {
    for name in ["a", "b", "c", "d", "e"] {
        stored(&catalog, name).await;
    }
    // an upload that is not stored yet gets no job
    acquired(catalog.begin_upload(None, &metadata("f"), None, LONG).await.unwrap());
    assert_eq!(backfilled(&catalog, ENGINE, &[]).await, 0);
    let made = at_once((0..4).map(|_| {
        let catalog = catalog.clone();
        async move { backfilled(&catalog, ENGINE + 1, &["width=80"]).await }
    }));
    assert_eq!(made.await.iter().sum::<u64>(), 5);
    assert_eq!(due_of(&catalog, ENGINE + 1).await.len(), 5);
    assert_eq!(due(&catalog).await.len(), 5, "the older engine's jobs stay its own");
}

async fn the_backfill_opens_the_jobs_that_lack_a_preset(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let (_, pending) = stored(&catalog, "b").await;
    finish(&catalog, job, ENGINE, "width=80").await;
    assert_eq!(backfilled(&catalog, ENGINE, &["width=80"]).await, 0);
    let more = ["width=80", "width=40"];
    assert_eq!(backfilled(&catalog, ENGINE, &more).await, 1);
    assert_eq!(backfilled(&catalog, ENGINE, &more).await, 0);
    assert_eq!(due(&catalog).await, [pending, job]);
    let of_image = catalog.jobs_of(&[image.id]).await.unwrap();
    assert!(of_image[0].done_at.is_some(), "what it made is still served");
    finish(&catalog, job, ENGINE, "width=40").await;
    assert_eq!(backfilled(&catalog, ENGINE, &more).await, 0);
    assert_eq!(catalog.renders(image.id).await.unwrap().len(), 2);
}

async fn superseded_jobs_are_forgotten(catalog: Catalog) {
    let (done, _) = stored(&catalog, "a").await;
    let (waiting, old) = stored(&catalog, "b").await;
    assert_eq!(backfilled(&catalog, ENGINE + 1, &[]).await, 2);
    for job in due_of(&catalog, ENGINE + 1).await {
        let of_waiting = catalog.jobs_of(&[waiting.id]).await.unwrap();
        if of_waiting.iter().all(|other| other.id != job) {
            finish(&catalog, job, ENGINE + 1, "width=80").await;
        }
    }
    let (deleted, last) = catalog.delete_superseded(ENGINE + 1, None, 9).await.unwrap();
    assert!(deleted == 1 && last.is_none());
    assert_eq!(due(&catalog).await, [old]);
    let engines = catalog.jobs_of(&[done.id]).await.unwrap();
    assert_eq!(engines.iter().map(|job| job.engine).collect::<Vec<_>>(), [ENGINE + 1]);
}
