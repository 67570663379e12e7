//! What requests of few bytes to a resumable upload leave behind the last whole part.

use bytes::Bytes;
use futures_util::stream;
use testkit::{
    app::{TestApp, files, until},
    pictures::noisy_pnm,
};

use crate::uploads::{NEVER_SETTLES, begin, patch, send};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn small_requests_leave_no_more_than_was_sent() {
    let app = TestApp::with(&NEVER_SETTLES).await;
    let file = noisy_pnm();
    let at = begin(&app, file.len()).await;
    send(&app, &at, 0, &file[..MIB]).await.is(204);
    for end in MIB + 1..MIB + 5 {
        send(&app, &at, end - 1, &file[end - 1..end]).await.is(204);
        // the janitor did not come yet
        assert_eq!(files(&app.folder().join("blobs/uploads")).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_bytes_copies_none() {
    let app = TestApp::with(&NEVER_SETTLES).await;
    let file = noisy_pnm();
    let at = begin(&app, file.len()).await;
    send(&app, &at, 0, &file[..MIB]).await.is(204);
    let nothing = reqwest::Body::wrap_stream(stream::pending::<std::io::Result<Bytes>>());
    let silent = tokio::spawn(patch(&app, &at, MIB).body(nothing).send());
    until("it has begun", async || app.count("uploads WHERE attempt = 2").await == 1).await;
    let spool = app.folder().join("spool");
    let spooled = || std::fs::read_dir(&spool).expect("a folder").map(|file| file.expect("a file"));
    until("it has a file", async || spooled().count() == 1).await;
    assert!(spooled().all(|file| file.metadata().is_ok_and(|it| it.len() == 0)));
    // what it sends later follows what was there
    silent.abort();
    send(&app, &at, MIB, &file[MIB..]).await.is(204);
}
