//! A connection: requests are answered until the client has enough or is too slow, and for a while
//! after a stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, server::graceful::Watcher, service::TowerToHyperService};
use tokio::{net::TcpStream, time::sleep};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::{io::InspectWriter, sync::CancellationToken, task::TaskTracker};

/// How long a client may pause after a stop where nothing is worked on for it. The system takes up to
/// a megabyte ahead, so that one who reads slowly seems to pause.
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// How every connection is served.
#[derive(Clone)]
pub(crate) struct Connection {
    pub http: http1::Builder,
    pub service: TowerToHyperService<Router>,
    /// How long a client may pause while it reads.
    pub answer_idle: Duration,
    pub closing: CancellationToken,
}

impl Connection {
    /// Answers what comes over `stream`, until its end.
    pub async fn answer(self, stream: TcpStream, watcher: Watcher) {
        let _delays_small_answers_otherwise = stream.set_nodelay(true);
        let requests = TaskTracker::new();
        let written = Arc::new(AtomicU64::new(0));
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.answer_idle));
        let count = written.clone();
        let stream = InspectWriter::new(stream, move |bytes| {
            count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        let at_work = requests.clone();
        let service = service_fn(move |request| at_work.track_future(self.service.call(request)));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = watcher.watch(self.http.serve_connection(stream, service));
        // Half a head, or an answer that nobody reads, is not worth waiting for.
        let let_go = async {
            self.closing.cancelled().await;
            loop {
                let before = written.load(Ordering::Relaxed);
                sleep(LAST_PAUSE).await;
                if requests.is_empty() && written.load(Ordering::Relaxed) == before {
                    return;
                }
            }
        };
        tokio::select! {
            ended = connection => {
                if let Err(err) = ended {
                    tracing::debug!("a connection ended: {err}");
                }
            }
            () = let_go => tracing::debug!("a connection was let go of"),
        }
    }
}
