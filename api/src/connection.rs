//! One client connection: write timeouts, slow readers, and its end at shutdown.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, server::graceful::Watcher, service::TowerToHyperService};
use tokio::{net::TcpStream, time::sleep};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::{io::InspectWriter, sync::CancellationToken, task::TaskTracker};

use crate::{client_address::Peer, request_body::MinRate, slow_readers::SlowReaderWatch};

/// At shutdown, a connection without a running request is closed after this time without progress.
/// It is long because the kernel buffers up to a megabyte: a slow reader seems to pause.
const SHUTDOWN_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How every connection is served.
#[derive(Clone)]
pub(crate) struct Connection {
    pub http: http1::Builder,
    pub service: TowerToHyperService<Router>,
    /// How fast a client has to read a response.
    pub min_rate: MinRate,
    /// Cancelled at shutdown.
    pub closing: CancellationToken,
}

impl Connection {
    /// Serves the requests of `stream`, whose other end is `peer`, until it closes.
    pub async fn serve(self, stream: TcpStream, peer: IpAddr, watcher: Watcher) {
        // without it, small responses are delayed
        let _best_effort = stream.set_nodelay(true);
        let requests = TaskTracker::new();
        let written = Arc::new(AtomicU64::new(0));
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.min_rate.idle_timeout));
        let counter = written.clone();
        let stream = InspectWriter::new(stream, move |bytes| {
            counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        let running = requests.clone();
        let slow_reader = SlowReaderWatch::new(self.min_rate, written.clone());
        let sender = slow_reader.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let (response, sender) = (self.service.call(request), sender.clone());
            sender.request_begins();
            running.track_future(async move {
                response.await.inspect(|response| sender.response_begins(response))
            })
        });
        let stream = TokioIo::new(Box::pin(stream));
        let connection = watcher.watch(self.http.serve_connection(stream, service));
        // Shutdown does not wait for an incomplete request head, nor for a response that the client
        // does not read.
        let stalled = async {
            self.closing.cancelled().await;
            loop {
                let before = written.load(Ordering::Relaxed);
                sleep(SHUTDOWN_IDLE_TIMEOUT).await;
                if requests.is_empty() && written.load(Ordering::Relaxed) == before {
                    return;
                }
            }
        };
        tokio::select! {
            ended = connection => {
                if let Err(err) = ended {
                    tracing::debug!("a connection ended with an error: {err}");
                }
            }
            () = slow_reader.too_slow() => {
                tracing::debug!("closed a connection whose client read too slowly");
            }
            () = stalled => tracing::debug!("closed an idle connection at shutdown"),
        }
    }
}
