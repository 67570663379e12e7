//! Limits of a request body while it is received: a minimum rate, and the overhead of a form.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::body::BodyDataStream;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream::try_unfold};
use tokio::{
    task::yield_now,
    time::{Instant, timeout, timeout_at},
};

use crate::problem::{BAD_REQUEST, Problem, TIMEOUT};

/// Bytes of a form outside the contents of its parts: part headers, boundaries, a preamble.
/// Includes one buffer of the multipart reader.
const MAX_FORM_OVERHEAD_BYTES: u64 = 1024 * 1024;
/// How long the rest of a refused request is read before the connection is closed. A client that is
/// still sending would otherwise see a broken connection instead of the response.
pub(crate) const DISCARD_TIMEOUT: Duration = Duration::from_secs(3);

/// How fast a client has to send an upload, or to read a response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyMinRate {
    /// The longest pause.
    pub idle_timeout: Duration,
    /// Average rate since the start of the body, after a first grace period of `idle_timeout`; 0 is
    /// no minimum.
    pub bytes_per_s: u64,
}

impl BodyMinRate {
    /// When the next chunk has to arrive, `bytes` bytes after `started`.
    fn deadline(&self, started: Instant, bytes: u64) -> Instant {
        let next = Instant::now() + self.idle_timeout;
        self.average_deadline(started, bytes).map_or(next, |average| next.min(average))
    }

    /// Until when `bytes` bytes after `started` reach the average rate; `None` when there is no
    /// minimum.
    pub fn average_deadline(&self, started: Instant, bytes: u64) -> Option<Instant> {
        let rate = Some(self.bytes_per_s).filter(|rate| *rate > 0)?;
        let all = Duration::from_secs_f64(bytes as f64 / rate as f64);
        Some(started + self.idle_timeout + all)
    }

    fn problem(&self) -> Problem {
        let BodyMinRate { idle_timeout, bytes_per_s } = self;
        let detail = format!(
            "no data for {} s, or less than {bytes_per_s} bytes a second: send the upload again",
            idle_timeout.as_secs_f64()
        );
        Problem::new(TIMEOUT, detail)
    }
}

/// The chunks of `body`. The stream fails with 408 when the body is slower than `min_rate`, and
/// with 400 when it ends early.
pub(crate) fn with_min_rate(
    body: BodyDataStream,
    min_rate: BodyMinRate,
) -> impl Stream<Item = Result<Bytes, Problem>> + Send {
    let started = Instant::now();
    try_unfold((body, 0), move |(mut body, bytes)| async move {
        let next = timeout_at(min_rate.deadline(started, bytes), body.next()).await;
        let chunk = next.map_err(|_| min_rate.problem())?.transpose();
        let chunk = chunk.map_err(|_| Problem::new(BAD_REQUEST, "the body ended too early"))?;
        // The multipart reader buffers every chunk that is ready before it parses one: yield, so
        // that it parses this one first.
        yield_now().await;
        Ok(chunk.map(|chunk| {
            let bytes = bytes + chunk.len() as u64;
            (chunk, (body, bytes))
        }))
    })
}

/// Reads and discards the rest of a refused request's body, for [`DISCARD_TIMEOUT`] at most.
pub(crate) async fn discard_body<E>(mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let rest = async { while let Some(Ok(_)) = body.next().await {} };
    let _closed_in_any_case = timeout(DISCARD_TIMEOUT, rest).await;
}

/// Counts the bytes of a form that belong to no part. Clones share the count.
#[derive(Clone, Default)]
pub(crate) struct FormOverhead(Arc<AtomicU64>);

impl FormOverhead {
    /// Counts `chunks`. The stream fails with 400 when the overhead is over its limit.
    pub fn limit<S>(&self, chunks: S) -> impl Stream<Item = Result<Bytes, Problem>> + use<S>
    where
        S: Stream<Item = Result<Bytes, Problem>>,
    {
        let count = self.0.clone();
        chunks.and_then(move |chunk| {
            let before = count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            let detail = "the form is malformed: too many bytes belong to none of its parts";
            std::future::ready(match before > MAX_FORM_OVERHEAD_BYTES {
                true => Err(Problem::new(BAD_REQUEST, detail)),
                false => Ok(chunk),
            })
        })
    }

    /// Subtracts `bytes` bytes, which were the content of a part.
    pub fn exclude(&self, bytes: usize) {
        self.0.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

/// The problem among the sources of `err`, where a library wrapped it.
pub(crate) fn problem_in(err: &(dyn Error + 'static)) -> Option<Problem> {
    let mut cause = Some(err);
    while let Some(err) = cause {
        if let Some(problem) = err.downcast_ref::<Problem>() {
            return Some(problem.clone());
        }
        cause = err.source();
    }
    None
}
