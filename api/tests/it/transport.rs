//! Clients that stall, disconnect, exceed limits, or do not speak HTTP.

use std::time::Duration;

use reqwest::Method;
use testkit::app::{ANSWER_TIMEOUT, TestApp, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{pictures::png, wire::Wire};

#[tokio::test]
async fn a_stalled_upload_is_aborted() {
    let app = TestApp::with(&[("UPLOAD_IDLE_S", "0.2")]).await;
    let bytes = png(64, 40);
    let length = format!("Content-Length: {}", bytes.len());
    let mut bare = Wire::post(&app, &[&length]).await;
    bare.send(&bytes[..100]).await;
    bare.answer().await.is(408).tells_problem("timeout", &["0.2 s", "again"]);

    let mut form =
        Wire::post(&app, &["Content-Type: multipart/form-data; boundary=b", &length]).await;
    form.send(b"--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nabc").await;
    form.answer().await.is(408).tells_problem("timeout", &["0.2 s", "again"]);
    app.nothing_is_left().await;
}

#[tokio::test]
async fn a_slow_upload_is_taken_as_long_as_it_goes_on() {
    let app = TestApp::with(&[("UPLOAD_IDLE_S", "1"), ("UPLOAD_MIN_RATE", "0")]).await;
    let bytes = png(64, 40);
    let length = format!("Content-Length: {}", bytes.len());
    let mut wire = Wire::post(&app, &[&length]).await;
    for chunk in bytes.chunks(bytes.len() / 5 + 1) {
        tokio::time::sleep(Duration::from_millis(250)).await;
        wire.send(chunk).await;
    }
    wire.answer().await.is(201);
}

#[tokio::test]
async fn a_slow_upload_is_aborted() {
    let app = TestApp::with(&[("UPLOAD_IDLE_S", "0.5"), ("UPLOAD_MIN_RATE", "1000")]).await;
    let form = "Content-Type: multipart/form-data; boundary=b";
    for headers in [&["Content-Length: 100000"] as &[_], &["Content-Length: 100000", form]] {
        let mut wire = Wire::post(&app, headers).await;
        wire.send(b"--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n").await;
        // each pause is short enough
        until("the upload is refused", async || {
            let is_refused = wire.hears_something(Duration::from_millis(50)).await;
            if !is_refused {
                wire.send(b"x").await;
            }
            is_refused
        })
        .await;
        wire.answer().await.is(408).tells_problem("timeout", &["1000 bytes a second"]);
    }
    app.nothing_is_left().await;
}

#[tokio::test]
async fn a_form_s_frame_is_bounded() {
    let app = TestApp::spawn().await;
    let headers = ["Content-Type: multipart/form-data; boundary=b", "Transfer-Encoding: chunked"];
    let part = "--b\r\nContent-Disposition: form-data; name=\"image\"\r\nX-Filler: ";
    for start in ["a preamble", part] {
        let mut wire = Wire::post(&app, &headers).await;
        let chunk = "x".repeat(100_000);
        wire.chunk(start).await;
        let mut sent = 0;
        while !wire.hears_something(Duration::ZERO).await {
            assert!(sent < 20_000_000, "the connection is not closed");
            wire.chunk(&chunk).await;
            sent += chunk.len();
        }
        wire.answer().await.is(400).tells_problem("bad-request", &["form", "parts"]);
    }
    app.nothing_is_left().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_its_connection() {
    let app = TestApp::with(&[("HEADER_TIMEOUT_S", "0.2")]).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(&app.address).await.expect("connect");
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: ").await.expect("send");
        silent.push(stream);
    }
    assert_eq!(app.text("/livez").await, "ok\n");
    for mut stream in silent {
        let end = timeout(ANSWER_TIMEOUT, stream.read_to_end(&mut Vec::new())).await;
        end.expect("it is hung up").expect("it is hung up in order");
    }
}

#[tokio::test]
async fn a_request_has_one_host() {
    let app = TestApp::spawn().await;
    for (head, status) in [
        ("HTTP/1.1\r\nConnection: close\r\n", 400),
        ("HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n", 400),
        ("HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", 200),
        ("HTTP/1.0\r\n", 200),
    ] {
        let answer = Wire::raw(&app, &format!("GET /images {head}\r\n")).await.answer().await;
        let answer = answer.is(status);
        if status == 400 {
            answer.tells_problem("bad-request", &["Host"]);
        }
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_upload() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let mut short = Wire::post(&app, &["Content-Length: 100000"]).await;
    short.send(&bytes).await;
    short.end().await;
    let answer = short.answer().await.is(400);
    answer.tells_problem("bad-request", &["ended too early"]);

    for broken in ["zz\r\nabc\r\n", "5\r\nabcdefgh\r\n0\r\n\r\n", "fffffffffffffffff\r\n"] {
        let mut chunked = Wire::post(&app, &["Transfer-Encoding: chunked"]).await;
        chunked.send(broken.as_bytes()).await;
        chunked.answer().await.is(400).tells_problem("bad-request", &["body"]);
    }
    app.nothing_is_left().await;
}

#[tokio::test]
async fn a_client_that_disconnects_leaves_nothing() {
    let app = TestApp::with(&[("HALF_CLOSE_GRACE_S", "0.05")]).await;
    let bytes = png(64, 40);
    let part = b"--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n";
    let form = [part.as_slice(), &bytes, b"\r\n--b"].concat();
    for (kind, body) in
        [("image/png", bytes.as_slice()), ("multipart/form-data; boundary=b", &form)]
    {
        let head = [&*format!("Content-Type: {kind}"), "Content-Length: 1000000"];
        for stage in [0, 1, 30, part.len(), part.len() + 100, body.len()] {
            let mut wire = Wire::post(&app, &head).await;
            wire.send(&body[..stage]).await;
            drop(wire);
            app.nothing_is_left().await;
        }
    }
    app.upload(bytes).await;
}

#[tokio::test]
async fn a_client_that_closes_its_side_gets_its_answer() {
    let app = TestApp::with(&[("HALF_CLOSE_GRACE_S", "600")]).await;
    let bytes = png(64, 40);
    let mut upload = Wire::post(&app, &[&format!("Content-Length: {}", bytes.len())]).await;
    upload.send(&bytes).await;
    upload.end().await;
    let image = upload.answer().await.is(201).json();
    let mut chunked = Wire::post(&app, &["Transfer-Encoding: chunked"]).await;
    chunked
        .send(&[format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n0\r\n\r\n"].concat())
        .await;
    chunked.end().await;
    chunked.answer().await.is(201);
    assert_eq!(app.count("images").await, 2);

    let id = image["id"].as_str().expect("an id");
    for path in ["/images", &format!("/images/{id}?width=20&fit=stretch&height=10"), "/docs"] {
        for version in ["1.0", "1.1"] {
            let head = format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n\r\n");
            let mut wire = Wire::raw(&app, &head).await;
            wire.end().await;
            wire.answer().await.is(200);
        }
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_counts_as_disconnected_after_a_time() {
    let app = TestApp::with(&[("HALF_CLOSE_GRACE_S", "0.1"), ("MAX_EVENT_STREAMS", "1")]).await;
    let mut quiet = Wire::open(&app, Method::GET, "/images/events", &[]).await;
    assert!(quiet.hears_something(ANSWER_TIMEOUT).await);
    quiet.end().await;
    let head = quiet.everything().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    until("its stream is free", async || {
        let next = app.request(Method::GET, "/images/events").send().await.expect("an answer");
        next.status() == 200
    })
    .await;
}

#[tokio::test]
async fn uploads_above_the_limit_get_503() {
    let app = TestApp::with(&[("MAX_UPLOADS", "1"), ("UPLOAD_BUSY_RATE", "0")]).await;
    let bytes = png(64, 40);
    let length = format!("Content-Length: {}", bytes.len());
    let mut first = Wire::post(&app, &[&length]).await;
    first.send(&bytes[..100]).await;
    // it has a slot as soon as its spool file exists
    app.an_upload_is_spooled().await;
    app.post(bytes.clone()).await.is(503).tells_problem("busy", &["upload slot"]);
    // other requests need no upload slot
    app.get("/images").await.is(200);

    first.send(&bytes[100..]).await;
    first.answer().await.is(201);
    app.upload(bytes.clone()).await;

    // a client that disconnects returns its slot
    let mut second = Wire::post(&app, &[&length]).await;
    second.send(&bytes[..100]).await;
    app.an_upload_is_spooled().await;
    drop(second);
    until("a slot is free", async || app.post(bytes.clone()).await.status != 503).await;
}

#[tokio::test]
async fn an_early_refusal_is_read_by_a_client_that_still_sends() {
    let app = TestApp::spawn().await;
    let body = vec![0; 1_700_000];
    let length = format!("Content-Length: {}", body.len());
    for (method, path, header, status) in [
        (Method::POST, "/images", "Origin: http://evil.example", 403),
        (Method::DELETE, "/images/x", "Sec-Fetch-Site: cross-site", 403),
        (Method::POST, "/nowhere", "", 404),
        (Method::PUT, "/images", "", 405),
        (Method::POST, "http://evil.example/images", "", 421),
        (Method::POST, "/images?width=80", "", 400),
        (Method::POST, "/images", "Content-Type: multipart/form-data", 400),
        // an answer that is no refusal either
        (Method::GET, "/presets", "", 200),
    ] {
        let headers = [length.as_str(), header];
        let headers = if header.is_empty() { &headers[..1] } else { &headers[..] };
        for _ in 0..20 {
            let mut wire = Wire::open(&app, method.clone(), path, headers).await;
            wire.send(&body).await;
            assert_eq!(wire.answer_of_hyper().await.status, status, "{method} {path} {header}");
        }
    }
    // a body that is only announced is not waited for
    let ask = [length.as_str(), "Expect: 100-continue", "Origin: http://evil.example"];
    Wire::post(&app, &ask).await.answer().await.is(403);
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let length = format!("Content-Length: {}", bytes.len());
    let mut wire = Wire::post(&app, &[&length, "Expect: 100-continue"]).await;
    assert!(wire.hears_something(Duration::from_secs(5)).await);
    wire.send(&bytes).await;
    let interim = wire.answer_of_hyper().await;
    assert_eq!(interim.status, 100);
    assert!(interim.body.starts_with(b"HTTP/1.1 201 Created\r\n"));
}

#[tokio::test]
async fn what_is_no_http_ends_its_connection_and_nothing_else() {
    let app = TestApp::spawn().await;
    let large = format!("X-Large: {}", "x".repeat(100_000));
    Wire::open(&app, Method::GET, "/livez", &[&large]).await.answer().await.is(200);
    // the HTTP library answers these before our code runs
    let many: Vec<String> = (0..200).map(|n| format!("X-{n}: x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let answer = Wire::open(&app, Method::GET, "/livez", &many).await.answer_of_hyper().await;
    assert_eq!(answer.status, 431);
    let long = format!("/{}", "x".repeat(70_000));
    let answer = Wire::open(&app, Method::GET, &long, &[]).await.answer_of_hyper().await;
    assert_eq!(answer.status, 414);
    for nonsense in ["no header", "Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2"] {
        let answer = Wire::post(&app, &[nonsense]).await.answer_of_hyper().await;
        assert_eq!(answer.status, 400, "{nonsense}");
    }
    app.nothing_is_left().await;
    app.get("/livez").await.is(200);
}

#[tokio::test]
async fn a_stop_lets_running_uploads_end() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let length = format!("Content-Length: {}", bytes.len());
    let mut wire = Wire::post(&app, &[&length]).await;
    wire.send(&bytes[..100]).await;
    app.an_upload_is_spooled().await;
    app.stop.cancel();
    wire.send(&bytes[100..]).await;
    wire.answer().await.is(201);
    assert_eq!(app.count("images").await, 1);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_silent_clients() {
    // longer than the timeout of this test
    let patient = ["DRAIN_S", "HEADER_TIMEOUT_S", "ANSWER_IDLE_S"].map(|name| (name, "600"));
    let app = TestApp::with(&patient).await;
    let mut half = TcpStream::connect(&app.address).await.expect("connect");
    half.write_all(b"GET / HTTP/1.1\r\nHost:").await.expect("send");
    // more than the socket buffers hold
    let mut deaf = TcpStream::connect(&app.address).await.expect("connect");
    let asked = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500);
    deaf.write_all(asked.as_bytes()).await.expect("send");
    let stopped = app.restart(&[], |_| {});
    let app = timeout(ANSWER_TIMEOUT, stopped).await.expect("a stop in time");
    app.get("/livez").await.is(200);
}

#[tokio::test]
async fn a_stop_does_not_wait_with_a_client_for_renders() {
    // longer than the timeout of this test, and no worker runs
    let app = TestApp::with(&[("DRAIN_S", "600")]).await;
    let upload = app.request(Method::POST, "/images").header("prefer", "wait=30").body(png(8, 8));
    let asked = tokio::spawn(upload.send());
    let stored = "images WHERE state = 'stored'";
    until("the image is stored", async || app.count(stored).await > 0).await;
    let stopped = app.restart(&[], |_| {});
    timeout(ANSWER_TIMEOUT, stopped).await.expect("a stop in time");
    let answer = asked.await.expect("a task").expect("an answer");
    assert_eq!(answer.status(), 201);
}
