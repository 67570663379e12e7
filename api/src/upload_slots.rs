//! Upload slots: a limit for all uploads, a share for each client, and slow uploads give way.
//!
//! An upload takes a slot with its first bytes. If none is left, it takes the one of the upload that
//! is furthest behind [`SlotLimits::busy_rate`]; that upload is aborted. So a client holds a slot
//! only while it sends at that rate, or while no other client needs the slot.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream::try_unfold};
use ipnet::IpNet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::problem::{BUSY, Problem, TIMEOUT};

/// How long the service waits for the bytes of an upload before it may have to give way. A fast
/// client, too, needs a few round trips until it reaches its rate (TCP slow start).
const GRACE: Duration = Duration::from_secs(1);

/// The limits of uploads that run at the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotLimits {
    /// Slots of all clients.
    pub max: usize,
    /// Slots of one client.
    pub max_per_client: usize,
    /// Average rate, in bytes a second, below which an upload gives way to a new one if no slot is
    /// left; 0 is never.
    pub busy_rate: u64,
}

/// The slots. Clones share them.
#[derive(Clone)]
pub(crate) struct UploadSlots {
    limits: SlotLimits,
    running: Arc<Mutex<Vec<Arc<Running>>>>,
}

/// The slot of one upload. Dropping it frees the slot.
pub(crate) struct Slot {
    slots: UploadSlots,
    running: Arc<Running>,
}

/// An upload that has a slot.
struct Running {
    client: IpNet,
    progress: Mutex<Progress>,
    /// Cancelled when the slot was given to another upload.
    gives_way: CancellationToken,
}

/// How fast a client sends. Only the time that the service waits for it counts: a slow disk is not
/// the client's fault.
#[derive(Default)]
struct Progress {
    bytes: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
}

impl UploadSlots {
    /// Free slots.
    pub fn new(limits: SlotLimits) -> Self {
        UploadSlots { limits, running: Arc::default() }
    }

    /// Checks that [`take`](Self::take) would succeed.
    ///
    /// # Errors
    /// 503 when it would not.
    pub fn check(&self, client: IpNet) -> Result<(), Problem> {
        self.find_place(&lock(&self.running), client).map(drop)
    }

    /// A slot for an upload of `client`: a free one, or that of an upload which gives way.
    ///
    /// # Errors
    /// 503 when there is neither.
    pub fn take(&self, client: IpNet) -> Result<Slot, Problem> {
        let mut all = lock(&self.running);
        if let Some(slow) = self.find_place(&all, client)? {
            all.swap_remove(slow).gives_way.cancel();
        }
        let running = Arc::new(Running {
            client,
            progress: Mutex::default(),
            gives_way: CancellationToken::new(),
        });
        all.push(running.clone());
        Ok(Slot { slots: self.clone(), running })
    }

    /// `None` if a slot is free; otherwise the index of the upload that gives way.
    fn find_place(
        &self,
        running: &[Arc<Running>],
        client: IpNet,
    ) -> Result<Option<usize>, Problem> {
        let of_client = |upload: &Running| upload.client == client;
        let own = running.iter().filter(|upload| of_client(upload)).count();
        let is_share_used = own >= self.limits.max_per_client;
        if !is_share_used && running.len() < self.limits.max {
            return Ok(None);
        }
        let candidates =
            running.iter().enumerate().filter(|(_, it)| !is_share_used || of_client(it));
        let late = candidates.filter_map(|(nth, it)| Some((it.delay(self.limits.busy_rate)?, nth)));
        let detail = match is_share_used {
            true => "every upload slot of your address is in use: try again in a moment",
            false => "every upload slot is in use: try again in a moment",
        };
        let latest = late.max().ok_or_else(|| Problem::new(BUSY, detail))?;
        Ok(Some(latest.1))
    }
}

impl Slot {
    /// The chunks of `body`. The stream fails with 408 when the upload has to give way.
    pub fn receive<S>(&self, body: S) -> impl Stream<Item = Result<Bytes, Problem>> + Send + use<S>
    where
        S: Stream<Item = Result<Bytes, Problem>> + Send + Unpin,
    {
        let (running, rate) = (self.running.clone(), self.slots.limits.busy_rate);
        try_unfold((body, running), move |(mut body, running)| async move {
            lock(&running.progress).waiting_since = Some(Instant::now());
            let chunk = tokio::select! {
                biased;
                () = running.gives_way.cancelled() => Err(too_slow(rate)),
                chunk = body.try_next() => chunk,
            };
            let bytes = chunk.as_ref().map_or(0, |it| it.as_ref().map_or(0, Bytes::len));
            lock(&running.progress).end_wait(bytes as u64);
            Ok(chunk?.map(|chunk| (chunk, (body, running))))
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.slots.running).retain(|running| !Arc::ptr_eq(running, &self.running));
    }
}

impl Running {
    /// How far the client is behind `rate`; `None` if it is not, or if the service does not wait for
    /// it.
    fn delay(&self, rate: u64) -> Option<Duration> {
        let Progress { bytes, waited, waiting_since } = *lock(&self.progress);
        let waited = waited + waiting_since?.elapsed();
        let allowed = Duration::try_from_secs_f64(bytes as f64 / rate as f64).ok()?;
        waited.checked_sub(GRACE.saturating_add(allowed))
    }
}

impl Progress {
    fn end_wait(&mut self, bytes: u64) {
        self.waited += self.waiting_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.bytes += bytes;
    }
}

fn too_slow(rate: u64) -> Problem {
    let detail = format!(
        "less than {rate} bytes a second while every upload slot is in use: send the upload again"
    );
    Problem::new(TIMEOUT, detail)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1000;

    /// An upload of `client` for whose bytes the service has waited `waited_s` until now.
    fn running(client: &str, bytes: u64, waited_s: u64) -> Arc<Running> {
        let progress = Progress {
            bytes,
            waited: Duration::from_secs(waited_s),
            waiting_since: Some(Instant::now()),
        };
        Arc::new(Running {
            client: client.parse().unwrap(),
            progress: Mutex::new(progress),
            gives_way: CancellationToken::new(),
        })
    }

    #[test]
    fn an_upload_at_the_rate_keeps_its_slot() {
        for (bytes, waited_s, is_slow) in
            [(0, 0, false), (0, 2, true), (10_000, 10, false), (10_000, 12, true)]
        {
            let upload = running("10.0.0.1/32", bytes, waited_s);
            assert_eq!(upload.delay(RATE).is_some(), is_slow, "{bytes} bytes in {waited_s} s");
            assert_eq!(upload.delay(0), None, "no rate is required");
            lock(&upload.progress).end_wait(0);
            assert_eq!(upload.delay(RATE), None, "the service has to write first");
        }
    }

    #[test]
    fn the_slowest_upload_gives_way_to_a_new_one() {
        let limits = SlotLimits { max: 4, max_per_client: 2, busy_rate: RATE };
        let slots = UploadSlots::new(limits);
        let place = |all: &[_], client: &str| {
            slots.find_place(all, client.parse().unwrap()).map_err(|problem| problem.to_string())
        };
        let all = [
            running("10.0.0.1/32", 9_000, 9),
            running("10.0.0.2/32", 0, 30),
            running("10.0.0.1/32", 9_000, 20),
            running("10.0.0.3/32", 0, 40),
        ];
        assert_eq!(place(&all[..2], "10.0.0.1/32"), Ok(None));
        assert_eq!(place(&all, "10.0.0.4/32"), Ok(Some(3)));
        assert_eq!(place(&all, "10.0.0.1/32"), Ok(Some(2)), "one of the same client");
        let quick = [(); 4].map(|()| running("10.0.0.1/32", 9_000, 9));
        assert!(place(&quick[..2], "10.0.0.1/32").is_err_and(|it| it.contains("your address")));
        assert_eq!(place(&quick[..2], "10.0.0.2/32"), Ok(None));
        assert!(place(&quick, "10.0.0.2/32").is_err_and(|it| !it.contains("your address")));
    }
}
