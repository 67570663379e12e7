//! Overload: further clients get 503 at once, and do not affect the others.

use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use reqwest::Method;
use testkit::app::{ANSWER_TIMEOUT, TestApp, until};

use crate::{
    pictures::{noise, png},
    wire::Wire,
};

#[tokio::test]
async fn a_connection_above_the_limit_gets_503_and_the_others_continue() {
    let app = TestApp::with(&[("MAX_CONNECTIONS", "2"), ("HEADER_TIMEOUT_S", "600")]).await;
    let bytes = png(64, 40);
    let length = format!("Content-Length: {}", bytes.len());
    let silent = TcpStream::connect(&app.address).await.expect("connect");
    let mut upload = Wire::post(&app, &[&length]).await;
    upload.send(&bytes[..100]).await;

    for _ in 0..3 {
        let refused = app.get("/livez").await.is(503);
        assert_eq!(refused.header("connection"), "close");
        refused.tells_problem("busy", &["connection"]);
    }
    // a client with a large body gets the response as well
    app.post(vec![0; 5_000_000]).await.is(503).tells_problem("busy", &["connection"]);

    upload.send(&bytes[100..]).await;
    upload.answer().await.is(201);
    until("a connection is free", async || app.get("/livez").await.status != 503).await;
    drop(silent);
    until("a connection is free", async || app.post(bytes.clone()).await.status != 503).await;
    assert_eq!(app.count("images").await, 2);
}

#[tokio::test]
async fn a_flood_of_connections_is_closed() {
    let app = TestApp::with(&[("MAX_CONNECTIONS", "1"), ("HEADER_TIMEOUT_S", "600")]).await;
    let mut first = Wire::raw(&app, "GET /livez HTTP/1.1\r\nConnection: close\r\n").await;
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(TcpStream::connect(&app.address).await.expect("connect"));
    }
    // the last one first: no connection of the flood stays open
    for stream in flood.iter_mut().rev() {
        let end = timeout(ANSWER_TIMEOUT, stream.read_to_end(&mut Vec::new())).await;
        let _hung_up_or_reset = end.expect("it is not kept");
    }
    first.send(b"Host: localhost\r\n\r\n").await;
    first.answer().await.is(200);
    until("a connection is free", async || app.get("/livez").await.status != 503).await;
}

#[tokio::test]
async fn large_answers_to_slow_readers_keep_a_limit() {
    let app = TestApp::with(&[("ANSWER_MEMORY_MIB", "2")]).await;
    let image = app.upload(noise(800, 1)).await;
    // more than the socket buffers of the kernel (4 and 6 MB)
    let large =
        "width=1000&height=700&fit=stretch&match=ramp&symbols=half&color=full&color_on=both";
    let large = format!("{}?{large}&format=ansi", image.at);
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::open(&app, Method::GET, &large, &[]).await;
        assert!(wire.hears_something(ANSWER_TIMEOUT).await);
        slow.push(wire);
    }
    app.get(&large).await.is(503).tells_problem("busy", &["large responses"]);
    app.get(&format!("{}?format=html", image.at)).await.is(503);
    app.get("/livez").await.is(200);

    drop(slow.pop());
    let html = format!("{}?format=html", image.at);
    until("memory is free", async || app.get(&html).await.status != 503).await;
    let read = slow.remove(0).answer().await.is(200);
    assert!(app.get(&large).await.is(200).body == read.body);
    assert!(read.body.len() > 12_000_000, "{}", read.body.len());
}
