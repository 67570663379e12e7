//! One running service for all inputs of a fuzz target.

use std::sync::LazyLock;

use testkit::app::{TestApp, Uploaded};
use testkit::pictures::{one_pixel, png};
use tokio::runtime::Runtime;

static SERVICE: LazyLock<(Runtime, TestApp, Uploaded)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let (app, image) = runtime.block_on(async {
        let app = TestApp::spawn().await;
        let image = app.upload(png(&one_pixel())).await;
        (app, image)
    });
    (runtime, app, image)
});

/// Runs an attack on the service and an image that it stores.
pub fn with_service(attack: impl AsyncFnOnce(&TestApp, &Uploaded)) {
    let (runtime, app, image) = &*SERVICE;
    runtime.block_on(attack(app, image));
}
