//! A job belongs to one worker at a time, and ends once.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use common::{
    catalog::Catalog,
    job::{Claim, JobError, JobId, JobState, Lane},
};
use sea_orm::TransactionTrait;
use testkit::wait::eventually;

use super::*;

conformance! {
    [sqlite = on_sqlite, postgres = on_postgres]
    [
        a_job_is_claimed_by_one
        a_claim_needs_its_engine_and_its_time
        a_worker_that_was_overtaken_changes_nothing
        an_extended_lease_keeps_other_workers_away
        a_single_process_waits_for_no_lease_but_of_a_job_that_died_before
        the_row_tells_whether_a_claim_ended_its_job
        a_refund_is_given_once
        a_claim_whose_render_did_not_begin_is_no_strike
        jobs_that_end_without_a_result_are_discarded
        the_longest_due_comes_first
        claims_at_the_same_time_share_no_job
        what_is_rendered_already_is_renewed_in_the_lane_of_the_backfill
    ]
}

async fn a_job_is_claimed_by_one(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let claims = at_once((0..16).map(|nth| {
        let catalog = catalog.clone();
        async move {
            catalog.claim(job, ENGINE, &format!("worker {nth}"), LONG, MAX_STRIKES).await.unwrap()
        }
    }));
    let claims: Vec<Claim> = claims.await.into_iter().flatten().collect();
    assert_eq!(
        claims,
        [Claim {
            job,
            image: image.id,
            attempt: 1,
            strikes: 1,
            faults: 0,
            lane: Lane::Fresh,
            trace: None
        }]
    );
    assert_eq!(due(&catalog).await, []);
}

async fn a_claim_needs_its_engine_and_its_time(catalog: Catalog) {
    let (_, job) = stored(&catalog, "a").await;
    let claim = |job, engine| catalog.claim(job, engine, "worker", LONG, MAX_STRIKES);
    assert_eq!(claim(job, ENGINE + 1).await.unwrap(), None);
    assert_eq!(claim(JobId::generate(), ENGINE).await.unwrap(), None);
    let first = claim(job, ENGINE).await.unwrap().unwrap();
    assert_eq!(claim(job, ENGINE).await.unwrap(), None, "its lease runs");
    assert!(catalog.retry(&first, LONG, true, None).await.unwrap());
    assert_eq!(claim(job, ENGINE).await.unwrap(), None, "it was put off");
}

async fn a_worker_that_was_overtaken_changes_nothing(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    let slow = claimed(&catalog, job, ENDED).await;
    let quick = claimed(&catalog, job, LONG).await;
    assert_eq!((quick.attempt, quick.strikes), (2, 2));

    let slow_render = rendered(&catalog, &slow, "width=80").await;
    let late = JobError::Image("slow".into());
    assert!(!catalog.extend_lease(&slow, LONG).await.unwrap());
    assert!(!catalog.finish(&slow, ENGINE, &slow_render).await.unwrap());
    assert!(!catalog.retry(&slow, ENDED, true, Some(&late)).await.unwrap());
    assert!(!catalog.discard(&slow, "slow").await.unwrap());
    assert_eq!(catalog.done_by(&slow).await.unwrap(), None);
    assert_eq!(catalog.renders(image.id).await.unwrap(), []);

    let render = rendered(&catalog, &quick, "width=80").await;
    assert!(catalog.finish(&quick, ENGINE, &render).await.unwrap());
    assert!(!catalog.discard(&slow, "slow").await.unwrap());
    assert!(!catalog.finish(&slow, ENGINE, &slow_render).await.unwrap());
    let blobs: Vec<String> =
        catalog.renders(image.id).await.unwrap().into_iter().map(|render| render.blob).collect();
    assert_eq!(blobs, [render[0].blob.clone()]);
    let of_image = catalog.jobs_of(&[image.id]).await.unwrap();
    assert_eq!((of_image[0].state, of_image[0].attempts), (JobState::Done, 2));
    assert_eq!(of_image[0].error, None);
}

async fn a_single_process_waits_for_no_lease_but_of_a_job_that_died_before(catalog: Catalog) {
    let (_, job) = stored(&catalog, "a").await;
    let first = claimed(&catalog, job, LONG).await;
    catalog.expire_leases().await.unwrap();
    assert_eq!(due(&catalog).await, [job]);
    let second = claimed(&catalog, job, LONG).await;
    assert!(!catalog.extend_lease(&first, LONG).await.unwrap() && second.strikes == 2);
    catalog.expire_leases().await.unwrap();
    assert_eq!(due(&catalog).await, []);
}

async fn an_extended_lease_keeps_other_workers_away(catalog: Catalog) {
    let (_, job) = stored(&catalog, "a").await;
    let claim = claimed(&catalog, job, ENDED).await;
    assert_eq!(due(&catalog).await, [job]);
    assert!(catalog.extend_lease(&claim, LONG).await.unwrap());
    assert_eq!(due(&catalog).await, []);
    assert_eq!(catalog.claim(job, ENGINE, "other", LONG, MAX_STRIKES).await.unwrap(), None);
}

async fn the_row_tells_whether_a_claim_ended_its_job(catalog: Catalog) {
    let (_, job) = stored(&catalog, "a").await;
    let first = claimed(&catalog, job, ENDED).await;
    assert_eq!(catalog.done_by(&first).await.unwrap(), Some(false));
    let second = claimed(&catalog, job, LONG).await;
    let render = rendered(&catalog, &second, "width=80").await;
    assert!(catalog.finish(&second, ENGINE, &render).await.unwrap());
    assert_eq!(catalog.done_by(&second).await.unwrap(), Some(true));
    assert_eq!(catalog.done_by(&first).await.unwrap(), None);
    assert!(!catalog.finish(&second, ENGINE, &[]).await.unwrap(), "it ended once");

    let (_, job) = stored(&catalog, "b").await;
    let dead = claimed(&catalog, job, LONG).await;
    assert!(catalog.discard(&dead, "no picture").await.unwrap());
    assert_eq!(catalog.done_by(&dead).await.unwrap(), None);
}

async fn a_refund_is_given_once(catalog: Catalog) {
    let away = JobError::Service("the store is away".into());
    let (image, job) = stored(&catalog, "a").await;
    for _ in 0..2 * MAX_STRIKES {
        let claim = claimed(&catalog, job, LONG).await;
        assert_eq!((claim.strikes, claim.faults), (1, claim.attempt - 1));
        // as after an answer that was lost
        for _ in 0..2 {
            assert!(catalog.retry(&claim, ENDED, true, Some(&away)).await.unwrap());
        }
    }
    let of_image = catalog.jobs_of(&[image.id]).await.unwrap();
    assert_eq!(of_image[0].error, Some(away));
    // a stopping worker gives a job back: no fault
    let released = claimed(&catalog, job, LONG).await;
    assert!(catalog.retry(&released, ENDED, true, None).await.unwrap());
    for strikes in 1..=MAX_STRIKES {
        let claim = claimed(&catalog, job, LONG).await;
        let faults = if strikes == 1 { 2 * MAX_STRIKES } else { 0 };
        assert_eq!((claim.strikes, claim.faults), (strikes, faults));
        assert!(catalog.retry(&claim, ENDED, false, None).await.unwrap());
    }
    assert_eq!(due(&catalog).await, [], "its strikes are used up");
}

async fn a_claim_whose_render_did_not_begin_is_no_strike(catalog: Catalog) {
    let (_, job) = stored(&catalog, "a").await;
    for _ in 0..2 * MAX_STRIKES {
        let claim = catalog.claim(job, ENGINE, "worker", ENDED, MAX_STRIKES).await.unwrap();
        assert_eq!(claim.unwrap().strikes, 1);
    }
    let lost = claimed(&catalog, job, ENDED).await;
    let claim = claimed(&catalog, job, LONG).await;
    assert_eq!(claim.strikes, 2);
    assert!(!catalog.count_strike(&lost).await.unwrap());
}

async fn jobs_that_end_without_a_result_are_discarded(catalog: Catalog) {
    let (image, job) = stored(&catalog, "a").await;
    stored(&catalog, "b").await;
    // a failure of the service, which did not count, is not why it is discarded
    let failed = claimed(&catalog, job, LONG).await;
    let away = JobError::Service("the store is away".into());
    assert!(catalog.retry(&failed, ENDED, true, Some(&away)).await.unwrap());
    for _ in 1..MAX_STRIKES {
        claimed(&catalog, job, ENDED).await;
    }
    let last = claimed(&catalog, job, LONG).await;
    assert_eq!(catalog.discard_exhausted(ENGINE, MAX_STRIKES).await.unwrap(), 0, "its lease runs");
    assert!(catalog.extend_lease(&last, ENDED).await.unwrap());
    assert_eq!(catalog.discard_exhausted(ENGINE + 1, MAX_STRIKES).await.unwrap(), 0);
    assert_eq!(catalog.discard_exhausted(ENGINE, MAX_STRIKES).await.unwrap(), 1);
    assert_eq!(catalog.discard_exhausted(ENGINE, MAX_STRIKES).await.unwrap(), 0);
    let of_image = catalog.jobs_of(&[image.id]).await.unwrap();
    assert_eq!(of_image[0].state, JobState::Dead);
    let reason = "discarded: 3 attempts ended without a result";
    assert_eq!(of_image[0].error, Some(JobError::Image(reason.into())));
    assert!(!catalog.extend_lease(&last, LONG).await.unwrap());
}

async fn the_longest_due_comes_first(catalog: Catalog) {
    let mut jobs = Vec::new();
    for name in ["a", "b", "c"] {
        jobs.push(stored(&catalog, name).await.1);
        next_millisecond().await;
    }
    let [a, b, c] = jobs[..] else { unreachable!() };
    assert_eq!(due(&catalog).await, [a, b, c]);
    let claim = claimed(&catalog, a, LONG).await;
    assert!(catalog.retry(&claim, ENDED, true, None).await.unwrap());
    assert_eq!(due(&catalog).await, [b, c, a]);
    assert_eq!(claim_due(&catalog, Lane::Backfill, 9).await, []);
    assert_eq!(
        HashSet::from_iter(claim_due(&catalog, Lane::Fresh, 2).await),
        HashSet::from([b, c])
    );
    assert_eq!(claim_due(&catalog, Lane::Fresh, 2).await, [a]);
    assert_eq!(claim_due(&catalog, Lane::Fresh, 2).await, [], "their leases run");
}

/// The jobs of the claims, in no particular order.
async fn claim_due(catalog: &Catalog, lane: Lane, limit: u64) -> Vec<JobId> {
    let claims = catalog.claim_due(ENGINE, lane, "worker", LONG, MAX_STRIKES, limit).await.unwrap();
    claims.iter().map(|claim| claim.job).collect()
}

async fn claims_at_the_same_time_share_no_job(catalog: Catalog) {
    let mut jobs = HashSet::new();
    for nth in 0..20 {
        jobs.insert(stored(&catalog, &nth.to_string()).await.1);
    }
    let by_hint = *jobs.iter().next().unwrap();
    let claims = at_once((0..16).map(|nth| {
        let catalog = catalog.clone();
        async move {
            let worker = format!("worker {nth}");
            match nth % 8 {
                0 => catalog
                    .claim(by_hint, ENGINE, &worker, LONG, MAX_STRIKES)
                    .await
                    .unwrap()
                    .into_iter()
                    .collect(),
                _ => catalog
                    .claim_due(ENGINE, Lane::Fresh, &worker, LONG, MAX_STRIKES, 3)
                    .await
                    .unwrap(),
            }
        }
    }));
    let claims: Vec<Claim> = claims.await.into_iter().flatten().collect();
    assert!(claims.iter().all(|claim| (claim.attempt, claim.strikes) == (1, 1)), "{claims:?}");
    assert_eq!(claims.len(), jobs.len());
    assert_eq!(claims.into_iter().map(|claim| claim.job).collect::<HashSet<_>>(), jobs);
}

async fn what_is_rendered_already_is_renewed_in_the_lane_of_the_backfill(catalog: Catalog) {
    let (rendered, job) = stored(&catalog, "a").await;
    let (waiting, _) = stored(&catalog, "b").await;
    finish(&catalog, job, ENGINE, "width=80").await;
    let specs = ["width=80", "width=40"];
    assert_eq!(backfilled(&catalog, ENGINE, &specs).await, 1);
    assert_eq!(claim_due(&catalog, Lane::Backfill, 9).await, [job]);

    assert_eq!(backfilled(&catalog, ENGINE + 1, &specs).await, 2);
    for (lane, image) in [(Lane::Backfill, rendered.id), (Lane::Fresh, waiting.id)] {
        let claims = catalog.claim_due(ENGINE + 1, lane, "worker", LONG, MAX_STRIKES, 9).await;
        let images: Vec<ImageId> = claims.unwrap().iter().map(|claim| claim.image).collect();
        assert_eq!(images, [image], "{lane:?}");
    }
}

/// Claimers that compete for the same jobs would spend their rounds waiting, or in vain.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_claimers_few_claim_in_vain() {
    const CLAIMERS: usize = 64;
    const ROUNDS: u32 = 1_500;
    const WORK: Duration = Duration::from_millis(20);
    in_new_database(async |url| {
        drop(opened(&url).await);
        let connections = CLAIMERS.to_string();
        let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_CONNECTIONS", &connections)];
        let catalog = Catalog::open(&Config::read(&mut Env::new(settings, []))).await.unwrap();
        // due jobs are left in the end: a claim that finds none was in vain
        insert_jobs(&catalog, ROUNDS + CLAIMERS as u32).await;
        let (useful, vain) = (&AtomicU32::new(0), &AtomicU32::new(0));
        let claimer = || {
            let catalog = catalog.clone();
            async move {
                while useful.load(Ordering::Relaxed) < ROUNDS {
                    let claims = catalog.claim_due(ENGINE, Lane::Fresh, "w", LONG, MAX_STRIKES, 1);
                    match claims.await.unwrap().first() {
                        Some(claim) => {
                            useful.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(WORK).await;
                            assert!(catalog.finish(claim, ENGINE, &[]).await.unwrap());
                        }
                        None => {
                            vain.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            }
        };
        // on a busy machine, connecting takes longer than a query may wait
        let connect = async || loop {
            if let Ok(transaction) = catalog.connection().begin().await {
                break transaction;
            }
        };
        drop(futures_util::future::join_all((0..CLAIMERS).map(|_| connect())).await);
        let started = Instant::now();
        futures_util::future::join_all((0..CLAIMERS).map(|_| claimer())).await;
        let (useful, vain) = (useful.load(Ordering::Relaxed), vain.load(Ordering::Relaxed));
        println!("{useful} rounds were useful, {vain} were not, in {:?}", started.elapsed());
        assert!(useful >= ROUNDS && vain * 4 <= useful, "{vain} in vain for {useful} jobs");

        // a session reports its statistics when it ends
        catalog.connection().clone().close().await.unwrap();
        let catalog = catalog_at(&url).await;
        let scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'jobs_due'";
        eventually("the claims have used the index", async || {
            let row = Statement::from_string(catalog.connection().get_database_backend(), scans);
            let row = catalog.connection().query_one_raw(row).await.unwrap().unwrap();
            (row.try_get::<i64>("", "idx_scan").unwrap() >= i64::from(ROUNDS)).then_some(())
        })
        .await;
    })
    .await;
}

/// Adds as many stored images with due jobs, and nine times as many whose job is done.
async fn insert_jobs(catalog: &Catalog, count: u32) {
    let sql = format!(
        "INSERT INTO images SELECT gen_random_uuid(), 'stored', 1, NULL, NULL, 'image/png', 1, 1, 1, \
            1, '', 0, 0, 0 FROM generate_series(1, {count} * 10);
         INSERT INTO jobs (id, image_id, engine, state, attempt, strikes, due_at, created_at)
            SELECT gen_random_uuid(), id, {ENGINE}, \
            CASE WHEN row_number() OVER () <= {count} THEN 'pending' ELSE 'done' END, 0, 0, 0, 0 \
            FROM images;
         ANALYZE images; ANALYZE jobs;"
    );
    catalog.connection().execute_unprepared(&sql).await.unwrap();
}

#[tokio::test]
async fn a_state_that_is_unknown_is_an_error() {
    on_sqlite(async |catalog| {
        let (image, _) = stored(&catalog, "a").await;
        let sql = "PRAGMA ignore_check_constraints = ON; UPDATE jobs SET state = 'lost'";
        catalog.connection().execute_unprepared(sql).await.unwrap();
        let fault = catalog.jobs_of(&[image.id]).await.unwrap_err().to_string();
        assert!(fault.contains("lost"), "{fault}");
    })
    .await;
}
