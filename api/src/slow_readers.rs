//! Clients that read a response too slowly while it holds memory: their connections are closed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{body::HttpBody, response::Response};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{request_body::BodyMinRate, response_budget::Reserved};

/// Watches how fast the client of one connection reads. Clones watch the same connection.
#[derive(Clone)]
pub(crate) struct SlowReaderWatch {
    min_rate: BodyMinRate,
    /// Bytes that were written to the connection.
    written: Arc<AtomicU64>,
    sending: watch::Sender<Option<Sending>>,
}

/// A response that is being sent.
#[derive(Clone, Copy)]
struct Sending {
    started: Instant,
    /// Bytes that were written to the connection before.
    written_before: u64,
    /// Length of its body.
    length: u64,
}

impl SlowReaderWatch {
    /// `written` counts the bytes that are written to the connection.
    pub fn new(min_rate: BodyMinRate, written: Arc<AtomicU64>) -> Self {
        SlowReaderWatch { min_rate, written, sending: watch::Sender::new(None) }
    }

    /// A request has arrived: the responses before it have been passed on.
    pub fn request_begins(&self) {
        self.set(None);
    }

    /// `response` is the response to that request.
    pub fn response_begins(&self, response: &Response) {
        let is_reserved = response.extensions().get::<Reserved>().is_some();
        let length = response.body().size_hint().exact().filter(|_| is_reserved);
        self.set(length.map(|length| Sending {
            started: Instant::now(),
            written_before: self.written.load(Ordering::Relaxed),
            length,
        }));
    }

    /// Small responses are not watched: between them, the watching task is not woken.
    fn set(&self, sending: Option<Sending>) {
        self.sending.send_if_modified(|current| {
            let is_news = sending.is_some() || current.is_some();
            *current = sending;
            is_news
        });
    }

    /// Returns when the client has read a response too slowly.
    pub async fn too_slow(&self) {
        let mut sending = self.sending.subscribe();
        loop {
            let current = *sending.borrow_and_update();
            let Some(deadline) = current.and_then(|current| self.deadline(current)) else {
                let _changed = sending.changed().await;
                continue;
            };
            if deadline <= Instant::now() {
                return;
            }
            tokio::select! {
                _ = sending.changed() => {}
                () = sleep_until(deadline) => {}
            }
        }
    }

    /// When more of the response has to be written; `None` when all of it is.
    fn deadline(&self, sending: Sending) -> Option<Instant> {
        let written = self.written.load(Ordering::Relaxed) - sending.written_before;
        let is_complete = written >= sending.length;
        self.min_rate.average_deadline(sending.started, written).filter(|_| !is_complete)
    }
}
