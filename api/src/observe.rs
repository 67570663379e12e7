//! Observes every request: gives it an id, dresses its problem, logs one line, counts.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    accept::negotiate,
    pages,
    problem::{BAD_REQUEST, Problem, dress},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
/// What a problem can be written as.
const PROBLEMS: &[&str] = &["application/problem+json", "application/json", "text/html"];

/// W3C `traceparent` of a request: the caller's, or one of our own.
#[derive(Clone)]
pub(crate) struct Trace(pub String);

pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let trace = trace(request.headers());
    let is_browser = negotiate(request.headers(), PROBLEMS) == Some("text/html");
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("none", |path| path.as_str());
    let route = route.to_owned();
    let span = tracing::info_span!("request", id, trace);
    request.extensions_mut().insert(Trace(trace));

    async move {
        let answer = match well_formed(&request) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.with(header::CONNECTION, CLOSE).into_response(),
        };
        let mut response = dress(answer, &path, &id, is_browser.then_some(pages::problem));
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        // what is sent is what it says it is
        let nosniff = HeaderValue::from_static("nosniff");
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        let (status, took) = (response.status().as_u16(), started.elapsed());
        let labels = [
            ("method", known(method.as_str()).to_owned()),
            ("route", route),
            ("status", status.to_string()),
        ];
        metrics::counter!("planet_requests_total", &labels).increment(1);
        metrics::histogram!("planet_request_seconds", &labels[..2]).record(took.as_secs_f64());
        tracing::info!(status, ms = took.as_millis() as u64, "{method} {path}");
        response
    }
    .instrument(span)
    .await
}

/// What the HTTP library lets pass, and what others before us may have understood in another way.
fn well_formed(request: &Request) -> Result<(), Problem> {
    let malformed = |detail| Err(Problem::new(BAD_REQUEST, detail));
    let hosts = request.headers().get_all(header::HOST).iter().count();
    // RFC 9112, 3.2: HTTP/1.1 wants the header once, HTTP/1.0 does not know it
    if hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11) {
        return malformed("a request has one Host header");
    }
    // RFC 9112, 6.1 and 7: chunks once, and nothing around them
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => {
            malformed("a body is sent by its length or in chunks: Transfer-Encoding: chunked, once")
        }
    }
}

/// The caller's id where it is short and plain, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) => {
            id.to_owned()
        }
        _ => Uuid::now_v7().to_string(),
    }
}

/// `00-{32 hex}-{16 hex}-{2 hex}` (W3C Trace Context, 3.2).
fn trace(headers: &HeaderMap) -> String {
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let is_hex = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(given) = given
        && let [version, id, parent, flags] = given.split('-').collect::<Vec<_>>()[..]
        && is_hex(version, 2)
        && is_hex(id, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
    {
        return given.to_owned();
    }
    let (id, parent) = (Uuid::now_v7().simple().to_string(), Uuid::now_v7().simple().to_string());
    format!("00-{id}-{}-01", &parent[16..])
}

/// Methods are the client's text: a metric has a bounded number of them.
fn known(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}
