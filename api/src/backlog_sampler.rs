//! Metrics of the backlog, which are read from the database.
//!
//! They are read at most once per `METRICS_INTERVAL_S`, however many scrape. While they cannot be
//! read they are left out: an old number would look like a true one.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use common::{
    catalog::{Backlog, MAX_COUNTED},
    pipeline::Pipeline,
};
use tokio::{sync::Mutex, time::timeout};

/// How long a scrape waits for the database.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Reads the backlog for all scrapes.
pub(crate) struct BacklogSampler {
    interval: Duration,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    attempt: Option<Instant>,
    /// What the last attempt read.
    backlog: Option<Backlog>,
    /// When an attempt last succeeded.
    read_at: Option<Instant>,
}

impl BacklogSampler {
    /// Attempts are `interval` apart, or more.
    pub fn new(interval: Duration) -> Self {
        BacklogSampler { interval, last: Mutex::default() }
    }

    /// The metrics in the Prometheus text format. Scrapes at the same time wait for one attempt.
    pub async fn render(&self, pipeline: &Pipeline) -> String {
        let mut last = self.last.lock().await;
        if last.attempt.is_none_or(|attempt| attempt.elapsed() >= self.interval) {
            last.attempt = Some(Instant::now());
            // kept if the client leaves while the database is asked
            last.backlog = None;
            match timeout(TIMEOUT, pipeline.backlog()).await {
                Ok(Ok(backlog)) => {
                    last.backlog = Some(backlog);
                    last.read_at = Some(Instant::now());
                }
                Ok(Err(fault)) => tracing::warn!("{fault}"),
                Err(_) => tracing::warn!("could not read the backlog within {TIMEOUT:?}"),
            }
        }
        write(last.backlog, last.read_at.map(|at| at.elapsed()))
    }
}

fn write(backlog: Option<Backlog>, age: Option<Duration>) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, samples: &[(&str, f64)]| {
        write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n").expect(INFALLIBLE);
        for (labels, value) in samples {
            writeln!(text, "{name}{labels} {value}").expect(INFALLIBLE);
        }
        text.push('\n');
    };
    if let Some(backlog) = backlog {
        let (pending, dead) = (backlog.pending as f64, backlog.dead as f64);
        gauge(
            "planet_jobs",
            &format!(
                "Unfinished jobs of this engine version, by state: pending, dead; {MAX_COUNTED} is \
                 at least as many"
            ),
            &[("{state=\"pending\"}", pending), ("{state=\"dead\"}", dead)],
        );
        gauge(
            "planet_oldest_due_job_seconds",
            "How long the oldest due job has waited, without those of the backfill",
            &[("", backlog.oldest_due.as_secs_f64())],
        );
    }
    if let Some(age) = age {
        gauge(
            "planet_backlog_age_seconds",
            "How long ago planet_jobs and planet_oldest_due_job_seconds were last read from the \
             database; they are left out while they cannot be read",
            &[("", age.as_secs_f64())],
        );
    }
    text
}

const INFALLIBLE: &str = "writing to a String cannot fail";
