//! Jobs: claimed, kept alive and ended. Every statement carries the claim's attempt, so a worker
//! that lost its lease matches no row.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    UpdateMany,
    entity::prelude::*,
    sea_query::{Expr, LockType, Query},
};

use super::{
    Asking, Catalog,
    entity::{images, jobs, renders},
    loose,
};
use crate::{
    fault::Fault,
    image::ImageId,
    job::{Claim, JobId},
};

use jobs::Column as C;

/// A render that was put, about to become a fact.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Canonical form of what was asked.
    pub spec: String,
    /// Its short name.
    pub spec_hash: String,
    /// Where it was put.
    pub blob: String,
    /// Of the text, in lower-case hex.
    pub sha256: String,
    /// Length of the text.
    pub bytes: u64,
    /// Characters in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
}

impl Catalog {
    /// Claims a job that is due, for `lease`; `None` when there is nothing to claim. The strike is
    /// counted now, because a render may kill the process.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn claim(
        &self,
        job: JobId,
        engine: u32,
        worker: &str,
        lease: Duration,
        max_strikes: i32,
    ) -> Result<Option<Claim>, Fault> {
        let rows = jobs::Entity::update_many()
            .col_expr(C::Attempt, Expr::col(C::Attempt).add(1))
            .col_expr(C::Strikes, Expr::col(C::Strikes).add(1))
            .col_expr(C::Worker, Expr::value(worker))
            .col_expr(C::DueAt, self.after(lease))
            .filter(C::Id.eq(job.0))
            .filter(C::Engine.eq(engine as i32))
            .filter(C::State.eq("pending"))
            .filter(C::Strikes.lt(max_strikes))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec_with_returning(&self.db)
            .asking("claim a job")
            .await?;
        Ok(rows.into_iter().next().map(|row| Claim {
            job: JobId(row.id),
            image: ImageId(row.image_id),
            attempt: row.attempt,
            strikes: row.strikes,
        }))
    }

    /// Prolongs the lease; `false` means stop working.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn beat(&self, claim: &Claim, lease: Duration) -> Result<bool, Fault> {
        let beat = held(claim).col_expr(C::DueAt, self.after(lease));
        self.hit(beat).asking("prolong a lease").await
    }

    /// Ends a job: one transaction makes the renders facts and the job done. `false` when the claim
    /// is not ours any more; nothing changed then.
    ///
    /// # Errors
    /// The answer was lost, and the commit may have happened: look at [`Catalog::done_by`] before
    /// the blobs are deleted.
    pub async fn finish(
        &self,
        claim: &Claim,
        engine: u32,
        finished: &[Finished],
    ) -> Result<bool, Fault> {
        let finish = async {
            let txn = self.begin().await?;
            let ours = self.try_finish(&txn, claim, engine, finished).await?;
            match ours {
                true => txn.commit().await?,
                false => txn.rollback().await?,
            }
            Ok::<_, DbErr>(ours)
        };
        finish.asking("finish a job").await
    }

    async fn try_finish(
        &self,
        txn: &DatabaseTransaction,
        claim: &Claim,
        engine: u32,
        finished: &[Finished],
    ) -> Result<bool, DbErr> {
        // the same order of locks as a removal: first the image, then its job
        let image = images::Entity::find_by_id(claim.image.0).lock(LockType::KeyShare);
        if image.one(txn).await?.is_none() {
            return Ok(false);
        }
        let done = held(claim)
            .col_expr(C::State, Expr::value("done"))
            .col_expr(C::DoneAt, self.now())
            .col_expr(C::Error, Expr::value(None::<String>))
            .exec(txn)
            .await?;
        let blobs: Vec<String> = finished.iter().map(|render| render.blob.clone()).collect();
        if done.rows_affected == 0 || !loose::keep(txn, &blobs).await? {
            return Ok(false);
        }
        if !finished.is_empty() {
            self.insert_renders(txn, claim.image, engine, finished).await?;
        }
        Ok(true)
    }

    async fn insert_renders(
        &self,
        txn: &DatabaseTransaction,
        image: ImageId,
        engine: u32,
        finished: &[Finished],
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
                render.blob.as_str().into(),
                render.sha256.as_str().into(),
                (render.bytes as i64).into(),
                i64::from(render.columns).into(),
                i64::from(render.rows).into(),
                self.now(),
            ]);
        }
        txn.execute(&insert).await.map(drop)
    }

    /// What the row says of our claim after an answer was lost: `Some(true)` when this very claim
    /// ended the job, `Some(false)` when it still holds it, `None` when it was fenced off.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn done_by(&self, claim: &Claim) -> Result<Option<bool>, Fault> {
        let row = jobs::Entity::find_by_id(claim.job.0)
            .filter(C::Attempt.eq(claim.attempt))
            .one(&self.db)
            .asking("look a claim up")
            .await?;
        Ok(row.filter(|row| row.state != "dead").map(|row| row.state == "done"))
    }

    /// Puts the job off by `wait`. `refund` takes the claim's strike back: it was not the image's
    /// fault. `false` when the claim is not ours any more.
    ///
    /// # Errors
    /// The database is out of reach; the lease runs out by itself.
    pub async fn retry(
        &self,
        claim: &Claim,
        wait: Duration,
        refund: bool,
        error: Option<&str>,
    ) -> Result<bool, Fault> {
        // absolute, so that a repetition after a lost answer refunds no second strike
        let strikes = Expr::value(claim.strikes - i32::from(refund));
        let mut retry =
            held(claim).col_expr(C::DueAt, self.after(wait)).col_expr(C::Strikes, strikes);
        if let Some(error) = error {
            retry = retry.col_expr(C::Error, Expr::value(error));
        }
        self.hit(retry).asking("put a job off").await
    }

    /// Gives the job up. `false` when the claim is not ours any more.
    ///
    /// # Errors
    /// The database is out of reach; the lease runs out by itself.
    pub async fn bury(&self, claim: &Claim, error: &str) -> Result<bool, Fault> {
        let dead = held(claim)
            .col_expr(C::State, Expr::value("dead"))
            .col_expr(C::Error, Expr::value(error));
        self.hit(dead).asking("give a job up").await
    }

    async fn hit(&self, update: UpdateMany<jobs::Entity>) -> Result<bool, DbErr> {
        Ok(update.exec(&self.db).await?.rows_affected == 1)
    }
}

/// An update of the job's row as long as the claim holds it.
fn held(claim: &Claim) -> UpdateMany<jobs::Entity> {
    jobs::Entity::update_many()
        .filter(C::Id.eq(claim.job.0))
        .filter(C::Attempt.eq(claim.attempt))
        .filter(C::State.eq("pending"))
}
