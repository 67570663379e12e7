//! The queue door: claims jobs, renders them, says how each ended.
//!
//! [`run`] is the life of a worker: it listens for hints and polls due rows, because a hint may be
//! lost; beside it the janitor tidies. Any number of workers run side by side.

mod config;
mod consume;
mod janitor;
mod verdict;

use common::{fault::Fault, pipeline::Pipeline};
pub use config::{Config, metrics_bind};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Works until `stop`, then drains: running jobs get some time to end, the rest is given back.
pub async fn run(pipeline: Pipeline, config: Config, stop: CancellationToken) {
    let janitor = tokio::spawn(janitor::run(pipeline.clone(), config.clone()));
    // Nobody waits for it, so that a store that hangs delays no shutdown.
    let _janitor = AbortOnDropHandle::new(janitor);
    consume::run(pipeline, config, stop).await;
}

/// Works `jobs` due jobs off and returns how many there were: a worker for tests.
///
/// # Errors
/// The database is out of reach.
pub async fn drain(pipeline: &Pipeline, config: &Config, jobs: u64) -> Result<u64, Fault> {
    consume::drain(pipeline, config, jobs).await
}

/// One round of the janitor, backfill included: for tests and operators.
///
/// # Errors
/// The database is out of reach.
pub async fn tidy(pipeline: &Pipeline, config: &Config) -> Result<(), Fault> {
    janitor::backfill(pipeline).await?;
    janitor::tidy(pipeline, config).await
}
