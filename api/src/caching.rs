//! Which caches may keep a response about an image.

use axum::http::HeaderValue;
use common::{account::principal::Principal, image::Image, visibility::Visibility};

use crate::{app::App, headers::PRIVATE};

/// As [`PRIVATE`], for an image that everyone may see: shared caches validate it as well.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, no-cache");

/// `Cache-Control` of a response about one image.
pub(crate) fn caching_of(app: &App, image: &Image, reader: &Principal) -> HeaderValue {
    match is_shared(app, image, reader) {
        true => PUBLIC,
        false => PRIVATE,
    }
}

/// Whether shared caches may keep a response about an image, since everyone may read it. Without
/// accounts, no response is for shared caches.
pub(crate) fn is_shared(app: &App, image: &Image, reader: &Principal) -> bool {
    image.visibility == Visibility::Public
        && app.pipeline.config().accounts.public_images
        && matches!(reader, Principal::User(_) | Principal::Anonymous { .. })
}
