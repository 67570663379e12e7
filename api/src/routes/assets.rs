//! The assets of the pages, from the binary.

use axum::{
    extract::{Path, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::render::sha256_hex;

use crate::{
    conditional::{Condition, condition},
    problem::{NOT_FOUND, Problem},
};

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type and bytes.
const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("../../assets/style.css")),
    ("noscript.css", "text/css; charset=utf-8", include_str!("../../assets/noscript.css")),
    ("account.js", SCRIPT, include_str!("../../assets/account.js")),
    ("page.js", SCRIPT, include_str!("../../assets/page.js")),
    ("gallery.js", SCRIPT, include_str!("../../assets/gallery.js")),
    ("tiles.js", SCRIPT, include_str!("../../assets/tiles.js")),
    ("rows.js", SCRIPT, include_str!("../../assets/rows.js")),
    ("order.js", SCRIPT, include_str!("../../assets/order.js")),
    ("selection.js", SCRIPT, include_str!("../../assets/selection.js")),
    ("neighbours.js", SCRIPT, include_str!("../../assets/neighbours.js")),
    ("gather.js", SCRIPT, include_str!("../../assets/gather.js")),
    ("originals.js", SCRIPT, include_str!("../../assets/originals.js")),
    ("options.js", SCRIPT, include_str!("../../assets/options.js")),
    ("sharing.js", SCRIPT, include_str!("../../assets/sharing.js")),
    ("users.js", SCRIPT, include_str!("../../assets/users.js")),
    ("uploads.js", SCRIPT, include_str!("../../assets/uploads.js")),
    ("resumable.js", SCRIPT, include_str!("../../assets/resumable.js")),
    ("animation.js", SCRIPT, include_str!("../../assets/animation.js")),
    ("menus.js", SCRIPT, include_str!("../../assets/menus.js")),
    ("values.js", SCRIPT, include_str!("../../assets/values.js")),
    ("zoom.js", SCRIPT, include_str!("../../assets/zoom.js")),
    ("viewer.js", SCRIPT, include_str!("../../assets/viewer.js")),
    ("planet.svg", "image/svg+xml", include_str!("../../assets/planet.svg")),
];

/// A style sheet, a script or an image. Browsers revalidate it for each page, and get 304 until the
/// program changes.
pub(crate) async fn asset(
    headers: HeaderMap,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|(known, ..)| name.as_ref().is_ok_and(|Path(it)| it == known));
    let (_, media_type, bytes) =
        *asset.ok_or_else(|| Problem::new(NOT_FOUND, "no such asset of a page"))?;
    let tag = format!("\"{}\"", &sha256_hex(bytes.as_bytes())[..32]);
    let response = match condition(&headers, std::slice::from_ref(&tag), None) {
        Condition::Unchanged => StatusCode::NOT_MODIFIED.into_response(),
        Condition::Fails => return Err(Problem::precondition()),
        Condition::Holds => bytes.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, &tag),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    Ok((headers, response).into_response())
}
