//! Sends spans to a collector by OTLP (protobuf over HTTP).

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, hyper::HyperClient};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use rustls::crypto::ring;
use tokio::runtime::Handle;
use url::Url;

use crate::fault::{Doing, Fault};

/// The time limit of one request to the collector.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A provider whose spans go to the collector at `endpoint`, in batches, from a thread of its own.
///
/// # Errors
/// The machine's certificates cannot be read.
pub(super) fn provider(
    endpoint: &Url,
    ratio: f64,
    service: &str,
) -> Result<SdkTracerProvider, Fault> {
    const DOING: &str = "prepare the export of traces";
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(ring::default_provider())
        .doing(DOING)?
        .https_or_http()
        .enable_http1()
        .build();
    let client = OnRuntime {
        runtime: Handle::current(),
        client: HyperClient::new(connector, TIMEOUT, None),
        is_failing: AtomicBool::new(false),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        .with_endpoint(traces_at(endpoint))
        .build()
        .doing(DOING)?;
    // OTEL_RESOURCE_ATTRIBUTES adds to these
    let resource = Resource::builder()
        .with_service_name(service.to_owned())
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("planet.engine", i64::from(asciify::ENGINE_VERSION)),
        ])
        .build();
    // within the service, a trace is exported as a whole or not at all
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler)
        .with_batch_exporter(exporter)
        .build())
}

/// The address for traces below the collector's (OTLP, "Endpoint URLs for OTLP/HTTP").
fn traces_at(endpoint: &Url) -> String {
    format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'))
}

/// A client whose requests run on the runtime, since the thread that exports has none.
#[derive(Debug)]
struct OnRuntime {
    runtime: Handle,
    client: HyperClient<HttpsConnector<HttpConnector>>,
    is_failing: AtomicBool,
}

#[async_trait::async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { client.send_bytes(request).await }).await?;
        self.report(match &sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("the collector answered {}", response.status())),
            Err(err) => Some(err.to_string()),
        });
        sent
    }
}

impl OnRuntime {
    /// Logs the first of several failures, and the end of them.
    fn report(&self, failure: Option<String>) {
        let failed_before = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(failure) if !failed_before => tracing::warn!("traces are lost: {failure}"),
            None if failed_before => tracing::info!("traces are exported again"),
            _ => {}
        }
    }
}
