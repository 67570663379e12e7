//! What holds for request bodies: a minimum rate, the overhead of a form, and that the rest of a body
//! that a handler does not read is read all the same.

use std::{
    error::Error,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, HttpBody},
    extract::Request,
    http::{StatusCode, header, request::Parts},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream::try_unfold};
use hyper::body::{Frame, SizeHint};
use tokio::{
    sync::oneshot,
    task::yield_now,
    time::{Instant, timeout, timeout_at},
};

use crate::problem::{BAD_REQUEST, Problem, TIMEOUT};

/// Bytes of a form outside the contents of its parts: part headers, boundaries, a preamble.
/// Includes one buffer of the multipart reader.
const MAX_FORM_OVERHEAD_BYTES: u64 = 1024 * 1024;
/// How long the rest of a refused request is read before the connection is closed. A client that is
/// still sending would otherwise see a broken connection instead of the response.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(3);

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

/// Set by a reader that gives up on a client: the rest of the body is not read.
#[derive(Clone, Default)]
pub(crate) struct GivenUp(Arc<AtomicBool>);

/// What a handler leaves of a request's body.
pub(crate) struct Rest {
    returned: oneshot::Receiver<(Body, bool)>,
    expects_continue: bool,
    given_up: GivenUp,
}

impl Rest {
    /// The rest of the body of `request`, which is handled next; `None` if it has no body.
    pub fn of(request: &mut Request) -> Option<Self> {
        if request.body().is_end_stream() {
            return None;
        }
        let expects_continue = request.headers().contains_key(header::EXPECT);
        let (unread, returned) = oneshot::channel();
        let body = std::mem::take(request.body_mut());
        let body = Returned { body, is_begun: false, unread: Some(unread) };
        *request.body_mut() = Body::new(body);
        let given_up = GivenUp::default();
        request.extensions_mut().insert(given_up.clone());
        Some(Rest { returned, expects_continue, given_up })
    }

    /// Reads it, for [`DISCARD_TIMEOUT`] at most, once there is a response of `status`.
    pub async fn discard(mut self, status: StatusCode) {
        if let Ok((body, is_begun)) = self.returned.try_recv()
            // with `Expect: 100-continue`, the client sends the body once the first of it is read
            && (is_begun || !self.expects_continue)
            && !self.given_up.0.load(Ordering::Relaxed)
            // who was too slow for an upload is too slow here
            && status != StatusCode::REQUEST_TIMEOUT
        {
            let mut rest = body.into_data_stream();
            let rest = async { while let Some(Ok(_)) = rest.next().await {} };
            let _closed_in_any_case = timeout(DISCARD_TIMEOUT, rest).await;
        }
    }
}

/// A body that is returned when its reader drops it before its end.
struct Returned {
    body: Body,
    is_begun: bool,
    /// Takes the body, and whether its reader began with it.
    unread: Option<oneshot::Sender<(Body, bool)>>,
}

impl HttpBody for Returned {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_begun = true;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.unread = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Returned {
    fn drop(&mut self) {
        if let Some(unread) = self.unread.take() {
            let body = std::mem::take(&mut self.body);
            // the client is gone if the middleware is
            let _ignored = unread.send((body, self.is_begun));
        }
    }
}

/// Counts the bytes of a form that belong to no part. Clones share the count.
#[derive(Clone)]
pub(crate) struct FormOverhead {
    bytes: Arc<AtomicU64>,
    given_up: GivenUp,
}

impl FormOverhead {
    /// That of a form with this head.
    pub fn of(head: &Parts) -> Self {
        let given_up = head.extensions.get::<GivenUp>().cloned().unwrap_or_default();
        FormOverhead { bytes: Arc::default(), given_up }
    }

    /// Counts `chunks`. The stream fails with 400 when the overhead is over its limit.
    pub fn limit<S>(&self, chunks: S) -> impl Stream<Item = Result<Bytes, Problem>> + use<S>
    where
        S: Stream<Item = Result<Bytes, Problem>>,
    {
        let FormOverhead { bytes, given_up } = self.clone();
        chunks.and_then(move |chunk| {
            let before = bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            let detail = "the form is malformed: too many bytes belong to none of its parts";
            std::future::ready(match before > MAX_FORM_OVERHEAD_BYTES {
                true => {
                    given_up.0.store(true, Ordering::Relaxed);
                    Err(Problem::new(BAD_REQUEST, detail))
                }
                false => Ok(chunk),
            })
        })
    }

    /// Subtracts `bytes` bytes, which were the content of a part.
    pub fn exclude(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
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
