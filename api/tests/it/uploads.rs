//! Resumable uploads (tus 1.0.0): pieces in any number of requests become an image.

use bytes::Bytes;
use common::account::scopes::Scopes;
use futures_util::{StreamExt, stream};
use reqwest::{Method, RequestBuilder, Response};
use testkit::{
    app::{Answer, TestApp, files, until},
    pictures::noisy_pnm,
    wait::{at_once, soon},
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    access::House,
    operations::metric,
    pictures::{noise, png},
};

const TYPE: &str = "application/offset+octet-stream";
const MIB: usize = 1 << 20;

fn request(app: &TestApp, method: &str, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    app.request(method, path).header("tus-resumable", "1.0.0")
}

/// Begins an upload; returns its address.
pub(crate) async fn begin(app: &TestApp, length: usize) -> String {
    let begun = request(app, "POST", "/uploads")
        .header("upload-length", length)
        .header("upload-metadata", "filename bWFycy5wbmc=,filetype eA==");
    let answer = app.send(begun).await.is(201);
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    assert_eq!(answer.header("upload-offset"), "0");
    assert!(answer.header("upload-expires").ends_with(" GMT"));
    answer.header("location").to_owned()
}

pub(crate) fn patch(app: &TestApp, at: &str, offset: usize) -> RequestBuilder {
    request(app, "PATCH", at).header("upload-offset", offset).header("content-type", TYPE)
}

pub(crate) async fn send(app: &TestApp, at: &str, offset: usize, bytes: &[u8]) -> Answer {
    app.send(patch(app, at, offset).body(bytes.to_vec())).await
}

/// `Upload-Offset` of HEAD.
async fn offset(app: &TestApp, at: &str) -> usize {
    app.send(request(app, "HEAD", at)).await.is(200).header("upload-offset").parse().expect("bytes")
}

/// Only what another request asks for is stored before the end of a request.
pub(crate) const NEVER_SETTLES: [(&str, &str); 2] =
    [("UPLOAD_SETTLE_S", "3600"), ("UPLOAD_IDLE_S", "3600")];

/// A request to an upload that goes on: it hangs between what it is given, as over a connection that is
/// lost without a sign.
struct Sending {
    more: mpsc::UnboundedSender<Bytes>,
    answer: JoinHandle<reqwest::Result<Response>>,
}

impl Sending {
    fn begin(app: &TestApp, at: &str, first: &[u8]) -> Self {
        let (more, comes) = mpsc::unbounded_channel::<Bytes>();
        let comes =
            stream::unfold(comes, |mut comes| async move { Some((comes.recv().await?, comes)) });
        let body = reqwest::Body::wrap_stream(comes.map(Ok::<_, std::io::Error>));
        let sending = Sending { more, answer: tokio::spawn(patch(app, at, 0).body(body).send()) };
        sending.send(first);
        sending
    }

    fn send(&self, bytes: &[u8]) {
        self.more.send(Bytes::copy_from_slice(bytes)).expect("it still sends");
    }

    /// The status of the answer, which it gets while it hangs.
    async fn status(self) -> u16 {
        let answer = soon("an answer", self.answer).await.expect("no panic");
        answer.expect("an answer").status().as_u16()
    }
}

/// What only uploads leave: spooled files, rows, and parts in the store.
async fn nothing_but_images_is_left(app: &TestApp) {
    app.execute("UPDATE uploads SET due_at = 0").await;
    app.clean_up().await;
    // what was swept is swept once more
    for rows in ["uploads", "upload_parts", "blob_gc WHERE state <> 'swept'"] {
        assert_eq!(app.count(rows).await, 0, "{rows}");
    }
    let left = [files(&app.folder().join("spool")), files(&app.folder().join("blobs/uploads"))];
    assert_eq!(left.concat(), [] as [&str; 0]);
}

#[tokio::test]
async fn what_was_sent_in_pieces_is_one_image() {
    let app = TestApp::spawn().await;
    let file = noisy_pnm();
    let at = begin(&app, file.len()).await;
    let mut sent = 0;
    let mut last = None;
    for bytes in [1, 4_999, 3 * MIB, 9 * MIB, 10, file.len()] {
        let end = (sent + bytes).min(file.len());
        let answer = send(&app, &at, sent, &file[sent..end]).await.is(204);
        assert_eq!(answer.header("upload-offset"), end.to_string());
        sent = end;
        assert_eq!(offset(&app, &at).await, sent);
        last = Some(answer);
    }
    let image = last.expect("an answer").header("image-location").to_owned();
    let metadata = app.get(&format!("{image}/metadata")).await.is(200).json();
    assert_eq!((&metadata["name"], &metadata["width"]), (&"mars.png".into(), &3000.into()));
    assert_eq!(metadata["sha256"], common::render::sha256_hex(&file));
    let original = app.get(&format!("{image}/original")).await.is(200);
    assert!(original.body == file);
    app.work(1).await;

    // the last answer was lost
    let repeated = send(&app, &at, sent - 10, &file[sent - 10..]).await.is(409);
    assert_eq!(repeated.header("upload-offset"), file.len().to_string());
    let head = app.send(request(&app, "HEAD", &at)).await.is(200);
    assert_eq!(head.header("image-location"), image);
    assert_eq!(head.header("upload-length"), file.len().to_string());
    assert_eq!(head.header("cache-control"), "no-store");
    let empty = send(&app, &at, file.len(), b"").await.is(204);
    assert_eq!(empty.header("image-location"), image);
    send(&app, &at, file.len(), b"x").await.is(413).tells_problem("too-large", &["more were sent"]);
    nothing_but_images_is_left(&app).await;
    app.send(request(&app, "HEAD", &at)).await.is(404);
    app.get(&format!("{image}/original")).await.is(200);
    assert_eq!(app.count("images").await, 1);
}

#[tokio::test]
async fn an_upload_may_be_sent_with_its_creation() {
    let app = TestApp::spawn().await;
    let file = png(64, 40);
    let begin = request(&app, "POST", "/uploads")
        .header("upload-length", file.len())
        .header("content-type", TYPE)
        .body(file.clone());
    let answer = app.send(begin).await.is(201);
    assert_eq!(answer.header("upload-offset"), file.len().to_string());
    let image = answer.header("image-location").to_owned();
    assert_eq!(app.get(&format!("{image}/original")).await.is(200).body, file);
    app.send(request(&app, "DELETE", answer.header("location"))).await.is(204);
    app.get(&format!("{image}/metadata")).await.is(200);
    nothing_but_images_is_left(&app).await;
}

#[tokio::test]
async fn the_protocol_is_told_and_its_rules_are_kept() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "1000")]).await;
    for path in ["/uploads", "/uploads/x"] {
        let answer = app.send(app.request(Method::OPTIONS, path)).await.is(204);
        assert_eq!(answer.header("tus-version"), "1.0.0");
        assert_eq!(answer.header("tus-max-size"), "1000");
        let extensions = "creation,creation-with-upload,termination,expiration";
        assert_eq!(answer.header("tus-extension"), extensions);
    }
    let at = begin(&app, 500).await;
    let old = app.request(Method::HEAD, &at).header("tus-resumable", "0.2.2");
    assert_eq!(app.send(old).await.is(412).header("tus-version"), "1.0.0");
    app.send(app.request(Method::POST, "/uploads").header("upload-length", 1)).await.is(412);
    let begin_of = |length: &'static str| {
        app.send(request(&app, "POST", "/uploads").header("upload-length", length))
    };
    begin_of("1001").await.is(413);
    begin_of("0").await.is(400);
    begin_of("-1").await.is(400);
    let deferred = request(&app, "POST", "/uploads").header("upload-defer-length", 1);
    app.send(deferred).await.is(400);
    for concat in ["partial", "final;/uploads/a /uploads/b"] {
        let joined = request(&app, "POST", "/uploads").header("upload-concat", concat);
        let refused = app.send(joined.header("upload-length", 9)).await.is(400);
        refused.tells_problem("bad-parameter", &["Upload-Concat", "without this header"]);
    }
    let untyped = request(&app, "PATCH", &at).header("upload-offset", 0).body("x");
    app.send(untyped).await.is(415);
    let elsewhere = send(&app, &at, 7, b"x").await.is(409);
    assert_eq!(elsewhere.header("upload-offset"), "0");
    send(&app, &at, 0, &[0; 501]).await.is(413);
    send(&app, "/uploads/01890a5d-ac96-774b-bcce-b302099a8057", 0, b"x").await.is(404);
    send(&app, "/uploads/x", 0, b"x").await.is(404);
    app.send(request(&app, "DELETE", &at)).await.is(204);
    app.send(request(&app, "DELETE", &at)).await.is(404);
    nothing_but_images_is_left(&app).await;
}

#[tokio::test]
async fn what_is_no_image_is_refused_at_its_first_bytes() {
    let app = TestApp::spawn().await;
    let at = begin(&app, 20 * MIB).await;
    send(&app, &at, 0, &b"this is a text. ".repeat(512)).await.is(415);
    let answer = send(&app, &at, 0, b"x").await.is(422);
    answer.tells_problem("upload-refused", &["not an image"]);
    app.send(request(&app, "HEAD", &at)).await.is(422);

    // in the end, what only the whole tells
    let mut cut = noisy_pnm();
    cut.truncate(9 * MIB);
    let at = begin(&app, cut.len()).await;
    send(&app, &at, 0, &cut[..5 * MIB]).await.is(204);
    let answer = send(&app, &at, 5 * MIB, &cut[5 * MIB..]).await.is(422);
    answer.tells_problem("upload-refused", &[]);
    app.send(request(&app, "HEAD", &at)).await.is(422);
    let small = begin(&app, 10).await;
    send(&app, &small, 0, b"ten bytes.").await.is(415);
    assert_eq!(app.count("images").await, 0);
    nothing_but_images_is_left(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_a_cut_is_kept() {
    let app = TestApp::spawn().await;
    let file = noise(700, 3);
    let at = begin(&app, file.len()).await;
    let half = file.len() / 2;
    let cut = [
        Ok(Bytes::copy_from_slice(&file[..half])),
        Err(std::io::Error::other("the connection breaks")),
    ];
    let broken = patch(&app, &at, 0).body(reqwest::Body::wrap_stream(stream::iter(cut)));
    assert!(broken.send().await.is_err());
    until("what was sent is kept", async || offset(&app, &at).await == half).await;
    let answer = send(&app, &at, half, &file[half..]).await.is(204);
    let image = answer.header("image-location").to_owned();
    assert!(app.get(&format!("{image}/original")).await.is(200).body == file);
    nothing_but_images_is_left(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_come_is_told_while_its_request_hangs() {
    let app = TestApp::with(&NEVER_SETTLES).await;
    let file = noise(300, 11);
    let at = begin(&app, file.len()).await;
    let hanging = Sending::begin(&app, &at, &file[..10_000]);
    until("HEAD tells what has come", async || offset(&app, &at).await == 10_000).await;
    // it goes on, and is asked again
    hanging.send(&file[10_000..30_000]);
    until("HEAD tells what has come", async || offset(&app, &at).await == 30_000).await;
    assert_eq!(app.count("uploads WHERE attempt = 1").await, 1, "it is the same request");
    // the client goes on elsewhere, and the first request ends
    let answer = send(&app, &at, 30_000, &file[30_000..]).await.is(204);
    let image = answer.header("image-location").to_owned();
    assert!(app.get(&format!("{image}/original")).await.is(200).body == file);
    assert_eq!(hanging.status().await, 409);
    nothing_but_images_is_left(&app).await;

    let at = begin(&app, file.len()).await;
    let hanging = Sending::begin(&app, &at, &file[..10_000]);
    until("HEAD tells what has come", async || offset(&app, &at).await == 10_000).await;
    app.send(request(&app, "DELETE", &at)).await.is(204);
    assert_eq!(hanging.status().await, 409);
    nothing_but_images_is_left(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_a_pause_is_stored() {
    let app = TestApp::with(&[("UPLOAD_SETTLE_S", "0.01"), ("UPLOAD_IDLE_S", "3600")]).await;
    let file = noise(300, 12);
    let at = begin(&app, file.len()).await;
    let pausing = Sending::begin(&app, &at, &file[..10_000]);
    let stored = async |end: usize| {
        // other processes see it, too
        let row = format!("uploads WHERE attempt = 1 AND position = {end}");
        until("it is stored", async || app.count(&row).await == 1).await;
    };
    stored(10_000).await;
    pausing.send(&file[10_000..30_000]);
    stored(30_000).await;
    pausing.send(&file[30_000..file.len() - 1]);
    stored(file.len() - 1).await;
    pausing.send(&file[file.len() - 1..]);
    let Sending { more, answer } = pausing;
    drop(more);
    let answer = answer.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 204);
    let image = answer.headers()["image-location"].to_str().expect("ASCII").to_owned();
    assert!(app.get(&format!("{image}/original")).await.is(200).body == file);
    nothing_but_images_is_left(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_does_not_expire_under_who_sends_it() {
    let mut settings = NEVER_SETTLES.to_vec();
    settings.push(("UPLOAD_EXPIRES_S", "6"));
    let app = TestApp::with(&settings).await;
    let file = noise(300, 13);
    let at = begin(&app, file.len()).await;
    let slow = Sending::begin(&app, &at, &file[..10_000]);
    until("it has begun", async || app.count("uploads WHERE attempt = 1").await == 1).await;
    app.execute("UPDATE uploads SET due_at = 1").await;
    let mut sent = 10_000;
    until("it is kept for longer", async || {
        slow.send(&file[sent..=sent]);
        sent += 1;
        app.count("uploads WHERE due_at > 1").await == 1
    })
    .await;
    app.clean_up().await;
    assert_eq!(app.count("uploads").await, 1);
    // one that sends nothing more is not kept by its connection
    app.execute("UPDATE uploads SET due_at = 1").await;
    app.clean_up().await;
    app.send(request(&app, "HEAD", &at)).await.is(404);
    slow.send(&file[sent..=sent]);
    drop(slow.more);
    let ended = soon("an answer", slow.answer).await.expect("no panic").expect("an answer");
    assert_eq!(ended.status(), 409);
    nothing_but_images_is_left(&app).await;
}

#[tokio::test]
async fn metrics_tell_of_resumable_uploads() {
    let app = TestApp::spawn().await;
    let value = async |name: &str| {
        let text = app.text("/metrics").await;
        assert!(
            !text.contains(&format!("# TYPE {name} ")) || text.contains(&format!("# HELP {name} ")),
            "{name}"
        );
        metric(&text, &[name]).unwrap_or(0.0)
    };
    // the counters are those of all tests of the process
    let received = value("planet_resumable_bytes_total").await;
    let expired = value("planet_expired_uploads_total").await;
    assert_eq!(value("planet_open_uploads").await, 0.0);
    let file = noise(300, 14);
    let (at, _) = (begin(&app, file.len()).await, begin(&app, file.len()).await);
    send(&app, &at, 0, &file[..50_000]).await.is(204);
    assert_eq!(value("planet_open_uploads").await, 2.0);
    send(&app, &at, 50_000, &file[50_000..]).await.is(204);
    assert_eq!(value("planet_open_uploads").await, 1.0);
    nothing_but_images_is_left(&app).await;
    assert_eq!(value("planet_open_uploads").await, 0.0);
    assert!(value("planet_resumable_bytes_total").await >= received + file.len() as f64);
    assert!(value("planet_expired_uploads_total").await >= expired + 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_of_two_requests_goes_on() {
    let app = TestApp::with(&NEVER_SETTLES).await;
    let file = noise(300, 5);
    let at = begin(&app, file.len()).await;
    // the first hangs in the middle, as over a connection that is lost without a sign
    let start = Ok::<_, std::io::Error>(Bytes::copy_from_slice(&file[..10_000]));
    let hanging = stream::once(async { start }).chain(stream::pending());
    let hanging = patch(&app, &at, 0).body(reqwest::Body::wrap_stream(hanging));
    let hanging = tokio::spawn(hanging.send());
    until("the first has begun", async || app.count("uploads WHERE attempt = 1").await == 1).await;
    let answer = send(&app, &at, 0, &file).await.is(204);
    let image = answer.header("image-location").to_owned();
    hanging.abort();
    assert!(app.get(&format!("{image}/original")).await.is(200).body == file);
    until("the first has ended", async || files(&app.folder().join("spool")).is_empty()).await;
    assert_eq!(offset(&app, &at).await, file.len());
    nothing_but_images_is_left(&app).await;
}

#[tokio::test]
async fn a_wrong_offset_does_not_end_the_request_that_sends() {
    let app = TestApp::with(&NEVER_SETTLES).await;
    let file = noise(300, 6);
    let at = begin(&app, file.len()).await;
    let (sender, rest) = tokio::sync::oneshot::channel();
    let start = Ok::<_, std::io::Error>(Bytes::copy_from_slice(&file[..10_000]));
    let rest = stream::once(async { Ok(rest.await.expect("the rest")) });
    let body = reqwest::Body::wrap_stream(stream::once(async { start }).chain(rest));
    let sending = tokio::spawn(patch(&app, &at, 0).body(body).send());
    until("it has begun", async || app.count("uploads WHERE attempt = 1").await == 1).await;
    send(&app, &at, 777, &file[777..]).await.is(409).tells_problem("upload-offset", &["at byte 0"]);
    sender.send(Bytes::copy_from_slice(&file[10_000..])).expect("it still sends");
    let answer = sending.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 204);
    assert!(answer.headers().contains_key("image-location"));
    nothing_but_images_is_left(&app).await;
}

#[tokio::test]
async fn limits_hold_while_an_upload_comes() {
    let app = TestApp::with(&[("MAX_OPEN_UPLOADS", "2")]).await;
    let at = [begin(&app, 10).await, begin(&app, 10).await];
    let more = request(&app, "POST", "/uploads").header("upload-length", 10);
    let refused = app.send(more).await.is(409);
    assert_eq!(refused.header("retry-after"), "60");
    refused.tells_problem("too-many", &["2 unfinished uploads"]);
    app.send(request(&app, "DELETE", &at[0])).await.is(204);
    // one that is refused as it begins does not stay: the client has no address of it
    for _ in 0..3 {
        let more = request(&app, "POST", "/uploads").header("upload-length", 10);
        let more = more.header("content-type", TYPE).body(png(8, 8));
        app.send(more).await.is(413);
    }
    begin(&app, 10).await;
    nothing_but_images_is_left(&app).await;
    // at the same time
    let begun = at_once((0..10).map(|_| {
        let begin = request(&app, "POST", "/uploads").header("upload-length", 10).send();
        async move { begin.await.expect("an answer").status().as_u16() }
    }))
    .await;
    let count = |status| begun.iter().filter(|is| **is == status).count();
    assert_eq!((count(201), count(409)), (2, 8), "{begun:?}");
    nothing_but_images_is_left(&app).await;

    // the disk is short
    let full = TestApp::spawn().await;
    let at = begin(&full, 10_000).await;
    let full = full.restart(&[("SPOOL_FREE_BYTES", &u64::MAX.to_string())], |_| {}).await;
    send(&full, &at, 0, &png(8, 8)).await.is(507);
    let more = request(&full, "POST", "/uploads").header("upload-length", 10);
    full.send(more).await.is(507);
    assert_eq!(offset(&full, &at).await, 0);
    nothing_but_images_is_left(&full).await;
}

#[tokio::test]
async fn an_upload_whose_bytes_are_lost_is_gone() {
    let app = TestApp::spawn().await;
    let file = noise(300, 7);
    let at = begin(&app, file.len()).await;
    send(&app, &at, 0, &file[..50_000]).await.is(204);
    let app = app.restart(&[], |_| {}).await;
    assert_eq!(offset(&app, &at).await, 50_000, "a restart loses nothing");
    let uploads = app.folder().join("blobs/uploads");
    for part in files(&uploads) {
        std::fs::remove_file(uploads.join(part)).expect("lose it");
    }
    let lost = send(&app, &at, 50_000, &file[50_000..]).await.is(410);
    lost.tells_problem("upload-lost", &["begin a new one"]);
    app.send(request(&app, "DELETE", &at)).await.is(204);
    nothing_but_images_is_left(&app).await;
}

#[tokio::test]
async fn an_upload_that_does_not_go_on_expires() {
    let app = TestApp::with(&[("UPLOAD_EXPIRES_S", "1000")]).await;
    let file = noise(300, 9);
    let at = begin(&app, file.len()).await;
    send(&app, &at, 0, &file[..1_000]).await.is(204);
    app.clean_up().await;
    assert_eq!(offset(&app, &at).await, 1_000);
    nothing_but_images_is_left(&app).await;
    app.send(request(&app, "HEAD", &at)).await.is(404);
    send(&app, &at, 1_000, &file[1_000..]).await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_belongs_to_who_began_it_and_counts_for_their_quota() {
    let file = png(64, 40);
    let house = House::open(&[("QUOTA_BYTES", &(2 * file.len()).to_string())]).await;
    let app = &house.app;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let begin = || {
        let begin = request(app, "POST", "/uploads").header("upload-length", file.len());
        app.send(begin.bearer_auth(&owner))
    };
    let at = begin().await.is(201).header("location").to_owned();
    let other = begin().await.is(201).header("location").to_owned();
    // what is announced counts
    begin().await.is(403).tells_problem("quota-exceeded", &[]);
    app.send(request(app, "POST", "/uploads").header("upload-length", 1)).await.is(401);
    let others = [&house.other, &house.admin];
    for user in others {
        let token = house.token(user, Scopes::ALL).await;
        let body = file.clone();
        app.send(request(app, "HEAD", &at).bearer_auth(&token)).await.is(404);
        app.send(patch(app, &at, 0).bearer_auth(&token).body(body)).await.is(404);
        app.send(request(app, "DELETE", &at).bearer_auth(&token)).await.is(404);
    }
    app.send(request(app, "HEAD", &at)).await.is(401);
    let sent = app.send(patch(app, &at, 0).bearer_auth(&owner).body(file.clone())).await.is(204);
    let image = sent.header("image-location").to_owned();
    let read = app.request(Method::GET, &format!("{image}/metadata")).bearer_auth(&owner);
    assert_eq!(app.send(read).await.is(200).json()["bytes"], file.len());
    app.get(&format!("{image}/metadata")).await.is(404);

    // what is stored meanwhile is counted exactly at the end
    house.run("UPDATE users SET max_images = 1 WHERE subject = 'owner'").await;
    let late = app.send(patch(app, &other, 0).bearer_auth(&owner).body(file)).await.is(422);
    late.tells_problem("upload-refused", &["may have 1"]);
    assert_eq!(app.count("images").await, 1);
}
