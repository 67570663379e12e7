//! Jobs as workers see them: find, claim, keep and end them.

use std::time::Duration;

use super::Pipeline;
use crate::{
    catalog::Backlog,
    fault::Fault,
    job::{Claim, JobError, JobId, Lane},
    queue::Hints,
};
use futures_util::future::BoxFuture;

/// How a claim ends without renders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Try again after `wait`. `refund` takes the strike of this claim back: the image did not
    /// cause the failure.
    Retry {
        /// How long the job is not due.
        wait: Duration,
        /// Whether the strike is taken back.
        refund: bool,
        /// Recorded on the job; `None` leaves what is there.
        reason: Option<JobError>,
    },
    /// The job is dead, until an operator retries it.
    Discard {
        /// Recorded on the job, as [`JobError::Image`].
        reason: String,
    },
}

impl Pipeline {
    /// Open connections to the database, and how many of them are idle.
    pub fn database_connections(&self) -> (u32, u32) {
        self.catalog().connections()
    }

    /// The messaging system and the name of the queue of jobs, for traces.
    pub fn destination(&self) -> (&'static str, &str) {
        self.queue().destination()
    }

    /// Starts to listen for jobs of this engine version. At most `prefetch` hints are delivered and
    /// not acknowledged.
    pub fn hints(&self, prefetch: u16) -> Hints {
        self.queue().listen_jobs(prefetch)
    }

    /// Claims up to `limit` due jobs of this engine version in that lane, the longest due first, for
    /// `LEASE_S`. `worker` is the name of the claiming process.
    ///
    /// # Errors
    /// The database is unavailable; claims may have happened, and their leases run out by
    /// themselves.
    pub fn claim_due<'a>(
        &'a self,
        lane: Lane,
        worker: &'a str,
        max_strikes: i32,
        limit: u64,
    ) -> BoxFuture<'a, Result<Vec<Claim>, Fault>> {
        Box::pin(async move {
            let (engine, lease) = (self.config().engine, self.config().lease);
            self.catalog().claim_due(engine, lane, worker, lease, max_strikes, limit).await
        })
    }

    /// Claims a job of this engine version that is due, for `LEASE_S`; `None` when it is not due, or
    /// another worker was faster. `worker` is the name of the claiming process.
    ///
    /// # Errors
    /// The database is unavailable; the claim may have happened, and its lease runs out by itself.
    pub fn claim<'a>(
        &'a self,
        job: JobId,
        worker: &'a str,
        max_strikes: i32,
    ) -> BoxFuture<'a, Result<Option<Claim>, Fault>> {
        Box::pin(async move {
            let (engine, lease) = (self.config().engine, self.config().lease);
            self.catalog().claim(job, engine, worker, lease, max_strikes).await
        })
    }

    /// Extends the lease of a claim to `LEASE_S` from now; `false` when the claim was lost: stop.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn extend_lease<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move { self.catalog().extend_lease(claim, self.config().lease).await })
    }

    /// Ends a claim without renders; `false` when the claim was lost, and nothing changed. Safe to
    /// repeat after an error.
    ///
    /// # Errors
    /// The database is unavailable; the lease runs out by itself.
    pub fn conclude<'a>(
        &'a self,
        claim: &'a Claim,
        conclusion: &'a Conclusion,
    ) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            let held = match conclusion {
                Conclusion::Retry { wait, refund, reason } => {
                    self.catalog().retry(claim, *wait, *refund, reason.as_ref()).await?
                }
                Conclusion::Discard { reason } => self.catalog().discard(claim, reason).await?,
            };
            self.queue().notify_changes();
            Ok(held)
        })
    }

    /// The unfinished jobs of this engine version.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn backlog(&self) -> BoxFuture<'_, Result<Backlog, Fault>> {
        Box::pin(async move { self.catalog().backlog(self.config().engine).await })
    }
}
