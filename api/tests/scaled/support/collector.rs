//! A collector of traces: decodes the OTLP requests that processes send.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use testkit::wait::eventually;
use tokio::net::TcpListener;

/// A span that was received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The `service.name` of its resource.
    pub service: String,
    pub name: String,
    pub kind: SpanKind,
    pub trace: String,
    pub id: String,
    /// Empty for the first span of a trace.
    pub parent: String,
    /// The linked spans.
    pub links: Vec<String>,
    pub attributes: HashMap<String, String>,
    pub is_failed: bool,
    /// Start and end, in nanoseconds.
    pub time: (u64, u64),
}

#[derive(Clone, Default)]
pub(crate) struct Collector {
    spans: Arc<Mutex<Vec<Received>>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Collector {
    /// Serves a collector; returns its address.
    pub(crate) async fn serve() -> (Self, String) {
        let collector = Collector::default();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(collector.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    /// What has arrived so far.
    pub(crate) fn spans(&self) -> Vec<Received> {
        self.spans.lock().unwrap().clone()
    }

    /// The headers of all requests.
    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.headers.lock().unwrap().clone()
    }

    /// Waits for spans that match.
    pub(crate) async fn wait_for(
        &self,
        what: &str,
        count: usize,
        matches: impl Fn(&Received) -> bool,
    ) -> Vec<Received> {
        eventually(what, async || {
            let found: Vec<_> = self.spans().into_iter().filter(|span| matches(span)).collect();
            (found.len() >= count).then_some(found)
        })
        .await
    }
}

async fn receive(
    State(collector): State<Collector>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).expect("an OTLP request");
    collector.headers.lock().unwrap().push(headers);
    let mut spans = collector.spans.lock().unwrap();
    for resource in request.resource_spans {
        let of_resource = resource.resource.map(|it| attributes(&it.attributes));
        let service = of_resource.unwrap_or_default().remove("service.name").unwrap_or_default();
        let received = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(received.map(|span| read(&service, span)));
    }
    StatusCode::OK
}

fn read(service: &str, span: Span) -> Received {
    Received {
        service: service.to_owned(),
        kind: span.kind(),
        name: span.name,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
        attributes: attributes(&span.attributes),
        is_failed: span.status.is_some_and(|status| status.code == 2),
        time: (span.start_time_unix_nano, span.end_time_unix_nano),
    }
}

fn attributes(given: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    given.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
