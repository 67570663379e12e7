//! Request smuggling: framing that a proxy may read differently never hides a second request.

use reqwest::Method;
use testkit::app::TestApp;

use crate::{pictures::png, wire::Wire};

/// The hidden request after the first one.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The status codes of all responses to `head`, `body` and the hidden request.
async fn statuses(app: &TestApp, request: &str) -> Vec<u16> {
    let said = Wire::raw(app, &format!("{request}{NEXT}")).await.everything().await;
    let lines = said.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines.map(|line| line[..3].parse().expect("a status")).collect()
}

#[tokio::test]
async fn a_body_with_a_contradictory_length_is_refused_and_nothing_behind_it_is_parsed() {
    let app = TestApp::spawn().await;
    for odd in [
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 4",
        "Content-Length: +4",
        "Content-Length: 0x4",
        "Content-Length: 4 4",
        "Content-Length: -4",
        "Content-Length: 99999999999999999999999",
        "Content-Length : 4",
        "Content-Length: 4\r\n Content-Length: 9",
        "X: y\r\n\tContent-Length: 4",
        "X: y\rContent-Length: 4",
        "X: y\0\r\nContent-Length: 4",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding:",
    ] {
        for body in ["abcd", "4\r\nabcd\r\n0\r\n\r\n"] {
            let request =
                format!("POST /images HTTP/1.1\r\nHost: localhost\r\n{odd}\r\n\r\n{body}");
            assert_eq!(statuses(&app, &request).await, [400], "{odd:?}");
        }
    }
    for size in ["0x4", "-4", "+4", " 4", "4 4", "", "g", "10000000000000004", "4;\r"] {
        let request = format!(
            "POST /images HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
             {size}\r\nabcd\r\n0\r\n\r\n"
        );
        assert_eq!(statuses(&app, &request).await, [400], "a chunk of {size:?} bytes");
    }
    app.nothing_is_left().await;
}

/// RFC 9112, 6.1: `Transfer-Encoding` takes precedence, and the connection is closed.
#[tokio::test]
async fn with_chunked_and_a_length_the_connection_closes_after_the_response() {
    let app = TestApp::spawn().await;
    for both in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nTransfer-Encoding: CHUNKED\r\nContent-Length: 5",
    ] {
        let request = format!(
            "POST /images HTTP/1.1\r\nHost: localhost\r\n{both}\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"
        );
        assert_eq!(statuses(&app, &request).await, [415], "{both:?}");
    }
    let old = "POST /images HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
    assert_eq!(statuses(&app, old).await, [400]);
    app.nothing_is_left().await;
}

#[tokio::test]
async fn an_unread_body_is_never_parsed_as_a_request() {
    let app = TestApp::spawn().await;
    let inner = "DELETE /images/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (method, path, status) in
        [("POST", "/nowhere", 404), ("GET", "/livez", 200), ("PUT", "/images", 405)]
    {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            inner.len()
        );
        let last = "GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let wire = Wire::raw(&app, &format!("{head}{inner}{last}")).await;
        let said = wire.everything().await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
        assert!(!said.contains("/images/x"), "{said}");
        // the next request starts after the body, or the connection is closed
        let answers = said.matches("HTTP/1.1 ").count();
        assert!(answers == 1 || (answers == 2 && said.contains("\"/last\"")), "{said}");
    }
}

#[tokio::test]
async fn a_target_is_read_by_its_path_alone() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    let close = "Host: localhost\r\nConnection: close\r\n\r\n";
    for (line, status) in [
        (format!("GET http://localhost{} HTTP/1.1", image.at), 200),
        ("GET http://localhost/nowhere HTTP/1.1".into(), 404),
        (format!("GET http://elsewhere.example{} HTTP/1.1", image.at), 421),
        ("OPTIONS * HTTP/1.1".into(), 404),
        ("CONNECT elsewhere.example:443 HTTP/1.1".into(), 421),
        ("GET /images HTTP/2.0".into(), 400),
        ("GET /images HTTP/1.1 x".into(), 400),
        ("GET  /images HTTP/1.1".into(), 400),
        ("GET /ima ges HTTP/1.1".into(), 400),
        ("GET /images\t HTTP/1.1".into(), 400),
        ("GET /images/\0 HTTP/1.1".into(), 400),
        ("GET /images/%c0%ae%c0%ae%c0%af HTTP/1.1".into(), 404),
        ("GET /images/..%2f..%2fpresets HTTP/1.1".into(), 404),
        ("GET /images/..;/presets HTTP/1.1".into(), 404),
        ("GET /images\\..\\presets HTTP/1.1".into(), 404),
    ] {
        let said = Wire::raw(&app, &format!("{line}\r\n{close}")).await.everything().await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {said}");
        assert!(!said.contains("root:"), "{line}: {said}");
    }
    app.get(&image.at).await.is(200);
    app.send(app.request(Method::DELETE, &image.at)).await.is(204);
}
