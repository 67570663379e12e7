//! Draws: the only path from a stored original to grids, for workers and for requests.
//!
//! It takes a permit to render, the original, permits for the memory of its pixels and samples, and
//! a blocking thread. The permits are held until that thread has ended.

use std::{
    io::{self, BufRead, Cursor, Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use asciify::{Grid, Spec};
use bytes::Bytes;
use tokio::{task::spawn_blocking, time::timeout};

use super::{MIB, Pipeline, cache::Stages};
use crate::{fault::Fault, image::Image, store::original_key};

/// Why an image was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// No permit was free in time.
    #[error("all cores are busy rendering: try again in a moment")]
    Busy,
    /// The image was deleted meanwhile.
    #[error("the image was deleted")]
    Deleted,
    /// The image is stored, and the store lacks its original.
    #[error("the original is missing in the store")]
    OriginalMissing,
    /// The engine cannot decode the image, or it exceeds a limit.
    #[error(transparent)]
    Image(asciify::Error),
    /// A decoder panicked.
    #[error("the decoder crashed on this image")]
    Crashed,
    /// `RENDER_LIMIT_S` passed.
    #[error("the render took longer than {} s", limit.as_secs_f64())]
    TooSlow {
        /// `RENDER_LIMIT_S`.
        limit: Duration,
    },
    /// The service failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Bytes that a decoder gets at a time. A decompression bomb makes a few million pixels of them.
const CHUNK_BYTES: usize = 4096;

/// Sets its flag when it is dropped, which cancels the render.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Pipeline {
    /// One grid per spec, in their order. `max_wait` limits the wait for each kind of permit.
    /// Dropping the future cancels the render.
    pub(super) async fn draw(
        &self,
        image: &Image,
        specs: Vec<Spec>,
        max_wait: Option<Duration>,
    ) -> Result<(Vec<Grid>, Stages), DrawError> {
        let mut stopwatch = Stopwatch::start();
        let max_wait = max_wait.unwrap_or(Duration::MAX);
        let render = self.0.render_permits.clone().acquire_owned();
        let render = timeout(max_wait, render).await.map_err(|_| DrawError::Busy)?;
        stopwatch.lap("wait");

        let key = original_key(image.id, image.attempt);
        let Some(original) = self.store().get(&key).await? else {
            return Err(self.explain_missing_original(image).await?);
        };
        stopwatch.lap("load");

        let limits = self.config().limits.clone();
        let (file, allowed) = (Cursor::new(original.clone()), limits.clone());
        let probed = spawn_blocking(move || asciify::probe(file, &allowed)).await;
        let header = probed.map_err(|_| DrawError::Crashed)?.map_err(verdict)?;
        specs.iter().try_for_each(|spec| header.offers(spec)).map_err(verdict)?;
        let working = specs.iter().map(|spec| spec.working_bytes(header.width, header.height));
        // the header describes the first page only
        let decoded = match specs.iter().any(|spec| spec.frame() > 0) {
            true => limits.max_decoded_bytes,
            false => header.decoded_bytes,
        };
        let bytes = decoded.saturating_add(working.sum::<u64>());
        let mib = memory_mib(bytes, self.config().render_memory_mib)?;
        let memory = self.0.memory_permits.clone().acquire_many_owned(mib);
        let memory = timeout(max_wait, memory).await.map_err(|_| DrawError::Busy)?;
        stopwatch.lap("memory");

        let flag = Arc::new(AtomicBool::new(false));
        let _cancel = CancelOnDrop(flag.clone());
        let work = spawn_blocking(move || {
            let _permits = (render, memory);
            asciify::render(Source { bytes: Cursor::new(original), flag }, &specs, &limits)
        });
        let limit = self.config().render_limit;
        let drawn = timeout(limit, work).await.map_err(|_| DrawError::TooSlow { limit })?;
        let grids = drawn.map_err(|_| DrawError::Crashed)?.map_err(verdict)?;
        stopwatch.lap("render");
        Ok((grids, stopwatch.stages))
    }

    /// Why the store has no original of an image that the catalog had a moment ago: the image was
    /// deleted, or the store lost it.
    ///
    /// # Errors
    /// The database is unavailable.
    pub(super) async fn explain_missing_original(&self, image: &Image) -> Result<DrawError, Fault> {
        if self.catalog().image(image.id).await?.is_none() {
            return Ok(DrawError::Deleted);
        }
        tracing::error!(image = %image.id, "an original is missing in the store");
        metrics::counter!("planet_missing_blobs_total", "kind" => "original").increment(1);
        Ok(DrawError::OriginalMissing)
    }
}

/// `bytes` in whole MiB, at least 1.
///
/// # Errors
/// They are more than `max_mib`, which no wait can free.
fn memory_mib(bytes: u64, max_mib: u32) -> Result<u32, DrawError> {
    let what = "bytes when decoded and drawn at that size";
    let max = u64::from(max_mib) * MIB;
    match bytes <= max {
        true => Ok((bytes.div_ceil(MIB) as u32).max(1)),
        false => Err(DrawError::Image(asciify::Error::OverLimit { what, is: bytes, max })),
    }
}

fn verdict(err: asciify::Error) -> DrawError {
    match err {
        // the bytes are in memory: a read fails only when the render was cancelled
        asciify::Error::Read(err) => Fault::new("read an original", err).into(),
        verdict => DrawError::Image(verdict),
    }
}

struct Stopwatch {
    last: Instant,
    stages: Stages,
}

impl Stopwatch {
    fn start() -> Self {
        Stopwatch { last: Instant::now(), stages: Vec::new() }
    }

    fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let took = now - self.last;
        self.last = now;
        self.stages.push((stage, took));
        metrics::histogram!("planet_render_seconds", "stage" => stage).record(took.as_secs_f64());
    }
}

/// The original's bytes, until the flag is set: a decoder cannot be cancelled, but its next read
/// can fail. So it gets few bytes at a time.
struct Source {
    bytes: Cursor<Bytes>,
    flag: Arc<AtomicBool>,
}

impl Source {
    fn check_cancelled(&self) -> io::Result<()> {
        match self.flag.load(Ordering::Relaxed) {
            true => Err(io::Error::new(io::ErrorKind::TimedOut, "the render was cancelled")),
            false => Ok(()),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.check_cancelled()?;
        self.bytes.read(buf)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check_cancelled()?;
        let rest = self.bytes.fill_buf()?;
        Ok(&rest[..rest.len().min(CHUNK_BYTES)])
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
    }
}

impl Seek for Source {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.check_cancelled()?;
        self.bytes.seek(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_render_reads_no_further() {
        let (bytes, flag) = (Bytes::from(vec![7; 100_000]), Arc::<AtomicBool>::default());
        let mut source = Source { bytes: Cursor::new(bytes), flag: flag.clone() };
        let got = source.fill_buf().unwrap().len();
        assert_eq!(got, CHUNK_BYTES);
        source.consume(got);
        source.read_exact(&mut [0; 50_000]).unwrap();
        drop(CancelOnDrop(flag));
        assert!(source.fill_buf().is_err());
        assert!(source.read(&mut [0]).is_err());
        assert!(source.seek(SeekFrom::Start(0)).is_err());
    }
}
