//! Problem details (RFC 9457): the mapping from errors to status codes.
//!
//! A handler returns a [`Problem`]. [`render_problem`] writes its body, and gives one to every
//! other error response as well (unknown route, wrong method, a rejection of axum's).

mod kinds;

use std::{error::Error, fmt, sync::Arc};

pub use kinds::*;

use asciify::escape_controls;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    catalog::was_moved,
    fault::Fault,
    pipeline::{ChangeError, DrawError, ServeError, SubmitError},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::responses::Json;

/// The detail for an image that does not exist. Pages compare with it: there is no image to link
/// to.
pub(crate) const NO_IMAGE: &str = "no such image: it was never stored, was deleted, or is private";
const ACCEPT: HeaderValue = HeaderValue::from_static("accept");

/// An error response. `detail` tells the client what was wrong, and what would be right.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    /// For the log: what failed in the service.
    cause: Option<Box<str>>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// A library that reads a body can wrap it as the source of an error of its own.
impl Error for Problem {}

/// A problem details object (RFC 9457, 3).
#[derive(Serialize, ToSchema)]
pub struct ProblemBody<'a> {
    /// The kind of problem: the address of its explanation.
    #[schema(example = "/problems/over-limit")]
    pub(crate) r#type: String,
    /// Short, the same for every occurrence.
    pub(crate) title: &'a str,
    /// The status code.
    pub(crate) status: u16,
    /// What was wrong, and what would be right.
    pub(crate) detail: &'a str,
    /// The path of the request, as a URI reference: other characters than ASCII are
    /// percent-encoded.
    pub(crate) instance: &'a str,
    /// Id of the request, as in the `X-Request-Id` header and in the logs.
    pub(crate) request_id: &'a str,
}

impl Kind {
    /// The body of a problem of this kind.
    pub(crate) fn body<'a>(
        &self,
        detail: &'a str,
        instance: &'a str,
        request_id: &'a str,
    ) -> ProblemBody<'a> {
        ProblemBody {
            r#type: format!("/problems/{}", self.slug),
            title: self.title,
            status: self.status.as_u16(),
            detail,
            instance,
            request_id,
        }
    }
}

impl Problem {
    /// A problem of kind `kind`. Control characters in `detail` are escaped: it may quote the
    /// request, and terminals show it.
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let detail = escape_controls(&detail.into()).into_owned();
        Problem { kind, detail, headers: Vec::new(), cause: None }
    }

    /// The status code of the response.
    pub(crate) fn status(&self) -> StatusCode {
        self.kind.status
    }

    /// Sets a response header.
    pub(crate) fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds headers.
    pub(crate) fn with_headers(
        mut self,
        headers: impl IntoIterator<Item = (header::HeaderName, HeaderValue)>,
    ) -> Self {
        self.headers.extend(headers);
        self
    }

    /// What failed in the service, which clients do not see; otherwise the detail.
    pub(crate) fn cause(&self) -> &str {
        self.cause.as_deref().unwrap_or(&self.detail)
    }

    /// Appends a hint to the detail.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.detail = format!("{}; {hint}", self.detail);
        self
    }

    /// 500: a bug of ours, which the caller has logged.
    pub(crate) fn bug() -> Self {
        Problem::new(INTERNAL, "a bug: report the request_id to the operator")
    }

    /// Whether a dependency of the service is away.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.kind == UNAVAILABLE
    }

    /// 404: the image does not exist.
    pub(crate) fn no_image() -> Self {
        Problem::new(NOT_FOUND, NO_IMAGE)
    }

    /// 403: a page of another site made the request.
    pub(crate) fn cross_site() -> Self {
        Problem::new(CROSS_SITE, "pages of other sites may not upload or delete")
    }

    /// 412: a precondition does not hold.
    pub(crate) fn precondition() -> Self {
        Problem::new(PRECONDITION, "the current state does not meet the condition of the request")
    }

    /// 400: the parameter or header `name` has a value outside of what it `accepts`.
    pub(crate) fn parameter(name: &str, accepts: &str) -> Self {
        Problem::new(BAD_PARAMETER, format!("{name}: expected {accepts}"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status.into_response();
        if let Some(seconds) = self.kind.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        for (name, value) in self.headers.iter().cloned() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Gives an error response its body: `page` if there is one, otherwise JSON. Returns every other
/// response unchanged.
pub(crate) fn render_problem(
    response: Response,
    instance: &str,
    request_id: &str,
    page: Option<fn(&Kind, &ProblemBody<'_>) -> Response>,
) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        // has a body already, as `/readyz`
        return response;
    }
    let problem = response.extensions().get::<Arc<Problem>>().cloned();
    let problem = problem.unwrap_or_else(|| Arc::new(default_problem(status)));
    let body = ProblemBody {
        status: status.as_u16(),
        ..problem.kind.body(&problem.detail, instance, request_id)
    };
    let mut rendered = match page {
        Some(page) => page(problem.kind, &body),
        None => {
            let json = HeaderValue::from_static("application/problem+json");
            let mut rendered = ([(header::VARY, ACCEPT)], Json(body)).into_response();
            rendered.headers_mut().insert(header::CONTENT_TYPE, json);
            rendered
        }
    };
    *rendered.status_mut() = status;
    let (parts, _) = response.into_parts();
    let keep = parts.headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    for (name, value) in keep {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            rendered.headers_mut().append(name, value);
        }
    }
    // the next request may succeed
    rendered.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    rendered
}

/// The problem of an error response that axum created.
fn default_problem(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(NOT_FOUND, "no such address; /docs lists them"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(METHOD_NOT_ALLOWED, "see the Allow header for the methods of this address")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(TOO_LARGE, "the body is too large"),
        status if status.is_client_error() => {
            Problem::new(BAD_REQUEST, "the request could not be understood")
        }
        _ => Problem::new(INTERNAL, "the request failed; it changed nothing"),
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Problem::from(&fault)
    }
}

impl From<&Fault> for Problem {
    /// Logs the fault; the client does not see its details.
    fn from(fault: &Fault) -> Self {
        tracing::error!("{fault}");
        let detail = match was_moved(fault) {
            true => "this installation was moved to another place, and takes no changes",
            false => "a dependency of the service is unavailable; nothing was lost, try again soon",
        };
        let problem = Problem::new(UNAVAILABLE, detail);
        Problem { cause: Some(fault.to_string().into()), ..problem }
    }
}

impl From<SubmitError> for Problem {
    fn from(err: SubmitError) -> Self {
        let detail = err.to_string();
        match err {
            SubmitError::Empty => Problem::new(EMPTY_UPLOAD, detail),
            SubmitError::TooLarge { .. } => Problem::new(TOO_LARGE, detail),
            SubmitError::NoRoom => {
                tracing::error!("{detail}");
                Problem::new(NO_ROOM, detail)
            }
            SubmitError::Image(verdict) => (&verdict).into(),
            SubmitError::KeyReused => Problem::new(KEY_REUSED, detail),
            SubmitError::KeyBusy => Problem::new(KEY_BUSY, detail),
            SubmitError::OverQuota(_) => Problem::new(QUOTA_EXCEEDED, detail),
            SubmitError::NoOwner => Problem::new(FORBIDDEN, detail),
            SubmitError::Fault(fault) => fault.into(),
        }
    }
}

impl From<&asciify::Error> for Problem {
    fn from(err: &asciify::Error) -> Self {
        use asciify::Error;
        let kind = match err {
            Error::Unknown { .. } | Error::FormatNotRead { .. } => UNKNOWN_FORMAT,
            Error::Unsupported(_) | Error::Malformed(_) => BAD_IMAGE,
            Error::OverLimit { .. } => OVER_LIMIT,
            Error::Missing { .. } => BAD_PARAMETER,
            Error::Read(_) | Error::Cancelled => {
                tracing::error!("{err}");
                return Problem::new(UNAVAILABLE, "the image could not be read; try again soon");
            }
        };
        Problem::new(kind, err.to_string())
    }
}

impl From<ChangeError> for Problem {
    fn from(err: ChangeError) -> Self {
        match err {
            ChangeError::NoImage => Problem::no_image(),
            ChangeError::NotOwner => Problem::new(FORBIDDEN, err.to_string()),
            ChangeError::Fault(fault) => fault.into(),
        }
    }
}

impl From<&ServeError> for Problem {
    fn from(err: &ServeError) -> Self {
        match err {
            ServeError::NoImage => Problem::no_image(),
            ServeError::NoVersion { .. } => Problem::new(
                NOT_FOUND,
                format!("{err}: see /images/ID/renders for the stored versions"),
            ),
            ServeError::Draw(draw) => draw.into(),
            ServeError::Fault(fault) => fault.into(),
        }
    }
}

impl From<&DrawError> for Problem {
    fn from(err: &DrawError) -> Self {
        match err {
            DrawError::Busy => Problem::new(BUSY, err.to_string()),
            DrawError::Deleted => Problem::no_image(),
            DrawError::OriginalMissing => {
                Problem::new(UNAVAILABLE, "the original is unavailable; try again soon")
            }
            DrawError::Image(verdict) => verdict.into(),
            DrawError::Crashed | DrawError::TooSlow { .. } => {
                Problem::new(BAD_IMAGE, err.to_string())
            }
            DrawError::Fault(fault) => fault.into(),
        }
    }
}
