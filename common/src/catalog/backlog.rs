//! The backlog: what is due, what is missing, what is hopeless; asked by workers and operators.

use std::time::Duration;

use sea_orm::{
    DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, Func, Query},
};

use super::{
    Asking, Catalog,
    entity::{images, jobs, loose_blobs, renders},
};
use crate::{
    fault::{Doing, Fault},
    image::ImageId,
    job::{Job, JobId},
};

use jobs::Column as C;

/// How many rows one statement of the backfill touches at most.
const BATCH: u64 = 500;

/// The unfinished jobs of one engine version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Waiting, running or put off.
    pub pending: u64,
    /// Given up.
    pub dead: u64,
    /// How long the oldest one has been due without being claimed.
    pub oldest_due: Duration,
}

impl Catalog {
    /// Up to `limit` jobs of `engine` that are due, the longest due first.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn due(
        &self,
        engine: u32,
        max_strikes: i32,
        limit: u64,
    ) -> Result<Vec<JobId>, Fault> {
        let ids: Vec<Uuid> = jobs::Entity::find()
            .select_only()
            .column(C::Id)
            // literal, so that both databases use the partial index
            .filter(Expr::cust("state = 'pending' AND state <> 'done'"))
            .filter(C::Engine.eq(engine as i32))
            .filter(C::Strikes.lt(max_strikes))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .order_by_asc(C::DueAt)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .asking("look for due jobs")
            .await?;
        Ok(ids.into_iter().map(JobId).collect())
    }

    /// Ends the leases that dead processes left, for whoever knows that no other process is alive.
    /// A job that died before waits for its lease to end, so that one which kills its process does
    /// not do so several times in a row.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn end_leases(&self) -> Result<(), Fault> {
        use images::Column as I;
        images::Entity::update_many()
            .col_expr(I::DueAt, self.now())
            .filter(I::State.eq("uploading"))
            .filter(Expr::col(I::DueAt).gt(self.now()))
            .exec(&self.db)
            .asking("end the leases of uploads")
            .await?;
        jobs::Entity::update_many()
            .col_expr(C::DueAt, self.now())
            .filter(C::State.eq("pending"))
            .filter(C::Strikes.eq(1))
            .filter(Expr::col(C::DueAt).gt(self.now()))
            .exec(&self.db)
            .asking("end the leases of jobs")
            .await
            .map(drop)
    }

    /// Gives up the jobs whose strikes are used up and whose last lease ended; returns how many.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn bury_hopeless(&self, engine: u32, max_strikes: i32) -> Result<u64, Fault> {
        let reason = format!("gave up: {max_strikes} attempts ended without an answer");
        let buried = jobs::Entity::update_many()
            .col_expr(C::State, Expr::value("dead"))
            .col_expr(C::Error, Func::coalesce([Expr::col(C::Error), Expr::value(reason)]).into())
            .filter(Expr::cust("state = 'pending' AND state <> 'done'"))
            .filter(C::Engine.eq(engine as i32))
            .filter(C::Strikes.gte(max_strikes))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec(&self.db)
            .asking("give hopeless jobs up")
            .await?;
        Ok(buried.rows_affected)
    }

    /// Forgets pending jobs of older engines whose image has been rendered by `engine`.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn forget_superseded(&self, engine: u32) -> Result<u64, Fault> {
        let newer_done = Query::select()
            .column(C::ImageId)
            .from(jobs::Entity)
            .and_where(C::Engine.eq(engine as i32))
            .and_where(C::State.eq("done"))
            .to_owned();
        let forgotten = jobs::Entity::delete_many()
            .filter(Expr::cust("state = 'pending' AND state <> 'done'"))
            .filter(C::Engine.lt(engine as i32))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .filter(C::ImageId.in_subquery(newer_done))
            .exec(&self.db)
            .asking("forget superseded jobs")
            .await?;
        Ok(forgotten.rows_affected)
    }

    /// Makes the jobs that `engine` lacks, and opens those again that lack one of the specs;
    /// returns how many. Safe to repeat, and to run in several processes.
    ///
    /// # Errors
    /// The database is out of reach; what was made so far stays.
    pub async fn backfill(&self, engine: u32, spec_hashes: &[String]) -> Result<u64, Fault> {
        let missing = self.backfill_jobs(engine).await.doing("make missing jobs")?;
        let reopened = self.reopen_jobs(engine, spec_hashes).await.doing("open jobs again")?;
        Ok(missing + reopened)
    }

    async fn backfill_jobs(&self, engine: u32) -> Result<u64, DbErr> {
        let mut made = 0;
        loop {
            let has_job = Query::select()
                .column(C::ImageId)
                .from(jobs::Entity)
                .and_where(C::Engine.eq(engine as i32))
                .and_where(
                    Expr::col((jobs::Entity, C::ImageId))
                        .eq(Expr::col((images::Entity, images::Column::Id))),
                )
                .to_owned();
            let ids: Vec<Uuid> = images::Entity::find()
                .select_only()
                .column(images::Column::Id)
                .filter(images::Column::State.eq("stored"))
                .filter(Expr::exists(has_job).not())
                .order_by_desc(images::Column::Id)
                .limit(BATCH)
                .into_tuple()
                .all(&self.db)
                .await?;
            if ids.is_empty() {
                return Ok(made);
            }
            let new: Vec<_> = ids.iter().map(|id| (JobId::fresh(), ImageId(*id))).collect();
            match self.insert_jobs(&self.db, &new, engine).await {
                // an image that was deleted since the look
                Err(err)
                    if matches!(err.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) => {}
                inserted => made += inserted?,
            }
        }
    }

    async fn reopen_jobs(&self, engine: u32, spec_hashes: &[String]) -> Result<u64, DbErr> {
        let mut reopened = 0;
        loop {
            let stored = Query::select()
                .expr(Expr::cust("COUNT(*)"))
                .from(renders::Entity)
                .and_where(
                    Expr::col((renders::Entity, renders::Column::ImageId))
                        .eq(Expr::col((jobs::Entity, C::ImageId))),
                )
                .and_where(renders::Column::Engine.eq(engine as i32))
                .and_where(renders::Column::SpecHash.is_in(spec_hashes))
                .to_owned();
            let ids: Vec<Uuid> = jobs::Entity::find()
                .select_only()
                .column(C::Id)
                .filter(C::State.eq("done"))
                .filter(C::Engine.eq(engine as i32))
                .filter(Expr::expr(stored).lt(spec_hashes.len() as i64))
                .limit(BATCH)
                .into_tuple()
                .all(&self.db)
                .await?;
            if ids.is_empty() {
                return Ok(reopened);
            }
            let opened = jobs::Entity::update_many()
                .col_expr(C::State, Expr::value("pending"))
                .col_expr(C::Strikes, Expr::value(0))
                .col_expr(C::DueAt, self.now())
                .filter(C::Id.is_in(ids))
                .filter(C::State.eq("done"))
                .exec(&self.db)
                .await?;
            reopened += opened.rows_affected;
        }
    }

    /// Up to `limit` jobs that were given up, of any engine, those of the newest images first.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn dead(&self, limit: u64) -> Result<Vec<Job>, Fault> {
        let rows = jobs::Entity::find()
            .filter(Expr::cust("state = 'dead' AND state <> 'done'"))
            .order_by_desc(C::ImageId)
            .order_by_desc(C::Engine)
            .limit(limit)
            .all(&self.db)
            .asking("list dead jobs")
            .await?;
        Ok(rows.into_iter().map(Job::from).collect())
    }

    /// Gives dead jobs all their tries again: that job, or every one. Returns how many.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn revive(&self, job: Option<JobId>) -> Result<u64, Fault> {
        let mut revive = jobs::Entity::update_many()
            .col_expr(C::State, Expr::value("pending"))
            .col_expr(C::Strikes, Expr::value(0))
            .col_expr(C::DueAt, self.now())
            .filter(Expr::cust("state = 'dead' AND state <> 'done'"));
        if let Some(job) = job {
            revive = revive.filter(C::Id.eq(job.0));
        }
        let revived = revive.exec(&self.db).asking("give dead jobs another try").await?;
        Ok(revived.rows_affected)
    }

    /// What somebody should have taken care of that long ago: unfinished uploads, due jobs, and blobs
    /// to delete.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn neglected(&self, since: Duration) -> Result<[(&'static str, u64); 3], Fault> {
        let late = self.now().sub(since.as_millis() as i64);
        let look = async {
            let uploads = images::Entity::find()
                .filter(Expr::cust("state <> 'stored'"))
                .filter(Expr::col(images::Column::DueAt).lte(late.clone()));
            let jobs = jobs::Entity::find()
                .filter(Expr::cust("state = 'pending' AND state <> 'done'"))
                .filter(Expr::col(C::DueAt).lte(late.clone()));
            let blobs = loose_blobs::Entity::find()
                .filter(Expr::col(loose_blobs::Column::DueAt).lte(late.clone()));
            Ok::<_, DbErr>([
                ("unfinished uploads", uploads.count(&self.db).await?),
                ("due jobs", jobs.count(&self.db).await?),
                ("blobs to delete", blobs.count(&self.db).await?),
            ])
        };
        look.asking("look for what is neglected").await
    }

    /// The unfinished jobs of `engine`.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn backlog(&self, engine: u32) -> Result<Backlog, Fault> {
        let counts: Vec<(String, i64)> = jobs::Entity::find()
            .select_only()
            .column(C::State)
            .column_as(C::Id.count(), "n")
            .filter(Expr::cust("state <> 'done'"))
            .filter(C::Engine.eq(engine as i32))
            .group_by(C::State)
            .into_tuple()
            .all(&self.db)
            .asking("count jobs")
            .await?;
        let count =
            |state| counts.iter().find(|(is, _)| is == state).map_or(0, |(_, count)| *count as u64);
        let oldest: Option<i64> = jobs::Entity::find()
            .select_only()
            .expr(self.now().sub(Expr::col(C::DueAt)))
            .filter(Expr::cust("state = 'pending' AND state <> 'done'"))
            .filter(C::Engine.eq(engine as i32))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .order_by_asc(C::DueAt)
            .into_tuple()
            .one(&self.db)
            .asking("look for the oldest due job")
            .await?;
        Ok(Backlog {
            pending: count("pending"),
            dead: count("dead"),
            oldest_due: Duration::from_millis(u64::try_from(oldest.unwrap_or(0)).unwrap_or(0)),
        })
    }
}
