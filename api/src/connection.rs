//! One client connection: write timeouts, slow readers, half-closed connections, and its end at
//! shutdown.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, header::CONNECTION},
};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, server::graceful::Watcher, service::TowerToHyperService};
use tokio::{io, net::TcpStream, time::sleep};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::{io::InspectWriter, sync::CancellationToken, task::TaskTracker};

use crate::{
    client_address::Peer,
    half_close::{DelayedEof, OutstandingBody},
    request_body::BodyMinRate,
    slow_readers::SlowReaderWatch,
};

/// At shutdown, a connection without a running request is closed after this time without progress.
/// It is long because the kernel buffers up to a megabyte: a slow reader seems to pause.
const SHUTDOWN_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// How every connection is served.
#[derive(Clone)]
pub(crate) struct Connection {
    pub http: http1::Builder,
    pub service: TowerToHyperService<Router>,
    /// How fast a client has to read a response.
    pub min_rate: BodyMinRate,
    /// How long a client that has closed its side may wait for more of a response.
    pub half_close_grace: Duration,
    /// Cancelled when the process is asked to stop: each response ends its connection.
    pub stopping: CancellationToken,
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
        let (reader, writer) = stream.into_split();
        let mut writer = TimeoutWriter::new(writer);
        writer.set_timeout(Some(self.min_rate.idle_timeout));
        let counter = written.clone();
        let writer = InspectWriter::new(writer, move |bytes| {
            counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        let responses = TaskTracker::new();
        let reader =
            DelayedEof::new(reader, responses.clone(), written.clone(), self.half_close_grace);
        let running = requests.clone();
        let slow_reader = SlowReaderWatch::new(self.min_rate, written.clone());
        let sender = slow_reader.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let (response, sender) = (self.service.call(request), sender.clone());
            let outstanding = responses.token();
            let stopping = self.stopping.clone();
            sender.request_begins();
            running.track_future(async move {
                let mut response = response.await.inspect(|it| sender.response_begins(it))?;
                if stopping.is_cancelled() {
                    // a proxy keeps no connection that would be closed under its next request
                    response.headers_mut().insert(CONNECTION, CLOSE);
                }
                let body = |body| OutstandingBody { body, _outstanding: outstanding };
                Ok::<_, Infallible>(response.map(body))
            })
        });
        let stream = TokioIo::new(Box::pin(io::join(reader, writer)));
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
