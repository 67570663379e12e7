//! Maintenance: makes missing jobs, and cleans up what crashes and deletions leave behind.
//!
//! Every step may run in several processes at the same time, or be interrupted.

use std::{
    num::NonZeroU32,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use super::Pipeline;
use crate::{
    catalog::{BackfillTarget, JobPosition},
    fault::Fault,
    render::spec_hash,
};
use futures_util::future::BoxFuture;

/// Blobs deleted at a time.
const BATCH: u64 = 200;
/// Jobs looked at at a time for whether they are superseded.
const SUPERSEDED_BATCH: u64 = 1_000;

/// What a clean-up leaves.
#[derive(Debug, Clone, Copy)]
pub struct CleanUp {
    /// `MAX_STRIKES`: jobs with less.
    pub max_strikes: i32,
    /// `DELETIONS_KEPT_S`: records of deletions that are younger.
    pub deletions_kept: Duration,
    /// `VERSIONS_KEPT`: renders of the newest engine versions of each image; `None` for all.
    pub versions_kept: Option<NonZeroU32>,
}

impl Pipeline {
    /// Makes the jobs that this engine version and these presets lack, unless another process does;
    /// returns how many. Workers are not notified: they find these jobs by polling. `interval` is
    /// the longest time between two calls of a worker.
    ///
    /// # Errors
    /// The database is unavailable; what was made so far stays.
    pub fn backfill(&self, interval: Duration) -> BoxFuture<'_, Result<u64, Fault>> {
        Box::pin(async move {
            let config = self.config();
            let target = BackfillTarget {
                engine: config.engine,
                spec_hashes: config
                    .presets
                    .specs()
                    .iter()
                    .map(|spec| spec_hash(&spec.to_string()))
                    .collect(),
                lease: config.lease,
                silence: 2 * interval + config.lease,
            };
            self.catalog().backfill(&target).await
        })
    }

    /// Sets back times that are far ahead, discards jobs whose strikes are used up, deletes
    /// superseded jobs, old versions, expired uploads and sign-ins, and ended sessions, finishes
    /// uploads whose process died, prunes records of deletions, and sweeps blobs. A step that fails
    /// does not stop the others; returns the failures. The next call continues.
    pub fn clean_up(&self, left: CleanUp) -> BoxFuture<'_, Vec<Fault>> {
        Box::pin(async move {
            let catalog = self.catalog();
            let old_versions = async {
                match left.versions_kept {
                    Some(kept) => self.delete_old_versions(kept).await,
                    None => Ok(()),
                }
            };
            let steps = [
                self.set_back().await,
                self.discard_exhausted(left.max_strikes).await,
                self.delete_superseded().await,
                old_versions.await,
                self.finish_uploads().await,
                self.end_uploads().await,
                catalog.delete_expired_uploads(self.config().blob_grace).await.map(drop),
                catalog.prune_deletions(left.deletions_kept).await.map(drop),
                catalog.delete_expired_sign_ins().await.map(drop),
                catalog.delete_ended_sessions().await.map(drop),
                self.delete_ended_credentials().await,
                self.remove_leaving_users().await,
                catalog.mark_expired().await.map(drop),
                self.sweep_marked().await,
            ];
            steps.into_iter().filter_map(Result::err).collect()
        })
    }

    /// Deletes superseded jobs, batch by batch, until a batch has none; the next call continues
    /// behind it. So a backlog of an older engine version is not read as a whole each time.
    async fn delete_superseded(&self) -> Result<(), Fault> {
        let engine = self.config().engine;
        loop {
            let after = *self.superseded_position();
            let deleted = self.catalog().delete_superseded(engine, after, SUPERSEDED_BATCH).await;
            let (jobs, last) = deleted?;
            *self.superseded_position() = last;
            if jobs == 0 || last.is_none() {
                return Ok(());
            }
        }
    }

    fn superseded_position(&self) -> MutexGuard<'_, Option<JobPosition>> {
        self.0.superseded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn set_back(&self) -> Result<(), Fault> {
        for (kind, times) in self.catalog().set_back(&self.config().periods()).await? {
            if times > 0 {
                tracing::warn!(times, "{kind} were far ahead: the database's clock was wrong");
            }
        }
        Ok(())
    }

    async fn discard_exhausted(&self, max_strikes: i32) -> Result<(), Fault> {
        let engine = self.config().engine;
        let discarded = self.catalog().discard_exhausted(engine, max_strikes).await?;
        if discarded > 0 {
            tracing::error!(jobs = discarded, "discarded jobs that used up their strikes");
            metrics::counter!("planet_jobs_total", "outcome" => "dead").increment(discarded);
        }
        Ok(())
    }

    /// Deletes marked blobs until there are no more. Each process claims others.
    async fn sweep_marked(&self) -> Result<(), Fault> {
        loop {
            let blobs = self.catalog().claim_marked(BATCH, self.config().lease).await?;
            let is_last = (blobs.len() as u64) < BATCH;
            self.sweep(blobs).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Ends the leases that dead processes left. Call this only when no other process is alive; see
    /// [`crate::catalog::Config::instance_lock`].
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn expire_leases(&self) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move { self.catalog().expire_leases().await })
    }
}
