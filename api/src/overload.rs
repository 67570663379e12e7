//! Connections beyond `MAX_CONNECTIONS`: health checks and metrics are answered, everything else
//! gets 503.
//!
//! Each connection has one request and a short timeout. Their number is limited too: the oldest is
//! closed for a new one, so that a flood of connections, silent or not, holds no resources and does
//! not keep a supervisor from checking the service.

use std::{collections::VecDeque, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::problem::{BUSY, Problem};

/// Connections above the limit that are open at the same time.
const MAX_EXTRA: usize = 64;
/// How long a client above the limit may take to send its request and to read the response.
const EXTRA_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves connections while the server is overloaded. Dropping it closes them.
pub(crate) struct Overload {
    http: http1::Builder,
    service: TowerToHyperService<Router>,
    /// The oldest first.
    connections: VecDeque<AbortOnDropHandle<()>>,
}

impl Overload {
    /// `http` is the configuration of all connections; `router` answers those above the limit.
    pub fn new(http: &http1::Builder, router: Router) -> Self {
        let mut http = http.clone();
        http.keep_alive(false).half_close(true).header_read_timeout(EXTRA_TIMEOUT);
        let service = TowerToHyperService::new(router);
        Overload { http, service, connections: VecDeque::with_capacity(MAX_EXTRA) }
    }

    /// Responds to one request of `stream`, in a task of its own.
    pub fn serve(&mut self, stream: TcpStream) {
        self.connections.retain(|connection| !connection.is_finished());
        if self.connections.len() == MAX_EXTRA {
            self.connections.pop_front();
        }
        let response = self.http.serve_connection(TokioIo::new(stream), self.service.clone());
        let connection = async move {
            let _closed_in_any_case = timeout(EXTRA_TIMEOUT, response).await;
        };
        self.connections.push_back(AbortOnDropHandle::new(tokio::spawn(connection)));
    }
}

/// The response to requests that wait until a connection is free.
pub(crate) async fn busy() -> Problem {
    Problem::new(BUSY, "every connection is in use: try again in a moment")
}
