//! Values: those of a pixel, and statistics of bands, read when they are asked for.

use asciify::{Band, BandLabel, BandStatistics, Limits, Spec, StatisticsOptions};
use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;

use super::{
    Pipeline,
    draw::{DrawError, Original, Stopwatch, verdict},
};
use crate::{image::Image, store::BlobReader};

/// The value of a band; `None` is "no data".
pub type BandValue = (BandLabel, Option<f64>);

impl Pipeline {
    /// The values of a pixel: see [`asciify::pixel_values`].
    ///
    /// # Errors
    /// See [`DrawError`].
    pub fn pixel_values<'a>(
        &'a self,
        image: &'a Image,
        spec: Spec,
        bands: Vec<Band>,
        pixel: (u32, u32),
    ) -> BoxFuture<'a, Result<Vec<BandValue>, DrawError>> {
        // any region may be decoded at full resolution
        let mut region = spec.clone();
        region.set("region", "square").expect("a value of the option");
        Box::pin(self.read(image, region, 0, move |file, limits, is_cancelled| {
            asciify::pixel_values(file, (&spec, &bands), pixel, limits, is_cancelled)
        }))
    }

    /// Statistics of the bands of an image: see [`asciify::statistics`].
    ///
    /// # Errors
    /// See [`DrawError`].
    pub fn statistics<'a>(
        &'a self,
        image: &'a Image,
        options: StatisticsOptions,
    ) -> BoxFuture<'a, Result<Vec<BandStatistics>, DrawError>> {
        let (spec, working) = (options.spec.clone(), options.working_bytes());
        Box::pin(self.read(image, spec, working, move |file, limits, is_cancelled| {
            asciify::statistics(file, &options, limits, is_cancelled)
        }))
    }

    /// Runs `work` on the original, with permits for its memory and for a core, as a draw has them.
    /// `working_bytes` is what it takes beside decoding.
    async fn read<T: Send + 'static>(
        &self,
        image: &Image,
        spec: Spec,
        working_bytes: u64,
        work: impl FnOnce(BlobReader, &Limits, &dyn Fn() -> bool) -> Result<T, asciify::Error>
        + Send
        + 'static,
    ) -> Result<T, DrawError> {
        let (max_wait, mut stopwatch) = (self.config().render_wait, Stopwatch::start());
        let Original { room, reader: mut file, cancelled, waits } =
            self.open_original(image, max_wait, &mut stopwatch).await?;
        let limits = self.config().limits.clone();
        let probe = move || {
            let header = asciify::probe_header(&mut file, &limits);
            header.map(|header| (header, file, limits))
        };
        let probed = spawn_blocking(probe).await.map_err(|_| DrawError::Crashed)?;
        let (header, file, limits) = self.explained(image, probed.map_err(verdict)).await?;
        // the header describes the first page only
        let decoded = match spec.frame() {
            0 => header.decoded_bytes_for(&spec),
            _ => limits.max_decoded_bytes,
        };
        let bytes = decoded.saturating_add(working_bytes);
        let permits = self.wait_for_core(bytes, max_wait, &mut stopwatch).await?;
        let held = (room, permits);
        let run = move |is_cancelled: &dyn Fn() -> bool| {
            let _held_to_the_end = held;
            work(file, &limits, is_cancelled)
        };
        let done = self.run(run, &cancelled, &waits).await;
        let done = self.explained(image, done).await?;
        stopwatch.lap("render");
        Ok(done)
    }
}
