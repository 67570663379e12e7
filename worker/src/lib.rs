//! The worker: claims jobs, renders them, and records how each ended.
//!
//! [`run`] listens for hints, and polls due jobs as well, because a hint may be lost. The janitor
//! runs beside it. Any number of workers may run at the same time.

mod config;
mod consume;
mod health;
mod janitor;
mod verdict;

use common::{fault::Fault, pipeline::Pipeline};
pub use config::{Config, metrics_bind};
use futures_util::future::BoxFuture;
pub use health::Health;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Works until `stop`, then drains: running jobs get [`Config::drain`] to end, then they are aborted
/// and become due for other workers. `health` tells whether its loop turns.
pub fn run(
    pipeline: Pipeline,
    config: Config,
    health: Health,
    stop: CancellationToken,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let measured = health.clone();
        let measure = tokio::spawn(async move { measured.measure().await });
        let _measure = AbortOnDropHandle::new(measure);
        let janitor = tokio::spawn(janitor::run(pipeline.clone(), config.clone()));
        // aborted rather than awaited, so that a store that hangs does not delay the shutdown
        let _janitor = AbortOnDropHandle::new(janitor);
        consume::run(pipeline, config, health, stop).await;
    })
}

/// Does up to `jobs` due jobs, one after the other, and returns how many: a worker for tests.
///
/// # Errors
/// The database is unavailable.
pub fn process_backlog<'a>(
    pipeline: &'a Pipeline,
    config: &'a Config,
    jobs: u64,
) -> BoxFuture<'a, Result<u64, Fault>> {
    Box::pin(async move { consume::process_backlog(pipeline, config, jobs).await })
}

/// One round of the janitor, including the backfill: for tests.
///
/// # Errors
/// The database or the store is unavailable: the first failure, after all steps.
pub fn clean_up<'a>(
    pipeline: &'a Pipeline,
    config: &'a Config,
) -> BoxFuture<'a, Result<(), Fault>> {
    Box::pin(async move {
        if let Some(interval) = config.backfill {
            janitor::backfill(pipeline, interval).await?;
        }
        janitor::clean_up(pipeline, config).await.into_iter().next().map_or(Ok(()), Err)
    })
}
