//! A client that reads continuously: an acknowledged image never disappears, a text never
//! changes, a version never decreases.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::StatusCode;
use testkit::wait::eventually;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    invariants::drawn,
    test_client::{StoredImage, TestClient},
};

/// The pause between two reads leaves the cores to the workers.
const BETWEEN_READS: Duration = Duration::from_millis(20);

/// A running reader.
pub(crate) struct Reader {
    gallery: Gallery,
    stop: CancellationToken,
    reading: JoinHandle<u32>,
}

/// The images to read; more are added as uploads are acknowledged.
#[derive(Clone, Default)]
pub(crate) struct Gallery(Arc<Mutex<Vec<StoredImage>>>);

impl Gallery {
    pub(crate) fn add(&self, kept: &[StoredImage]) {
        self.0.lock().unwrap().extend_from_slice(kept);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Waits until there is this number of images.
    pub(crate) async fn reaches(&self, count: usize) {
        let what = format!("{count} uploads");
        eventually(&what, async || (self.len() >= count).then_some(())).await;
    }

    fn pick(&self, nth: usize) -> Option<StoredImage> {
        let gallery = self.0.lock().unwrap();
        gallery.get(nth % gallery.len().max(1)).cloned()
    }
}

impl Reader {
    pub(crate) fn start(test_client: TestClient) -> Self {
        let (gallery, stop) = (Gallery::default(), CancellationToken::new());
        let reading = tokio::spawn(read_on(test_client, gallery.clone(), stop.clone()));
        Reader { gallery, stop, reading }
    }

    pub(crate) fn gallery(&self) -> Gallery {
        self.gallery.clone()
    }

    /// Stops the reader, which must have read some texts; returns their number.
    pub(crate) async fn finish(self) -> u32 {
        self.stop.cancel();
        let reads = self.reading.await.unwrap();
        assert!(reads > 0, "the reader read nothing");
        reads
    }
}

async fn read_on(test_client: TestClient, gallery: Gallery, stop: CancellationToken) -> u32 {
    // by file: many images have the same one
    let mut texts = HashMap::new();
    let mut versions: HashMap<String, u32> = HashMap::new();
    let mut reads = 0;
    for nth in 0.. {
        if stop.run_until_cancelled(tokio::time::sleep(BETWEEN_READS)).await.is_none() {
            break;
        }
        let Some(StoredImage { id, picture, .. }) = gallery.pick(nth) else { continue };
        let Ok(answer) = test_client.get(&format!("/images/{id}?preset=default&format=txt")).await
        else {
            continue;
        };
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            continue;
        }
        assert_eq!(answer.status(), StatusCode::OK, "a look at {id}");
        let version = answer.headers()["render-version"].to_str().unwrap().parse().unwrap();
        let before = versions.insert(id.clone(), version).unwrap_or(0);
        assert!(version >= before, "{id} went back from version {before} to {version}");
        let Ok(text) = answer.text().await else { continue };
        let drawn = || drawn(&picture).swap_remove(0).1;
        let expected = texts.entry(picture.bytes.clone()).or_insert_with(drawn);
        assert!(text == *expected, "a text of {id} is not what is drawn directly");
        reads += 1;
    }
    reads
}
