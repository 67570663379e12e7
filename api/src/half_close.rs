//! Clients that close their side of the connection after a request (a half-closed connection,
//! RFC 9293 section 3.6), as `printf … | nc` does.
//!
//! The server cannot tell them from clients that have gone, so the end of what they send is
//! reported late: they get a response that begins in time, and one that cannot be received stops soon.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Instant, Sleep, sleep},
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// Reads what a client sends. While a response is outstanding, the end is reported only when nothing
/// has been written for `grace`.
pub(crate) struct DelayedEof<R> {
    reader: R,
    /// Responses that are not sent yet.
    responses: TaskTracker,
    /// Bytes that were written to the connection.
    written: Arc<AtomicU64>,
    grace: Duration,
    /// Set at the end: when to report it, and the bytes that were written before.
    end: Option<(Pin<Box<Sleep>>, u64)>,
}

impl<R> DelayedEof<R> {
    pub fn new(
        reader: R,
        responses: TaskTracker,
        written: Arc<AtomicU64>,
        grace: Duration,
    ) -> Self {
        DelayedEof { reader, responses, written, grace, end: None }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for DelayedEof<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.end.is_none() {
            let filled = buf.filled().len();
            ready!(Pin::new(&mut this.reader).poll_read(cx, buf))?;
            if buf.filled().len() > filled {
                return Poll::Ready(Ok(()));
            }
        }
        let written = this.written.load(Ordering::Relaxed);
        let (timer, written_before) =
            this.end.get_or_insert_with(|| (Box::pin(sleep(this.grace)), written));
        while !this.responses.is_empty() {
            ready!(timer.as_mut().poll(cx));
            let written = this.written.load(Ordering::Relaxed);
            if written == *written_before {
                break;
            }
            *written_before = written;
            timer.as_mut().reset(Instant::now() + this.grace);
        }
        Poll::Ready(Ok(()))
    }
}

/// The body of a response that is outstanding until the body is sent or dropped.
pub(crate) struct OutstandingBody {
    pub body: Body,
    pub _outstanding: TaskTrackerToken,
}

impl HttpBody for OutstandingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
