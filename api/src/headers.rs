//! Reading and writing header fields.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};
use common::image::Image;

/// For the client's own cache, which validates the response before each use (RFC 9111, 5.2.2). A
/// shared cache would still have it after its image is deleted.
pub(crate) const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// `Vary` of a response that depends on who reads.
pub(crate) const BY_READER: HeaderValue = HeaderValue::from_static("cookie, authorization");

/// For no cache: the page of an account must not be shown again after its user signed out.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `Clear-Site-Data` of a response that ends a session (W3C Clear Site Data, 3.1): the browser
/// drops what it keeps of private pages. Browsers ignore it over plain http.
pub(crate) const CLEAR_CACHE: (HeaderName, HeaderValue) =
    (HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\""));

/// Middleware: no cache keeps a response.
pub(crate) async fn set_no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// A response without `Cache-Control` is [`PRIVATE`].
pub(crate) fn set_cache_control(response: &mut Response) {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(PRIVATE);
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

/// `Content-Disposition` of what was made of an image, of another format.
pub(crate) fn named(image: &Image, extension: &str) -> HeaderValue {
    let given = image.metadata.name.as_deref().unwrap_or_default();
    let stem = given.rsplit_once('.').map_or(given, |(stem, _)| stem);
    match stem.trim_start_matches(['.', ' ']) {
        "" => inline(&format!("{}.{extension}", image.id)),
        stem => inline(&format!("{stem}.{extension}")),
    }
}

/// `Content-Disposition: inline` (RFC 6266) with the name in two forms: `filename*` (RFC 8187) for
/// every character, and `filename` in ASCII, the only one that curl reads. Names have no leading
/// dots, since `curl -OJ` would write a hidden file.
pub(crate) fn inline(name: &str) -> HeaderValue {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    const UNRESERVED: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
    let is_safe = |c: char| c.is_ascii_alphanumeric() || " .-_".contains(c);
    let plain: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let extended = utf8_percent_encode(name, UNRESERVED);
    HeaderValue::from_str(&format!("inline; filename=\"{plain}\"; filename*=UTF-8''{extended}"))
        .expect("replaced and percent-encoded text is ASCII")
}
