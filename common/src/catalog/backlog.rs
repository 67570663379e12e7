//! The backlog: which jobs are due, exhausted, dead or overdue.

use std::{collections::HashSet, time::Duration};

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    entity::prelude::*,
    sea_query::{Expr, Query},
};

use super::{
    Bounded, Catalog,
    entity::{blob_gc, images, jobs, uploads},
    resumable,
};
use crate::{
    fault::Fault,
    job::{Job, JobId, SERVICE_FAILURE},
};

use jobs::{Column as C, State};

/// Filters of the partial indexes, as literals: neither database uses such an index for a bound
/// parameter.
pub(super) const PENDING: &str = "state = 'pending' AND state <> 'done'";
/// Those that a render has killed or outlasted: few, whatever the backlog.
const STRUCK: &str = "state = 'pending' AND strikes > 0";
const DEAD: &str = "state = 'dead' AND state <> 'done'";
pub(super) const NOT_STORED: &str = "state <> 'stored'";

/// How many rows are counted at most, so that counting them costs little however many there are.
pub const MAX_COUNTED: u64 = 10_000;

/// The unfinished jobs of one engine version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Due, running or scheduled for later; [`MAX_COUNTED`] is at least as many.
    pub pending: u64,
    /// Dead; [`MAX_COUNTED`] is at least as many.
    pub dead: u64,
    /// How long the oldest due job has waited, without those of the backfill; zero when none is due.
    pub oldest_due: Duration,
    /// Pending jobs of older and of newer engine versions; [`MAX_COUNTED`] of either at most.
    pub of_other_engines: u64,
    /// Resumable uploads that are not finished; [`MAX_COUNTED`] is at least as many.
    pub open_uploads: u64,
    /// The entries of the garbage collection of blobs, by state: of the [`MAX_COUNTED`] that are due
    /// first.
    pub blobs: [(&'static str, u64); 3],
    /// How long the oldest of them has been due; zero when none is.
    pub oldest_due_blob: Duration,
}

/// The place of a pending job in the order of their index.
#[derive(Debug, Clone, Copy)]
pub struct JobPosition {
    engine: i32,
    backfill: bool,
    due_at: i64,
    id: Uuid,
}

impl JobPosition {
    fn of(job: &jobs::Model) -> Self {
        JobPosition { engine: job.engine, backfill: job.backfill, due_at: job.due_at, id: job.id }
    }
}

impl Catalog {
    /// Ends the leases that dead processes left. Call this only when no other process is alive. The
    /// leases of jobs with more than one strike stay, so that a job which kills its process does
    /// not do so several times in a row.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn expire_leases(&self) -> Result<(), Fault> {
        use images::Column as I;
        images::Entity::update_many()
            .col_expr(I::DueAt, self.now())
            .filter(Expr::cust(NOT_STORED))
            .filter(Expr::col(I::DueAt).gt(self.now()))
            .exec(&self.db)
            .bounded("end the leases of uploads")
            .await?;
        jobs::Entity::update_many()
            .col_expr(C::DueAt, self.now())
            .filter(Expr::cust(PENDING))
            .filter(C::Strikes.lte(1))
            .filter(Expr::col(C::DueAt).gt(self.now()))
            .exec(&self.db)
            .bounded("end the leases of jobs")
            .await
            .map(drop)
    }

    /// Discards the jobs that used up their strikes and whose last lease ended; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn discard_exhausted(&self, engine: u32, max_strikes: i32) -> Result<u64, Fault> {
        let reason = format!("discarded: {max_strikes} attempts ended without a result");
        let discarded = jobs::Entity::update_many()
            .col_expr(C::State, State::Dead.into())
            // keeps what is known about the image
            .col_expr(
                C::Error,
                Expr::case(C::Error.not_like(format!("{SERVICE_FAILURE}%")), Expr::col(C::Error))
                    .finally(reason)
                    .into(),
            )
            .filter(Expr::cust(STRUCK))
            .filter(C::Engine.eq(engine as i32))
            .filter(C::Strikes.gte(max_strikes))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec(&self.db)
            .bounded("discard exhausted jobs")
            .await?;
        Ok(discarded.rows_affected)
    }

    /// Looks at up to `limit` due jobs of older engine versions after `after`, and deletes those whose
    /// image `engine` has rendered. Returns how many, and the last job that it looked at; `None` when
    /// there are no more.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn delete_superseded(
        &self,
        engine: u32,
        after: Option<JobPosition>,
        limit: u64,
    ) -> Result<(u64, Option<JobPosition>), Fault> {
        const KEY: [C; 4] = [C::Engine, C::Backfill, C::DueAt, C::Id];
        let mut older = jobs::Entity::find()
            .filter(Expr::cust(PENDING))
            .filter(C::Engine.lt(engine as i32))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .limit(limit);
        if let Some(JobPosition { engine, backfill, due_at, id }) = after {
            let position: [Expr; 4] = [engine.into(), backfill.into(), due_at.into(), id.into()];
            older = older.filter(Expr::tuple(KEY.map(Expr::col)).gt(Expr::tuple(position)));
        }
        for column in KEY {
            older = older.order_by_asc(column);
        }
        let delete = async {
            let older = older.all(&self.db).await?;
            if older.is_empty() {
                return Ok((0, None));
            }
            let is_last = (older.len() as u64) < limit;
            let rendered: HashSet<Uuid> = jobs::Entity::find()
                .select_only()
                .column(C::ImageId)
                .filter(C::ImageId.is_in(older.iter().map(|job| job.image_id)))
                .filter(C::Engine.eq(engine as i32))
                .filter(C::State.eq(State::Done))
                .into_tuple()
                .all(&self.db)
                .await?
                .into_iter()
                .collect();
            let superseded = older.iter().filter(|job| rendered.contains(&job.image_id));
            let superseded: Vec<Uuid> = superseded.map(|job| job.id).collect();
            let deleted = match superseded.is_empty() {
                true => 0,
                false => {
                    let delete = jobs::Entity::delete_many()
                        .filter(C::Id.is_in(superseded))
                        .filter(C::State.eq(State::Pending))
                        .filter(Expr::col(C::DueAt).lte(self.now()));
                    delete.exec(&self.db).await?.rows_affected
                }
            };
            let last = older.last().filter(|_| !is_last).map(JobPosition::of);
            Ok::<_, DbErr>((deleted, last))
        };
        delete.bounded("delete superseded jobs").await
    }

    /// Up to `limit` dead jobs, those of the newest engine version and then of the newest images
    /// first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn dead(&self, limit: u64) -> BoxFuture<'_, Result<Vec<Job>, Fault>> {
        Box::pin(async move {
            let rows = jobs::Entity::find()
                .filter(Expr::cust(DEAD))
                .order_by_desc(C::Engine)
                .order_by_desc(C::ImageId)
                .limit(limit)
                .all(&self.db)
                .bounded("list dead jobs")
                .await?;
            Ok(rows.into_iter().map(Job::from).collect())
        })
    }

    /// Makes dead jobs pending again, without strikes: `job`, or up to `limit` of all. Returns how
    /// many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn retry_dead(&self, job: Option<JobId>, limit: u64) -> BoxFuture<'_, Result<u64, Fault>> {
        Box::pin(async move {
            let ids: Vec<Uuid> = match job {
                Some(job) => vec![job.0],
                None => {
                    let dead = jobs::Entity::find()
                        .select_only()
                        .column(C::Id)
                        .filter(Expr::cust(DEAD))
                        .limit(limit);
                    dead.into_tuple().all(&self.db).bounded("list dead jobs").await?
                }
            };
            if ids.is_empty() {
                return Ok(0);
            }
            let update = jobs::Entity::update_many()
                .col_expr(C::State, State::Pending.into())
                .col_expr(C::Strikes, Expr::value(0))
                .col_expr(C::Faults, Expr::value(0))
                .col_expr(C::DueAt, self.now())
                .filter(C::Id.is_in(ids))
                .filter(Expr::cust(DEAD));
            let retried = update.exec(&self.db).bounded("retry dead jobs").await?;
            Ok(retried.rows_affected)
        })
    }

    /// How many unfinished uploads, jobs and blobs to delete have been due for longer than `since`,
    /// each with its name, and up to [`MAX_COUNTED`].
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn overdue(&self, since: Duration) -> Result<[(&'static str, u64); 3], Fault> {
        let late = self.now().sub(since.as_millis() as i64);
        let count = async {
            let uploads = images::Entity::find()
                .filter(Expr::cust(NOT_STORED))
                .filter(Expr::col(images::Column::DueAt).lte(late.clone()));
            let jobs = jobs::Entity::find()
                .filter(Expr::cust(PENDING))
                .filter(Expr::col(C::DueAt).lte(late.clone()));
            let blobs =
                blob_gc::Entity::find().filter(Expr::col(blob_gc::Column::DueAt).lte(late.clone()));
            Ok::<_, DbErr>([
                ("unfinished uploads", self.count(uploads, images::Column::Id).await?),
                ("due jobs", self.count(jobs, C::Id).await?),
                ("blobs to delete", self.count(blobs, blob_gc::Column::Blob).await?),
            ])
        };
        count.bounded("count what is overdue").await
    }

    /// Counts the unfinished jobs of `engine`, each state up to [`MAX_COUNTED`].
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn backlog(&self, engine: u32) -> Result<Backlog, Fault> {
        let count = async |state: &'static str| {
            let jobs =
                jobs::Entity::find().filter(Expr::cust(state)).filter(C::Engine.eq(engine as i32));
            self.count(jobs, C::Id).bounded("count jobs").await
        };
        let (pending, dead) = (count(PENDING).await?, count(DEAD).await?);
        let pending_of = async |engines: Expr| {
            let jobs = jobs::Entity::find().filter(Expr::cust(PENDING)).filter(engines);
            self.count(jobs, C::Id).bounded("count jobs of other engine versions").await
        };
        let of_other_engines = pending_of(C::Engine.lt(engine as i32)).await?
            + pending_of(C::Engine.gt(engine as i32)).await?;
        let oldest: Option<i64> = jobs::Entity::find()
            .select_only()
            .expr(self.now().sub(Expr::col(C::DueAt)))
            .filter(Expr::cust(PENDING))
            .filter(C::Engine.eq(engine as i32))
            .filter(C::Backfill.eq(false))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .order_by_asc(C::DueAt)
            .into_tuple()
            .one(&self.db)
            .bounded("look for the oldest due job")
            .await?;
        let oldest_blob: Option<i64> = blob_gc::Entity::find()
            .select_only()
            .expr(self.now().sub(Expr::col(blob_gc::Column::DueAt)))
            .filter(Expr::col(blob_gc::Column::DueAt).lte(self.now()))
            .order_by_asc(blob_gc::Column::DueAt)
            .into_tuple()
            .one(&self.db)
            .bounded("look for the oldest due blob")
            .await?;
        let millis =
            |ms: Option<i64>| Duration::from_millis(u64::try_from(ms.unwrap_or(0)).unwrap_or(0));
        let open_uploads = uploads::Entity::find().filter(Expr::cust(resumable::OPEN));
        let open_uploads = self.count(open_uploads, uploads::Column::Id);
        Ok(Backlog {
            open_uploads: open_uploads.bounded("count open uploads").await?,
            pending,
            dead,
            oldest_due: millis(oldest),
            of_other_engines,
            blobs: self.count_blobs().bounded("count blobs of the garbage collection").await?,
            oldest_due_blob: millis(oldest_blob),
        })
    }

    /// Counts the entries of the garbage collection of blobs by state: the [`MAX_COUNTED`] that
    /// are due first.
    async fn count_blobs(&self) -> Result<[(&'static str, u64); 3], DbErr> {
        use blob_gc::{Column as B, State};
        let counted = blob_gc::Entity::find()
            .select_only()
            .column(B::State)
            // a walk along the index
            .order_by_asc(B::DueAt)
            .limit(MAX_COUNTED)
            .into_query();
        let count = Query::select()
            .column(B::State)
            .expr_as(Expr::cust("COUNT(*)"), "n")
            .from_subquery(counted, "counted")
            .add_group_by([Expr::col(B::State)])
            .take();
        let mut counts = [("reserved", 0), ("marked", 0), ("swept", 0)];
        for row in self.db.query_all(&count).await? {
            let nth = match row.try_get("", "state")? {
                State::Reserved => 0,
                State::Marked => 1,
                State::Swept => 2,
            };
            counts[nth].1 = row.try_get::<i64>("", "n")? as u64;
        }
        Ok(counts)
    }

    /// Counts rows by their key, up to [`MAX_COUNTED`].
    pub(super) async fn count<E: EntityTrait>(
        &self,
        rows: Select<E>,
        key: E::Column,
    ) -> Result<u64, DbErr> {
        let counted = rows.select_only().column(key).limit(MAX_COUNTED).into_query();
        let count = Query::select()
            .expr_as(Expr::cust("COUNT(*)"), "n")
            .from_subquery(counted, "counted")
            .take();
        let row = self.db.query_one(&count).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("a count".into()))?;
        row.try_get::<i64>("", "n").map(|n| n as u64)
    }
}
