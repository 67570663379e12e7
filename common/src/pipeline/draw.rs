//! Draws: the one path from a stored original to grids, for workers and readers alike.
//!
//! A permit a core, then the original, then memory for its pixels and samples, then a blocking thread. Permits
//! are held until that thread has really ended.

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

use super::{MIB, Pipeline};
use crate::{fault::Fault, image::Image, store::original_key};

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// Nothing was free in time.
    #[error("every core is busy rendering: try again in a moment")]
    Busy,
    /// The image was deleted meanwhile.
    #[error("the image was deleted")]
    Deleted,
    /// The row says stored, and the store has nothing.
    #[error("the original is missing in the store")]
    OriginalMissing,
    /// The engine's verdict.
    #[error(transparent)]
    Image(asciify::Error),
    /// A decoder panicked.
    #[error("the image made its decoder fail")]
    Crashed,
    /// `RENDER_LIMIT_S` passed.
    #[error("the render took longer than {} s", limit.as_secs_f64())]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// Ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Bytes that a decoder gets at a time.
const MORSEL: usize = 4096;

/// How long each stage took, by name.
pub type Stages = Vec<(&'static str, Duration)>;

/// Sets its flag when it is dropped: whoever waited is gone, or stopped waiting.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Pipeline {
    /// One grid a spec. `patience` bounds the wait for permits; dropping the future stops the work.
    pub(super) async fn draw(
        &self,
        image: &Image,
        specs: Vec<Spec>,
        patience: Option<Duration>,
    ) -> Result<(Vec<Grid>, Stages), DrawError> {
        let mut watch = Watch::start();
        let patience = patience.unwrap_or(Duration::MAX);
        let (cores, memory) = (self.0.cores.clone(), self.0.memory.clone());
        let core = timeout(patience, cores.acquire_owned()).await.map_err(|_| DrawError::Busy)?;
        watch.lap("wait");

        let key = original_key(image.id, image.attempt);
        let Some(original) = self.store().get(&key).await? else {
            return Err(self.explain_lack(image).await?);
        };
        watch.lap("load");

        let limits = self.config().limits.clone();
        let (file, allowed) = (Cursor::new(original.clone()), limits.clone());
        let probed = spawn_blocking(move || asciify::probe(file, &allowed)).await;
        let header = probed.map_err(|_| DrawError::Crashed)?.map_err(verdict)?;
        specs.iter().try_for_each(|spec| header.offers(spec)).map_err(verdict)?;
        let working = specs.iter().map(|spec| spec.working_bytes(header.width, header.height));
        // the header speaks of the first page
        let decoded = match specs.iter().any(|spec| spec.frame() > 0) {
            true => limits.max_decoded_bytes,
            false => header.decoded_bytes,
        };
        let bytes = decoded.saturating_add(working.sum::<u64>());
        let room = admit(bytes, self.config().render_memory_mib)?;
        let memory = timeout(patience, memory.acquire_many_owned(room)).await;
        let memory = memory.map_err(|_| DrawError::Busy)?;
        watch.lap("memory");

        let flag = Arc::new(AtomicBool::new(false));
        let _cancel = Cancel(flag.clone());
        let work = spawn_blocking(move || {
            let _permits = (core, memory);
            asciify::render(Source { bytes: Cursor::new(original), flag }, &specs, &limits)
        });
        let limit = self.config().render_limit;
        let drawn = timeout(limit, work).await.map_err(|_| DrawError::TooSlow { limit })?;
        let grids = drawn.map_err(|_| DrawError::Crashed)?.map_err(verdict)?;
        watch.lap("render");
        Ok((grids, watch.stages))
    }

    /// Why the store has no original of an image that was stored a moment ago: it was deleted, or the store lost it.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn explain_lack(&self, image: &Image) -> Result<DrawError, Fault> {
        if self.catalog().image(image.id).await?.is_none() {
            return Ok(DrawError::Deleted);
        }
        tracing::error!(image = %image.id, "the original of a stored image is missing in the store");
        metrics::counter!("planet_missing_blobs_total", "kind" => "original").increment(1);
        Ok(DrawError::OriginalMissing)
    }
}

/// So many MiB; more than there is at all would be taken from nowhere.
fn admit(bytes: u64, all_mib: u32) -> Result<u32, DrawError> {
    let what = "bytes when decoded and drawn at that size";
    let max = u64::from(all_mib) * MIB;
    match bytes <= max {
        true => Ok((bytes.div_ceil(MIB) as u32).max(1)),
        false => Err(DrawError::Image(asciify::Error::OverLimit { what, is: bytes, max })),
    }
}

fn verdict(err: asciify::Error) -> DrawError {
    match err {
        // the bytes are in memory: only the flag fails a read, and then nobody hears this
        asciify::Error::Read(err) => Fault::new("read an original", err).into(),
        verdict => DrawError::Image(verdict),
    }
}

struct Watch {
    last: Instant,
    stages: Stages,
}

impl Watch {
    fn start() -> Self {
        Watch { last: Instant::now(), stages: Vec::new() }
    }

    fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let took = now - self.last;
        self.last = now;
        self.stages.push((stage, took));
        metrics::histogram!("planet_render_seconds", "stage" => stage).record(took.as_secs_f64());
    }
}

/// The original's bytes, until the flag says that nobody wants the result any more: decoders cannot
/// be stopped, but they can be starved. So they get a little at a time, from which a bomb makes a few
/// million pixels at most.
struct Source {
    bytes: Cursor<Bytes>,
    flag: Arc<AtomicBool>,
}

impl Source {
    fn wanted(&self) -> io::Result<()> {
        match self.flag.load(Ordering::Relaxed) {
            true => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody waits any more")),
            false => Ok(()),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.wanted()?;
        self.bytes.read(buf)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.wanted()?;
        let rest = self.bytes.fill_buf()?;
        Ok(&rest[..rest.len().min(MORSEL)])
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
    }
}

impl Seek for Source {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.wanted()?;
        self.bytes.seek(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_is_read_no_further() {
        let (bytes, flag) = (Bytes::from(vec![7; 100_000]), Arc::<AtomicBool>::default());
        let mut source = Source { bytes: Cursor::new(bytes), flag: flag.clone() };
        let got = source.fill_buf().unwrap().len();
        assert_eq!(got, MORSEL);
        source.consume(got);
        source.read_exact(&mut [0; 50_000]).unwrap();
        drop(Cancel(flag));
        assert!(source.fill_buf().is_err());
        assert!(source.read(&mut [0]).is_err());
        assert!(source.seek(SeekFrom::Start(0)).is_err());
    }
}
