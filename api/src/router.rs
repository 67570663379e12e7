//! Every address that we answer, and the OpenAPI 3.1 document that is generated from the same list.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::Uri,
    middleware::{from_fn, from_fn_with_state, map_response},
    response::IntoResponse,
    routing::get,
};
use tower_http::{catch_panic::CatchPanicLayer, csrf::CsrfLayer};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    coding::{self, Press},
    hosts,
    observe::observe,
    problem::{CROSS_SITE, INTERNAL, NOT_FOUND, Problem},
    routes::{assets, docs, events, home, images, ops, presets, renders},
};

/// The document's root.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Planet Image API",
        description = "Upload imagery once; look at it wherever there is only text.",
        license(name = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "images", description = "Images are taken in, listed, described, given back and removed."),
        (name = "renders", description = "The same images as text: made in advance, or drawn when somebody asks."),
        (name = "operations", description = "For operators and their machines."),
        (name = "documentation", description = "What you are reading, for machines as well."),
    ),
)]
struct Document;

/// The service as a router: without a network, for tests, as well as behind [`crate::serve`].
pub fn router(app: App) -> Router {
    let hosts = app.config.allowed_hosts.clone();
    let press = Press::new(app.outgoing.clone());
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(home::home))
        .routes(routes!(images::upload, images::list))
        .routes(routes!(renders::text, images::remove))
        .routes(routes!(images::metadata))
        .routes(routes!(images::original))
        .routes(routes!(renders::list))
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
        .fallback(nowhere)
        .with_state(app)
        .layer(Extension(Arc::new(document)))
        // uploads are counted and limited as they are spooled
        .layer(DefaultBodyLimit::disable())
        .layer(CsrfLayer::new().with_rejection_response(|_| {
            let detail = "pages of other sites may not upload or delete";
            Problem::new(CROSS_SITE, detail).into_response()
        }))
        .layer(map_response(coding::measure))
        .layer(coding::layer())
        .layer(from_fn_with_state(press, coding::press))
        .layer(from_fn(coding::tag))
        .layer(CatchPanicLayer::custom(|_| {
            Problem::new(INTERNAL, "a bug: tell the operator the request_id").into_response()
        }))
        .layer(from_fn_with_state(hosts, hosts::check))
        .layer(from_fn(observe))
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::new(
        NOT_FOUND,
        match uri.path().ends_with('/') {
            true => {
                "no such address: those that there are do not end with a slash; /docs lists them"
            }
            false => "no such address; /docs lists them",
        },
    )
}
