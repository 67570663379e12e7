//! Overload: further clients get 503 at once, and do not affect the others.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use testkit::app::{ANSWER_TIMEOUT, TestApp, client, files, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    pictures::{noise, png},
    programs::Planet,
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
        let refused = app.get("/presets").await.is(503);
        assert_eq!(refused.header("connection"), "close");
        refused.tells_problem("busy", &["connection"]);
    }
    // a client with a large body gets the response as well
    app.post(vec![0; 5_000_000]).await.is(503).tells_problem("busy", &["connection"]);

    upload.send(&bytes[100..]).await;
    upload.answer().await.is(201);
    until("a connection is free", async || app.get("/presets").await.status != 503).await;
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
    until("a connection is free", async || app.get("/presets").await.status != 503).await;
}

#[tokio::test]
async fn health_checks_are_answered_while_silent_clients_hold_every_connection() {
    let app = TestApp::with(&[("MAX_CONNECTIONS", "4"), ("HEADER_TIMEOUT_S", "600")]).await;
    let mut silent = Vec::new();
    for nth in 0..400 {
        let mut stream = TcpStream::connect(&app.address).await.expect("connect");
        // a head that does not end, a body that does not come
        match nth % 3 {
            1 => stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.expect("send"),
            2 => {
                let head = b"POST /images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
                stream.write_all(head).await.expect("send");
            }
            _ => {}
        }
        silent.push(stream);
        if nth >= 4 {
            let path = ["/livez", "/readyz", "/metrics", "/livez"][nth % 4];
            app.get(path).await.is(200);
        }
    }
    app.get("/presets").await.is(503).tells_problem("busy", &["connection"]);
    let host = app.request(Method::GET, "/metrics").header("host", "evil.example");
    app.send(host).await.is(421);
}

#[tokio::test]
async fn an_upload_takes_a_slot_with_its_first_bytes() {
    let app = TestApp::with(&[("MAX_UPLOADS", "2"), ("UPLOAD_BUSY_RATE", "0")]).await;
    let form = "Content-Type: multipart/form-data; boundary=b";
    let mut heads = Vec::new();
    for nth in 0..8 {
        let headers: &[&str] = if nth % 2 == 0 { &[] } else { &[form] };
        heads.push(Wire::post(&app, &[headers, &["Content-Length: 1000"]].concat()).await);
    }
    app.upload(png(64, 40)).await;
    assert!(!heads.remove(0).hears_something(Duration::ZERO).await);
}

#[tokio::test]
async fn while_every_slot_is_in_use_a_slow_upload_gives_way() {
    let app = TestApp::with(&[("MAX_UPLOADS", "2")]).await;
    let form = "Content-Type: multipart/form-data; boundary=b";
    let length = "Content-Length: 1000000";
    let mut slow = [Wire::post(&app, &[length]).await, Wire::post(&app, &[length, form]).await];
    let part = b"--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n";
    for wire in &mut slow {
        wire.send(part).await;
    }
    let spool = app.folder().join("spool");
    until("both are being spooled", async || files(&spool).len() == 2).await;
    // about 9 kB/s: more than UPLOAD_MIN_RATE
    until("an upload is accepted", async || {
        for wire in &mut slow {
            wire.send(&[b'x'; 100]).await;
        }
        app.post(png(64, 40)).await.status == 201
    })
    .await;
    let mut replaced = 0;
    for mut wire in slow {
        if wire.hears_something(Duration::from_secs(1)).await {
            replaced += 1;
            wire.answer().await.is(408).tells_problem("timeout", &["65536 bytes", "slot", "again"]);
        }
    }
    assert_eq!(replaced, 1);
}

#[tokio::test]
async fn a_client_has_a_share_of_the_upload_slots() {
    let bytes = png(64, 40);
    let share = [("MAX_UPLOADS_PER_CLIENT", "1"), ("UPLOAD_BUSY_RATE", "0")];
    for trusted in ["127.0.0.0/8", "", "192.0.2.0/24"] {
        let app = TestApp::with(&[share[0], share[1], ("TRUSTED_PROXIES", trusted)]).await;
        let mut first =
            Wire::post(&app, &["Content-Length: 1000", "X-Forwarded-For: 203.0.113.1"]).await;
        first.send(b"x").await;
        app.an_upload_is_spooled().await;
        let post = async |forwarded| {
            let upload = app.request(Method::POST, "/images").body(bytes.clone());
            app.send(upload.header("x-forwarded-for", forwarded)).await
        };
        // what a client sends itself is before the address that the proxy appends
        let own = post("203.0.113.2, 203.0.113.1").await.is(503);
        own.tells_problem("busy", &["upload slot", "your address"]);
        let other = post("203.0.113.1, 203.0.113.2").await;
        other.is(if trusted == "127.0.0.0/8" { 201 } else { 503 });
    }
}

/// A text of 700,000 cells: more than the socket buffers of the kernel hold (4 and 6 MB).
const LARGE: &str = "width=1000&height=700&fit=stretch&match=ramp&symbols=half&color=full\
                     &format=ansi";

#[tokio::test]
async fn large_answers_to_slow_readers_keep_a_limit() {
    let app = TestApp::spawn().await;
    let image = app.upload(noise(800, 1)).await;
    let large = format!("{}?{LARGE}", image.at);
    let length = app.get(&large).await.is(200).body.len();
    assert!(length > 12_000_000, "{length}");
    // half of it is just enough for two of them
    let budget = (4 * length).div_ceil(1 << 20).to_string();
    let app = app.restart(&[("ANSWER_MEMORY_MIB", &budget)], |_| {}).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::open(&app, Method::GET, &large, &[]).await;
        assert!(wire.hears_something(ANSWER_TIMEOUT).await);
        slow.push(wire);
    }
    app.get(&large).await.is(503).tells_problem("busy", &["large responses"]);
    for small in ["format=html", "format=svg&color=full", "format=png", "width=100", "format=txt"] {
        app.get(&format!("{}?{small}", image.at)).await.is(200);
    }
    let drawing = format!("{}?width=80&height=60&fit=stretch&color=full&format=svg", image.at);
    for small in [&drawing, "/images", "/docs"] {
        app.ask(small, &[("accept-encoding", "gzip")]).await.is(200);
    }

    for wire in slow {
        assert_eq!(wire.answer().await.is(200).body.len(), length);
    }
    app.get(&large).await.is(200);
}

#[tokio::test]
async fn a_response_that_never_fits_is_refused_with_its_limit() {
    let app = TestApp::with(&[("ANSWER_MEMORY_MIB", "4")]).await;
    let image = app.upload(noise(100, 1)).await;
    let noisy = "width=250&height=200&fit=stretch&match=ramp";
    for look in [
        LARGE.to_owned(),
        format!("{noisy}&color=full&format=svg"),
        format!("{noisy}&color=full&format=html"),
        format!("{noisy}&format=png"),
    ] {
        let answer = app.get(&format!("{}?{look}", image.at)).await.is(422);
        answer.tells_problem("over-limit", &["2.0 MiB", "ANSWER_MEMORY_MIB", "fewer columns"]);
    }
    app.get(&format!("{}?{noisy}", image.at)).await.is(200);
}

#[tokio::test]
async fn a_slow_reader_is_disconnected() {
    let settings = [("ANSWER_IDLE_S", "3"), ("ANSWER_MIN_RATE", "1000000000")];
    let app = TestApp::with(&settings).await;
    let image = app.upload(noise(800, 1)).await;
    let look = "width=800&height=600&fit=stretch&match=ramp&symbols=half&color=full&format=svg";
    let large = format!("{}?{look}", image.at);
    let head = app.send(app.request(Method::HEAD, &large)).await.is(200);
    let length: usize = head.header("content-length").parse().expect("a length");
    let mut slow = Wire::open(&app, Method::GET, &large, &[]).await;
    assert!(slow.hears_something(ANSWER_TIMEOUT).await);
    // it never pauses for long; the kernel buffers up to 10 MB
    let received = slow.trickle(20_000, Duration::from_millis(10)).await;
    assert!(received < length, "all {length} bytes");
    // a response that holds no memory may be read at any rate
    let mut original = Wire::open(&app, Method::GET, &format!("{}/original", image.at), &[]).await;
    let received = original.trickle(4_000, Duration::from_millis(10)).await;
    assert!(received > 1_900_000, "{received}");
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_to_clients_that_read_nothing_stay_within_the_configured_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (answers, renders, cache) = (48, 96, 4);
    let settings = [
        ("ANSWER_MEMORY_MIB", &*answers.to_string()),
        ("RENDER_MEMORY_MIB", &renders.to_string()),
        ("CACHE_BYTES", &(cache << 20).to_string()),
        ("RUST_LOG", "warn,planet=info"),
    ];
    let planet = Planet::start_with(folder.path(), &settings);
    let upload = client().post(format!("{}/images", planet.at)).body(noise(200, 1)).send().await;
    let image: Value = upload.expect("an answer").json().await.expect("JSON");
    let at = image["links"]["text"].as_str().expect("an address");
    let address = planet.at.trim_start_matches("http://");
    let base = planet.peak_mib();

    let mut open = Vec::new();
    for look in [
        "width=300&height=200&symbols=braille&color=full&format=svg",
        "width=316&height=316&match=ramp&format=png",
        "width=300&height=200&symbols=half&color=full&color_on=both&format=html",
        "width=300&height=200&symbols=half&color=full&color_on=both&format=txt",
        "width=300&height=250&symbols=half&color=full&color_on=both&format=ansi",
    ] {
        let head = format!("GET {at}?{look}&fit=stretch HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut some = Vec::new();
        for _ in 0..24 {
            let mut stream = TcpStream::connect(address).await.expect("connect");
            stream.write_all(head.as_bytes()).await.expect("send");
            some.push(stream);
        }
        for stream in &some {
            let answered = timeout(4 * ANSWER_TIMEOUT, stream.peek(&mut [0])).await;
            answered.expect("an answer in time").expect("an open connection");
        }
        open.append(&mut some);
    }
    let peak = planet.peak_mib();
    // what the allocator keeps, and buffers of connections
    let leeway = 32;
    let most = base + answers + renders + cache + leeway;
    eprintln!("{base} MiB at rest, {peak} MiB at most");
    assert!(peak <= most, "{base} MiB at rest, {peak} MiB at most, more than {most}");
}
