//! What a worker can be told.

use std::{net::SocketAddr, time::Duration};

use common::env::Env;

/// The timings of a worker.
#[derive(Debug, Clone)]
pub struct Config {
    /// `LEASE_S`: how long a claim is good without a beat.
    pub lease: Duration,
    /// `POLL_S`: how often due rows are looked for.
    pub poll: Duration,
    /// `MAX_STRIKES`: attempts that may end without an answer.
    pub max_strikes: i32,
    /// `BACKOFF_MIN_S`.
    pub backoff_min: Duration,
    /// `BACKOFF_MAX_S`.
    pub backoff_max: Duration,
    /// `DRAIN_S`: how long running jobs may take after a stop.
    pub drain: Duration,
    /// `JANITOR_S`: how often the janitor tidies.
    pub janitor: Duration,
    /// `DELETIONS_KEPT_S`: how long deletions are told to whoever follows images.
    pub deletions_kept: Duration,
    /// `BACKFILL_S`: how often missing jobs are looked for.
    pub backfill: Duration,
    /// Names this process in the rows of its jobs.
    pub name: String,
}

impl Config {
    /// Reads a worker's settings.
    pub fn read(env: &mut Env) -> Self {
        Config {
            lease: env.period(
                "LEASE_S",
                "60",
                "how long a job stays with a worker that gives no sign of life, in seconds",
            ),
            poll: env.period(
                "POLL_S",
                "5",
                "how often due jobs and changes that no hint told of are looked for, in seconds",
            ),
            max_strikes: env.number(
                "MAX_STRIKES",
                5,
                1..=1000,
                "attempts that may end without an answer before a job is given up",
            ) as i32,
            backoff_min: env.seconds("BACKOFF_MIN_S", "2", "the shortest wait before a retry, in seconds"),
            backoff_max: env.seconds("BACKOFF_MAX_S", "300", "the longest wait before a retry, in seconds"),
            drain: env.seconds(
                "DRAIN_S",
                "25",
                "how long running work may take after a stop was asked for, in seconds",
            ),
            janitor: env.period("JANITOR_S", "60", "how often the janitor tidies, in seconds"),
            backfill: env.period(
                "BACKFILL_S",
                "300",
                "how often missing renders are looked for after a change of presets or engine, in seconds",
            ),
            deletions_kept: env.period(
                "DELETIONS_KEPT_S",
                "86400",
                "how long a deletion is remembered for whoever follows images and was away, in seconds",
            ),
            name: format!("{}/{}", host(), std::process::id()),
        }
    }

    /// Exponential back-off with jitter: 2^strikes s within the bounds, give or take a fifth.
    pub(crate) fn backoff(&self, strikes: i32) -> Duration {
        let exponential = Duration::from_secs(1 << strikes.clamp(0, 20));
        let wait = exponential.max(self.backoff_min).min(self.backoff_max);
        wait.mul_f64(0.8 + 0.4 * fastrand::f64())
    }
}

/// `METRICS_BIND`, which only a worker in a process of its own reads.
pub fn metrics_bind(env: &mut Env) -> Option<SocketAddr> {
    env.parsed(
        "METRICS_BIND",
        "",
        "an address such as 127.0.0.1:9100, or nothing",
        "address at which planet-worker serves /metrics, if any",
        |text| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) },
    )
}

/// The host's name where the kernel tells it in a file, as Linux does.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "worker".to_owned(),
        name => name.to_owned(),
    }
}
