//! Problems: the one place where an error meets a status code (RFC 9457).
//!
//! A handler returns a [`Problem`]; [`dress`] writes it down with the request's id, and turns every
//! other error response (no such route, wrong method, a refused extractor) into one too.

mod kinds;

use std::{error::Error, fmt, sync::Arc};

pub use kinds::*;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    fault::Fault,
    pipeline::{DrawError, ServeError, SubmitError},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::Json;

/// What is said where there is no such image, and nothing of it to lead back to.
pub(crate) const NO_IMAGE: &str = "no such image: it was never stored, or it was deleted";
const ACCEPT: HeaderValue = HeaderValue::from_static("accept");

/// What went wrong, for the client. `detail` says what was wrong and what would be right.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    header: Option<(header::HeaderName, HeaderValue)>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// So that it finds its way through a library's errors.
impl Error for Problem {}

/// A problem as JSON.
#[derive(Serialize, ToSchema)]
pub struct ProblemBody<'a> {
    /// The kind of problem: an address that explains it.
    #[schema(example = "/problems/over-limit")]
    pub(crate) r#type: String,
    /// Short, the same for every occurrence.
    pub(crate) title: &'a str,
    /// The status code.
    pub(crate) status: u16,
    /// What was wrong, and what would be right.
    pub(crate) detail: &'a str,
    /// The address that was asked.
    pub(crate) instance: &'a str,
    /// Of this request, as in the `X-Request-Id` header and the logs.
    pub(crate) request_id: &'a str,
}

impl Kind {
    /// A problem of this kind as it is told.
    pub(crate) fn told<'a>(
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
    /// A problem of that kind.
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Problem { kind, detail: detail.into(), header: None }
    }

    /// With one header more.
    pub(crate) fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// With a word more on what may be wrong.
    pub(crate) fn hinting(mut self, hint: &str) -> Self {
        self.detail = format!("{}; {hint}", self.detail);
        self
    }

    pub(crate) fn no_image() -> Self {
        Problem::new(NOT_FOUND, NO_IMAGE)
    }

    pub(crate) fn precondition() -> Self {
        Problem::new(PRECONDITION, "it is not in the state that the request's condition means")
    }

    /// A parameter has a value that it does not accept.
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
        if let Some((name, value)) = self.header.clone() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Writes an error response down as a problem, with `page` for a browser and as JSON for everybody
/// else; leaves every other response as it is.
pub(crate) fn dress(
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
        // says itself what is wrong, as readiness does
        return response;
    }
    let problem = response.extensions().get::<Arc<Problem>>().cloned();
    let problem = problem.unwrap_or_else(|| Arc::new(undressed(status)));
    let body = ProblemBody {
        status: status.as_u16(),
        ..problem.kind.told(&problem.detail, instance, request_id)
    };
    let mut dressed = match page {
        Some(page) => page(problem.kind, &body),
        None => {
            let json = HeaderValue::from_static("application/problem+json");
            let mut dressed = ([(header::VARY, ACCEPT)], Json(body)).into_response();
            dressed.headers_mut().insert(header::CONTENT_TYPE, json);
            dressed
        }
    };
    *dressed.status_mut() = status;
    let (parts, _) = response.into_parts();
    let keep = parts.headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    for (name, value) in keep {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            dressed.headers_mut().append(name, value);
        }
    }
    // what is wrong now may be right in a moment
    dressed.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    dressed
}

/// The problem behind an error that axum answered by itself.
fn undressed(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(NOT_FOUND, "no such address; /docs lists them"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(METHOD_NOT_ALLOWED, "see the Allow header for the methods of this address")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(TOO_LARGE, "the body is too large"),
        status if status.is_client_error() => {
            Problem::new(BAD_REQUEST, "the request could not be understood")
        }
        _ => Problem::new(INTERNAL, "the request could not be answered; nothing was changed by it"),
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Problem::from(&fault)
    }
}

impl From<&Fault> for Problem {
    /// The client learns nothing of the inside; the log does.
    fn from(fault: &Fault) -> Self {
        tracing::error!("{fault}");
        Problem::new(UNAVAILABLE, "a part of the service is away; nothing was lost, try again soon")
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
            SubmitError::Fault(fault) => fault.into(),
        }
    }
}

impl From<&asciify::Error> for Problem {
    fn from(err: &asciify::Error) -> Self {
        use asciify::Error;
        let kind = match err {
            Error::Unknown { .. } => UNKNOWN_FORMAT,
            Error::Unsupported(_) | Error::Malformed(_) => BAD_IMAGE,
            Error::OverLimit { .. } => OVER_LIMIT,
            Error::Missing { .. } => BAD_PARAMETER,
            Error::Read(_) => {
                tracing::error!("{err}");
                return Problem::new(UNAVAILABLE, "the image could not be read; try again soon");
            }
        };
        Problem::new(kind, err.to_string())
    }
}

impl From<&ServeError> for Problem {
    fn from(err: &ServeError) -> Self {
        match err {
            ServeError::NoImage => Problem::no_image(),
            ServeError::NoVersion { .. } => {
                Problem::new(NOT_FOUND, format!("{err}: see /images/ID/renders for what is"))
            }
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
                Problem::new(UNAVAILABLE, "the original is out of reach; try again soon")
            }
            DrawError::Image(verdict) => verdict.into(),
            DrawError::Crashed | DrawError::TooSlow { .. } => {
                Problem::new(BAD_IMAGE, err.to_string())
            }
            DrawError::Fault(fault) => fault.into(),
        }
    }
}
