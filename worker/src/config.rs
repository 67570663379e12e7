//! The settings of a worker.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use common::{env::Env, program::drain_limit};

/// The settings of a worker, and its name.
#[derive(Debug, Clone)]
pub struct Config {
    /// `WORKER_CLAIMS`: jobs that a worker has claimed at the same time; 0 means four per render.
    pub claims: usize,
    /// `WORKER_HANG_S`: how old the last turn of the worker's loop may be before the worker is not
    /// live.
    pub hang: Duration,
    /// `MAX_STRIKES`: attempts that may end without a result before a job is discarded.
    pub max_strikes: i32,
    /// `BACKOFF_MIN_S`: the shortest wait before a retry.
    pub backoff_min: Duration,
    /// `DRAIN_S`: how long running jobs may take after a stop.
    pub drain: Duration,
    /// `JANITOR_S`: interval at which the janitor cleans up.
    pub janitor: Duration,
    /// `DELETIONS_KEPT_S`: how long the events of deletions can be replayed.
    pub deletions_kept: Duration,
    /// `VERSIONS_KEPT`: engine versions whose renders are kept of each image; `None` keeps all.
    pub versions_kept: Option<NonZeroU32>,
    /// `BACKFILL_S`: interval at which missing jobs are made; `None` when they are not.
    pub backfill: Option<Duration>,
    /// `BACKFILL_CONCURRENCY`: jobs of the backfill at the same time; `None` leaves one core free.
    pub backfill_concurrency: Option<usize>,
    /// The name of this process in the rows of its jobs: `HOST/PID`.
    pub name: String,
}

impl Config {
    /// Reads a worker's settings.
    pub fn read(env: &mut Env) -> Self {
        Config {
            claims: env.number(
                "WORKER_CLAIMS",
                0,
                0..=4096,
                "jobs that one worker has claimed at the same time, most of which wait for the store; \
                 0 means four per render (RENDER_CONCURRENCY)",
            ) as usize,
            hang: env.period(
                "WORKER_HANG_S",
                "60",
                "how old the last turn of the worker's loop may be before /livez at METRICS_BIND \
                 fails, in seconds",
            ),
            max_strikes: env.number(
                "MAX_STRIKES",
                5,
                1..=1000,
                "attempts that may end without a result before a job is discarded",
            ) as i32,
            backoff_min: env.seconds(
                "BACKOFF_MIN_S",
                "2",
                "shortest wait before a retry, in seconds",
            ),
            drain: drain_limit(env),
            janitor: env.period(
                "JANITOR_S",
                "60",
                "interval at which the janitor cleans up, in seconds",
            ),
            backfill: Some(env.seconds(
                "BACKFILL_S",
                "300",
                "interval at which renders that are missing are added, in seconds; 0 means never",
            ))
            .filter(|interval| !interval.is_zero()),
            backfill_concurrency: match env.number(
                "BACKFILL_CONCURRENCY",
                0,
                0..=1024,
                "renders at the same time that only replace or add to older ones; 0 means one less \
                 than RENDER_CONCURRENCY, but at least one",
            ) {
                0 => None,
                jobs => Some(jobs as usize),
            },
            deletions_kept: env.period(
                "DELETIONS_KEPT_S",
                "86400",
                "how long a client that reconnects can still receive a deletion, in seconds",
            ),
            versions_kept: NonZeroU32::new(env.number(
                "VERSIONS_KEPT",
                0,
                0..=1_000_000,
                "engine versions whose renders are kept of each image, of those that it has \
                 completely, the newest; 0 means all",
            ) as u32),
            name: format!("{}/{}", host(), std::process::id()),
        }
    }

    /// How many jobs to claim, with this many renders at the same time.
    pub(crate) fn claims(&self, render_concurrency: usize) -> usize {
        match self.claims {
            0 => 4 * render_concurrency,
            claims => claims,
        }
    }

    /// Exponential backoff: 2^failures seconds, less up to a fifth at random, but at least
    /// `BACKOFF_MIN_S` and at most `max`, which is `BACKOFF_MAX_S`.
    pub(crate) fn backoff(&self, failures: i32, max: Duration) -> Duration {
        let exponential = Duration::from_secs(1 << failures.clamp(0, 30)).min(max);
        let spread = exponential.mul_f64(1.0 - 0.2 * fastrand::f64());
        spread.max(self.backoff_min).min(max)
    }
}

/// Reads `METRICS_BIND`, which only `planet-worker` has; `None` when it is empty.
pub fn metrics_bind(env: &mut Env) -> Option<SocketAddr> {
    env.parsed(
        "METRICS_BIND",
        "",
        "an address such as 127.0.0.1:9100, or an empty value",
        "address at which planet-worker serves /metrics, /livez and /readyz; when empty, it does not",
        |text| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) },
    )
}

/// The host's name, from the file in which Linux has it; elsewhere `worker`.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "worker".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ() {
        let config = Config::read(&mut Env::new([("BACKOFF_MIN_S", "3")], []));
        let max = Duration::from_secs(300);
        let wait = |failures| config.backoff(failures, max).as_secs_f64();
        for (failures, least, most) in
            [(1, 3.0, 3.0), (2, 3.2, 4.0), (5, 25.6, 32.0), (9, 240.0, 300.0), (99, 240.0, 300.0)]
        {
            let waits: Vec<f64> = (0..100).map(|_| wait(failures)).collect();
            assert!(waits.iter().all(|wait| (least..=most).contains(wait)), "{waits:?}");
            assert!(failures == 1 || waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
        }
        assert_eq!(config.backoff(9, Duration::ZERO), Duration::ZERO);
    }
}
