//! The worker: claims jobs, renders them, and records how each ended.
//!
//! [`run`] listens for hints, and polls due jobs as well, because a hint may be lost. The janitor
//! runs beside it. Any number of workers may run at the same time.

mod config;
mod consume;
mod janitor;
mod verdict;

use common::{fault::Fault, pipeline::Pipeline};
pub use config::{Config, metrics_bind};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Works until `stop`, then drains: running jobs get [`Config::drain`] to end, then they are
/// aborted and become due for other workers.
pub async fn run(pipeline: Pipeline, config: Config, stop: CancellationToken) {
    let janitor = tokio::spawn(janitor::run(pipeline.clone(), config.clone()));
    // aborted rather than awaited, so that a store that hangs does not delay the shutdown
    let _janitor = AbortOnDropHandle::new(janitor);
    consume::run(pipeline, config, stop).await;
}

/// Does up to `jobs` due jobs, one after the other, and returns how many: a worker for tests.
///
/// # Errors
/// The database is unavailable.
pub async fn drain(pipeline: &Pipeline, config: &Config, jobs: u64) -> Result<u64, Fault> {
    consume::drain(pipeline, config, jobs).await
}

/// One round of the janitor, including the backfill: for tests.
///
/// # Errors
/// The database or the store is unavailable.
pub async fn clean_up(pipeline: &Pipeline, config: &Config) -> Result<(), Fault> {
    janitor::backfill(pipeline).await?;
    janitor::clean_up(pipeline, config).await
}
