//! The janitor: cleans up and makes missing jobs, at intervals.
//!
//! Every worker has one. Each step may run in several processes at the same time, or be
//! interrupted.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{
    fault::Fault,
    jitter::jitter,
    pipeline::{CleanUp, Pipeline},
};
use tokio::time::sleep;

use crate::config::Config;

/// Runs without end. A long backfill does not delay the cleaning.
pub(crate) async fn run(pipeline: Pipeline, config: Config) {
    tokio::join!(backfills(&pipeline, config.backfill), clean_ups(&pipeline, &config));
}

async fn backfills(pipeline: &Pipeline, interval: Option<Duration>) {
    let Some(interval) = interval else { return };
    loop {
        let started = Instant::now();
        let fault = backfill(pipeline, interval).await.err();
        record_duration("backfill", fault.is_none(), started);
        warn(fault);
        sleep(jitter(interval)).await;
    }
}

async fn clean_ups(pipeline: &Pipeline, config: &Config) {
    loop {
        let started = Instant::now();
        let faults = clean_up(pipeline, config).await;
        record_duration("clean-up", faults.is_empty(), started);
        if faults.is_empty() {
            record_success();
        }
        warn(faults);
        sleep(jitter(config.janitor)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "only Prometheus reads it, by its own clock")]
fn record_success() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    metrics::gauge!("planet_cleaned_up_timestamp_seconds").set(now.as_secs_f64());
}

fn record_duration(task: &'static str, is_done: bool, started: Instant) {
    let labels = [("task", task), ("outcome", if is_done { "done" } else { "failed" })];
    metrics::histogram!("planet_maintenance_seconds", &labels)
        .record(started.elapsed().as_secs_f64());
}

fn warn(faults: impl IntoIterator<Item = Fault>) {
    for fault in faults {
        tracing::warn!("the janitor will try again: {fault}");
    }
}

pub(crate) async fn backfill(pipeline: &Pipeline, interval: Duration) -> Result<(), Fault> {
    let made = pipeline.backfill(interval).await?;
    if made > 0 {
        tracing::info!(jobs = made, engine = pipeline.config().engine, "backfilled");
    }
    Ok(())
}

pub(crate) async fn clean_up(pipeline: &Pipeline, config: &Config) -> Vec<Fault> {
    let Config { max_strikes, deletions_kept, versions_kept, .. } = *config;
    pipeline.clean_up(CleanUp { max_strikes, deletions_kept, versions_kept }).await
}
