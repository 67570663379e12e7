//! Jobs: claim, keep and end them. Every statement carries the claim's attempt as a fencing token,
//! so a worker that lost its lease matches no row.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, UpdateMany,
    entity::prelude::*,
    sea_query::{
        CommonTableExpression, Expr, LockBehavior, LockType, Query, Returning, WithClause,
    },
};

use super::{
    Bounded, Catalog,
    backlog::PENDING,
    blob_gc,
    entity::{images, jobs, renders},
    location,
};
use crate::{
    fault::Fault,
    image::ImageId,
    job::{Claim, JobError, JobId, Lane},
};

use jobs::{Column as C, State};

/// A render whose blob was put and whose row is to be added.
#[derive(Debug, Clone)]
pub struct NewRender {
    /// The options, in canonical form.
    pub spec: String,
    /// Their hash, see [`crate::render::spec_hash`].
    pub spec_hash: String,
    /// The key of its blob in the store.
    pub blob: String,
    /// Where the text begins in the blob, in bytes.
    pub offset: u64,
    /// SHA-256 of the text, lower-case hex.
    pub sha256: String,
    /// Length of the text in bytes.
    pub bytes: u64,
    /// Characters per row.
    pub columns: u32,
    /// Number of rows.
    pub rows: u32,
}

impl Catalog {
    /// Claims a job of `engine` that is due and has less than `max_strikes`, for `lease`; `None`
    /// when there is no such job.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn claim(
        &self,
        job: JobId,
        engine: u32,
        worker: &str,
        lease: Duration,
        max_strikes: i32,
    ) -> Result<Option<Claim>, Fault> {
        let rows = self
            .claims(worker, lease)
            .filter(C::Id.eq(job.0))
            .filter(C::Engine.eq(engine as i32))
            .filter(C::State.eq(State::Pending))
            .filter(C::Strikes.lt(max_strikes))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec_with_returning(&self.lease_db)
            .bounded("claim a job")
            .await?;
        Ok(rows.into_iter().next().map(Claim::from))
    }

    /// Claims up to `limit` jobs of `engine` in that lane that are due and have less than
    /// `max_strikes`, the longest due first. One statement picks and claims them. It passes over
    /// rows that another claim has locked, so that many workers do not wait for the same rows.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn claim_due(
        &self,
        engine: u32,
        lane: Lane,
        worker: &str,
        lease: Duration,
        max_strikes: i32,
        limit: u64,
    ) -> Result<Vec<Claim>, Fault> {
        const DUE: &str = "due";
        let due = jobs::Entity::find()
            .select_only()
            .column(C::Id)
            .filter(Expr::cust(PENDING))
            .filter(C::Engine.eq(engine as i32))
            .filter(C::Backfill.eq(lane == Lane::Backfill))
            .filter(C::Strikes.lt(max_strikes))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .order_by_asc(C::DueAt)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        // materialized: as a subquery, PostgreSQL may run it again for each row
        let due = CommonTableExpression::new()
            .query(due.into_query())
            .table_name(DUE)
            .materialized(true)
            .to_owned();
        let picked = Query::select().column(C::Id).from(DUE).to_owned();
        let mut update = self.claims(worker, lease).filter(C::Id.in_subquery(picked)).into_query();
        update.with_cte(WithClause::new().cte(due).to_owned()).returning(Returning::new().all());
        let claim = async {
            let rows = self.lease_db.query_all(&update).await?;
            let claim = |row| jobs::Model::from_query_result(row, "").map(Claim::from);
            rows.iter().map(claim).collect::<Result<_, DbErr>>()
        };
        claim.bounded("claim due jobs").await
    }

    /// An update that claims the rows that it is filtered to.
    fn claims(&self, worker: &str, lease: Duration) -> UpdateMany<jobs::Entity> {
        jobs::Entity::update_many()
            .col_expr(C::Attempt, Expr::col(C::Attempt).add(1))
            .col_expr(C::Worker, Expr::value(worker))
            .col_expr(C::DueAt, self.after(lease))
    }

    /// Counts the strike of a claim, before a render that may kill the process. `false` when the
    /// claim was lost.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count_strike(&self, claim: &Claim) -> Result<bool, Fault> {
        let count = held(claim).col_expr(C::Strikes, Expr::value(claim.strikes));
        let counted = count.exec(&self.lease_db).bounded("count an attempt").await?;
        Ok(counted.rows_affected == 1)
    }

    /// Extends the lease to `lease` from now; `false` when the claim was lost: stop.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn extend_lease(&self, claim: &Claim, lease: Duration) -> Result<bool, Fault> {
        let extend = held(claim).col_expr(C::DueAt, self.after(lease));
        let extended = extend.exec(&self.lease_db).bounded("extend a lease").await?;
        Ok(extended.rows_affected == 1)
    }

    /// Ends a job: one transaction adds the renders and makes the job done. `false` when the claim
    /// was lost, and nothing changed.
    ///
    /// # Errors
    /// The answer was lost, and the commit may have happened: call [`Catalog::done_by`] before the
    /// blobs are deleted.
    pub async fn finish(
        &self,
        claim: &Claim,
        engine: u32,
        finished: &[NewRender],
    ) -> Result<bool, Fault> {
        let finish = async {
            let txn = self.begin().await?;
            let ready_after = self.try_finish(&txn, claim, engine, finished).await?;
            match ready_after {
                Some(_) => txn.commit().await?,
                None => txn.rollback().await?,
            }
            if let Some(Some(ready_after)) = ready_after {
                metrics::histogram!("planet_ready_seconds").record(ready_after.as_secs_f64());
            }
            Ok::<_, DbErr>(ready_after.is_some())
        };
        finish.bounded("finish a job").await
    }

    /// `None` when the claim was lost; otherwise the time from the upload to now, unless the job is
    /// one of the backfill.
    async fn try_finish(
        &self,
        txn: &DatabaseTransaction,
        claim: &Claim,
        engine: u32,
        finished: &[NewRender],
    ) -> Result<Option<Option<Duration>>, DbErr> {
        // locks in the same order as a removal: first the image, then its job
        let image = images::Entity::find_by_id(claim.image.0).lock(LockType::KeyShare);
        let Some(image) = image.one(txn).await? else { return Ok(None) };
        let done = held(claim)
            .col_expr(C::State, State::Done.into())
            .col_expr(C::DoneAt, self.now())
            .col_expr(C::Error, Expr::value(None::<String>))
            .exec_with_returning(txn)
            .await?;
        let Some(done) = done.first() else { return Ok(None) };
        let mut blobs: Vec<String> = finished.iter().map(|render| render.blob.clone()).collect();
        blobs.sort_unstable();
        blobs.dedup();
        if !blob_gc::confirm(txn, &blobs).await? {
            return Ok(None);
        }
        if !finished.is_empty() {
            self.insert_renders(txn, claim.image, engine, finished).await?;
        }
        let ms = done.done_at.zip(image.stored_at).map(|(done, stored)| done - stored);
        let ready_after = ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        Ok(Some(ready_after.filter(|_| !done.backfill)))
    }

    async fn insert_renders(
        &self,
        txn: &DatabaseTransaction,
        image: ImageId,
        engine: u32,
        finished: &[NewRender],
    ) -> Result<(), DbErr> {
        use renders::Column as C;
        let mut insert = Query::insert();
        insert.into_table(renders::Entity).columns([
            C::Id,
            C::ImageId,
            C::Engine,
            C::Spec,
            C::SpecHash,
            C::Blob,
            C::Sha256,
            C::Bytes,
            C::Columns,
            C::Rows,
            C::CreatedAt,
        ]);
        for render in finished {
            insert.values_panic([
                Uuid::now_v7().into(),
                image.0.into(),
                (engine as i32).into(),
                render.spec.as_str().into(),
                render.spec_hash.as_str().into(),
                location::location(&render.blob, render.offset).into(),
                render.sha256.as_str().into(),
                (render.bytes as i64).into(),
                i64::from(render.columns).into(),
                i64::from(render.rows).into(),
                self.now(),
            ]);
        }
        txn.execute(&insert).await.map(drop)
    }

    /// What became of a claim whose answer was lost: `Some(true)` when it ended the job,
    /// `Some(false)` when it still holds the job, `None` when it was lost.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn done_by(&self, claim: &Claim) -> Result<Option<bool>, Fault> {
        let row = jobs::Entity::find_by_id(claim.job.0)
            .filter(C::Attempt.eq(claim.attempt))
            .one(&self.db)
            .bounded("look up a claim")
            .await?;
        Ok(row.filter(|row| row.state != State::Dead).map(|row| row.state == State::Done))
    }

    /// Schedules the job for another attempt after `wait`. `refund` takes the claim's strike back:
    /// the image did not cause the failure, and with an `error` it is counted as a fault of the
    /// service. `false` when the claim was lost.
    ///
    /// # Errors
    /// The database is unavailable; the lease runs out by itself.
    pub async fn retry(
        &self,
        claim: &Claim,
        wait: Duration,
        refund: bool,
        error: Option<&JobError>,
    ) -> Result<bool, Fault> {
        // absolute, so that a repetition after a lost answer does not refund a second strike
        let strikes = claim.strikes - i32::from(refund);
        let faults = if refund { claim.faults + i32::from(error.is_some()) } else { 0 };
        let mut retry = held(claim)
            .col_expr(C::DueAt, self.after(wait))
            .col_expr(C::Strikes, Expr::value(strikes))
            .col_expr(C::Faults, Expr::value(faults));
        if let Some(error) = error {
            retry = retry.col_expr(C::Error, Expr::value(error.to_string()));
        }
        self.hit(retry).bounded("reschedule a job").await
    }

    /// Discards the job: it is dead until an operator retries it. `false` when the claim was lost.
    ///
    /// # Errors
    /// The database is unavailable; the lease runs out by itself.
    pub async fn discard(&self, claim: &Claim, error: &str) -> Result<bool, Fault> {
        let dead = held(claim)
            .col_expr(C::State, State::Dead.into())
            .col_expr(C::Error, Expr::value(error));
        self.hit(dead).bounded("discard a job").await
    }

    async fn hit(&self, update: UpdateMany<jobs::Entity>) -> Result<bool, DbErr> {
        Ok(update.exec(&self.db).await?.rows_affected == 1)
    }
}

impl From<jobs::Model> for Claim {
    fn from(row: jobs::Model) -> Self {
        Claim {
            job: JobId(row.id),
            image: ImageId(row.image_id),
            attempt: row.attempt,
            strikes: row.strikes + 1,
            faults: row.faults,
            lane: if row.backfill { Lane::Backfill } else { Lane::Fresh },
            trace: row.trace.and_then(|trace| trace.parse().ok()),
        }
    }
}

/// An update of the job's row, if the claim still holds it.
fn held(claim: &Claim) -> UpdateMany<jobs::Entity> {
    jobs::Entity::update_many()
        .filter(C::Id.eq(claim.job.0))
        .filter(C::Attempt.eq(claim.attempt))
        .filter(C::State.eq(State::Pending))
}
