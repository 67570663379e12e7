//! The janitor: sweeps what crashes left behind, and makes the jobs that are missing.
//!
//! Every worker has one; all that it does may be done twice, or broken off.

use std::time::Duration;

use common::{fault::Fault, pipeline::Pipeline, render::spec_hash};
use tokio::time::{Instant, sleep_until};

use crate::config::Config;

/// Blobs listed in one go.
const BATCH: u64 = 200;

/// Tidies until it is broken off.
pub(crate) async fn run(pipeline: Pipeline, config: Config) {
    let (mut next_tidy, mut next_backfill) = (Instant::now(), Instant::now());
    loop {
        let done = tokio::select! {
            () = sleep_until(next_backfill) => {
                next_backfill = Instant::now() + jittered(config.backfill);
                backfill(&pipeline).await
            }
            () = sleep_until(next_tidy) => {
                next_tidy = Instant::now() + jittered(config.janitor);
                tidy(&pipeline, &config).await
            }
        };
        if let Err(fault) = done {
            tracing::warn!("the janitor will try again: {fault}");
        }
    }
}

/// Makes the jobs that this engine and these presets lack. They have no hint: workers find them
/// when they have nothing better to do.
pub(crate) async fn backfill(pipeline: &Pipeline) -> Result<(), Fault> {
    let engine = pipeline.config().engine;
    let hashes: Vec<String> = pipeline.config().presets.specs().iter().map(spec_hash).collect();
    let made = pipeline.catalog().backfill(engine, &hashes).await?;
    if made > 0 {
        tracing::info!(jobs = made, engine, "backfilled");
    }
    Ok(())
}

pub(crate) async fn tidy(pipeline: &Pipeline, config: &Config) -> Result<(), Fault> {
    let (catalog, engine) = (pipeline.catalog(), pipeline.config().engine);
    let dead = catalog.bury_hopeless(engine, config.max_strikes).await?;
    if dead > 0 {
        tracing::error!(jobs = dead, "gave hopeless jobs up");
        metrics::counter!("planet_jobs_total", "outcome" => "dead").increment(dead);
    }
    catalog.forget_superseded(engine).await?;
    catalog.forget_dead_uploads(pipeline.config().blob_grace).await?;
    catalog.forget_deletions(config.deletions_kept).await?;
    catalog.condemn_overdue().await?;
    loop {
        let blobs = catalog.condemned(BATCH).await?;
        // one that cannot be deleted does not keep those behind it
        let mut swept = Ok(());
        for blob in &blobs {
            swept = swept.and(pipeline.sweep(blob).await);
        }
        swept?;
        if (blobs.len() as u64) < BATCH {
            return Ok(());
        }
    }
}

fn jittered(period: Duration) -> Duration {
    period.mul_f64(0.8 + 0.4 * fastrand::f64())
}
