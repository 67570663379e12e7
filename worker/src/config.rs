//! The settings of a worker.

use std::{net::SocketAddr, time::Duration};

use common::{env::Env, jitter::jitter, program::drain_limit};

/// The settings of a worker, and its name.
#[derive(Debug, Clone)]
pub struct Config {
    /// `LEASE_S`: how long a claim is valid after it was last extended.
    pub lease: Duration,
    /// `MAX_STRIKES`: attempts that may end without a result before a job is discarded.
    pub max_strikes: i32,
    /// `BACKOFF_MIN_S`: the shortest wait before a retry.
    pub backoff_min: Duration,
    /// `BACKOFF_MAX_S`: the longest wait before a retry.
    pub backoff_max: Duration,
    /// `DRAIN_S`: how long running jobs may take after a stop.
    pub drain: Duration,
    /// `JANITOR_S`: interval at which the janitor cleans up.
    pub janitor: Duration,
    /// `DELETIONS_KEPT_S`: how long the events of deletions can be replayed.
    pub deletions_kept: Duration,
    /// `BACKFILL_S`: interval at which missing jobs are made.
    pub backfill: Duration,
    /// The name of this process in the rows of its jobs: `HOST/PID`.
    pub name: String,
}

impl Config {
    /// Reads a worker's settings.
    pub fn read(env: &mut Env) -> Self {
        Config {
            lease: env.period(
                "LEASE_S",
                "60",
                "how long a claim on a job is valid without being extended, in seconds",
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
            backoff_max: env.seconds(
                "BACKOFF_MAX_S",
                "300",
                "longest wait before a retry, in seconds",
            ),
            drain: drain_limit(env),
            janitor: env.period(
                "JANITOR_S",
                "60",
                "interval at which the janitor cleans up, in seconds",
            ),
            backfill: env.period(
                "BACKFILL_S",
                "300",
                "interval at which renders that are missing are added, in seconds",
            ),
            deletions_kept: env.period(
                "DELETIONS_KEPT_S",
                "86400",
                "how long a client that reconnects can still receive a deletion, in seconds",
            ),
            name: format!("{}/{}", host(), std::process::id()),
        }
    }

    /// Exponential backoff: 2^strikes seconds within the bounds, with jitter.
    pub(crate) fn backoff(&self, strikes: i32) -> Duration {
        let exponential = Duration::from_secs(1 << strikes.clamp(0, 20));
        let wait = exponential.max(self.backoff_min).min(self.backoff_max);
        jitter(wait)
    }
}

/// Reads `METRICS_BIND`, which only `planet-worker` has; `None` when it is empty.
pub fn metrics_bind(env: &mut Env) -> Option<SocketAddr> {
    env.parsed(
        "METRICS_BIND",
        "",
        "an address such as 127.0.0.1:9100, or an empty value",
        "address at which planet-worker serves /metrics; when empty, it does not",
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
