//! Maintenance: makes missing jobs, and cleans up what crashes and deletions leave behind.
//!
//! Every step may run in several processes at the same time, or be interrupted.

use std::time::Duration;

use super::Pipeline;
use crate::{catalog::BackfillTarget, fault::Fault, render::spec_hash};
use futures_util::future::BoxFuture;

/// Blobs deleted at a time.
const BATCH: u64 = 200;

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
                spec_hashes: config.presets.specs().iter().map(spec_hash).collect(),
                lease: config.lease,
                silence: 2 * interval + config.lease,
            };
            self.catalog().backfill(&target).await
        })
    }

    /// Sets back times that are far ahead, discards jobs whose strikes are used up, deletes
    /// superseded jobs, expired uploads and sign-ins, and ended sessions, prunes deletions older than
    /// `deletions_kept`, and sweeps blobs. A step that fails does not stop the others; returns the failures. The next call
    /// continues.
    pub fn clean_up(
        &self,
        max_strikes: i32,
        deletions_kept: Duration,
    ) -> BoxFuture<'_, Vec<Fault>> {
        Box::pin(async move {
            let (catalog, engine) = (self.catalog(), self.config().engine);
            let steps = [
                self.set_back().await,
                self.discard_exhausted(max_strikes).await,
                catalog.delete_superseded(engine).await.map(drop),
                catalog.delete_expired_uploads(self.config().blob_grace).await.map(drop),
                catalog.prune_deletions(deletions_kept).await.map(drop),
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
