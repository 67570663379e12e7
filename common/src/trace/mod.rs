//! Traces: spans of the work for a request or a job, from the upload to the stored renders.
//!
//! A [`TraceContext`] goes with a job in its row and in its hint, so that the work of several
//! processes is one trace. Spans are exported by OTLP if there is a collector; names and attributes
//! are those of OpenTelemetry's semantic conventions 1.44.

use std::{borrow::Cow, fmt, sync::OnceLock, time::Duration};

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{
        Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt,
        TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
    },
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use url::Url;

use crate::{env::Env, fault::Fault};

pub use context::TraceContext;

mod context;
mod export;

/// How long a program that ends waits for the collector.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// Makes spans, once traces are exported.
static TRACER: OnceLock<(SdkTracer, f64)> = OnceLock::new();

tokio::task_local! {
    /// The span whose work runs.
    static CURRENT: TraceContext;
}

/// Whether and where traces are exported.
pub struct Config {
    collector: Option<Url>,
    ratio: f64,
    service: String,
}

impl Config {
    /// Reads `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER_ARG` and `OTEL_SERVICE_NAME`.
    pub fn read(env: &mut Env, program: &str) -> Self {
        let collector = env.parsed(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "",
            "nothing, or a URL that starts with http: or https:",
            "the collector that gets traces by OTLP over HTTP, such as http://HOST:4318; none if empty",
            |text| match text {
                "" => Some(None),
                text => {
                    let url = Url::parse(text).ok()?;
                    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(Some(url))
                }
            },
        );
        let ratio = env.parsed(
            "OTEL_TRACES_SAMPLER_ARG",
            "1",
            "a number from 0 to 1",
            "the share of traces that are exported",
            |text| text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)),
        );
        Config { collector, ratio, service: service_name(env, program) }
    }
}

/// Reads `OTEL_SERVICE_NAME`, by default the program's name.
pub fn service_name(env: &mut Env, program: &str) -> String {
    let name = env.text(
        "OTEL_SERVICE_NAME",
        "",
        "the name of the service in traces and logs; the program's if empty",
    );
    if name.is_empty() { program.to_owned() } else { name }
}

/// Exports the rest of the spans when it is dropped, for up to 5 seconds.
#[must_use]
pub struct Exporting(Option<SdkTracerProvider>);

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // the thread that exports needs the runtime meanwhile
            let flush = || provider.shutdown_with_timeout(FLUSH_LIMIT);
            let _reported = tokio::task::block_in_place(flush);
        }
    }
}

/// Starts to export traces, if there is a collector. Call it once, on a multi-threaded runtime.
///
/// # Errors
/// The machine's certificates cannot be read.
pub fn export(config: &Config) -> Result<Exporting, Fault> {
    let Some(collector) = &config.collector else { return Ok(Exporting(None)) };
    let provider = export::provider(collector, config.ratio, &config.service)?;
    let _called_once = TRACER.set((provider.tracer("planet"), config.ratio));
    Ok(Exporting(Some(provider)))
}

/// A span: it begins when it is made, and ends when it is dropped. If its trace is not exported, it
/// only has a [`TraceContext`].
pub struct Span {
    context: TraceContext,
    recorded: Option<opentelemetry_sdk::trace::Span>,
}

impl Span {
    /// The work for a request, whose `traceparent` is `caller`. The ratio decides whether it is
    /// exported, and not the caller.
    pub fn server(name: impl Into<Cow<'static, str>>, caller: Option<TraceContext>) -> Self {
        let is_sampled = TRACER.get().is_some_and(|(_, ratio)| fastrand::f64() < *ratio);
        let caller = caller.map(|caller| caller.sampled(is_sampled));
        Span::start(SpanBuilder::from_name(name).with_kind(SpanKind::Server), caller)
    }

    /// Work that is never exported: a probe, which says nothing new.
    pub fn untraced(caller: Option<TraceContext>) -> Self {
        let context = caller.map_or_else(TraceContext::root, TraceContext::child);
        Span { context: context.sampled(false), recorded: None }
    }

    /// The publication of a message to `destination`: a child of the current span.
    pub fn producer(destination: &str) -> Self {
        let name = format!("publish {destination}");
        Span::start(SpanBuilder::from_name(name).with_kind(SpanKind::Producer), current())
    }

    /// The work for a message from `destination`, linked to its producer, and if `is_child`, in the
    /// same trace.
    pub fn consumer(destination: &str, producer: Option<TraceContext>, is_child: bool) -> Self {
        let name = format!("process {destination}");
        let links = producer.map(|producer| Link::with_context(otel_context(producer)));
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Consumer)
            .with_links(links.into_iter().collect());
        Span::start(builder, producer.filter(|_| is_child))
    }

    /// A step of the current span; it is recorded only if that is.
    fn internal(name: &'static str) -> Option<Self> {
        let parent = current().filter(|parent| parent.is_sampled())?;
        TRACER.get()?;
        Some(Span::start(SpanBuilder::from_name(name).with_kind(SpanKind::Internal), Some(parent)))
    }

    fn start(builder: SpanBuilder, parent: Option<TraceContext>) -> Self {
        let Some((tracer, _)) = TRACER.get() else {
            return Span {
                context: parent.map_or_else(TraceContext::root, TraceContext::child),
                recorded: None,
            };
        };
        let parent = match parent {
            Some(parent) => Context::new().with_remote_span_context(otel_context(parent)),
            None => Context::new(),
        };
        let span = tracer.build_with_context(builder, &parent);
        let ids = span.span_context();
        let context = TraceContext::new(
            u128::from_be_bytes(ids.trace_id().to_bytes()),
            u64::from_be_bytes(ids.span_id().to_bytes()),
            ids.is_sampled(),
        );
        Span {
            // after the shutdown of the exporter, spans have no ids
            context: context.unwrap_or_else(TraceContext::root),
            recorded: Some(span).filter(|span| span.is_recording()),
        }
    }

    /// Its position in the trace.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Sets an attribute.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(recorded) = &mut self.recorded {
            recorded.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Marks it as failed.
    pub fn fail(&mut self, why: impl fmt::Display) {
        if let Some(recorded) = &mut self.recorded {
            recorded.set_status(Status::error(why.to_string()));
        }
    }

    /// Does `work`, whose spans are children of this one.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self.context, work).await
    }
}

/// Does a step of the current span, in a span of its own.
///
/// # Errors
/// That of the step, which marks the span as failed.
pub async fn step<T, E: fmt::Display>(
    name: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let Some(mut span) = Span::internal(name) else { return work.await };
    let done = span.run(work).await;
    if let Err(err) = &done {
        span.fail(err);
    }
    done
}

/// The span whose work runs, if there is one.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|current| *current).ok()
}

/// Passes the current span on to `work`, which may run in another task.
pub fn in_current<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let current = current();
    async move {
        match current {
            Some(current) => CURRENT.scope(current, work).await,
            None => work.await,
        }
    }
}

/// Steps one after another: each ends where the next begins.
pub struct Steps(Option<(TraceContext, std::time::SystemTime)>);

impl Steps {
    /// Steps of the current span.
    pub fn begin() -> Self {
        let parent = current().filter(|parent| parent.is_sampled() && TRACER.get().is_some());
        Steps(parent.map(|parent| (parent, opentelemetry::time::now())))
    }

    /// Ends a step.
    pub fn end(&mut self, name: &'static str) {
        let Some((parent, began)) = &mut self.0 else { return };
        let now = opentelemetry::time::now();
        let builder =
            SpanBuilder::from_name(name).with_kind(SpanKind::Internal).with_start_time(*began);
        let span = Span::start(builder, Some(*parent));
        if let Some(mut recorded) = span.recorded {
            recorded.end_with_timestamp(now);
        }
        *began = now;
    }
}

fn otel_context(context: TraceContext) -> SpanContext {
    let flags = match context.is_sampled() {
        true => TraceFlags::SAMPLED,
        false => TraceFlags::default(),
    };
    SpanContext::new(
        TraceId::from_bytes(context.trace().to_be_bytes()),
        SpanId::from_bytes(context.span().to_be_bytes()),
        flags,
        true,
        TraceState::default(),
    )
}
