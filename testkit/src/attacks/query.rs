//! GET requests: any address with any headers is answered, or refused with a problem.

use axum::http::Method;

use super::request;
use crate::app::{TestApp, Uploaded};

/// Addresses with headers.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let seeds = [
        "/images?limit=2&sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "/images?cursor=01a20f99-48b9-701c-bde0-968a90457218",
        "/images/ID?width=7&height=3&fit=cover&cell=0.6&format=svg",
        "/images/ID?preset=small&height=2&symbols=ramp:%20%2b%23&dither=bayer&format=html",
        "/images/ID?width=5&color=256&symbols=quad&color_on=both&alpha=%23102030&version=1",
        "/images/ID?width=6&bands=3,2,1&stretch=0:200&frame=0&format=png",
        "/images/ID?width=4\naccept: text/html;q=0.5, image/*;q=0.7, */*;q=0.1\nif-none-match: \"a\", W/\"b\"",
        "/images/ID?width=4\naccept: application/json\nif-modified-since: Sun, 06 Nov 1994 08:49:37 GMT",
        "/images/ID/original\nrange: bytes=1-3, 5-\nif-range: \"a\"\naccept-encoding: gzip, br;q=0",
        "/images/ID/original\nif-match: *\nif-unmodified-since: Sunday, 06-Nov-94 08:49:37 GMT",
        "/images/ID/metadata",
        "/images/ID/renders",
        "/problems/busy",
    ];
    seeds.map(|seed| (seed.to_owned(), seed.into())).into()
}

/// Sends a request; returns the response's status, or `None` if the input is not valid HTTP. The
/// first `ID` in the input stands for the id of `image`.
pub async fn attack(app: &TestApp, image: &Uploaded, bytes: &[u8]) -> Option<u16> {
    let (head, rest) = match bytes.windows(2).position(|it| it == b"ID") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let id = if head.len() < bytes.len() { image.id.as_bytes() } else { &[] };
    let bytes = [head, id, rest].concat();
    let request = request::read(Method::GET, &bytes, 1)?;
    let answer = app.oneshot(request).await;
    let allowed = [200, 206, 304, 400, 404, 405, 406, 412, 416, 422];
    let is_not_ready = answer.path == "/readyz" && answer.status == 503;
    assert!(allowed.contains(&answer.status) || is_not_ready, "{answer:?}");
    Some(answer.status)
}
