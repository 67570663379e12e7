//! Uploads: any form or bare body is stored unchanged, or refused, and leaves nothing behind.

use axum::http::Method;

use super::request;
use crate::app::{TestApp, Uploaded};

const PICTURE: &[u8] = b"P2 4 1 255  0 80 160 255";

/// Forms and bare bodies; those of a PNG contain `png`.
pub fn seeds(png: &[u8]) -> Vec<(String, Vec<u8>)> {
    let form = |head: &str, parts: &[(&str, &[u8])], end: &str| {
        let mut bytes =
            format!("/images\ncontent-type: multipart/form-data; {head}\n\n").into_bytes();
        for (disposition, content) in parts {
            let head = format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
            bytes.extend([head.as_bytes(), content, b"\r\n"].concat());
        }
        bytes.extend(end.as_bytes());
        bytes
    };
    let image = ("name=\"image\"; filename=\"a.png\"", PICTURE);
    let noted = ("name=\"note\"", &b"what it shows"[..]);
    let foreign = ("name=\"other\"; filename=\"b\"", PICTURE);
    let odd = ("name=file; filename*=UTF-8''%e2%82%ac; filename=\"\\\"\x7f<b>\"", PICTURE);
    let bare =
        |headers: &str, body: &[u8]| [b"/images\n", headers.as_bytes(), b"\n", body].concat();
    let seeds = [
        ("a form", form("boundary=b", &[image], "--b--\r\n")),
        ("a form of a PNG", form("boundary=b", &[(image.0, png)], "--b--\r\n")),
        (
            "more than a file",
            form("boundary=\"b\"; charset=utf-8", &[noted, image, noted], "--b--"),
        ),
        ("an odd name", form("boundary=b", &[odd], "--b--\r\n")),
        ("two files", form("boundary=b", &[image, image], "--b--\r\n")),
        ("another file", form("boundary=b", &[foreign], "--b--\r\n")),
        ("no parts", form("boundary=b", &[], "--b--\r\n")),
        ("no end", form("boundary=b", &[noted, image], "")),
        ("no boundary", form("", &[image], "--b--\r\n")),
        ("bare", bare("content-disposition: attachment; filename=\"m\\\"rs.png\"\n", PICTURE)),
        ("bare, with a key", bare("idempotency-key: k\ncontent-length: 24\n", PICTURE)),
        ("bare PNG", bare("content-disposition: x; filename*=UTF-8''%0a%ff\n", png)),
    ];
    // the first byte is the size of the body's pieces, less one
    seeds.map(|(name, bytes)| (name.to_owned(), [b"\x0b", &bytes[..]].concat())).into()
}

/// Uploads an input; returns the response's status, or `None` if the input is not valid HTTP.
/// Deletes a stored image again.
pub async fn attack(app: &TestApp, bytes: &[u8]) -> Option<u16> {
    let (piece, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let piece = usize::from(*piece) + 1;
    let request = request::read(Method::POST, bytes, piece)?;
    let is_upload = request.uri().path() == "/images";
    let taken = app.oneshot(request).await;
    if !matches!(taken.status, 200 | 201) {
        let refused = [400, 404, 405, 408, 413, 415, 422];
        assert!(refused.contains(&taken.status), "{taken:?}");
        return Some(taken.status);
    }
    assert!(is_upload, "{taken:?}");
    let image = Uploaded::from(&taken);
    let name = image.json["name"].as_str().unwrap_or_default();
    assert!(name.chars().count() <= 255 && !name.contains(asciify::is_display_control), "{name:?}");
    let ask = |method: Method, path: &str| {
        request::read(method, path.as_bytes(), piece).expect("an address of ours")
    };
    let original = app.oneshot(ask(Method::GET, &format!("{}/original", image.at))).await.is(200);
    let is_sent = bytes.windows(original.body.len()).any(|it| it == original.body);
    assert!(is_sent, "{:?} is no part of {bytes:?}", original.body);
    app.oneshot(ask(Method::DELETE, &image.at)).await.is(204);
    Some(taken.status)
}
