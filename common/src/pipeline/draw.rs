//! Draws: the only path from a stored original to texts, for workers and for requests.
//!
//! It takes permits for what is held of the original, the start of the original, permits for the
//! memory of its pixels and samples, a permit for a core, and a blocking thread, which reads the rest
//! of the original by ranges. So no core waits for the store for most originals, which are small. The
//! permits are held until that thread has ended, which is soon when nothing waits for its texts any
//! more.

use std::time::{Duration, Instant};

use asciify::{Limits, ReadSeek, Spec, write};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{MIB, Pipeline, cache::Stages};
use crate::{
    fault::Fault,
    image::Image,
    job::Claim,
    store::{BlobReader, ObjectMissing, Reading, StoreWaits, original_key},
    trace::Steps,
};

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

/// A finished drawing.
pub(super) struct Drawing {
    /// Rows of characters, as [`write::ansi`] writes them.
    pub(super) text: String,
    pub(super) columns: u32,
    pub(super) rows: u32,
}

/// For whom an image is drawn.
pub(super) enum Purpose<'a> {
    /// A job, which waits for permits as long as its claim holds.
    Job(&'a Claim),
    /// A request, which waits this long for each kind of permit.
    Request {
        /// `RENDER_WAIT_S`.
        max_wait: Duration,
    },
}

/// Bytes of an original that are loaded together, whatever of it is read.
const SMALL_BYTES: u64 = 1 << 20;

/// An original that is read by ranges.
pub(super) struct Original {
    /// The permits for what the reader holds.
    pub room: OwnedSemaphorePermit,
    pub reader: BlobReader,
    /// Reads fail once this is cancelled.
    pub cancelled: CancellationToken,
    pub waits: StoreWaits,
}

/// Counts as a running render until it is dropped.
struct RunningRender(metrics::Gauge);

impl RunningRender {
    fn new() -> Self {
        let gauge = metrics::gauge!("planet_running_renders");
        gauge.increment(1.0);
        RunningRender(gauge)
    }
}

impl Drop for RunningRender {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Counts as memory for renders until it is dropped.
struct ReservedMemory(metrics::Gauge, f64);

impl ReservedMemory {
    fn new(mib: u32) -> Self {
        let reserved = ReservedMemory(
            metrics::gauge!("planet_render_memory_bytes"),
            f64::from(mib) * MIB as f64,
        );
        reserved.0.increment(reserved.1);
        reserved
    }
}

impl Drop for ReservedMemory {
    fn drop(&mut self) {
        self.0.decrement(self.1);
    }
}

impl Pipeline {
    /// One drawing per spec, in their order. Dropping the future cancels the render.
    pub(super) async fn draw(
        &self,
        image: &Image,
        specs: Vec<Spec>,
        purpose: Purpose<'_>,
    ) -> Result<(Vec<Drawing>, Stages), DrawError> {
        let mut stopwatch = Stopwatch::start();
        let max_wait = match purpose {
            Purpose::Job(_) => Duration::MAX,
            Purpose::Request { max_wait } => max_wait,
        };
        let config = self.config();
        // jobs of large images wait behind each other, so that others wait behind few of them
        let large = match purpose {
            Purpose::Job(_) if self.is_large(image) => {
                Some(self.0.large_permits.clone().acquire_owned().await)
            }
            _ => None,
        };
        let Original { room, reader: mut file, cancelled, waits } =
            self.open_original(image, max_wait, &mut stopwatch).await?;

        // A job waits behind other jobs here, so that a request waits behind few of them below.
        let turn = match purpose {
            Purpose::Job(claim) => {
                let turn = self.0.job_permits.clone().acquire_owned().await;
                // a claim that was lost cannot finish the job
                self.catalog().count_strike(claim).await?;
                Some(turn)
            }
            Purpose::Request { .. } => None,
        };
        let limits = config.limits.clone();
        let probe = move || {
            let header = asciify::probe_header(&mut file, &limits);
            header.map(|header| (header, file, limits))
        };
        let probed = spawn_blocking(probe).await.map_err(|_| DrawError::Crashed)?;
        let (header, file, limits) = self.explained(image, probed.map_err(verdict)).await?;
        specs.iter().try_for_each(|spec| header.offers(spec)).map_err(verdict)?;
        let working = specs.iter().map(|spec| spec.working_bytes(header.width, header.height));
        // the header describes the first page only
        let decoded = match specs.iter().any(|spec| spec.frame() > 0) {
            true => limits.max_decoded_bytes,
            false => specs.iter().map(|it| header.decoded_bytes_for(it)).max().unwrap_or(0),
        };
        let bytes = decoded.saturating_add(working.sum::<u64>());
        let permits = self.wait_for_core(bytes, max_wait, &mut stopwatch).await?;
        let held = (large, room, turn, permits);
        let work = move |is_cancelled: &dyn Fn() -> bool| {
            let _held_to_the_end = held;
            draw_unless(file, &specs, &limits, is_cancelled)
        };
        let drawings = self.run(work, &cancelled, &waits).await;
        let drawings = self.explained(image, drawings).await?;
        stopwatch.lap("render");
        let pixels = u64::from(header.width) * u64::from(header.height);
        metrics::counter!("planet_drawn_pixels_total", "format" => header.format.name())
            .increment(pixels);
        Ok((drawings, stopwatch.stages))
    }

    /// Opens the original of an image for a decoder. What the decoder reads in any case is loaded:
    /// all of a small file, and much of one of a format that is read from its beginning to its end.
    pub(super) async fn open_original(
        &self,
        image: &Image,
        max_wait: Duration,
        stopwatch: &mut Stopwatch,
    ) -> Result<Original, DrawError> {
        let readers = &self.0.originals;
        let length = image.metadata.bytes;
        let mib = whole_mib(readers.bytes_for(length)).min(self.config().readers_memory_mib());
        let room = self.0.original_permits.clone();
        let room = timeout(max_wait, room.acquire_many_owned(mib)).await;
        let room = room.map_err(|_| DrawError::Busy)?.expect("the semaphore is never closed");
        stopwatch.lap("room");
        let format = asciify::format_of_media_type(&image.metadata.media_type);
        let start = match format.is_some_and(|format| format.is_read_in_parts()) {
            true if length > SMALL_BYTES => 0,
            _ => length,
        };
        let (cancelled, waits) = (CancellationToken::new(), StoreWaits::default());
        let reading =
            Reading { was_probed: true, start, cancelled: cancelled.clone(), waits: waits.clone() };
        let key = original_key(image.id, image.attempt);
        let Some(reader) = readers.open(&key, length, reading).await? else {
            return Err(self.explain_missing_original(image).await?);
        };
        stopwatch.lap("load");
        Ok(Original { room, reader, cancelled, waits })
    }

    /// Waits for `bytes` of memory, and for a core.
    pub(super) async fn wait_for_core(
        &self,
        bytes: u64,
        max_wait: Duration,
        stopwatch: &mut Stopwatch,
    ) -> Result<impl Send + 'static + use<>, DrawError> {
        let mib = memory_mib(bytes, self.config().render_memory_mib)?;
        let memory = self.0.memory_permits.clone().acquire_many_owned(mib);
        let memory = timeout(max_wait, memory).await.map_err(|_| DrawError::Busy)?;
        stopwatch.lap("memory");
        let memory = (memory, ReservedMemory::new(mib));
        let core = self.0.render_permits.clone().acquire_owned();
        let core = timeout(max_wait, core).await.map_err(|_| DrawError::Busy)?;
        stopwatch.lap("wait");
        Ok((memory, core, RunningRender::new()))
    }

    /// Runs the work of a render on a blocking thread, for at most `RENDER_LIMIT_S` without its waits
    /// for the store, until `cancelled` is. Dropping the future cancels it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> Result<T, asciify::Error> + Send + 'static,
        cancelled: &CancellationToken,
        waits: &StoreWaits,
    ) -> Result<T, DrawError> {
        let _cancel = cancelled.clone().drop_guard();
        let flag = cancelled.clone();
        let mut work = spawn_blocking(move || {
            let done = work(&|| flag.is_cancelled());
            if matches!(done, Err(asciify::Error::Cancelled)) {
                metrics::counter!("planet_cancelled_renders_total").increment(1);
            }
            done
        });
        let (limit, start) = (self.config().render_limit, Instant::now());
        let mut left = limit;
        while !left.is_zero() {
            tokio::select! {
                done = &mut work => return done.map_err(|_| DrawError::Crashed)?.map_err(verdict),
                () = sleep(left) => {}
            }
            let now = Instant::now();
            left = (limit + waits.until(now)).saturating_sub(now - start);
        }
        Err(DrawError::TooSlow { limit })
    }

    /// Whether jobs of an image leave a core to others.
    pub(super) fn is_large(&self, image: &Image) -> bool {
        let (width, height) = (image.metadata.width, image.metadata.height);
        u64::from(width) * u64::from(height) > self.config().large_image_px
    }

    /// `outcome`, where a missing original may be that of a deleted image.
    pub(super) async fn explained<T>(
        &self,
        image: &Image,
        outcome: Result<T, DrawError>,
    ) -> Result<T, DrawError> {
        match outcome {
            Err(DrawError::OriginalMissing) => Err(self.explain_missing_original(image).await?),
            outcome => outcome,
        }
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

/// One drawing per spec, in their order, until `is_cancelled` returns true.
///
/// # Errors
/// Those of [`asciify::render_unless`].
fn draw_unless(
    original: impl ReadSeek,
    specs: &[Spec],
    limits: &Limits,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Drawing>, asciify::Error> {
    let grids = asciify::render_unless(original, specs, limits, is_cancelled)?;
    grids.iter().map(|grid| drawing(grid, is_cancelled)).collect()
}

/// The text of a grid, until `is_cancelled` returns true.
///
/// # Errors
/// It returned true.
pub(super) fn drawing(
    grid: &asciify::Grid,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Drawing, asciify::Error> {
    let mut text = String::new();
    for row in grid.lines() {
        if is_cancelled() {
            return Err(asciify::Error::Cancelled);
        }
        write::ansi_row(row, &mut text);
    }
    text.shrink_to_fit();
    Ok(Drawing { text, columns: grid.columns() as u32, rows: grid.rows() as u32 })
}

/// The permits for `bytes` of memory.
///
/// # Errors
/// They are more than `max_mib`, which no wait can free.
fn memory_mib(bytes: u64, max_mib: u32) -> Result<u32, DrawError> {
    let what = "bytes when decoded and drawn at that size";
    let max = u64::from(max_mib) * MIB;
    match bytes <= max {
        true => Ok(whole_mib(bytes)),
        false => Err(DrawError::Image(asciify::Error::OverLimit { what, is: bytes, max })),
    }
}

/// `bytes` in whole MiB, at least 1.
fn whole_mib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX).max(1)
}

pub(super) fn verdict(err: asciify::Error) -> DrawError {
    match err {
        asciify::Error::Read(err) if err.get_ref().is_some_and(|it| it.is::<ObjectMissing>()) => {
            DrawError::OriginalMissing
        }
        // the store has failed, or a process that decodes, as one that the system killed; nothing waits
        // for a cancelled render
        err @ (asciify::Error::Read(_) | asciify::Error::Cancelled) => {
            Fault::new("draw an image", err).into()
        }
        verdict => DrawError::Image(verdict),
    }
}

pub(super) struct Stopwatch {
    last: Instant,
    pub(super) stages: Stages,
    steps: Steps,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Stopwatch { last: Instant::now(), stages: Vec::new(), steps: Steps::begin() }
    }

    pub(super) fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let took = now - self.last;
        self.last = now;
        self.steps.end(stage);
        self.stages.push((stage, took));
        metrics::histogram!("planet_render_seconds", "stage" => stage).record(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, io::Cursor};

    use super::*;

    #[test]
    fn a_cancelled_drawing_writes_no_further_row() {
        let specs = ["width=9&height=500&fit=stretch".parse().unwrap()];
        let draw = |cancel_at: u32| {
            let asked = Cell::new(0);
            let ask = || {
                asked.set(asked.get() + 1);
                asked.get() == cancel_at
            };
            let drawings = draw_unless(Cursor::new("P1 1 1 1"), &specs, &Limits::default(), &ask);
            (drawings.map(|drawings| drawings[0].rows), asked.get())
        };
        let (rows, asked) = draw(u32::MAX);
        assert_eq!(rows.unwrap(), 500);
        // the last 500 questions are those between the rows of the text
        let (cancelled, last) = draw(asked - 499);
        assert!(matches!(cancelled, Err(asciify::Error::Cancelled)));
        assert_eq!(last, asked - 499);
    }
}
