//! A response body that is written in chunks, within the response budget.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::CancellationToken;

use crate::{
    problem::{BUSY, Problem},
    response_budget::{Reservation, ResponseBudget},
};

/// Length of a chunk, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Collects what is written. Each chunk is reserved before it is allocated; writing fails when the
/// budget is used up, or when the client has gone.
pub(crate) struct ResponseWriter {
    budget: ResponseBudget,
    /// Memory that writing takes beside the chunks.
    working: Reservation,
    reservation: Reservation,
    /// All but the last are full.
    chunks: Vec<Vec<u8>>,
    /// Cancelled when the client has gone.
    gone: CancellationToken,
    problem: Option<Problem>,
}

impl ResponseWriter {
    /// `working` is held until everything is written. Writing stops when `gone` is cancelled.
    pub fn new(budget: ResponseBudget, working: Reservation, gone: CancellationToken) -> Self {
        let reservation = budget.empty();
        ResponseWriter { budget, working, reservation, chunks: Vec::new(), gone, problem: None }
    }

    /// The chunks, and their reservation; `written` is the result of writing.
    ///
    /// # Errors
    /// See [`ResponseBudget::reserve`].
    pub fn finish(self, written: io::Result<()>) -> Result<(Vec<Bytes>, Reservation), Problem> {
        let ResponseWriter { mut reservation, mut chunks, problem, .. } = self;
        if let Err(err) = written {
            return Err(problem.unwrap_or_else(|| {
                tracing::error!("could not write a response: {err}");
                Problem::bug()
            }));
        }
        if let Some(last) = chunks.last_mut() {
            last.shrink_to_fit();
        }
        reservation.resize(chunks.iter().map(Vec::len).sum())?;
        Ok((chunks.into_iter().map(Bytes::from).collect(), reservation))
    }

    fn start_chunk(&mut self) -> Result<(), Problem> {
        if self.gone.is_cancelled() {
            return Err(Problem::new(BUSY, "the client closed the connection"));
        }
        let bytes = self.reservation.bytes() + CHUNK_BYTES;
        self.budget.check_size(self.working.bytes() + bytes)?;
        self.reservation.resize(bytes)?;
        self.chunks.push(Vec::with_capacity(CHUNK_BYTES));
        Ok(())
    }
}

impl Write for ResponseWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let refused = || io::Error::other("there is no memory for this response");
        // encoders may write after an error, when they are dropped
        if self.problem.is_some() {
            return Err(refused());
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_BYTES)
            && let Err(problem) = self.start_chunk()
        {
            self.problem = Some(problem);
            return Err(refused());
        }
        let Some(chunk) = self.chunks.last_mut() else { return Ok(0) };
        let fitting = bytes.len().min(CHUNK_BYTES - chunk.len());
        chunk.extend_from_slice(&bytes[..fitting]);
        Ok(fitting)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body of known length. Each chunk returns its memory to the budget once it is sent.
pub(crate) struct ChunkedBody {
    chunks: VecDeque<Bytes>,
    /// Bytes in `chunks`.
    length: u64,
}

impl ChunkedBody {
    /// The body with these chunks, which `reservation` is for.
    pub fn new(chunks: impl Iterator<Item = Bytes>, mut reservation: Reservation) -> Self {
        let length = reservation.bytes() as u64;
        let chunks = chunks.map(|chunk| reservation.split(chunk.len()).attach(chunk)).collect();
        ChunkedBody { chunks, length }
    }
}

impl HttpBody for ChunkedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        self.length -= chunk.as_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn writer(budget: &ResponseBudget, gone: &CancellationToken) -> ResponseWriter {
        let working = budget.reserve(1000).ok().unwrap();
        ResponseWriter::new(budget.clone(), working, gone.clone())
    }

    fn next(body: &mut ChunkedBody) -> Option<Bytes> {
        let frame = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
        match frame {
            Poll::Ready(frame) => frame.and_then(|frame| frame.ok()?.into_data().ok()),
            Poll::Pending => panic!("chunks are always ready"),
        }
    }

    #[test]
    fn a_body_takes_what_it_has_left_to_send() {
        let budget = ResponseBudget::new(2);
        let mut writer = writer(&budget, &CancellationToken::new());
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * CHUNK_BYTES + 10).collect();
        let written = bytes.chunks(1000).try_for_each(|part| writer.write_all(part));
        assert_eq!(budget.used_bytes(), 1000 + 4 * CHUNK_BYTES);
        let (chunks, reservation) = writer.finish(written).ok().unwrap();
        let mut body = ChunkedBody::new(chunks.into_iter(), reservation);
        let mut sent = Vec::new();
        loop {
            let left = bytes.len() - sent.len();
            assert_eq!(budget.used_bytes(), left);
            assert_eq!(body.size_hint().exact(), Some(left as u64));
            let Some(chunk) = next(&mut body) else { break };
            assert_eq!(budget.used_bytes(), left);
            sent.extend_from_slice(&chunk);
        }
        assert!(sent == bytes);
    }

    #[test]
    fn a_body_that_exceeds_the_budget_is_refused_and_returns_its_memory() {
        let budget = ResponseBudget::new(2);
        let mut writer = writer(&budget, &CancellationToken::new());
        let written = (0..40).try_for_each(|_| writer.write_all(&[0; CHUNK_BYTES]));
        assert!(writer.write(&[0]).is_err());
        let problem = writer.finish(written).err().unwrap().to_string();
        assert!(problem.contains("1.0 MiB"), "{problem}");
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn nothing_is_written_for_a_client_that_has_gone() {
        let (budget, gone) = (ResponseBudget::new(2), CancellationToken::new());
        let mut writer = writer(&budget, &gone);
        assert!(writer.write_all(&[0; CHUNK_BYTES]).is_ok());
        gone.cancel();
        assert!(writer.write_all(&[0]).is_err());
    }
}
