//! Documentation that comes out of the binary: nothing is fetched from elsewhere.

use std::{fmt::Write, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, rejection::PathRejection},
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::openapi::{OpenApi, RefOr, path::Operation};

use crate::{
    KINDS,
    problem::{NOT_FOUND, Problem, ProblemBody},
};

const CSP: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// The OpenAPI 3.1 document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "documentation",
    responses((status = 200, description = "The document.", content_type = "application/json")),
)]
pub(crate) async fn openapi(document: Extension<Arc<OpenApi>>) -> Response {
    Json(document.as_ref()).into_response()
}

/// Shows the OpenAPI document as a page.
#[utoipa::path(
    get, path = "/docs", tag = "documentation",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(crate) async fn page(document: Extension<Arc<OpenApi>>) -> Response {
    html("Planet Image API", &operations(&document))
}

/// Explains a kind of problem.
#[utoipa::path(
    get, path = "/problems/{slug}", tag = "documentation",
    params(("slug" = String, Path, description = "The last part of a problem's `type`.")),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "No such kind.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn problem(
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let kind = KINDS.iter().find(|kind| slug.as_ref().is_ok_and(|Path(slug)| slug == kind.slug));
    let kind =
        kind.ok_or_else(|| Problem::new(NOT_FOUND, "no such kind of problem; /docs lists them"))?;
    let body = format!(
        "<p><a href=\"/docs\">Planet Image API</a></p><h1>{}</h1><p><code>{}</code></p><p>{}</p>",
        kind.title,
        kind.status,
        escaped(kind.about)
    );
    Ok(html(kind.title, &body))
}

fn operations(document: &OpenApi) -> String {
    let mut out = format!(
        "<h1>{}</h1><p>{}</p><p>The same for machines: <a href=\"/openapi.json\">openapi.json</a></p>",
        escaped(&document.info.title),
        escaped(document.info.description.as_deref().unwrap_or_default())
    );
    for tag in document.tags.iter().flatten() {
        let about = tag.description.as_deref().unwrap_or_default();
        write!(out, "<h2>{}</h2><p>{}</p>", escaped(&tag.name), escaped(about)).expect(STRING);
        for (path, item) in &document.paths.paths {
            let methods = [("GET", &item.get), ("POST", &item.post), ("DELETE", &item.delete)];
            for (method, operation) in methods {
                if let Some(operation) = operation
                    && operation.tags.iter().flatten().any(|name| *name == tag.name)
                {
                    describe(&mut out, method, path, operation);
                }
            }
        }
    }
    out.push_str(
        "<h2>problems</h2><p>Errors are <code>application/problem+json</code> (RFC 9457).</p><ul>",
    );
    for kind in KINDS {
        write!(out, "<li><a href=\"/problems/{0}\">{0}</a>: {1}</li>", kind.slug, kind.title)
            .expect(STRING);
    }
    out.push_str("</ul>");
    out
}

const STRING: &str = "a String takes everything";

fn describe(out: &mut String, method: &str, path: &str, operation: &Operation) {
    let summary = operation.summary.as_deref().unwrap_or_default();
    let about = operation.description.as_deref().unwrap_or_default();
    write!(
        out,
        "<section><h3><code>{method} {}</code></h3><p>{}</p><p>{}</p>",
        escaped(path),
        escaped(summary),
        escaped(about)
    )
    .expect(STRING);
    out.push_str("<dl>");
    for parameter in operation.parameters.iter().flatten() {
        let about = parameter.description.as_deref().unwrap_or_default();
        write!(
            out,
            "<dt><code>{}</code></dt><dd>{}</dd>",
            escaped(&parameter.name),
            escaped(about)
        )
        .expect(STRING);
    }
    out.push_str("</dl><dl>");
    for (status, response) in &operation.responses.responses {
        if let RefOr::T(response) = response {
            let about = escaped(&response.description);
            write!(out, "<dt>{}</dt><dd>{about}</dd>", escaped(status)).expect(STRING);
        }
    }
    out.push_str("</dl></section>");
}

fn html(title: &str, body: &str) -> Response {
    const STYLE: &str = ":root{color-scheme:light dark}\
        body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}\
        code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}\
        h3{margin:2rem 0 0}dl{display:grid;grid-template-columns:minmax(6rem,auto) 1fr;gap:.2rem 1rem}\
        dd{margin:0}p:empty,dl:empty{display:none}";
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n",
        escaped(title)
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, page).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
