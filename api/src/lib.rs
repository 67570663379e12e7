//! The HTTP door: axum lives here and nowhere else.
//!
//! A handler reads its request, calls one verb of the pipeline, and answers. Every address is in
//! `router.rs`, every error's status code in `problem.rs`.

mod accept;
mod body;
mod coding;
mod conditional;
mod config;
mod connection;
mod extract;
mod hosts;
mod incoming;
mod observe;
mod options;
mod outgoing;
mod pages;
mod problem;
mod router;
mod routes;
mod surplus;
mod upload;

use std::{io, sync::Arc, time::Duration};

pub use config::Config;
pub use problem::{KINDS, Kind};
pub use router::router;

use common::{
    fault::{Doing, Fault},
    pipeline::Pipeline,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::TokioTimer, server::graceful::GracefulShutdown, service::TowerToHyperService,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use connection::Connection;
use outgoing::Outgoing;
use surplus::Surplus;

/// How often the histograms are condensed.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be taken, as when the process has no descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);
/// What is read ahead of a connection, at most: a request's head has to fit in.
const READ_AHEAD: usize = 128 * 1024;

/// What every handler may need.
#[derive(Clone)]
pub struct App {
    pub(crate) pipeline: Pipeline,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    /// Ends what does not end by itself.
    pub(crate) closing: CancellationToken,
    pub(crate) outgoing: Outgoing,
}

impl App {
    /// The door of that house.
    pub fn new(pipeline: Pipeline, config: Config, metrics: PrometheusHandle) -> Self {
        let uploads = Arc::new(Semaphore::new(config.max_uploads));
        let streams = Arc::new(Semaphore::new(config.max_event_streams));
        let closing = CancellationToken::new();
        let outgoing = Outgoing::new(config.answer_memory_mib);
        App { pipeline, config: Arc::new(config), metrics, uploads, streams, closing, outgoing }
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
pub async fn serve(listener: TcpListener, app: App, stop: CancellationToken) {
    let config = app.config.clone();
    let _upkeep = AbortOnDropHandle::new(tokio::spawn(upkeep(app.clone())));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(READ_AHEAD);
    let surplus = Surplus::new(&http);
    let closing = app.closing.clone();
    let connection = Connection {
        http,
        service: TowerToHyperService::new(router(app)),
        answer_idle: config.answer_idle,
        closing: closing.clone(),
    };
    let slots = Arc::new(Semaphore::new(config.max_connections));
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            next = listener.accept() => next,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(err) => {
                tracing::warn!("could not take a connection: {err}");
                sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            surplus.tell(stream);
            continue;
        };
        let answered = connection.clone().answer(stream, open.watcher());
        tokio::spawn(async move {
            answered.await;
            drop(slot);
        });
    }
    drop(listener);
    closing.cancel();
    if timeout(config.drain, open.shutdown()).await.is_err() {
        tracing::warn!("some requests took too long to end");
    }
}

/// What has to be done from time to time.
async fn upkeep(app: App) {
    let histograms = async {
        loop {
            sleep(UPKEEP).await;
            app.metrics.run_upkeep();
        }
    };
    let spool = async {
        loop {
            sleep(app.pipeline.config().blob_grace).await;
            if let Err(fault) = app.pipeline.clean_spool().await {
                tracing::warn!("{fault}");
            }
        }
    };
    tokio::join!(histograms, spool);
}
