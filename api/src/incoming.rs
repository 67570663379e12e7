//! A body as it comes in, held to a pace, and to what a form may have beside its parts.

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

/// What a form may have beside the contents of its parts: their headers, boundaries, a preamble. A
/// buffer of the reader is in it, too.
const MAX_FRAME_BYTES: u64 = 1024 * 1024;
/// How long a refused client may go on sending before we hang up: one that has not finished sending
/// would see a broken connection instead of our answer.
pub(crate) const LINGER: Duration = Duration::from_secs(3);

/// How fast a client has to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest pause.
    pub idle: Duration,
    /// Bytes a second on average, once a pause of that length would be over.
    pub min_rate: u64,
}

impl Pace {
    /// When the next bytes must be there.
    fn deadline(&self, started: Instant, bytes: u64) -> Instant {
        let next = Instant::now() + self.idle;
        match self.min_rate {
            0 => next,
            rate => {
                let all = Duration::from_secs_f64(bytes as f64 / rate as f64);
                next.min(started + self.idle + all)
            }
        }
    }

    fn problem(&self) -> Problem {
        let Pace { idle, min_rate } = self;
        let detail = format!(
            "nothing came for {} s, or less than {min_rate} bytes a second: send the upload again",
            idle.as_secs_f64()
        );
        Problem::new(TIMEOUT, detail)
    }
}

/// The chunks of `body`, until it is too slow.
pub(crate) fn paced(
    body: BodyDataStream,
    pace: Pace,
) -> impl Stream<Item = Result<Bytes, Problem>> + Send {
    let started = Instant::now();
    try_unfold((body, 0), move |(mut body, bytes)| async move {
        let next = timeout_at(pace.deadline(started, bytes), body.next()).await;
        let chunk = next.map_err(|_| pace.problem())?.transpose();
        let chunk = chunk.map_err(|_| Problem::new(BAD_REQUEST, "the body ended too early"))?;
        // The reader of forms takes all that is there before it looks at it: let it look.
        yield_now().await;
        Ok(chunk.map(|chunk| {
            let bytes = bytes + chunk.len() as u64;
            (chunk, (body, bytes))
        }))
    })
}

/// Reads what a refused client still sends, for a while.
pub(crate) async fn read_over<E>(mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let rest = async { while let Some(Ok(_)) = body.next().await {} };
    let _hangs_up_otherwise = timeout(LINGER, rest).await;
}

/// Counts what the reader of a form holds.
#[derive(Clone, Default)]
pub(crate) struct Frame(Arc<AtomicU64>);

impl Frame {
    /// `chunks`, until too many of their bytes belong to no part.
    pub fn around<S>(&self, chunks: S) -> impl Stream<Item = Result<Bytes, Problem>> + use<S>
    where
        S: Stream<Item = Result<Bytes, Problem>>,
    {
        let held = self.0.clone();
        chunks.and_then(move |chunk| {
            let before = held.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            let detail = "the form is malformed: too many bytes belong to none of its parts";
            std::future::ready(match before > MAX_FRAME_BYTES {
                true => Err(Problem::new(BAD_REQUEST, detail)),
                false => Ok(chunk),
            })
        })
    }

    /// So many bytes were a part's.
    pub fn found(&self, bytes: usize) {
        self.0.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

/// The problem that a library wrapped into an error of its own.
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
