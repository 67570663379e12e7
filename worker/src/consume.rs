//! The loop of a worker: take a permit, a hint or a due job, claim it, and render it in a task.

use std::{sync::Arc, time::Duration};

use common::{
    failpoint,
    fault::Fault,
    jitter::jitter,
    job::{Claim, JobId},
    pipeline::{Conclusion, Pipeline, RenderError, Rendered},
    queue::Hint,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{config::Config, verdict::Verdict};

/// Pause of a worker when the database is unavailable.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// Interval at which a job that ended retries to record its verdict.
const RETRY_INTERVAL: Duration = Duration::from_millis(300);

struct Worker {
    pipeline: Pipeline,
    config: Config,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Cancels the renders that are still running when the time to drain is over.
    abort: CancellationToken,
}

pub(crate) async fn run(pipeline: Pipeline, config: Config, stop: CancellationToken) {
    let concurrency = pipeline.config().render_concurrency;
    let worker = Worker {
        permits: Arc::new(Semaphore::new(concurrency)),
        tasks: TaskTracker::new(),
        abort: CancellationToken::new(),
        pipeline,
        config,
    };
    tracing::info!(concurrency, name = worker.config.name, "the worker is up");
    while !stop.is_cancelled() {
        if let Err(fault) = worker.session(concurrency, &stop).await {
            // unacknowledged hints go back to the broker
            tracing::warn!("the worker pauses: {fault}");
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(DATABASE_PAUSE) => {}
            }
        }
    }
    worker.drain().await;
}

impl Worker {
    /// Listens and polls until `stop`.
    ///
    /// # Errors
    /// The database is unavailable.
    async fn session(&self, concurrency: usize, stop: &CancellationToken) -> Result<(), Fault> {
        let prefetch = u16::try_from(concurrency).unwrap_or(u16::MAX);
        let mut hints = self.pipeline.hints(prefetch);
        let mut next_poll = Instant::now();
        loop {
            let permit = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                permit = self.permits.clone().acquire_owned() => {
                    permit.expect("the semaphore is never closed")
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                hint = hints.next() => self.handle_hint(hint, permit).await?,
                () = sleep_until(next_poll) => {
                    drop(permit);
                    let full = self.poll().await?;
                    let interval = self.pipeline.config().poll;
                    let wait = if full { Duration::ZERO } else { jitter(interval) };
                    next_poll = Instant::now() + wait;
                }
            }
        }
    }

    async fn handle_hint(&self, hint: Hint, permit: OwnedSemaphorePermit) -> Result<(), Fault> {
        failpoint::hit("hint: heard");
        let claim = claim(&self.pipeline, &self.config, hint.job).await?;
        failpoint::hit("hint: claim");
        let trace = hint.trace.clone();
        // only now: the database has the claim, or there is nothing to claim
        hint.acknowledge().await;
        if let Some(claim) = claim {
            self.spawn(claim, trace, permit);
        }
        Ok(())
    }

    /// Claims due jobs while there are permits; `true` when there may be more due jobs.
    async fn poll(&self) -> Result<bool, Fault> {
        let free = self.permits.available_permits();
        let mut due = self.pipeline.due_jobs(self.config.max_strikes, 4 * free as u64).await?;
        let full = due.len() >= free;
        // so that workers which poll at the same moment do not compete for the same rows
        fastrand::shuffle(&mut due);
        for job in due {
            let Ok(permit) = self.permits.clone().try_acquire_owned() else { break };
            if let Some(claim) = claim(&self.pipeline, &self.config, job).await? {
                self.spawn(claim, None, permit);
            }
        }
        Ok(full && free > 0)
    }

    fn spawn(&self, claim: Claim, trace: Option<String>, permit: OwnedSemaphorePermit) {
        let (pipeline, config, abort) =
            (self.pipeline.clone(), self.config.clone(), self.abort.clone());
        let span = tracing::info_span!("job", job = %claim.job, image = %claim.image,
            attempt = claim.attempt, trace = trace.as_deref().unwrap_or_default());
        let work = async move {
            let _permit = permit;
            tokio::select! {
                () = work(&pipeline, &config, &claim) => {}
                () = abort.cancelled() => release(&pipeline, &claim).await,
            }
        };
        self.tasks.spawn(work.instrument(span));
    }

    /// Waits for running jobs, then aborts and releases them.
    async fn drain(&self) {
        self.tasks.close();
        tracing::info!(running = self.tasks.len(), "the worker drains");
        if timeout(self.config.drain, self.tasks.wait()).await.is_err() {
            self.abort.cancel();
            // ends within the time limit of a query
            self.tasks.wait().await;
        }
        tracing::info!("the worker is down");
    }
}

async fn claim(pipeline: &Pipeline, config: &Config, job: JobId) -> Result<Option<Claim>, Fault> {
    pipeline.claim(job, &config.name, config.lease, config.max_strikes).await
}

/// Renders a claimed job, extends its lease meanwhile, and records the verdict.
async fn work(pipeline: &Pipeline, config: &Config, claim: &Claim) {
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = pipeline.render(claim) => outcome,
        () = keep_lease(pipeline, config, claim) => Err(RenderError::Fenced),
    };
    let verdict = Verdict::on(&outcome);
    metrics::counter!("planet_jobs_total", "outcome" => verdict.label()).increment(1);
    if let Some(conclusion) = verdict.conclusion(config.backoff(claim.strikes)) {
        conclude(pipeline, claim, &conclusion).await;
    }
    let renders = outcome.map_or(0, |Rendered { renders }| renders);
    let ms = started.elapsed().as_millis() as u64;
    match &verdict {
        Verdict::Done | Verdict::Gone => tracing::info!(renders, ms, "{}", verdict.label()),
        Verdict::Retry { why, .. } | Verdict::Dead { why } => {
            tracing::warn!(ms, "{}: {why}", verdict.label());
        }
    }
}

/// Records how a claim ended, and retries for as long as the database is unavailable: until it is
/// recorded, the strike of the claim counts, although the image may not have caused the failure. A
/// late call changes nothing if the claim was lost.
async fn conclude(pipeline: &Pipeline, claim: &Claim, conclusion: &Conclusion) {
    while let Err(fault) = pipeline.conclude(claim, conclusion).await {
        tracing::warn!("the verdict is not recorded yet: {fault}");
        sleep(RETRY_INTERVAL).await;
    }
}

/// Extends the lease again and again; returns when the claim was lost.
async fn keep_lease(pipeline: &Pipeline, config: &Config, claim: &Claim) {
    loop {
        sleep(config.lease / 4).await;
        match pipeline.extend_lease(claim, config.lease).await {
            Ok(true) => {}
            Ok(false) => return,
            // the row decides whether the claim still holds, at the latest when the job is finished
            Err(fault) => tracing::warn!("{fault}"),
        }
    }
}

/// Makes an aborted job due for another worker.
async fn release(pipeline: &Pipeline, claim: &Claim) {
    let conclusion = Conclusion::Retry { wait: Duration::ZERO, refund: true, reason: None };
    match pipeline.conclude(claim, &conclusion).await {
        Ok(_) => tracing::info!("released"),
        Err(fault) => tracing::warn!("the job waits for its lease to end: {fault}"),
    }
}

pub(crate) async fn process_backlog(
    pipeline: &Pipeline,
    config: &Config,
    jobs: u64,
) -> Result<u64, Fault> {
    let mut done = 0;
    for job in pipeline.due_jobs(config.max_strikes, jobs).await? {
        if let Some(claim) = claim(pipeline, config, job).await? {
            work(pipeline, config, &claim).await;
            done += 1;
        }
    }
    Ok(done)
}
