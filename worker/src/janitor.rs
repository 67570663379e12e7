//! The janitor: cleans up and makes missing jobs, at intervals.
//!
//! Every worker has one. Each step may run in several processes at the same time, or be
//! interrupted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{fault::Fault, jitter::jitter, pipeline::Pipeline};
use tokio::time::sleep;

use crate::config::Config;

/// Runs without end. A long backfill does not delay the cleaning.
pub(crate) async fn run(pipeline: Pipeline, config: Config) {
    tokio::join!(backfills(&pipeline, config.backfill), clean_ups(&pipeline, &config));
}

async fn backfills(pipeline: &Pipeline, interval: Option<Duration>) {
    let Some(interval) = interval else { return };
    loop {
        warn(backfill(pipeline, interval).await.err());
        sleep(jitter(interval)).await;
    }
}

async fn clean_ups(pipeline: &Pipeline, config: &Config) {
    loop {
        let faults = clean_up(pipeline, config).await;
        if faults.is_empty() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            metrics::gauge!("planet_cleaned_up_timestamp_seconds").set(now.as_secs_f64());
        }
        warn(faults);
        sleep(jitter(config.janitor)).await;
    }
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
    pipeline.clean_up(config.max_strikes, config.deletions_kept).await
}
