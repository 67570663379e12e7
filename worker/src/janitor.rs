//! The janitor: cleans up and makes missing jobs, at intervals.
//!
//! Every worker has one. Each step may run in several processes at the same time, or be
//! interrupted.

use common::{fault::Fault, jitter::jitter, pipeline::Pipeline};
use tokio::time::{Instant, sleep_until};

use crate::config::Config;

/// Runs without end.
pub(crate) async fn run(pipeline: Pipeline, config: Config) {
    let (mut next_clean_up, mut next_backfill) = (Instant::now(), Instant::now());
    loop {
        let done = tokio::select! {
            () = sleep_until(next_backfill) => {
                next_backfill = Instant::now() + jitter(config.backfill);
                backfill(&pipeline).await
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

pub(crate) async fn backfill(pipeline: &Pipeline) -> Result<(), Fault> {
    let made = pipeline.backfill().await?;
    if made > 0 {
        tracing::info!(jobs = made, engine = pipeline.config().engine, "backfilled");
    }
    Ok(())
}

pub(crate) async fn clean_up(pipeline: &Pipeline, config: &Config) -> Result<(), Fault> {
    pipeline.clean_up(config.max_strikes, config.deletions_kept).await
}
