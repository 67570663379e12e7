//! Animations: their timing, the stream of their frames, and recordings.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{
    app::TestApp,
    pictures::{apng, gif, webp},
};

const LOOK: &str = "width=4&height=2&fit=stretch&match=ramp&tone=natural&alpha=dark";

/// A GIF of so many frames of 20 ms, each of one more white pixel, that is played without end.
fn dots(frames: u16) -> Vec<u8> {
    slow_dots(frames, 2)
}

/// As [`dots`], with frames of so many hundredths of a second.
pub(crate) fn slow_dots(frames: u16, delay: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 32, 32, &[0, 0, 0, 255, 255, 255]).expect("GIF");
    encoder.set_repeat(gif::Repeat::Infinite).expect("it is in memory");
    for at in 0..frames {
        let mut frame = gif::Frame::from_indexed_pixels(1, 1, vec![1], None);
        (frame.left, frame.top, frame.delay) = (at % 32, at / 32, delay);
        encoder.write_frame(&frame).expect("a small frame");
    }
    drop(encoder);
    file
}

/// The frames of a stream: the texts between the movements back to the first row.
fn frames(stream: &str, rows: usize) -> Vec<String> {
    let back = format!("\r\x1b[{rows}A");
    stream.split(&back).map(|frame| frame.replace("\x1b[K", "")).collect()
}

#[tokio::test]
async fn an_animation_tells_its_timing() {
    let app = TestApp::spawn().await;
    for (file, plays) in [(gif(), json!(1)), (apng(), json!(null)), (webp(), json!(null))] {
        let image = app.upload(file).await;
        let timing = app.get(&format!("{}/animation", image.at)).await.is(200).json();
        assert_eq!(timing["first_frame"], 0);
        assert_eq!(timing["durations_ms"].as_array().map(Vec::len), Some(3));
        assert_eq!(timing["plays"], plays);
    }
    let still = app.upload(crate::pictures::png(4, 4)).await;
    let timing = app.get(&format!("{}/animation", still.at)).await.is(200).json();
    assert_eq!(timing, json!({"first_frame": 0, "durations_ms": [0], "plays": 1}));
    app.get("/images/019a9c4e-5f0e-7cc1-9d52-0d3a36a3a9d1/animation").await.is(404);
}

#[tokio::test]
async fn the_stream_shows_each_frame_in_place_of_the_one_before() {
    let app = TestApp::spawn().await;
    for file in [gif(), apng(), webp()] {
        let image = app.upload(file).await;
        let answer = app.get(&format!("{}/play?{LOOK}&loops=2&speed=10", image.at)).await.is(200);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        let mut single = Vec::new();
        for frame in 0..3 {
            single.push(app.text(&format!("{}?{LOOK}&frame={frame}&format=txt", image.at)).await);
        }
        let twice: Vec<String> = single.iter().chain(&single).cloned().collect();
        assert_eq!(frames(&answer.text(), 2), twice);
    }
    let still = app.upload(crate::pictures::png(8, 8)).await;
    let shown = app.get(&format!("{}/play?width=8", still.at)).await.is(200).text();
    let text = app.text(&format!("{}?width=8", still.at)).await;
    assert_eq!(frames(&shown, text.lines().count()), [text]);
}

#[tokio::test]
async fn frames_are_sent_at_their_times_until_the_client_goes() {
    let app = TestApp::spawn().await;
    let image = app.upload(dots(300)).await;
    let request = app.request(Method::GET, &format!("{}/play?width=32", image.at));
    let begun = Instant::now();
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let mut chunks = answer.bytes_stream();
    for _ in 0..10 {
        chunks.next().await.expect("it has no end").expect("a chunk");
    }
    // each is shown for 20 ms
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    drop(chunks);
}

#[tokio::test]
async fn a_recording_is_an_asciicast_of_all_frames() {
    let app = TestApp::spawn().await;
    let image = app.upload(apng()).await;
    let answer = app.get(&format!("{}/play?{LOOK}&color=full&format=cast", image.at)).await.is(200);
    assert_eq!(answer.header("content-type"), "application/x-asciicast");
    assert!(answer.header("content-disposition").ends_with(".cast"));
    let text = answer.text();
    let as_render = app.text(&format!("{}?{LOOK}&color=full&format=cast", image.at)).await;
    assert_eq!(as_render, text);
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        (&lines[0]["version"], &lines[0]["width"], &lines[0]["height"]),
        (&2.into(), &4.into(), &2.into())
    );
    let times: Vec<f64> = lines[1..].iter().map(|line| line[0].as_f64().expect("a time")).collect();
    assert_eq!(times, [0.0, 0.033, 0.067, 0.1]);
    assert!(lines[1..].iter().all(|line| line[1] == "o"));
    assert!(lines[2][2].as_str().expect("output").contains("38;2;"), "{}", lines[2]);
}

#[tokio::test]
async fn what_cannot_be_played_is_refused() {
    let app = TestApp::with(&[("MAX_EVENT_STREAMS", "1")]).await;
    let image = app.upload(dots(3)).await;
    let at = format!("{}/play", image.at);
    for (query, words) in [
        ("loops=1001", "loops"),
        ("loops=-1", "loops"),
        ("speed=0", "speed"),
        ("speed=fast", "speed"),
        ("format=gif", "ansi or cast"),
        ("format=cast&loops=0", "end"),
        ("frame=1", "frame"),
        ("version=3", "version"),
        ("colour=full", "colour"),
        ("loops=1&loops=2", "twice"),
    ] {
        let refused = app.get(&format!("{at}?{query}")).await.is(400);
        refused.tells_problem("bad-parameter", &[words]);
    }
    let open = app.request(Method::GET, &at).send().await.expect("an answer");
    app.get(&at).await.is(503).tells_problem("busy", &["streams"]);
    drop(open);

    let small = TestApp::with(&[("PLAYBACK_MEMORY_MIB", "0")]).await;
    let image = small.upload(dots(3)).await;
    let refused = small.get(&format!("{}/play", image.at)).await.is(422);
    refused.tells_problem("over-limit", &["PLAYBACK_MEMORY_MIB"]);
    // a single frame is drawn as ever
    small.get(&format!("{}?frame=2", image.at)).await.is(200);
}

#[tokio::test]
async fn frames_in_their_order_cost_what_they_add_and_are_drawn_once() {
    // nothing but the last frame's decoder is kept
    let app = TestApp::spawn().await;
    let image = app.upload(dots(64)).await;
    app.get(&format!("{}/play?width=8&speed=10&loops=1", image.at)).await.is(200);
    // all of them, by anyone, come from memory: the original is not read again
    std::fs::remove_file(app.original(&image)).expect("the original");
    for frame in [1, 30, 63] {
        let answer = app.get(&format!("{}?width=8&frame={frame}", image.at)).await.is(200);
        assert!(answer.header("cache-status").contains("hit"));
    }
    app.get(&format!("{}?width=9&frame=63", image.at)).await.is(503);
}
