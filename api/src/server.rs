//! The HTTP server: accepts connections up to a limit, and shuts down gracefully.

use std::{io, pin::pin, sync::Arc, time::Duration};

use common::fault::{Doing, Fault};
use futures_util::{FutureExt, future::BoxFuture};
use hyper::server::conn::http1;
use hyper_util::{
    rt::TokioTimer, server::graceful::GracefulShutdown, service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    app::App,
    config::Config,
    connection::Connection,
    overload::Overload,
    router::{router, router_above_limit},
};

/// How often the metrics exporter condenses its histograms.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// The pause after a failed `accept`, as when the process has no file descriptor left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(500);
/// Read buffer of a connection, in bytes: the head of a request has to fit.
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// Listens on the configured address.
///
/// # Errors
/// The address is in use, or does not belong to this machine.
pub fn bind(config: &Config) -> BoxFuture<'_, Result<TcpListener, Fault>> {
    Box::pin(async move {
        let explain = |err: io::Error| {
            io::Error::new(err.kind(), format!("{}: {err}; BIND sets another address", config.bind))
        };
        TcpListener::bind(config.bind).await.map_err(explain).doing("listen")
    })
}

/// Serves requests until `stop` is cancelled, and `SHUTDOWN_NOTICE_S` longer, in which `/readyz`
/// fails. Requests that run then have `DRAIN_S` to complete.
pub fn serve(listener: TcpListener, app: App, stop: CancellationToken) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let config = app.config.clone();
        let _maintenance = AbortOnDropHandle::new(tokio::spawn(run_maintenance(app.clone())));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_buf_size(READ_BUFFER_BYTES);
        let mut overload = Overload::new(&http, router_above_limit(app.clone()));
        let (closing, stopping) = (app.closing.clone(), app.stopping.clone());
        let notice = config.shutdown_notice;
        let connection = Connection {
            http,
            service: TowerToHyperService::new(router(app)),
            min_rate: config.answer_min_rate,
            half_close_grace: config.half_close_grace,
            stopping: stopping.clone(),
            closing: closing.clone(),
        };
        let mut closed = pin!(async move {
            stop.cancelled().await;
            stopping.cancel();
            sleep(notice).await;
        });
        let permits = Arc::new(Semaphore::new(config.max_connections));
        let graceful = GracefulShutdown::new();
        let mut begin = |stream, peer| {
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                return overload.serve(stream);
            };
            let served = connection.clone().serve(stream, peer, graceful.watcher());
            tokio::spawn(async move {
                served.await;
                drop(permit);
            });
        };
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut closed => break,
            };
            let (stream, peer) = match accepted {
                Ok((stream, peer)) => (stream, peer.ip()),
                Err(err) => {
                    tracing::warn!("could not accept a connection: {err}");
                    sleep(ACCEPT_RETRY_DELAY).await;
                    continue;
                }
            };
            begin(stream, peer);
        }
        // those that the kernel has accepted, which it would reset
        while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
            begin(stream, peer.ip());
        }
        drop(listener);
        closing.cancel();
        if timeout(config.drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not complete within DRAIN_S");
        }
    })
}

/// Periodic work of the server. Does not return.
async fn run_maintenance(app: App) {
    let histograms = async {
        loop {
            sleep(METRICS_UPKEEP_INTERVAL).await;
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
