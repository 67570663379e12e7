//! All routes, and the OpenAPI 3.1 document that is generated from them.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::Uri,
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
    routing::get,
};
use tower_http::{catch_panic::CatchPanicLayer, csrf::CsrfLayer};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    compression::{Compressor, compress},
    hosts,
    problem::{CROSS_SITE, NOT_FOUND, Problem},
    request_log::log_request,
    routes::{assets, docs, events, home, images, ops, presets, renders, thumbnails},
};

/// The root of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Planet Image API",
        description = "Stores images and renders them as text.",
        license(name = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "images", description = "Upload, list, download and delete images."),
        (name = "renders", description = "Images as text: presets are rendered in advance, everything else on demand."),
        (name = "operations", description = "Health checks and metrics for operators."),
        (name = "documentation", description = "This reference as a page, as text, and as an OpenAPI document; the kinds of problems."),
    ),
)]
struct Document;

/// The service as a router, which [`serve`](crate::serve) runs on a listener. Tests call it
/// directly.
pub fn router(app: App) -> Router {
    let hosts = app.config.allowed_hosts.clone();
    let compressor = Compressor::new(app.response_budget.clone());
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(home::home))
        .routes(routes!(images::upload, images::list))
        .routes(routes!(renders::text, images::remove))
        .routes(routes!(images::metadata))
        .routes(routes!(images::original))
        .routes(routes!(renders::list))
        .routes(routes!(thumbnails::thumbnail))
        .routes(routes!(events::all))
        .routes(routes!(events::one))
        .routes(routes!(presets::list))
        .routes(routes!(ops::livez))
        .routes(routes!(ops::readyz))
        .routes(routes!(ops::metrics))
        .routes(routes!(docs::openapi))
        .routes(routes!(docs::page))
        .routes(routes!(docs::problems))
        .routes(routes!(docs::problem))
        .route("/assets/{name}", get(assets::asset))
        .split_for_parts();
    router
        .fallback(unknown_route)
        .with_state(app)
        .layer(Extension(Arc::new(document)))
        // uploads are limited while they are spooled
        .layer(DefaultBodyLimit::disable())
        .layer(CsrfLayer::new().with_rejection_response(|_| {
            let detail = "pages of other sites may not upload or delete";
            Problem::new(CROSS_SITE, detail).into_response()
        }))
        .layer(from_fn_with_state(compressor, compress))
        .layer(CatchPanicLayer::custom(|_| Problem::bug().into_response()))
        .layer(from_fn_with_state(hosts, hosts::check))
        .layer(from_fn(log_request))
}

async fn unknown_route(uri: Uri) -> Problem {
    Problem::new(
        NOT_FOUND,
        match uri.path().ends_with('/') {
            true => "no such address: addresses do not end with a slash; /docs lists them",
            false => "no such address; /docs lists them",
        },
    )
}
