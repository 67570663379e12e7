//! Reading and writing header fields.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

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
