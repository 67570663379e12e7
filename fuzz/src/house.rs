//! A house that stands for as long as a fuzzer runs.

use std::sync::LazyLock;

use tokio::runtime::Runtime;

use crate::pictures::{one_pixel, png};
use crate::support::{TestApp, Uploaded};

static HOUSE: LazyLock<(Runtime, TestApp, Uploaded)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let (app, image) = runtime.block_on(async {
        let app = TestApp::spawn().await;
        let image = app.upload(png(&one_pixel())).await;
        (app, image)
    });
    (runtime, app, image)
});

/// Does something to it, and to an image that it has.
pub fn with_house(attack: impl AsyncFnOnce(&TestApp, &Uploaded)) {
    let (runtime, app, image) = &*HOUSE;
    runtime.block_on(attack(app, image));
}
