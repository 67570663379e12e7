//! Telemetry: logs and metrics, set up in the same way for every program.
//!
//! Logs are text on a terminal and JSON elsewhere; `RUST_LOG` filters them. In text, control
//! characters are escaped, since a client may have chosen them. Metrics are in the
//! Prometheus text format.

use std::{
    fmt,
    io::{self, IsTerminal},
    sync::OnceLock,
};

use asciify::escape_controls;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::field::Field;
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        format::{Writer, debug_fn},
        time::{FormatTime, SystemTime},
    },
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{env::Env, process_metrics, trace};

use json_lines::{JsonFields, JsonLines};

mod json_lines;

/// Upper bounds of the histogram buckets, in seconds.
const BUCKETS_S: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

/// Fields that correlate lines, left out of the text for humans: they are long, and the path or the
/// image is there as well.
const FOR_MACHINES: &[&str] = &["request_id", "trace_id", "span_id", "route", "job"];

/// How to log.
pub struct Config {
    filter: EnvFilter,
    json: bool,
    warning: Option<String>,
    service: String,
}

impl Config {
    /// Reads `RUST_LOG`, `LOG_FORMAT` and `OTEL_SERVICE_NAME`.
    pub fn read(env: &mut Env, program: &str) -> Self {
        let filter = env.parsed(
            "RUST_LOG",
            "info,sea_orm_migration=warn,sqlx=warn",
            "tracing directives such as info or common=debug,info",
            "filter of the log, as tracing directives",
            |text| EnvFilter::try_new(text).ok(),
        );
        let json = env.parsed(
            "LOG_FORMAT",
            "auto",
            "auto, human or json",
            "format of the log: auto, human or json; auto is human on a terminal, else json",
            |text| match text {
                "auto" => Some(!io::stderr().is_terminal()),
                "human" => Some(false),
                "json" => Some(true),
                _ => None,
            },
        );
        let service = trace::service_name(env, program);
        Config { filter, json, warning: env.warning().map(str::to_owned), service }
    }
}

/// Starts logging to standard error. A second call in one process has no effect.
pub fn install_logging(config: Config) {
    let registry = tracing_subscriber::registry().with(config.filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let _already_set = match config.json {
        true => {
            let lines = lines.fmt_fields(JsonFields).event_format(JsonLines::new(&config.service));
            registry.with(lines).try_init()
        }
        false => {
            let lines = lines.compact().with_target(false).with_timer(Seconds);
            let lines = match io::stderr().is_terminal() {
                true => lines, // in colours, unless NO_COLOR is set
                false => lines.with_ansi(false),
            };
            registry.with(lines.fmt_fields(debug_fn(write_for_humans))).try_init()
        }
    };
    if let Some(warning) = config.warning {
        tracing::warn!("{warning}");
    }
}

/// Writes a field of an event or span to a line for humans.
fn write_for_humans(out: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => out.write_str(&escape_controls(&format!("{value:?}"))),
        name if FOR_MACHINES.contains(&name) => Ok(()),
        name => write!(out, " {name}={}", escape_controls(&format!("{value:?}"))),
    }
}

/// The time in UTC, to the second.
struct Seconds;

impl FormatTime for Seconds {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let mut precise = String::new();
        SystemTime.format_time(&mut Writer::new(&mut precise))?;
        write!(out, "{}Z", precise.split(['.', 'Z']).next().unwrap_or_default())
    }
}

/// Installs the recorder of metrics, once per process. The handle renders them.
pub fn install_metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        let handle = exporter().install_recorder().expect("OnceLock calls this once");
        describe();
        handle
    };
    HANDLE.get_or_init(install).clone()
}

/// Counters of what is rare: without a series before the first event, its `increase` would be 0.
fn begin_at_zero() {
    use metrics::counter;
    for name in [
        "planet_expired_uploads_total",
        "planet_leases_lost_total",
        "planet_refused_tokens_total",
        "planet_resumable_bytes_total",
    ] {
        counter!(name).increment(0);
    }
    for kind in ["original", "render"] {
        counter!("planet_missing_blobs_total", "kind" => kind).increment(0);
    }
    for outcome in ["dropped", "failed"] {
        counter!("planet_hints_total", "outcome" => outcome).increment(0);
    }
}

/// Sets the `HELP` text of each metric.
fn describe() {
    process_metrics::describe();
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("planet_requests_total", "HTTP requests by method, route and status");
    describe_histogram!(
        "planet_request_seconds",
        "Time to the head of a response, by method, route and class of status"
    );
    describe_counter!("planet_cache_total", "Texts served, by whether they were in the cache");
    describe_histogram!("planet_render_seconds", "Time of each stage of a render");
    describe_gauge!("planet_running_renders", "Renders that take a core at the moment");
    describe_counter!(
        "planet_cancelled_renders_total",
        "Renders that were stopped: nothing waited for them any more, or RENDER_LIMIT_S was over"
    );
    describe_counter!("planet_jobs_total", "Jobs that ended here, by outcome");
    describe_gauge!(
        "planet_worker_loop_age_seconds",
        "How long ago the loop of the worker turned; it turns at least once a second"
    );
    describe_gauge!("planet_event_streams", "Clients that follow events at the moment");
    describe_counter!(
        "planet_database_calls_total",
        "Calls of the database by purpose: a query, or a transaction of several"
    );
    describe_counter!("planet_hints_total", "Hints to workers, by outcome");
    describe_counter!("planet_missing_blobs_total", "Blobs that a row names and the store lacks");
    describe_counter!("planet_database_failures_total", "Calls of the database that failed");
    describe_histogram!("planet_database_seconds", "Time of calls of the database, by purpose");
    describe_histogram!(
        "planet_store_seconds",
        "Time of calls of the store, by operation and outcome; of a stream, until it begins"
    );
    describe_gauge!(
        "planet_database_connections",
        "Connections to the database: in use, or idle; DATABASE_CONNECTIONS is the most"
    );
    describe_gauge!(
        "planet_spool_room_bytes",
        "Room for uploads on the disk of SPOOL_DIR, without SPOOL_FREE_BYTES"
    );
    describe_counter!(
        "planet_resumable_bytes_total",
        "Bytes of resumable uploads that were received, those that were sent again as well"
    );
    describe_counter!(
        "planet_expired_uploads_total",
        "Resumable uploads that did not go on, and were removed here"
    );
    describe_counter!("planet_drawn_pixels_total", "Pixels of the images drawn, by format");
    describe_gauge!("planet_render_memory_bytes", "Memory reserved for renders at the moment");
    describe_counter!(
        "planet_claims_total",
        "Claims of hinted jobs: won, or lost to another claim"
    );
    describe_counter!("planet_leases_lost_total", "Claims that ended before their render did");
    describe_histogram!("planet_ready_seconds", "Time from the upload of an image to its renders");
    describe_gauge!(
        "planet_cleaned_up_timestamp_seconds",
        "When the janitor last ended a round without failures, as a Unix time"
    );
    describe_histogram!(
        "planet_maintenance_seconds",
        "Time of a round of the janitor (clean-up) or of the backfill, by task and outcome"
    );
    describe_counter!("planet_sign_ins_total", "Sign-ins that ended, by provider and outcome");
    describe_counter!("planet_refused_tokens_total", "Requests whose token is not valid");
    begin_at_zero();
    describe_gauge!("planet_build_info", "1, labelled with the version and the engine version");
    let build = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("engine", asciify::ENGINE_VERSION.to_string()),
    ];
    metrics::gauge!("planet_build_info", &build).set(1.0);
}

fn exporter() -> PrometheusBuilder {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS_S)
        .expect("BUCKETS_S is not empty")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn control_characters_in_a_line_for_humans_are_escaped() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let layer = layer.with_ansi(false).fmt_fields(debug_fn(write_for_humans));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let evil = "a\n\u{1b}[31m\u{9b}1m\u{7f}\u{202e}\u{2028}z";
            let _span = tracing::info_span!("request", span = %evil, quoted = evil).entered();
            tracing::info!(field = %evil, "said {evil}");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = text.strip_suffix('\n').expect("a line");
        assert!(!line.contains(asciify::is_display_control), "{line:?}");
        let escaped = r"a\n\u{1b}[31m\u{9b}1m\u{7f}\u{202e}\u{2028}z";
        for part in ["said ", "field=", "span=", "quoted=\""] {
            assert!(line.contains(&format!("{part}{escaped}")), "{part}: {line}");
        }
    }
}
