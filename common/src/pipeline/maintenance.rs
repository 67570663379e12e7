//! Maintenance: makes missing jobs, and cleans up what crashes and deletions leave behind.
//!
//! Every step may run in several processes at the same time, or be interrupted.

use std::time::Duration;

use super::Pipeline;
use crate::{catalog::BackfillTarget, fault::Fault, render::spec_hash};
use futures_util::future::BoxFuture;

/// Blobs listed at a time.
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

    /// Sets back times that are far ahead, discards jobs whose strikes are used up, deletes superseded jobs and expired uploads,
    /// prunes deletions older than `deletions_kept`, and sweeps blobs.
    ///
    /// # Errors
    /// The database or the store is unavailable; the next call continues.
    pub fn clean_up(
        &self,
        max_strikes: i32,
        deletions_kept: Duration,
    ) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let (catalog, engine) = (self.catalog(), self.config().engine);
            for (kind, times) in catalog.set_back(&self.config().periods()).await? {
                if times > 0 {
                    tracing::warn!(times, "{kind} were far ahead: the database's clock was wrong");
                }
            }
            let discarded = catalog.discard_exhausted(engine, max_strikes).await?;
            if discarded > 0 {
                tracing::error!(jobs = discarded, "discarded jobs that used up their strikes");
                metrics::counter!("planet_jobs_total", "outcome" => "dead").increment(discarded);
            }
            catalog.delete_superseded(engine).await?;
            catalog.delete_expired_uploads(self.config().blob_grace).await?;
            catalog.prune_deletions(deletions_kept).await?;
            catalog.mark_expired().await?;
            self.sweep_marked().await
        })
    }

    /// Deletes every marked blob.
    async fn sweep_marked(&self) -> Result<(), Fault> {
        loop {
            let blobs = self.catalog().marked_blobs(BATCH).await?;
            // a blob that cannot be deleted does not block those after it
            let mut swept = Ok(());
            for blob in &blobs {
                swept = swept.and(self.sweep(blob).await);
            }
            swept?;
            if (blobs.len() as u64) < BATCH {
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
