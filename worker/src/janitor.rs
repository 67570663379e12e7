//! The janitor: cleans up and makes missing jobs, at intervals.
//!
//! Every worker has one. Each step may run in several processes at the same time, or be
//! interrupted.

use std::time::Duration;

use common::{fault::Fault, jitter::jitter, pipeline::Pipeline};
use tokio::time::{Instant, sleep_until};

use crate::config::Config;

/// Runs without end.
pub(crate) async fn run(pipeline: Pipeline, config: Config) {
    let mut next_clean_up = Instant::now();
    let mut next_backfill = config.backfill.map(|interval| (Instant::now(), interval));
    loop {
        let done = tokio::select! {
            interval = due(next_backfill) => {
                next_backfill = Some((Instant::now() + jitter(interval), interval));
                backfill(&pipeline, interval).await
            }
            () = sleep_until(next_clean_up) => {
                next_clean_up = Instant::now() + jitter(config.janitor);
                clean_up(&pipeline, &config).await
            }
        };
        if let Err(fault) = done {
            tracing::warn!("the janitor will try again: {fault}");
        }
    }
}

/// Waits until the backfill is due, and returns its interval; without one, waits for ever.
async fn due(next: Option<(Instant, Duration)>) -> Duration {
    match next {
        Some((at, interval)) => {
            sleep_until(at).await;
            interval
        }
        None => std::future::pending().await,
    }
}

pub(crate) async fn backfill(pipeline: &Pipeline, interval: Duration) -> Result<(), Fault> {
    let made = pipeline.backfill(interval).await?;
    if made > 0 {
        tracing::info!(jobs = made, engine = pipeline.config().engine, "backfilled");
    }
    Ok(())
}

pub(crate) async fn clean_up(pipeline: &Pipeline, config: &Config) -> Result<(), Fault> {
    pipeline.clean_up(config.max_strikes, config.deletions_kept).await
}
