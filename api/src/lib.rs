//! The HTTP door: axum lives here and nowhere else.
//!
//! A handler reads its request, calls one verb of the pipeline, and answers. Every address is in
//! `router.rs`, every error's status code in `problem.rs`.

mod accept;
mod body;
mod conditional;
mod config;
mod extract;
mod observe;
mod problem;
mod router;
mod routes;
mod upload;

use std::{io, sync::Arc, time::Duration};

pub use config::Config;
pub use problem::{KINDS, Kind};
pub use router::router;

use common::{
    fault::{Doing, Fault},
    pipeline::Pipeline,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;

/// How often the histograms are condensed.
const UPKEEP: Duration = Duration::from_secs(5);

/// What every handler may need.
#[derive(Clone)]
pub struct App {
    pub(crate) pipeline: Pipeline,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) uploads: Arc<Semaphore>,
}

impl App {
    /// The door of that house.
    pub fn new(pipeline: Pipeline, config: Config, metrics: PrometheusHandle) -> Self {
        let uploads = Arc::new(Semaphore::new(config.max_uploads));
        App { pipeline, config: Arc::new(config), metrics, uploads }
    }
}

/// Takes the configured address.
///
/// # Errors
/// It is in use, or not ours.
pub async fn bind(config: &Config) -> Result<TcpListener, Fault> {
    let taken = |err: io::Error| {
        io::Error::new(err.kind(), format!("{}: {err}; BIND chooses another address", config.bind))
    };
    TcpListener::bind(config.bind).await.map_err(taken).doing("listen")
}

/// Answers requests until `stop`; running ones get some time to end.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, app: App, stop: CancellationToken) -> Result<(), Fault> {
    let drain = app.config.drain;
    let metrics = app.metrics.clone();
    let upkeep = tokio::spawn(async move {
        loop {
            sleep(UPKEEP).await;
            metrics.run_upkeep();
        }
    });
    let served =
        axum::serve(listener, router(app)).with_graceful_shutdown(stop.clone().cancelled_owned());
    let ended = tokio::select! {
        ended = served => ended.doing("serve"),
        () = async { stop.cancelled().await; sleep(drain).await } => {
            tracing::warn!("some requests took too long to end");
            Ok(())
        }
    };
    upkeep.abort();
    ended
}
