//! The loop of a worker: take a permit, claim a due job or that of a hint, and render it in a task.
//!
//! Hints make fresh jobs start at once; polls make every due job start in the end. So a poll that is
//! due comes before any hint, and as long as polls find a job for each permit, they follow one
//! another: under overload, jobs are done in the order in which they fell due.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::{
    failpoint,
    fault::Fault,
    jitter::jitter,
    job::{Claim, Lane},
    pipeline::{Conclusion, Pipeline, RenderError, Rendered},
    queue::{Hint, Hints},
    trace::{Span, TraceContext},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    config::Config,
    health::Health,
    verdict::{Verdict, is_fault},
};

/// Pause of a worker when the database or the store is unavailable.
const PAUSE: Duration = Duration::from_secs(1);
/// How soon a poll follows a hint whose job was claimed before: hints are late, and those of newer
/// jobs may wait behind them.
const LATE_HINT_POLL: Duration = Duration::from_millis(100);
/// Interval at which a job that ended retries to record its verdict.
const RETRY_INTERVAL: Duration = Duration::from_millis(300);

struct Worker {
    pipeline: Pipeline,
    config: Config,
    health: Health,
    permits: Arc<Semaphore>,
    /// One permit per job of the backfill, beside the one that every job has.
    backfill_permits: Arc<Semaphore>,
    tasks: TaskTracker,
    /// A job failed because of the service: before the next claim, the worker checks the storage.
    /// So an outage costs few jobs an attempt, and the others start as soon as it ends.
    in_doubt: Arc<AtomicBool>,
    /// Cancels the renders that are still running when the time to drain is over.
    abort: CancellationToken,
}

/// What a job holds while it runs.
struct Permits {
    _job: OwnedSemaphorePermit,
    _backfill: Option<OwnedSemaphorePermit>,
}

/// When to poll again.
struct NextPoll {
    at: Instant,
    /// Also as soon as there is a permit for the backfill, since more of it may be due.
    backfill: bool,
}

pub(crate) async fn run(
    pipeline: Pipeline,
    config: Config,
    health: Health,
    stop: CancellationToken,
) {
    let renders = pipeline.config().render_concurrency;
    let spare = renders.saturating_sub(1).max(1);
    let backfill = config.backfill_concurrency.unwrap_or(spare);
    let concurrency = config.claims(renders);
    let worker = Worker {
        permits: Arc::new(Semaphore::new(concurrency)),
        backfill_permits: Arc::new(Semaphore::new(backfill)),
        tasks: TaskTracker::new(),
        in_doubt: Arc::default(),
        abort: CancellationToken::new(),
        pipeline,
        config,
        health,
    };
    tracing::info!(concurrency, backfill, name = worker.config.name, "the worker is up");
    while !stop.is_cancelled() {
        worker.health.turn();
        if let Err(fault) = worker.session(concurrency, &stop).await {
            // unacknowledged hints go back to the broker
            tracing::warn!("the worker pauses: {fault}");
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(PAUSE) => {}
            }
        }
    }
    worker.health.drain();
    worker.health.waiting(worker.drain()).await;
}

impl Worker {
    /// Listens and polls until `stop`.
    ///
    /// # Errors
    /// The database or the store is unavailable.
    async fn session(&self, concurrency: usize, stop: &CancellationToken) -> Result<(), Fault> {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            checked = self.check_after_fault() => checked?,
        }
        let prefetch = u16::try_from(concurrency).unwrap_or(u16::MAX);
        let mut hints = self.pipeline.hints(prefetch);
        let mut next_poll = NextPoll { at: Instant::now(), backfill: false };
        loop {
            let permit = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                permit = self.health.waiting(self.permits.clone().acquire_owned()) => {
                    permit.expect("the semaphore is never closed")
                }
            };
            let hint = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                hint = self.health.waiting(self.next_hint(&mut hints, &next_poll)) => hint?,
            };
            match hint {
                Some(hint) => {
                    if !self.handle_hint(hint, permit).await? {
                        next_poll.at = next_poll.at.min(Instant::now() + LATE_HINT_POLL);
                    }
                }
                None => next_poll = self.poll(permit).await?,
            }
        }
    }

    /// The next hint; `None` when it is time to poll. Cancel-safe.
    ///
    /// # Errors
    /// The service failed, and the database or the store is still unavailable.
    async fn next_hint(
        &self,
        hints: &mut Hints,
        next_poll: &NextPoll,
    ) -> Result<Option<Hint>, Fault> {
        self.check_after_fault().await?;
        if Instant::now() >= next_poll.at {
            return Ok(None);
        }
        Ok(tokio::select! {
            biased;
            () = sleep_until(next_poll.at) => None,
            hint = hints.next() => Some(hint),
            _ = self.backfill_permits.acquire(), if next_poll.backfill => None,
        })
    }

    async fn check_after_fault(&self) -> Result<(), Fault> {
        if self.in_doubt.load(Ordering::Relaxed) {
            self.pipeline.check_storage().await?;
            self.in_doubt.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Claims the job of the hint; `false` when another claim came first.
    async fn handle_hint(&self, hint: Hint, permit: OwnedSemaphorePermit) -> Result<bool, Fault> {
        failpoint::hit("hint: heard");
        let Config { name, max_strikes, .. } = &self.config;
        let claim = self.pipeline.claim(hint.job, name, *max_strikes).await?;
        failpoint::hit("hint: claim");
        let trace = hint.trace;
        // only now: the database has the claim, or there is nothing to claim
        hint.acknowledge().await;
        let claimed = claim.is_some();
        let outcome = if claimed { "won" } else { "lost" };
        metrics::counter!("planet_claims_total", "outcome" => outcome).increment(1);
        if let Some(claim) = claim {
            self.spawn(claim, trace, Permits { _job: permit, _backfill: None });
        }
        Ok(claimed)
    }

    /// Claims due jobs with `permit` and all others that are free: fresh jobs first, and with the
    /// rest those of the backfill.
    async fn poll(&self, permit: OwnedSemaphorePermit) -> Result<NextPoll, Fault> {
        let mut permits = vec![permit];
        while let Ok(more) = self.permits.clone().try_acquire_owned() {
            permits.push(more);
        }
        for claim in self.claim_due(Lane::Fresh, permits.len()).await? {
            let Some(permit) = permits.pop() else { break };
            self.spawn(claim, None, Permits { _job: permit, _backfill: None });
        }
        if permits.is_empty() {
            return Ok(NextPoll { at: Instant::now(), backfill: false });
        }
        let mut pairs = Vec::new();
        while let Ok(backfill) = self.backfill_permits.clone().try_acquire_owned()
            && let Some(permit) = permits.pop()
        {
            pairs.push(Permits { _job: permit, _backfill: Some(backfill) });
        }
        // without a permit, there may be due jobs as well
        let mut claimed_all = true;
        if !pairs.is_empty() {
            let claims = self.claim_due(Lane::Backfill, pairs.len()).await?;
            claimed_all = claims.len() == pairs.len();
            for (claim, permits) in claims.into_iter().zip(pairs) {
                self.spawn(claim, None, permits);
            }
        }
        let wait = jitter(self.pipeline.config().poll);
        Ok(NextPoll { at: Instant::now() + wait, backfill: claimed_all })
    }

    async fn claim_due(&self, lane: Lane, limit: usize) -> Result<Vec<Claim>, Fault> {
        let Config { name, max_strikes, .. } = &self.config;
        self.pipeline.claim_due(lane, name, *max_strikes, limit as u64).await
    }

    /// Starts the job. `hinted` is the trace in its hint, if it had one.
    fn spawn(&self, claim: Claim, hinted: Option<TraceContext>, permits: Permits) {
        let (pipeline, config, abort) =
            (self.pipeline.clone(), self.config.clone(), self.abort.clone());
        let in_doubt = self.in_doubt.clone();
        let mut span = self.consumer_span(&claim, hinted);
        let (trace_id, span_id) = (span.context().trace_id(), span.context().span_id());
        let fields = tracing::info_span!("job", job = %claim.job, image = %claim.image,
            attempt = claim.attempt, trace_id, span_id);
        let work = async move {
            let _permits = permits;
            let work = async {
                tokio::select! {
                    outcome = work(&pipeline, &config, &in_doubt, &claim) => outcome,
                    () = abort.cancelled() => {
                        release(&pipeline, &claim).await;
                        "released"
                    }
                }
            };
            let outcome = span.run(work).await;
            span.set("planet.outcome", outcome);
            if !matches!(outcome, "done" | "gone" | "postponed" | "released") {
                span.fail(outcome);
            }
        };
        self.tasks.spawn(work.instrument(fields));
    }

    /// The span of a claimed job: part of the upload's trace at each attempt. Work of the backfill
    /// has traces of its own, since it is much later.
    fn consumer_span(&self, claim: &Claim, hinted: Option<TraceContext>) -> Span {
        let (system, destination) = self.pipeline.destination();
        let producer = claim.trace.or(hinted);
        let mut span = Span::consumer(destination, producer, claim.lane == Lane::Fresh);
        span.set("messaging.system", system);
        span.set("messaging.destination.name", destination.to_owned());
        span.set("messaging.operation.name", "process");
        span.set("messaging.operation.type", "process");
        span.set("messaging.message.id", claim.job.to_string());
        span.set("planet.image", claim.image.to_string());
        span.set("planet.attempt", i64::from(claim.attempt));
        span
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

/// Renders a claimed job, extends its lease meanwhile, and records the verdict, whose label it
/// returns.
async fn work(
    pipeline: &Pipeline,
    config: &Config,
    in_doubt: &AtomicBool,
    claim: &Claim,
) -> &'static str {
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = pipeline.render(claim) => outcome,
        () = keep_lease(pipeline, claim) => {
            metrics::counter!("planet_leases_lost_total").increment(1);
            Err(RenderError::Fenced)
        }
    };
    if is_fault(&outcome) {
        in_doubt.store(true, Ordering::Relaxed);
    }
    let verdict = Verdict::on(&outcome);
    metrics::counter!("planet_jobs_total", "outcome" => verdict.label()).increment(1);
    let backoff = |failures| config.backoff(failures, pipeline.config().backoff_max);
    if let Some(conclusion) = verdict.conclusion(claim, backoff) {
        conclude(pipeline, claim, &conclusion).await;
    }
    let renders = outcome.map_or(0, |Rendered { renders }| renders);
    let ms = started.elapsed().as_millis() as u64;
    match &verdict {
        Verdict::Postponed { .. } => tracing::debug!("{}", verdict.label()),
        Verdict::Done | Verdict::Gone => tracing::info!(renders, ms, "{}", verdict.label()),
        Verdict::Retry { why, .. } | Verdict::Dead { why } => {
            tracing::warn!(ms, "{}: {why}", verdict.label());
        }
    }
    verdict.label()
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
async fn keep_lease(pipeline: &Pipeline, claim: &Claim) {
    loop {
        sleep(pipeline.config().lease / 4).await;
        match pipeline.extend_lease(claim).await {
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
    for lane in [Lane::Fresh, Lane::Backfill] {
        while done < jobs {
            let Config { name, max_strikes, .. } = config;
            let claims = pipeline.claim_due(lane, name, *max_strikes, 1).await?;
            let Some(claim) = claims.first() else { break };
            work(pipeline, config, &AtomicBool::default(), claim).await;
            done += 1;
        }
    }
    Ok(done)
}
