//! Documentation that comes out of the binary: nothing is fetched from elsewhere.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use common::catalog::Page;
use utoipa::openapi::OpenApi;

use crate::{
    App, KINDS,
    accept::negotiate,
    body::Json,
    pages::{self, Guide, plain},
    problem::{NOT_FOUND, Problem, ProblemBody},
    routes::home::origin,
};

/// The OpenAPI 3.1 document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "documentation",
    responses((status = 200, description = "The document.", content_type = "application/json")),
)]
pub(crate) async fn openapi(document: Extension<Arc<OpenApi>>) -> Response {
    Json(document.as_ref()).into_response()
}

/// Shows the OpenAPI document as a page; with `Accept: text/plain`, what can be done, with commands.
#[utoipa::path(
    get, path = "/docs", tag = "documentation",
    responses(
        (status = 200, description = "The page, or a screen of text.", content((String = "text/html"), (String = "text/plain"))),
    ),
)]
pub(crate) async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    document: Extension<Arc<OpenApi>>,
) -> Response {
    // without a database there is no example, but there are words
    let newest = app.pipeline.list(Page { limit: 1, ..Page::default() }).await;
    let newest = newest.ok().and_then(|(shown, _)| shown.first().map(|it| it.image.id.to_string()));
    let image = newest.as_deref().unwrap_or("ID");
    let guide = Guide { origin: &origin(&headers), image };
    match negotiate(&headers, &["text/html", "text/plain"]) {
        Some("text/plain") => plain::reference(&document, &guide),
        _ => pages::reference(&document, &guide),
    }
}

fn is_browser(headers: &HeaderMap) -> bool {
    negotiate(headers, &["text/plain", "text/html"]) == Some("text/html")
}

/// Lists every kind of problem.
#[utoipa::path(
    get, path = "/problems", tag = "documentation",
    responses(
        (status = 200, description = "The list.", content((String = "text/plain"), (String = "text/html"))),
    ),
)]
pub(crate) async fn problems(headers: HeaderMap) -> Response {
    match is_browser(&headers) {
        true => pages::kinds(),
        false => plain::kinds(&origin(&headers)),
    }
}

/// Explains a kind of problem: where it comes from, what to do, and an example.
#[utoipa::path(
    get, path = "/problems/{slug}", tag = "documentation",
    params(("slug" = String, Path, example = "busy", description = "The last part of a problem's `type`.")),
    responses(
        (status = 200, description = "The explanation.", content((String = "text/plain"), (String = "text/html"))),
        (status = 404, description = "No such kind.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn problem(
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let kind = KINDS.iter().find(|kind| slug.as_ref().is_ok_and(|Path(slug)| slug == kind.slug));
    let lost = || Problem::new(NOT_FOUND, "no such kind of problem; /problems lists them");
    let kind = kind.ok_or_else(lost)?;
    Ok(if is_browser(&headers) { pages::kind(kind) } else { plain::kind(kind) })
}
