//! The backfill: makes the jobs that an engine version lacks, and reopens those that lack a preset.
//!
//! Each engine version and set of presets has a row that says which images were looked at: those
//! between `low` and `high`. One worker leads, by a lease on the row. It looks at the images after
//! `high`, and then, batch by batch, at those before `low`, the newest first. When none is left,
//! only new images are looked at.
//!
//! Each step is one transaction, with the leader's token as a fencing token. `high` does not pass
//! an upload that may still be stored: an older API process makes no job for this engine version.
//! A worker with other presets may end a job after it was looked at; so once such workers are gone,
//! the backfill starts again.

use std::{
    cmp::{max, min},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, UpdateMany,
    entity::prelude::*,
    sea_query::{Expr, OnConflict, Query},
};

use super::{
    Bounded, Catalog,
    backlog::NOT_STORED,
    entity::{backfills, images, jobs, renders},
};
use crate::{
    fault::Fault,
    image::ImageId,
    job::{JobId, Lane, NewJob},
    render::sha256_hex,
};

use backfills::Column as B;
use jobs::{Column as C, State};

/// Images that one step looks at.
const BATCH: u64 = 500;
/// Unfinished uploads that are looked at; if there are more, `high` stays where it is.
const MAX_UNFINISHED: u64 = 1_000;
/// A lease that ends later than this, and than twice the own period, was left by a wrong clock.
const FAR_AHEAD: Duration = Duration::from_secs(3600);
/// How old an image's id is at most when its row appears.
const SETTLED: Duration = Duration::from_secs(120);

/// What a backfill is for.
#[derive(Debug, Clone)]
pub struct BackfillTarget {
    /// The engine version.
    pub engine: u32,
    /// Hashes of the specs of all presets, see [`crate::render::spec_hash`].
    pub spec_hashes: Vec<String>,
    /// How long a leader keeps the lead without a step.
    pub lease: Duration,
    /// How long after its last sign a worker with other presets is gone.
    pub silence: Duration,
}

/// The lead of a backfill.
#[derive(Debug)]
pub struct BackfillLead {
    target: BackfillTarget,
    presets: String,
    token: i64,
    /// The last image after `high` that this leader looked at.
    position: Option<Uuid>,
    /// Whether all images after `high` were looked at.
    is_current: bool,
}

/// What a step of a backfill did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackfillStep {
    /// Jobs that were made or reopened.
    pub jobs: u64,
    /// Whether there is more to look at.
    pub more: bool,
}

/// An image, and whether it has a job of this engine version and one that ended.
type Candidate = (Uuid, bool, bool);

impl Catalog {
    /// Takes all steps of a backfill, unless another process leads it; returns how many jobs were
    /// made or reopened. Safe to repeat, and to run in several processes.
    ///
    /// # Errors
    /// The database is unavailable; what was done so far stays, and the next call continues.
    pub async fn backfill(&self, target: &BackfillTarget) -> Result<u64, Fault> {
        let Some(mut lead) = self.lead_backfill(target).await? else { return Ok(0) };
        let mut jobs = 0;
        while let Some(step) = self.step_backfill(&mut lead).await? {
            jobs += step.jobs;
            if !step.more {
                break;
            }
        }
        self.resign_backfill(&lead).await?;
        Ok(jobs)
    }

    /// Takes the lead; `None` when another process has it.
    ///
    /// # Errors
    /// The database is unavailable; the lead may have been taken, and its lease ends by itself.
    pub async fn lead_backfill(
        &self,
        target: &BackfillTarget,
    ) -> Result<Option<BackfillLead>, Fault> {
        let settled = self.settled().await?;
        let presets = presets_hash(&target.spec_hashes);
        let lead = async {
            self.register_backfill(target.engine, &presets, settled).await?;
            let lead = backfills::Entity::update_many()
                .col_expr(B::Token, Expr::col(B::Token).add(1))
                .col_expr(B::LeasedUntil, self.after(target.lease))
                .filter(B::Engine.eq(target.engine as i32))
                .filter(B::Presets.eq(&presets))
                .filter(Expr::col(B::LeasedUntil).lte(self.now()).or(
                    // the database's clock was wrong
                    Expr::col(B::LeasedUntil).gt(self.after(FAR_AHEAD.max(2 * target.lease))),
                ))
                .exec_with_returning(&self.db)
                .await?;
            let Some(row) = lead.first() else { return Ok(None) };
            let (target, token) = (target.clone(), row.token);
            let lead = BackfillLead { target, presets, token, position: None, is_current: false };
            self.restart_backfill(&lead, settled).await?;
            Ok::<_, DbErr>(Some(lead))
        };
        lead.bounded("lead the backfill").await
    }

    /// Adds the row of a backfill, or records that a worker has its presets.
    async fn register_backfill(
        &self,
        engine: u32,
        presets: &str,
        settled: Option<Uuid>,
    ) -> Result<(), DbErr> {
        // without a settled image, all are after `high`
        let settled = settled.unwrap_or_default();
        let mut insert = Query::insert();
        insert
            .into_table(backfills::Entity)
            .columns([
                B::Engine,
                B::Presets,
                B::Low,
                B::High,
                B::StartedAt,
                B::SeenAt,
                B::LeasedUntil,
                B::Token,
            ])
            .values_panic([
                (engine as i32).into(),
                presets.into(),
                settled.into(),
                settled.into(),
                self.now(),
                self.now(),
                0.into(),
                0.into(),
            ])
            .on_conflict(
                OnConflict::columns([B::Engine, B::Presets])
                    .value(B::SeenAt, self.now())
                    .to_owned(),
            );
        self.db.execute(&insert).await.map(drop)
    }

    /// Starts again if workers with other presets were there after the start, and are gone now.
    async fn restart_backfill(
        &self,
        lead: &BackfillLead,
        settled: Option<Uuid>,
    ) -> Result<(), DbErr> {
        let Some(settled) = settled else { return Ok(()) };
        let gone = Expr::col(B::SeenAt).max().add(lead.target.silence.as_millis() as i64);
        let others = Query::select()
            .expr(gone)
            .from(backfills::Entity)
            .and_where(B::Engine.eq(lead.target.engine as i32))
            .and_where(B::Presets.ne(&lead.presets))
            .take();
        let row = self.db.query_one(&others).await?;
        let gone: Option<i64> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
        let Some(gone) = gone else { return Ok(()) };
        self.led(lead)
            .col_expr(B::Low, Expr::value(settled))
            .col_expr(B::High, Expr::value(settled))
            .col_expr(B::StartedAt, self.now())
            .filter(B::StartedAt.lt(gone))
            .filter(self.now().gte(gone))
            .exec(&self.db)
            .await
            .map(drop)
    }

    /// Looks at the next images; `None` when the lead was lost.
    ///
    /// # Errors
    /// The database is unavailable. The step may have happened: take the lead again.
    pub async fn step_backfill(
        &self,
        lead: &mut BackfillLead,
    ) -> Result<Option<BackfillStep>, Fault> {
        // first: an upload that ends between the two queries is not passed
        let settled = self.settled().await?;
        let step = async {
            let txn = self.begin().await?;
            match self.try_step(&txn, lead, settled).await {
                Ok(Some(step)) => {
                    txn.commit().await?;
                    Ok(Some(step))
                }
                // one of these images was deleted meanwhile: look again
                Err(err)
                    if matches!(err.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) =>
                {
                    txn.rollback().await?;
                    Ok(Some(BackfillStep { jobs: 0, more: true }))
                }
                Ok(None) => txn.rollback().await.map(|()| None),
                Err(err) => Err(err),
            }
        };
        step.bounded("backfill").await
    }

    async fn try_step(
        &self,
        txn: &DatabaseTransaction,
        lead: &mut BackfillLead,
        settled: Option<Uuid>,
    ) -> Result<Option<BackfillStep>, DbErr> {
        let keep = self.led(lead).col_expr(B::LeasedUntil, self.after(lead.target.lease));
        let Some(row) = keep.exec_with_returning(txn).await?.into_iter().next() else {
            return Ok(None);
        };
        let from = max(lead.position.unwrap_or(row.high), row.high);
        let newer = !lead.is_current;
        let images = match newer {
            true => self.candidates(txn, lead.target.engine, images::Column::Id.gt(from), false),
            false => self.candidates(txn, lead.target.engine, images::Column::Id.lt(row.low), true),
        };
        let images = images.await?;
        let jobs = self.make_missing(txn, lead, &images).await?;
        let is_last = (images.len() as u64) < BATCH;
        let last = images.last().map(|(id, ..)| *id);
        let (column, cursor) = match newer {
            true => {
                let seen = if is_last { settled } else { min(last, settled) };
                (B::High, max(seen.unwrap_or_default(), row.high))
            }
            false => (B::Low, if is_last { Uuid::nil() } else { last.unwrap_or_default() }),
        };
        self.led(lead).col_expr(column, Expr::value(cursor)).exec(txn).await?;
        if newer {
            lead.position = last.or(lead.position);
            lead.is_current = is_last;
        }
        Ok(Some(BackfillStep { jobs, more: newer || !is_last }))
    }

    /// Gives the lead up.
    ///
    /// # Errors
    /// The database is unavailable; the lease ends by itself.
    pub async fn resign_backfill(&self, lead: &BackfillLead) -> Result<(), Fault> {
        let resign = self.led(lead).col_expr(B::LeasedUntil, Expr::value(0_i64));
        resign.exec(&self.db).bounded("end the lead of the backfill").await.map(drop)
    }

    /// An update of the backfill's row, if the leader still has the lead.
    fn led(&self, lead: &BackfillLead) -> UpdateMany<backfills::Entity> {
        backfills::Entity::update_many()
            .filter(B::Engine.eq(lead.target.engine as i32))
            .filter(B::Presets.eq(&lead.presets))
            .filter(B::Token.eq(lead.token))
    }

    /// The greatest id up to which every image is stored or will never be; `None` when it is not
    /// known.
    async fn settled(&self) -> Result<Option<Uuid>, Fault> {
        let now = self.time().await?;
        let unfinished: Vec<Uuid> = images::Entity::find()
            .select_only()
            .column(images::Column::Id)
            .filter(Expr::cust(NOT_STORED))
            .order_by_asc(images::Column::DueAt)
            .limit(MAX_UNFINISHED)
            .into_tuple()
            .all(&self.db)
            .bounded("list unfinished uploads")
            .await?;
        if unfinished.len() as u64 == MAX_UNFINISHED {
            return Ok(None);
        }
        let latest = ImageId::first_of(now.before(SETTLED)).0;
        let first = unfinished.into_iter().fold(latest, min);
        Ok(Some(Uuid::from_u128(first.as_u128().saturating_sub(1))))
    }

    /// The next stored images on that side of the cursor.
    async fn candidates(
        &self,
        txn: &DatabaseTransaction,
        engine: u32,
        side: Expr,
        newest_first: bool,
    ) -> Result<Vec<Candidate>, DbErr> {
        // not EXISTS: instead of looking those of an image up, PostgreSQL may read all jobs first
        let of_image = || {
            Query::select()
                .expr(Expr::cust("COUNT(*)"))
                .from(jobs::Entity)
                .and_where(
                    Expr::col((jobs::Entity, C::ImageId))
                        .eq(Expr::col((images::Entity, images::Column::Id))),
                )
                .take()
        };
        let has_job = of_image().and_where(C::Engine.eq(engine as i32)).take();
        let ended =
            of_image().and_where(C::State.ne(State::Pending).or(C::DoneAt.is_not_null())).take();
        let query = images::Entity::find()
            .select_only()
            .column(images::Column::Id)
            .expr_as(Expr::expr(has_job).gt(0), "has_job")
            .expr_as(Expr::expr(ended).gt(0), "ended")
            .filter(images::Column::State.eq(images::State::Stored))
            .filter(side);
        let query = match newest_first {
            true => query.order_by_desc(images::Column::Id),
            false => query.order_by_asc(images::Column::Id),
        };
        query.limit(BATCH).into_tuple().all(txn).await
    }

    /// Makes or reopens the jobs of these images; returns how many.
    async fn make_missing(
        &self,
        txn: &DatabaseTransaction,
        lead: &BackfillLead,
        images: &[Candidate],
    ) -> Result<u64, DbErr> {
        // an image that no engine has rendered or given up is as urgent as an upload
        let lane = |ended| if ended { Lane::Backfill } else { Lane::Fresh };
        let new: Vec<_> = images
            .iter()
            .filter(|(_, has_job, _)| !has_job)
            .map(|(id, _, ended)| NewJob {
                id: JobId::generate(),
                image: ImageId(*id),
                lane: lane(*ended),
                trace: None,
            })
            .collect();
        let made = match new.is_empty() {
            true => 0,
            false => self.insert_jobs(txn, &new, lead.target.engine).await?,
        };
        let had_job = images.iter().filter(|(_, has_job, _)| *has_job).map(|(id, ..)| *id);
        let lacking = self.lacking_a_preset(txn, &lead.target, had_job.collect()).await?;
        if lacking.is_empty() {
            return Ok(made);
        }
        let reopened = jobs::Entity::update_many()
            .col_expr(C::State, State::Pending.into())
            .col_expr(C::Strikes, Expr::value(0))
            .col_expr(C::Faults, Expr::value(0))
            .col_expr(C::DueAt, self.now())
            .col_expr(C::Backfill, Expr::value(true))
            .filter(C::Id.is_in(lacking))
            .filter(C::State.eq(State::Done))
            .exec(txn)
            .await?;
        Ok(made + reopened.rows_affected)
    }

    /// The jobs of these images that are done, and lack a render of one of the specs.
    async fn lacking_a_preset(
        &self,
        txn: &DatabaseTransaction,
        target: &BackfillTarget,
        images: Vec<Uuid>,
    ) -> Result<Vec<Uuid>, DbErr> {
        if images.is_empty() || target.spec_hashes.is_empty() {
            return Ok(Vec::new());
        }
        let stored = Query::select()
            .expr(Expr::cust("COUNT(*)"))
            .from(renders::Entity)
            .and_where(
                Expr::col((renders::Entity, renders::Column::ImageId))
                    .eq(Expr::col((jobs::Entity, C::ImageId))),
            )
            .and_where(renders::Column::Engine.eq(target.engine as i32))
            .and_where(renders::Column::SpecHash.is_in(&target.spec_hashes))
            .take();
        jobs::Entity::find()
            .select_only()
            .column(C::Id)
            .filter(C::ImageId.is_in(images))
            .filter(C::Engine.eq(target.engine as i32))
            .filter(C::State.eq(State::Done))
            .filter(Expr::expr(stored).lt(target.spec_hashes.len() as i64))
            .into_tuple()
            .all(txn)
            .await
    }
}

/// The name of a set of presets, whatever their order: 32 lower-case hex digits.
fn presets_hash(spec_hashes: &[String]) -> String {
    let mut sorted = spec_hashes.to_vec();
    sorted.sort_unstable();
    let mut hash = sha256_hex(sorted.join(" ").as_bytes());
    hash.truncate(32);
    hash
}
