//! A request from any bytes: lines of its target and its headers, an empty line, its body.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, Method, Request, Uri, header},
};
use futures_util::stream;

/// `None` if the bytes are not valid HTTP. The body is a stream of pieces of `piece` bytes.
pub fn read(method: Method, bytes: &[u8], piece: usize) -> Option<Request<Body>> {
    let (head, body) = split(bytes, b"\n\n");
    let (target, mut headers) = split(head, b"\n");
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(target).ok().filter(|uri| uri.path().starts_with('/'))?;
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("planet"));
    while !headers.is_empty() {
        let (line, others) = split(headers, b"\n");
        headers = others;
        let (name, value) = split(line, b":");
        let name = HeaderName::from_bytes(name).ok()?;
        // no worker runs, so waiting for renders would only time out
        if name != "prefer" {
            request.headers_mut().append(name, HeaderValue::from_bytes(value.trim_ascii()).ok()?);
        }
    }
    let pieces: Vec<_> =
        body.chunks(piece).map(|it| Ok::<_, std::io::Error>(Bytes::copy_from_slice(it))).collect();
    *request.body_mut() = Body::from_stream(stream::iter(pieces));
    Some(request)
}

fn split<'a>(bytes: &'a [u8], by: &[u8]) -> (&'a [u8], &'a [u8]) {
    match bytes.windows(by.len()).position(|it| it == by) {
        Some(at) => (&bytes[..at], &bytes[at + by.len()..]),
        None => (bytes, &[]),
    }
}
