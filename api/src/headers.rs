//! Reading and writing header fields.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};

/// For the client's own cache, which validates the response before each use (RFC 9111, 5.2.2). A
/// shared cache would still have it after its image is deleted.
pub(crate) const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// `Vary` of a response that depends on who reads.
pub(crate) const BY_READER: HeaderValue = HeaderValue::from_static("cookie, authorization");

/// Middleware: a response without `Cache-Control` is [`PRIVATE`].
pub(crate) async fn set_cache_control(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(PRIVATE);
    response
}

/// All lines of a list header, joined by commas; empty when there is none (RFC 9110, 5.3).
pub(crate) fn combined(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.collect::<Vec<_>>().join(", ")
}

/// Replaces a header, if `value` is a valid header value.
pub(crate) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
