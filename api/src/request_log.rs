//! What is done around every request: request id, log line, metrics, and the body of a problem.

use std::{
    borrow::Cow,
    iter,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Version, header},
    response::{IntoResponse, Response},
};
use common::{
    account::secret::may_have_secret,
    trace::{Span, TraceContext},
};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    negotiate::negotiate,
    pages,
    problem::{BAD_REQUEST, Problem, render_problem},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
/// The media types of a problem.
const PROBLEM_TYPES: &[&str] = &["application/problem+json", "application/json", "text/html"];

/// Addresses that are asked every few seconds.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// Gives the request an id and a span, rejects ambiguous framing, lets `serve` respond, renders a
/// problem as JSON or as a page, writes one log line, and records metrics.
pub(crate) async fn log_request<F: Future<Output = Response>>(
    request: Request,
    serve: impl FnOnce(Request) -> F,
) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let is_browser = negotiate(request.headers(), PROBLEM_TYPES) == Some("text/html");
    let method = method_label(request.method().as_str());
    // HTTP libraries accept raw UTF-8, and so also control characters beyond ASCII; in a URI, they
    // are percent-encoded (RFC 3986, 2.1)
    let path = utf8_percent_encode(&masked(request.uri().path()), CONTROLS).to_string();
    let line = format!("{} {path}", request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", |path| path.as_str());
    let route = route.to_owned();
    let mut span = server_span(method, &route, &path, traceparent(request.headers()));
    let (trace_id, span_id) = (span.context().trace_id(), span.context().span_id());
    let fields = tracing::info_span!("request", request_id = id, trace_id, span_id, route);

    async move {
        let respond = async {
            match check_framing(&request) {
                Ok(()) => serve(request).await,
                Err(problem) => problem.with_header(header::CONNECTION, CLOSE).into_response(),
            }
        };
        let response = span.run(respond).await;
        let cause = cause(&response);
        let mut response =
            render_problem(response, &path, &id, is_browser.then_some(pages::problem));
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        // browsers must not guess another media type
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        let (status, took) = (response.status().as_u16(), started.elapsed());
        span.set("http.response.status_code", i64::from(status));
        count(method, route, status, took);
        let ms = took.as_millis() as u64;
        match cause {
            Some(cause) => {
                span.set("error.type", status.to_string());
                span.fail(&cause);
                tracing::warn!(status, ms, cause, "{line}");
            }
            None => tracing::info!(status, ms, "{line}"),
        }
        response
    }
    .instrument(fields)
    .await
}

fn server_span(
    method: &'static str,
    route: &str,
    path: &str,
    caller: Option<TraceContext>,
) -> Span {
    if PROBES.contains(&route) {
        return Span::untraced(caller);
    }
    let mut span = match route {
        "none" => Span::server(method, caller),
        route => Span::server(format!("{method} {route}"), caller),
    };
    span.set("http.request.method", if method == "other" { "_OTHER" } else { method });
    span.set("url.path", path.to_owned());
    if route != "none" {
        span.set("http.route", route.to_owned());
    }
    span
}

/// Why the service failed, for a response of status 5xx.
fn cause(response: &Response) -> Option<String> {
    let status = response.status();
    status.is_server_error().then(|| match response.extensions().get::<Arc<Problem>>() {
        Some(problem) => problem.cause().to_owned(),
        None => status.canonical_reason().unwrap_or("no reason").to_owned(),
    })
}

/// Records a response. A histogram has the class of the status alone, since each of its label sets
/// is many time series.
fn count(method: &'static str, route: String, status: u16, took: Duration) {
    let class = match status {
        500.. => "5xx",
        400.. => "4xx",
        300.. => "3xx",
        _ => "2xx",
    };
    let labels = [("method", method.to_owned()), ("route", route), ("class", class.to_owned())];
    metrics::histogram!("planet_request_seconds", &labels).record(took.as_secs_f64());
    let [method, route, _] = labels;
    let labels = [method, route, ("status", status.to_string())];
    metrics::counter!("planet_requests_total", &labels).increment(1);
}

/// A path as logs and problems may have it: without the secrets of links and tokens, also where a
/// client put one by mistake.
fn masked(path: &str) -> Cow<'_, str> {
    let segments = || iter::once("").chain(path.split('/')).zip(path.split('/'));
    let is_secret = |(before, segment): (&str, &str)| before == "s" || may_have_secret(segment);
    if !segments().any(is_secret) {
        return Cow::Borrowed(path);
    }
    let masked = segments().map(|pair| if is_secret(pair) { "-" } else { pair.1 });
    Cow::Owned(masked.collect::<Vec<_>>().join("/"))
}

/// Rejects what the HTTP library accepts but a proxy in front may read differently (request
/// smuggling).
fn check_framing(request: &Request) -> Result<(), Problem> {
    let malformed = |detail| Err(Problem::new(BAD_REQUEST, detail));
    let hosts = request.headers().get_all(header::HOST).iter().count();
    // RFC 9112, 3.2: required once in HTTP/1.1, unknown in HTTP/1.0
    if hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11) {
        return malformed("a request must have exactly one Host header");
    }
    // RFC 9112, 6.1 and 7: `chunked` alone, once
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => malformed("Transfer-Encoding must be chunked, once; otherwise use Content-Length"),
    }
}

/// The client's `X-Request-Id` if it is 1 to 128 visible ASCII characters, otherwise a new id.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) => {
            id.to_owned()
        }
        _ => Uuid::now_v7().to_string(),
    }
}

/// The request's `traceparent`, if it is valid and the only one (W3C Trace Context, 3.2).
fn traceparent(headers: &HeaderMap) -> Option<TraceContext> {
    let mut given = headers.get_all("traceparent").iter();
    let only = given.next().filter(|_| given.next().is_none())?;
    only.to_str().ok()?.parse().ok()
}

/// The label of a method in metrics. Clients may send any method: others share one label, so that
/// the number of time series is bounded.
fn method_label(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}
