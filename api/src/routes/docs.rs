//! The API reference and the explanations of problems.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use common::catalog::Page;
use utoipa::openapi::{OpenApi, Server};

use crate::{
    app::App,
    authentication::authenticate,
    negotiate::{VARY_BY_CLIENT, negotiate},
    pages::{self, CommandContext, plain},
    problem::{KINDS, NOT_FOUND, Problem, ProblemBody},
    responses::Json,
    routes::home::origin,
};

/// Returns the OpenAPI 3.1 document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "getOpenApi", tag = "documentation",
    responses((status = 200, description = "The document.", content_type = "application/json")),
)]
pub(crate) async fn openapi(headers: HeaderMap, document: Extension<Arc<OpenApi>>) -> Response {
    let mut document = OpenApi::clone(&document);
    // a client that is generated from a saved document knows where the service is
    document.servers = Some(vec![Server::new(origin(&headers))]);
    Json(document).into_response()
}

/// Returns this reference as a page; as plain text, an overview with every option of a render.
///
/// curl, Wget and HTTPie get text unless they are given an `Accept`.
#[utoipa::path(
    get, path = "/docs", operation_id = "getReference", tag = "documentation",
    responses(
        (status = 200, description = "The page, or the overview.", content((String = "text/html"), (String = "text/plain"))),
    ),
)]
pub(crate) async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    document: Extension<Arc<OpenApi>>,
) -> Response {
    // the reference works without the database, then without an example id
    let newest = newest_image(&app, &headers).await;
    let image = newest.as_deref().unwrap_or("ID");
    let context = CommandContext { origin: &origin(&headers), image };
    match negotiate(&headers, &["text/html", "text/plain"]) {
        Some("text/plain") => plain::reference(&document, &context),
        _ => {
            let mut page = pages::reference(&document, &context);
            page.headers_mut().insert(header::VARY, VARY_BY_CLIENT);
            page
        }
    }
}

/// The id of the newest image that the client may read.
async fn newest_image(app: &App, headers: &HeaderMap) -> Option<String> {
    let reader = authenticate(app, headers).await.ok()?.principal;
    let newest = app.pipeline.list(Page { limit: 1, ..Page::default() }, &reader).await;
    newest.ok()?.images.first().map(|summary| summary.image.id.to_string())
}

/// Whether the client prefers HTML to plain text.
fn prefers_html(headers: &HeaderMap) -> bool {
    negotiate(headers, &["text/plain", "text/html"]) == Some("text/html")
}

/// Lists all kinds of problems.
#[utoipa::path(
    get, path = "/problems", operation_id = "listProblems", tag = "documentation",
    responses(
        (status = 200, description = "The list.", content((String = "text/plain"), (String = "text/html"))),
    ),
)]
pub(crate) async fn problems(headers: HeaderMap) -> Response {
    match prefers_html(&headers) {
        true => pages::kinds(),
        false => plain::kinds(&origin(&headers)),
    }
}

/// Explains a kind of problem: typical cause, remedy, and an example.
#[utoipa::path(
    get, path = "/problems/{slug}", operation_id = "getProblem", tag = "documentation",
    params(("slug" = String, Path, example = "busy", description = "The last part of a problem's `type`.")),
    responses(
        (status = 200, description = "The explanation.", content((String = "text/plain"), (String = "text/html"))),
        (status = 404, description = "No such kind of problem.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn problem(
    headers: HeaderMap,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let kind = KINDS.iter().find(|kind| slug.as_ref().is_ok_and(|Path(slug)| slug == kind.slug));
    let unknown = || Problem::new(NOT_FOUND, "no such kind of problem; /problems lists them");
    let kind = kind.ok_or_else(unknown)?;
    Ok(if prefers_html(&headers) { pages::kind(kind) } else { plain::kind(kind) })
}
