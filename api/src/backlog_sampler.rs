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
        write(last.backlog, last.read_at.map(|at| at.elapsed()), pipeline.changes_age())
    }
}

fn write(backlog: Option<Backlog>, age: Option<Duration>, changes_age: Option<Duration>) -> String {
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
        gauge(
            "planet_other_engine_jobs",
            &format!(
                "Pending jobs of older and newer engine versions; {MAX_COUNTED} of either are counted"
            ),
            &[("", backlog.of_other_engines as f64)],
        );
        let samples = backlog.blobs.map(|(state, n)| (format!("{{state=\"{state}\"}}"), n as f64));
        gauge(
            "planet_blob_gc_entries",
            &format!(
                "Blobs that no row refers to, by state: reserved, marked, swept; of the {MAX_COUNTED} \
                 that are due first"
            ),
            &samples.each_ref().map(|(labels, n)| (labels.as_str(), *n)),
        );
        gauge(
            "planet_open_uploads",
            &format!("Resumable uploads that are not finished; {MAX_COUNTED} is at least as many"),
            &[("", backlog.open_uploads as f64)],
        );
        gauge(
            "planet_oldest_due_blob_seconds",
            "How long the oldest due entry of the garbage collection of blobs has waited",
            &[("", backlog.oldest_due_blob.as_secs_f64())],
        );
    }
    if let Some(age) = age {
        gauge(
            "planet_backlog_age_seconds",
            "How long ago the gauges of jobs and blobs were last read from the database; they are \
             left out while they cannot be read",
            &[("", age.as_secs_f64())],
        );
    }
    if let Some(age) = changes_age {
        gauge(
            "planet_changes_age_seconds",
            "How long ago all changes had been read for event streams; left out without any",
            &[("", age.as_secs_f64())],
        );
    }
    text
}

const INFALLIBLE: &str = "writing to a String cannot fail";
