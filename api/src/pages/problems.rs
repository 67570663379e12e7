//! Pages about problems: all kinds, one kind, and the error page of a browser.

use askama::Template;
use axum::response::Response;
use common::image::ImageId;

use super::{
    page,
    prose::{Prose, paragraphs},
};
use crate::problem::{
    KINDS, Kind, NO_IMAGE, NOT_FOUND, ProblemBody, SIGN_IN_FAILED, SIGN_IN_REFUSED, UNAUTHORIZED,
};

/// The request id of examples.
const REQUEST_ID: &str = "01a20b0c-93d1-70e2-b0b0-6cc66bd5bd0f";

#[derive(Template)]
#[template(path = "problems.html")]
struct Index {
    kinds: Vec<(&'static Kind, Prose)>,
}

/// Every kind of problem.
pub(crate) fn kinds() -> Response {
    page(&Index { kinds: explained() })
}

/// Every kind with its meaning, by status code.
pub(super) fn explained() -> Vec<(&'static Kind, Prose)> {
    sorted().into_iter().map(|kind| (kind, Prose::new(kind.about))).collect()
}

/// Every kind, by status code.
pub(super) fn sorted() -> Vec<&'static Kind> {
    let mut kinds: Vec<&Kind> = KINDS.to_vec();
    kinds.sort_by_key(|kind| kind.status);
    kinds
}

#[derive(Template)]
#[template(path = "kind.html")]
struct KindPage {
    kind: &'static Kind,
    about: Vec<Prose>,
    cause: Prose,
    remedy: Prose,
    response: String,
}

/// One kind of problem, explained.
pub(crate) fn kind(kind: &'static Kind) -> Response {
    page(&KindPage {
        kind,
        about: paragraphs(kind.about),
        cause: Prose::new(kind.cause),
        remedy: Prose::new(kind.remedy),
        response: example_response(kind),
    })
}

/// An HTTP response with a problem of that kind; its JSON is indented.
pub(super) fn example_response(kind: &Kind) -> String {
    let address = kind.request.split(' ').next_back().unwrap_or_default();
    let path = address.split('?').next().unwrap_or_default();
    let body = kind.body(kind.detail, path, REQUEST_ID);
    let retry = kind.retry_after_s().map(|s| format!("Retry-After: {s}\n")).unwrap_or_default();
    format!(
        "HTTP/1.1 {}\nContent-Type: application/problem+json\n{retry}X-Request-Id: {REQUEST_ID}\n\n{}",
        kind.status,
        serde_json::to_string_pretty(&body).unwrap_or_default()
    )
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ErrorPage<'a> {
    kind: &'a Kind,
    problem: &'a ProblemBody<'a>,
    detail: Prose,
    remedy: Prose,
    /// The address of the image, if it exists.
    image: Option<&'a str>,
    /// The address for signing in, if that helps.
    sign_in: Option<String>,
}

/// The error page of a browser.
pub(crate) fn problem(kind: &Kind, problem: &ProblemBody<'_>) -> Response {
    let is_missing = problem.detail == NO_IMAGE;
    let image = image(problem.instance).filter(|_| !is_missing);
    let remedy = match image {
        _ if kind != NOT_FOUND || is_missing => kind.remedy,
        Some(_) => "The page of the image lists the stored versions.",
        None => "Check the address, or start from the list of images.",
    };
    let (detail, remedy) = (Prose::new(problem.detail), Prose::new(remedy));
    let sign_in = match kind {
        kind if kind == UNAUTHORIZED => {
            let return_to = form_urlencoded::byte_serialize(problem.instance.as_bytes());
            Some(format!("/auth/login?return_to={}", return_to.collect::<String>()))
        }
        kind if kind == SIGN_IN_FAILED || kind == SIGN_IN_REFUSED => Some("/auth/login".to_owned()),
        _ => None,
    };
    page(&ErrorPage { kind, problem, detail, remedy, image, sign_in })
}

/// `address`, if it is the address of an image.
fn image(address: &str) -> Option<&str> {
    let id: Option<ImageId> = address.strip_prefix("/images/")?.parse().ok();
    id.map(|_| address)
}
