//! Connections beyond `MAX_CONNECTIONS`: each gets a 503 response and is closed.
//!
//! They get a short timeout and no keep-alive, and their number is limited too, so that a flood of
//! connections holds no resources.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, header},
    middleware::from_fn,
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};

use crate::{
    problem::{BUSY, Problem},
    request_body::discard_body,
    request_log::log_request,
};

/// Connections that get a 503 at the same time; further ones are closed without a response.
const MAX_REFUSING: usize = 64;
/// How long a refused client may take to send its request and to read the response.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Refuses connections while the server is overloaded.
pub(crate) struct Overload {
    http: http1::Builder,
    service: TowerToHyperService<Router>,
    permits: Arc<Semaphore>,
}

impl Overload {
    /// `http` is the configuration of all connections.
    pub fn new(http: &http1::Builder) -> Self {
        let mut http = http.clone();
        http.keep_alive(false).header_read_timeout(REFUSAL_TIMEOUT);
        let service = Router::new().fallback(busy).layer(from_fn(log_request));
        let permits = Arc::new(Semaphore::new(MAX_REFUSING));
        Overload { http, service: TowerToHyperService::new(service), permits }
    }

    /// Responds to one request of `stream` with 503, in a task of its own.
    pub fn refuse(&self, stream: TcpStream) {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else { return };
        let response = self.http.serve_connection(TokioIo::new(stream), self.service.clone());
        tokio::spawn(async move {
            let _closed_in_any_case = timeout(REFUSAL_TIMEOUT, response).await;
            drop(permit);
        });
    }
}

async fn busy(headers: HeaderMap, request: Request) -> Problem {
    // with `Expect: 100-continue`, the client has not sent its body yet
    if !headers.contains_key(header::EXPECT) {
        discard_body(pin!(request.into_body().into_data_stream())).await;
    }
    Problem::new(BUSY, "every connection is in use: try again in a moment")
}
