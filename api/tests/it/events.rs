//! Event streams: clients get every change, also after a reconnect.

use std::{collections::HashSet, time::Duration};

use common::{account::principal::Principal, image::Status, pipeline};
use reqwest::{Method, Response};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use testkit::{
    app::{ANSWER_TIMEOUT, TestApp, Uploaded, until},
    wait::soon,
};
use tokio::time::timeout;

use crate::{operations::metric, pictures::png};

/// A client of an event stream.
struct Events {
    response: Response,
    unread: String,
    /// The `Last-Event-ID` of a reconnect.
    last_id: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Event {
    kind: String,
    data: Value,
}

impl Event {
    /// The image's id, and its status or `deleted`.
    fn tells(&self) -> (&str, &str) {
        let status = match self.kind.as_str() {
            "image" => self.data["status"].as_str().expect("a status"),
            kind => kind,
        };
        (self.data["id"].as_str().expect("an id"), status)
    }
}

impl Events {
    async fn of(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Self {
        let request = app.request(Method::GET, path);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { response, unread: String::new(), last_id: String::new() }
    }

    /// Opens a stream, and waits for its first bytes.
    async fn open(app: &TestApp, path: &str) -> Self {
        let mut events = Events::of(app, path, &[]).await;
        let hello = events.block().await.expect("a first word");
        assert!(hello.starts_with(':') && hello.contains("\nretry:"), "{hello}");
        events
    }

    async fn again(app: &TestApp, path: &str, last_id: &str) -> Self {
        Events::of(app, path, &[("Last-Event-ID", last_id)]).await
    }

    /// The text up to the next empty line; `None` at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id:")) {
                    self.last_id = id.trim().to_owned();
                }
                return Some(block);
            }
            let chunk =
                timeout(ANSWER_TIMEOUT, self.response.chunk()).await.expect("something in time");
            let chunk = chunk.expect("a body that ends in order")?;
            self.unread += std::str::from_utf8(&chunk).expect("UTF-8");
        }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        // in total: comments keep a stream alive that has no events
        let event = timeout(ANSWER_TIMEOUT, async {
            loop {
                let block = self.block().await?;
                let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
                if let Some(data) = field("data:") {
                    let kind = field("event:").expect("an event").trim().to_owned();
                    let data = serde_json::from_str(data).expect("JSON");
                    return Some(Event { kind, data });
                }
            }
        });
        event.await.expect("an event in time")
    }

    /// Reads until an event has this status of the image.
    async fn hears(&mut self, image: &Uploaded, status: &str) -> Event {
        loop {
            let event = self.next().await.expect("an event");
            if event.tells() == (&image.id, status) {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn an_upload_is_told_and_that_it_is_ready_and_that_it_is_gone() {
    let app = TestApp::spawn().await;
    let earlier = app.upload(png(8, 8)).await;
    app.work(1).await;
    let mut events = Events::open(&app, "/images/events").await;
    let image = app.upload(png(8, 8)).await;
    let pending = events.next().await.expect("the first");
    assert_eq!(pending.data, image.json, "the image as everywhere");
    app.work(1).await;
    let ready = events.hears(&image, "ready").await;
    assert_eq!(ready.data, app.get(&format!("{}/metadata", image.at)).await.json());
    assert_eq!(ready.data["links"]["events"], format!("{}/events", image.at));
    app.delete(&earlier.at).await.is(204);
    let gone = events.hears(&earlier, "deleted").await;
    assert_eq!(gone.data, serde_json::json!({"id": earlier.id}));
}

#[tokio::test]
async fn an_image_that_is_given_up_is_told_with_the_reason() {
    let app = TestApp::spawn().await;
    let mut bytes = png(64, 64);
    let mut events = Events::open(&app, "/images/events").await;
    // a valid header, and data that cannot be decompressed
    let at = bytes.windows(4).position(|kind| kind == b"IDAT").expect("the image data") + 4;
    bytes[at..at + 8].fill(0);
    let image = app.upload(bytes).await;
    app.work(1).await;
    let failed = events.hears(&image, "failed").await;
    assert!(failed.data["error"].as_str().is_some_and(|why| !why.is_empty()), "{failed:?}");
}

#[tokio::test]
async fn one_image_is_followed_from_how_it_stands_to_its_end() {
    let app = TestApp::spawn().await;
    let (image, other) = (app.upload(png(8, 8)).await, app.upload(png(9, 9)).await);
    let path = format!("{}/events", image.at);
    let mut events = Events::of(&app, &path, &[]).await;
    let mut late = Events::of(&app, &path, &[]).await;
    assert_eq!(late.next().await.expect("how it stands").tells(), (&*image.id, "pending"));
    let before = late.last_id.clone();
    drop(late);
    app.work(2).await;
    app.delete(&other.at).await.is(204);
    app.delete(&image.at).await.is(204);
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        let (id, status) = event.tells();
        assert_eq!(id, image.id, "nothing of others");
        told.push(status.to_owned());
    }
    assert_eq!(told.first().map(String::as_str), Some("pending"));
    assert_eq!(told.last().map(String::as_str), Some("deleted"));

    // a reconnect after the deletion gets the event once
    let mut again = Events::again(&app, &path, &before).await;
    assert_eq!(again.next().await.expect("the end").tells(), (&*image.id, "deleted"));
    assert_eq!(again.next().await, None);
    app.ask(&path, &[("Last-Event-ID", &again.last_id)]).await.is(404);
    app.get(&path).await.is(404);
}

#[tokio::test]
async fn whoever_comes_again_has_missed_nothing() {
    let app = TestApp::spawn().await;
    let (gone, kept) = (app.upload(png(8, 8)).await, app.upload(png(8, 8)).await);
    let events = Events::open(&app, "/images/events").await;
    // disconnected before the first event
    let last_id = events.last_id.clone();
    drop(events);
    app.work(2).await;
    app.delete(&gone.at).await.is(204);
    let new = app.upload(png(8, 8)).await;
    let app = app.restart(&[], |_| {}).await;

    let mut again = Events::again(&app, "/images/events", &last_id).await;
    let mut expected: HashSet<(String, String)> =
        [(&gone, "deleted"), (&kept, "ready"), (&new, "pending")]
            .map(|(image, status)| (image.id.clone(), status.to_owned()))
            .into();
    while !expected.is_empty() {
        let event = again.next().await.expect("an event");
        let (id, status) = event.tells();
        assert!(expected.remove(&(id.to_owned(), status.to_owned())), "{event:?}");
    }
    // the stream continues
    app.work(1).await;
    again.hears(&new, "ready").await;

    // a position of another database, whose changes are not known
    let mut lost = Events::again(&app, "/images/events", "9000000000000000").await;
    assert_eq!(lost.next().await.expect("an event").kind, "reset");
    let next = app.upload(png(10, 10)).await;
    assert_eq!(lost.next().await.expect("an event").tells(), (&*next.id, "pending"));
}

#[tokio::test]
async fn who_missed_too_much_is_sent_to_the_list() {
    let app = TestApp::with(&[("MAX_REPLAYED_EVENTS", "2")]).await;
    let images = [app.upload(png(8, 8)).await, app.upload(png(9, 9)).await];
    let mut few = Events::again(&app, "/images/events", "0").await;
    for image in &images {
        assert_eq!(few.next().await.expect("an event").tells(), (&*image.id, "pending"));
    }
    app.upload(png(7, 7)).await;
    let mut many = Events::again(&app, "/images/events", "0").await;
    let reset = many.next().await.expect("an event");
    assert_eq!((reset.kind.as_str(), &reset.data["list"]), ("reset", &"/images".into()));
    assert_eq!(app.get("/images").await.json()["items"].as_array().map(Vec::len), Some(3));
    // the stream and its reconnects continue from there
    let last_id = many.last_id.clone();
    let next = app.upload(png(6, 6)).await;
    assert_eq!(many.next().await.expect("an event").tells(), (&*next.id, "pending"));
    let mut again = Events::again(&app, "/images/events", &last_id).await;
    assert_eq!(again.next().await.expect("an event").tells(), (&*next.id, "pending"));
}

#[tokio::test]
async fn deletions_are_forgotten_after_a_while() {
    let app = TestApp::with(&[("DELETIONS_KEPT_S", "0.01")]).await;
    let image = app.upload(png(8, 8)).await;
    app.delete(&image.at).await.is(204);
    until("the deletion is forgotten", async || {
        app.clean_up().await;
        app.count("changes").await == 0
    })
    .await;
    app.ask(&format!("{}/events", image.at), &[("Last-Event-ID", "0")]).await.is(404);
    // positions continue
    let mut events = Events::open(&app, "/images/events").await;
    let image = app.upload(png(8, 8)).await;
    events.hears(&image, "pending").await;
}

#[tokio::test]
async fn who_reads_slowly_misses_nothing() {
    let app = TestApp::spawn().await;
    let mut slow = app.pipeline.subscribe(None, &Principal::Open).await.expect("a follower");
    let mut quick = app.pipeline.subscribe(None, &Principal::Open).await.expect("a follower");
    let (first, image) = (app.upload(png(8, 8)).await, app.upload(png(8, 8)).await);
    let sql = |state| format!("UPDATE jobs SET state = '{state}' WHERE state <> '{state}'");
    // more than a subscription buffers
    for _ in 0..200 {
        for state in ["dead", "pending"] {
            let db = app.pipeline.catalog().connection();
            db.execute_unprepared(&sql(state)).await.expect("a change");
            app.pipeline.queue().notify_changes();
            soon("a change", quick.recv()).await.expect("news");
        }
    }
    app.delete(&first.at).await.is(204);
    app.work(1).await;
    let (mut ready, mut gone) = (false, false);
    while !(ready && gone) {
        let told = timeout(ANSWER_TIMEOUT, slow.recv()).await.expect("news in time").expect("news");
        match told {
            pipeline::Event::Image(shown) => {
                ready |= shown.image.id.to_string() == image.id && shown.status == Status::Ready;
            }
            pipeline::Event::Deleted(id) => gone |= id.to_string() == first.id,
            pipeline::Event::Reset => panic!("a reset"),
        }
    }
}

#[tokio::test]
async fn many_hear_the_same_and_too_many_are_told_to_come_again() {
    let app = TestApp::with(&[("MAX_EVENT_STREAMS", "20")]).await;
    let mut crowd = Vec::new();
    for _ in 0..20 {
        crowd.push(Events::open(&app, "/images/events").await);
    }
    app.get("/images/events").await.is(503).tells_problem("busy", &["event streams"]);
    let image = app.upload(png(8, 8)).await;
    app.work(1).await;
    for events in &mut crowd {
        events.hears(&image, "ready").await;
    }
    // a closed stream returns its permit
    crowd.pop();
    until("a stream is free", async || {
        app.upload(png(8, 8)).await;
        let answer = app.request(Method::GET, "/images/events").send().await.expect("an answer");
        answer.status() != 503
    })
    .await;
}

#[tokio::test]
async fn a_quiet_stream_is_not_cut_off() {
    let app = TestApp::with(&[("ANSWER_IDLE_S", "0.05"), ("HEADER_TIMEOUT_S", "0.05")]).await;
    let mut events = Events::open(&app, "/images/events").await;
    // longer than `ANSWER_IDLE_S`
    tokio::time::sleep(Duration::from_millis(300)).await;
    let image = app.upload(png(8, 8)).await;
    events.hears(&image, "pending").await;
}

#[tokio::test]
async fn a_stop_ends_the_streams_at_once() {
    // longer than the timeout of this test
    let app = TestApp::with(&[("DRAIN_S", "600")]).await;
    let mut events = Events::open(&app, "/images/events").await;
    let image = app.upload(png(8, 8)).await;
    events.hears(&image, "pending").await;
    let stopped = app.restart(&[], |_| {});
    let app = timeout(ANSWER_TIMEOUT, stopped).await.expect("a stop in time");
    assert_eq!(events.next().await, None);
    let mut again = Events::again(&app, "/images/events", &events.last_id).await;
    app.work(1).await;
    again.hears(&image, "ready").await;
}

#[tokio::test]
async fn who_fell_behind_does_not_hear_of_old_times_after_the_new() {
    let app = TestApp::spawn().await;
    let mut slow = app.pipeline.subscribe(None, &Principal::Open).await.expect("a follower");
    let mut quick = app.pipeline.subscribe(None, &Principal::Open).await.expect("a follower");
    let mut hears = async |times: usize, there: bool| {
        let mut told = HashSet::new();
        while told.len() < times {
            let news = timeout(ANSWER_TIMEOUT, quick.recv())
                .await
                .expect("news in time")
                .expect("a database");
            match news {
                pipeline::Event::Image(shown) if there => told.insert(shown.image.id),
                pipeline::Event::Deleted(id) if !there => told.insert(id),
                _ => false,
            };
        }
    };
    // together more than wait for a follower; those of either half would
    const HALF: usize = 150;
    let mut images = Vec::new();
    for _ in 0..HALF {
        images.push(app.upload(png(1, 1)).await);
    }
    hears(HALF, true).await;
    for image in &images {
        app.delete(&image.at).await.is(204);
    }
    hears(HALF, false).await;

    for _ in 0..HALF {
        let news =
            timeout(ANSWER_TIMEOUT, slow.recv()).await.expect("news in time").expect("a database");
        assert!(matches!(news, pipeline::Event::Deleted(_)), "{news:?}");
    }
    let (next, last) = tokio::join!(timeout(ANSWER_TIMEOUT, slow.recv()), app.upload(png(1, 1)));
    let next = next.expect("news in time").expect("a database");
    let pipeline::Event::Image(next) = next else { panic!("{next:?}") };
    assert_eq!(next.image.id.to_string(), last.id, "the others were deleted");
}

#[tokio::test]
async fn a_stream_is_asked_for_as_http_asks() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    for path in ["/images/events".to_owned(), format!("{}/events", image.at)] {
        let head = app.send(app.request(Method::HEAD, &path)).await.is(200);
        assert_eq!(head.header("content-type"), "text/event-stream");
        assert_eq!(head.header("cache-control"), "private, no-cache");
        assert_eq!(head.header("x-accel-buffering"), "no");
        for bad in ["", "x", "-1", "1.5", "99999999999999999999", "7:8", "7:", "7:1,x"] {
            let answer = app.ask(&path, &[("Last-Event-ID", bad)]).await.is(400);
            answer.tells_problem("bad-parameter", &["Last-Event-ID"]);
        }
        let refused = app.ask(&path, &[("Accept", "application/json")]).await.is(406);
        refused.tells_problem("not-acceptable", &["text/event-stream"]);
        // compression would delay events
        let coded = Events::of(&app, &path, &[("Accept-Encoding", "gzip, br")]).await;
        assert!(!coded.response.headers().contains_key("content-encoding"));
    }
    let unknown = "/images/01a20f99-48b9-701c-bde0-968a90457218/events";
    for id in ["0", "7"] {
        app.ask(unknown, &[("Last-Event-ID", id)]).await.is(404);
    }
    app.get("/images/nothing/events").await.is(404).tells_problem("not-found", &["image"]);
}

#[tokio::test]
async fn the_age_of_changes_is_seen_while_a_client_follows() {
    let app = TestApp::spawn().await;
    let age = async || metric(&app.text("/metrics").await, &["planet_changes_age_seconds"]);
    let events = Events::open(&app, "/images/events").await;
    assert!(age().await < Some(ANSWER_TIMEOUT.as_secs_f64()) && age().await.is_some());
    // later readings fail
    app.pipeline.catalog().connection().clone().close().await.expect("close the database");
    let before = age().await;
    until("it grows", async || age().await > before).await;
    drop(events);
    until("the stream ended", async || age().await.is_none()).await;
}
