//! Subscriptions report each change once, whatever transactions are open and however they lag.

use std::collections::HashMap;

use common::{
    account::principal::Principal,
    catalog::{Catalog, Snapshot},
    env::Env,
    image::ImageId,
    pipeline::{Config, Event, Pipeline, Subscription},
    store::Store,
};
use sea_orm::{ConnectionTrait, TransactionTrait};
use testkit::wait::soon;

use crate::catalog::{catalog_at, on_postgres, on_sqlite, removed, stored, url_of};

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        each_change_is_reported_once
        who_missed_too_much_is_told_to_read_the_list
    ]
}

/// More than a subscription buffers.
const MANY: usize = 300;

async fn open(catalog: &Catalog, settings: &[(&str, &str)]) -> (Pipeline, tempfile::TempDir) {
    let temp = tempfile::tempdir().unwrap();
    let store = format!("file:{}", temp.path().join("blobs").display());
    let spool = temp.path().join("spool").display().to_string();
    let mut vars = vec![("STORE_URL", store.as_str()), ("SPOOL_DIR", &spool), ("POLL_S", "0.05")];
    vars.extend(settings);
    let mut env = Env::new(vars, []);
    let config = Config::read(&mut env);
    assert_eq!(env.errors(), [] as [&str; 0]);
    let store = Store::open(&config.store).await.unwrap();
    (Pipeline::open(config, catalog.clone(), store, None).await.unwrap(), temp)
}

/// How often each image was reported, up to and with `last`.
async fn reports(from: &mut Subscription, last: ImageId) -> HashMap<ImageId, usize> {
    let mut reports = HashMap::new();
    loop {
        let image = match soon("an event", from.recv()).await.unwrap() {
            Event::Image(summary) => summary.image.id,
            Event::Deleted(image) => image,
            Event::Reset => panic!("a reset"),
        };
        *reports.entry(image).or_default() += 1;
        if image == last {
            return reports;
        }
    }
}

async fn each_change_is_reported_once(catalog: Catalog) {
    let (pipeline, _temp) = open(&catalog, &[]).await;
    let mut quick = pipeline.subscribe(None, &Principal::Open).await.unwrap();
    let mut slow = pipeline.subscribe(None, &Principal::Open).await.unwrap();
    let mut expected = HashMap::new();
    for _ in 0..MANY {
        let (image, _) = stored(&catalog, "a").await;
        expected.insert(image.id, 1);
        assert_eq!(reports(&mut quick, image.id).await, HashMap::from([(image.id, 1)]));
    }
    // one that is reported by the watcher, to both
    let (last, _) = stored(&catalog, "b").await;
    expected.insert(last.id, 1);
    assert_eq!(reports(&mut slow, last.id).await, expected);
    assert_eq!(reports(&mut quick, last.id).await, HashMap::from([(last.id, 1)]));

    // nor does a client that reconnects get what it has received
    let received: Snapshot = quick.received().to_string().parse().unwrap();
    let mut again = pipeline.subscribe(Some(received), &Principal::Open).await.unwrap();
    removed(&catalog, last.id).await.unwrap();
    assert_eq!(reports(&mut again, last.id).await, HashMap::from([(last.id, 1)]));
}

async fn who_missed_too_much_is_told_to_read_the_list(catalog: Catalog) {
    let (pipeline, _temp) = open(&catalog, &[("MAX_REPLAYED_EVENTS", "3")]).await;
    let mut slow = pipeline.subscribe(None, &Principal::Open).await.unwrap();
    let before = slow.received().clone();
    for nth in 0..3 {
        stored(&catalog, &nth.to_string()).await;
    }
    // as many as are replayed
    let mut few = pipeline.subscribe(Some(before.clone()), &Principal::Open).await.unwrap();
    let (next, _) = stored(&catalog, "b").await;
    assert_eq!(reports(&mut few, next.id).await.len(), 4);
    for since in [before, Snapshot::EMPTY] {
        let mut many = pipeline.subscribe(Some(since), &Principal::Open).await.unwrap();
        let event = soon("an event", many.recv()).await.unwrap();
        assert!(matches!(event, Event::Reset), "{event:?}");
        // and continues from there
        let (next, _) = stored(&catalog, "c").await;
        assert_eq!(reports(&mut many, next.id).await, HashMap::from([(next.id, 1)]));
        let mut again =
            pipeline.subscribe(Some(many.received().clone()), &Principal::Open).await.unwrap();
        let (next, _) = stored(&catalog, "d").await;
        assert_eq!(reports(&mut again, next.id).await, HashMap::from([(next.id, 1)]));
    }
    // one that lags by more than that
    for _ in 0..MANY {
        let (image, _) = stored(&catalog, "e").await;
        reports(&mut few, image.id).await;
    }
    let event = soon("an event", slow.recv()).await.unwrap();
    assert!(matches!(event, Event::Reset), "{event:?}");
}

#[tokio::test]
async fn a_transaction_of_another_database_delays_and_repeats_nothing() {
    on_postgres(async |catalog| {
        let other = catalog_at(&url_of("postgres")).await;
        let long = other.connection().begin().await.unwrap();
        long.execute_unprepared("SELECT pg_current_xact_id()").await.unwrap();
        each_change_is_reported_once(catalog).await;
        long.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_reported_once_and_nothing_else_again() {
    on_postgres(async |catalog| {
        let (pipeline, _temp) = open(&catalog, &[]).await;
        let (early, _) = stored(&catalog, "a").await;
        let mut quick = pipeline.subscribe(None, &Principal::Open).await.unwrap();
        let mut slow = pipeline.subscribe(None, &Principal::Open).await.unwrap();
        let late = catalog.connection().begin().await.unwrap();
        late.execute_unprepared("UPDATE jobs SET state = 'dead'").await.unwrap();
        let mut expected = HashMap::from([(early.id, 1)]);
        for _ in 0..MANY {
            let (image, _) = stored(&catalog, "b").await;
            assert_eq!(reports(&mut quick, image.id).await, HashMap::from([(image.id, 1)]));
            expected.insert(image.id, 1);
        }
        let received: Snapshot = quick.received().to_string().parse().unwrap();
        late.commit().await.unwrap();
        assert_eq!(reports(&mut quick, early.id).await, HashMap::from([(early.id, 1)]));
        // a client that reconnects between the two
        let mut again = pipeline.subscribe(Some(received), &Principal::Open).await.unwrap();
        assert_eq!(reports(&mut again, early.id).await, HashMap::from([(early.id, 1)]));
        let (last, _) = stored(&catalog, "c").await;
        expected.insert(last.id, 1);
        assert_eq!(reports(&mut slow, last.id).await, expected);
    })
    .await;
}
