//! Damaged files: none may crash the service, or cause a 5xx response.

use futures_util::stream::{self, StreamExt};
use testkit::{
    app::{TestApp, Uploaded},
    mutator::mutated,
};

use crate::pictures::{FORMATS, file};

/// Damaged files per format.
const FILES: u64 = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn damaged_files_are_pictures_or_refused() {
    let app = TestApp::with(&[("MAX_PIXELS", "4000000"), ("MAX_DECODED_BYTES", "64000000")]).await;
    let mut chance = fastrand::Rng::with_seed(0x9e37_79b9_7f4a_7c15);
    let whole = FORMATS.map(|(format, _)| file(format, 24, 16));
    let each = whole.iter().flat_map(|file| (0..FILES).map(move |_| file));
    let files: Vec<_> = each.map(|file| mutated(file, &whole[1], &mut chance)).collect();
    let stories = files.into_iter().map(|bytes| tell(&app, bytes));
    let seen: Vec<u16> = stream::iter(stories).buffer_unordered(4).collect().await;
    for status in [200, 415, 422] {
        assert!(seen.contains(&status), "none of the files got {status}");
    }
    app.get("/readyz").await.is(200);
}

/// Uploads the bytes and requests their render; returns the last status.
async fn tell(app: &TestApp, bytes: Vec<u8>) -> u16 {
    let taken = app.post(bytes.clone()).await;
    if taken.status != 201 {
        assert!(matches!(taken.status, 400 | 415 | 422), "{taken:?}");
        return taken.status;
    }
    let image = Uploaded::from(&taken);
    let text = app.get(&format!("{}?width=20", image.at)).await;
    assert!(matches!(text.status, 200 | 422), "{text:?} {bytes:?}");
    text.status
}
