//! Connections beyond `MAX_CONNECTIONS`: each is told at once to come again, and closed.
//!
//! They get a little time and no keep-alive, and only so many at once: a flood of them holds nothing.

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
    incoming::read_over,
    observe::observe,
    problem::{BUSY, Problem},
};

/// So many are told at the same time; on those beyond, we hang up.
const AT_ONCE: usize = 64;
/// How long a client may take to ask and to hear the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answer to everybody for whom there is no room.
pub(crate) struct Surplus {
    http: http1::Builder,
    service: TowerToHyperService<Router>,
    slots: Arc<Semaphore>,
}

impl Surplus {
    /// `http` is how requests are read everywhere.
    pub fn new(http: &http1::Builder) -> Self {
        let mut http = http.clone();
        http.keep_alive(false).header_read_timeout(PATIENCE);
        let service = Router::new().fallback(refuse).layer(from_fn(observe));
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        Surplus { http, service: TowerToHyperService::new(service), slots }
    }

    /// Tells the client so, beside everything else.
    pub fn tell(&self, stream: TcpStream) {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else { return };
        let answer = self.http.serve_connection(TokioIo::new(stream), self.service.clone());
        tokio::spawn(async move {
            let _hangs_up_otherwise = timeout(PATIENCE, answer).await;
            drop(slot);
        });
    }
}

async fn refuse(headers: HeaderMap, request: Request) -> Problem {
    // A client that asks first has sent nothing yet.
    if !headers.contains_key(header::EXPECT) {
        read_over(pin!(request.into_body().into_data_stream())).await;
    }
    Problem::new(BUSY, "every connection is taken: try again in a moment")
}
