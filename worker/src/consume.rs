//! The loop of a worker: a permit, a hint or a due row, a claim, a task that renders.

use std::{sync::Arc, time::Duration};

use common::{
    crash,
    fault::Fault,
    job::{Claim, JobId},
    pipeline::{Pipeline, RenderError, Rendered},
    queue::Hint,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{config::Config, verdict::Verdict};

/// How long a worker pauses when the database does not answer.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// How far apart a running job tries to reach a database that does not answer.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

struct Worker {
    pipeline: Pipeline,
    config: Config,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Ends running renders whose time after a stop is over.
    hurry: CancellationToken,
}

pub(crate) async fn run(pipeline: Pipeline, config: Config, stop: CancellationToken) {
    let concurrency = pipeline.config().render_concurrency;
    let worker = Worker {
        permits: Arc::new(Semaphore::new(concurrency)),
        tasks: TaskTracker::new(),
        hurry: CancellationToken::new(),
        pipeline,
        config,
    };
    tracing::info!(concurrency, name = worker.config.name, "the worker is up");
    while !stop.is_cancelled() {
        if let Err(fault) = worker.session(concurrency, &stop).await {
            // The session's unacknowledged hints go back to the broker.
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
    /// The database is out of reach.
    async fn session(&self, concurrency: usize, stop: &CancellationToken) -> Result<(), Fault> {
        let prefetch = u16::try_from(concurrency).unwrap_or(u16::MAX);
        let mut hints = self.pipeline.queue().listen(prefetch);
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
                hint = hints.next() => self.answer(hint, permit).await?,
                () = sleep_until(next_poll) => {
                    drop(permit);
                    let full = self.poll().await?;
                    let jitter = 0.8 + 0.4 * fastrand::f64();
                    let wait = if full { Duration::ZERO } else { self.config.poll.mul_f64(jitter) };
                    next_poll = Instant::now() + wait;
                }
            }
        }
    }

    async fn answer(&self, hint: Hint, permit: OwnedSemaphorePermit) -> Result<(), Fault> {
        crash::point("hint: heard");
        let claim = claim(&self.pipeline, &self.config, hint.job).await?;
        crash::point("hint: claim");
        let trace = hint.trace.clone();
        // "The database knows": claimed by us, or nothing to claim.
        hint.acknowledge().await;
        if let Some(claim) = claim {
            self.start(claim, trace, permit);
        }
        Ok(())
    }

    /// Claims due jobs as far as permits go; `true` when there may be more.
    async fn poll(&self) -> Result<bool, Fault> {
        let room = self.permits.available_permits();
        let mut due = self.due(4 * room as u64).await?;
        let full = due.len() >= room;
        // Workers that poll at the same moment shall not race for the same rows.
        fastrand::shuffle(&mut due);
        for job in due {
            let Ok(permit) = self.permits.clone().try_acquire_owned() else { break };
            if let Some(claim) = claim(&self.pipeline, &self.config, job).await? {
                self.start(claim, None, permit);
            }
        }
        Ok(full && room > 0)
    }

    async fn due(&self, limit: u64) -> Result<Vec<JobId>, Fault> {
        let engine = self.pipeline.config().engine;
        self.pipeline.catalog().due(engine, self.config.max_strikes, limit).await
    }

    fn start(&self, claim: Claim, trace: Option<String>, permit: OwnedSemaphorePermit) {
        let (pipeline, config, hurry) =
            (self.pipeline.clone(), self.config.clone(), self.hurry.clone());
        let span = tracing::info_span!("job", job = %claim.job, image = %claim.image,
            attempt = claim.attempt, trace = trace.as_deref().unwrap_or_default());
        let work = async move {
            let _permit = permit;
            tokio::select! {
                () = work(&pipeline, &config, &claim) => {}
                () = hurry.cancelled() => give_back(&pipeline, &claim).await,
            }
        };
        self.tasks.spawn(work.instrument(span));
    }

    /// Gives running jobs some time, then gives them back.
    async fn drain(&self) {
        self.tasks.close();
        tracing::info!(running = self.tasks.len(), "the worker drains");
        if timeout(self.config.drain, self.tasks.wait()).await.is_err() {
            self.hurry.cancel();
            // bounded by the database's own time limits
            self.tasks.wait().await;
        }
        tracing::info!("the worker is down");
    }
}

async fn claim(pipeline: &Pipeline, config: &Config, job: JobId) -> Result<Option<Claim>, Fault> {
    let engine = pipeline.config().engine;
    let Config { lease, max_strikes, name, .. } = config;
    pipeline.catalog().claim(job, engine, name, *lease, *max_strikes).await
}

/// Renders a claimed job under a beating lease, and writes the verdict down.
async fn work(pipeline: &Pipeline, config: &Config, claim: &Claim) {
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = pipeline.render(claim) => outcome,
        () = beat(pipeline, config, claim) => Err(RenderError::Fenced),
    };
    let verdict = Verdict::on(&outcome);
    metrics::counter!("planet_jobs_total", "outcome" => verdict.label()).increment(1);
    conclude(pipeline, config, claim, &verdict).await;
    let renders = outcome.map_or(0, |Rendered { renders }| renders);
    let ms = started.elapsed().as_millis() as u64;
    match &verdict {
        Verdict::Done | Verdict::Gone => tracing::info!(renders, ms, "{}", verdict.label()),
        Verdict::Retry { why, .. } | Verdict::Dead { why } => {
            tracing::warn!(ms, "{}: {why}", verdict.label());
        }
    }
}

/// Writes the verdict down, however long the database is away: as long as it is not there, the
/// claim's strike stands, which is no fault of the image. A late one changes nothing that is not
/// ours any more.
async fn conclude(pipeline: &Pipeline, config: &Config, claim: &Claim, verdict: &Verdict) {
    let catalog = pipeline.catalog();
    let wait = config.backoff(claim.strikes);
    loop {
        let written = match verdict {
            Verdict::Done | Verdict::Gone => return,
            Verdict::Retry { refund, why } => catalog.retry(claim, wait, *refund, Some(why)).await,
            Verdict::Dead { why } => catalog.bury(claim, why).await,
        };
        match written {
            Ok(_) => return pipeline.queue().tell(),
            Err(fault) => tracing::warn!("the verdict has to wait: {fault}"),
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Prolongs the lease for ever; returns when the job is not ours any more.
async fn beat(pipeline: &Pipeline, config: &Config, claim: &Claim) {
    loop {
        sleep(config.lease / 4).await;
        match pipeline.catalog().beat(claim, config.lease).await {
            Ok(true) => {}
            Ok(false) => return,
            // Whether the lease still holds is decided by the row, at the latest when we finish.
            Err(fault) => tracing::warn!("{fault}"),
        }
    }
}

async fn give_back(pipeline: &Pipeline, claim: &Claim) {
    match pipeline.catalog().retry(claim, Duration::ZERO, true, None).await {
        Ok(_) => tracing::info!("given back"),
        Err(fault) => tracing::warn!("the job waits for its lease to end: {fault}"),
    }
}

pub(crate) async fn drain(pipeline: &Pipeline, config: &Config, jobs: u64) -> Result<u64, Fault> {
    let engine = pipeline.config().engine;
    let mut done = 0;
    for job in pipeline.catalog().due(engine, config.max_strikes, jobs).await? {
        if let Some(claim) = claim(pipeline, config, job).await? {
            work(pipeline, config, &claim).await;
            done += 1;
        }
    }
    Ok(done)
}
