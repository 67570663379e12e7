//! Problems: the one place where an error meets a status code (RFC 9457).
//!
//! A handler returns a [`Problem`]; [`dress`] writes it down with the request's id, and turns every
//! other error response (no such route, wrong method, a refused extractor) into one too.

use std::{error::Error, fmt, sync::Arc};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    fault::Fault,
    pipeline::{DrawError, ServeError, SubmitError},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of problem: what its `type` leads to.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last part of its `type`, `/problems/{slug}`.
    pub slug: &'static str,
    /// The status code that goes with it.
    pub status: StatusCode,
    /// Short, the same for every occurrence.
    pub title: &'static str,
    /// What it means and what to do.
    pub about: &'static str,
}

macro_rules! kinds {
    ($($name:ident $slug:literal $status:ident $title:literal $about:literal)*) => {
        $(#[doc = $title] pub(crate) const $name: &Kind = &Kind {
            slug: $slug, status: StatusCode::$status, title: $title, about: $about,
        };)*
        /// Every kind of problem that this service tells of.
        pub const KINDS: &[&Kind] = &[$($name),*];
    };
}

kinds! {
    BAD_PARAMETER "bad-parameter" BAD_REQUEST "A parameter is wrong"
        "A query parameter or header is unknown, or its value is not one that it accepts. The detail names it and says what it accepts."
    BAD_REQUEST "bad-request" BAD_REQUEST "The request is malformed"
        "The request breaks the rules of HTTP or of its media type, for instance a multipart body that ends too early."
    EMPTY_UPLOAD "empty-upload" BAD_REQUEST "The upload is empty"
        "No bytes came. Send the image as the body, or as the file part named image of a form."
    NO_FILE "no-file" BAD_REQUEST "The form has no image"
        "A form must have one file part named image (file works too)."
    SEVERAL_FILES "several-files" BAD_REQUEST "The form has several files"
        "One request takes one image. Send several requests for several images."
    NOT_FOUND "not-found" NOT_FOUND "There is nothing here"
        "No such address, image or version. Image ids are UUIDs in lower case with hyphens."
    METHOD_NOT_ALLOWED "method-not-allowed" METHOD_NOT_ALLOWED "The method is not allowed here"
        "The address exists, but not for this method. The Allow header lists those that it takes."
    NOT_ACCEPTABLE "not-acceptable" NOT_ACCEPTABLE "Nothing that you accept is available"
        "The Accept header rules out every format that we have. The detail lists them."
    TIMEOUT "timeout" REQUEST_TIMEOUT "The upload stalled"
        "The client paused for too long while sending, or sent too slowly. Send it again."
    KEY_BUSY "key-busy" CONFLICT "An upload with this key is running"
        "An upload with the same Idempotency-Key has not ended yet. Try again after Retry-After."
    PRECONDITION "precondition-failed" PRECONDITION_FAILED "The condition does not hold"
        "If-Match, If-None-Match or If-Unmodified-Since means another state than the present one. Read it again and decide anew."
    TOO_LARGE "too-large" PAYLOAD_TOO_LARGE "The upload is too large"
        "The upload has more bytes than this service takes. The detail says how many it takes."
    UNKNOWN_FORMAT "unknown-format" UNSUPPORTED_MEDIA_TYPE "Not an image that we know"
        "The bytes are of no image format that we read. Formats are told by content, never by name or declared type."
    RANGE "range-not-satisfiable" RANGE_NOT_SATISFIABLE "The range is outside"
        "The Range header asks for bytes behind the end. The Content-Range header says how many there are."
    BAD_IMAGE "bad-image" UNPROCESSABLE_ENTITY "The image cannot be decoded"
        "The bytes begin like an image, but are broken, cut off, or use a part of the format that we cannot decode."
    OVER_LIMIT "over-limit" UNPROCESSABLE_ENTITY "The image is over a limit"
        "The image has more pixels, a longer side or more frames than this service decodes. The detail names the limit."
    KEY_REUSED "key-reused" UNPROCESSABLE_ENTITY "The key was used for other bytes"
        "An Idempotency-Key names one upload. Use a new key for a new image."
    INTERNAL "internal" INTERNAL_SERVER_ERROR "Something went wrong on our side"
        "A bug. Tell the operator the request_id."
    BUSY "busy" SERVICE_UNAVAILABLE "Too busy at the moment"
        "Every core, upload slot, stream of events or connection is taken. Try again after Retry-After."
    NO_ROOM "no-room" INSUFFICIENT_STORAGE "No room for uploads"
        "The disk where uploads wait is almost full. Reading goes on; an operator has to make room."
    UNAVAILABLE "unavailable" SERVICE_UNAVAILABLE "Something that we need is away"
        "The database or the store does not answer. Nothing was lost; try again after Retry-After."
}

/// What went wrong, for the client. `detail` says what was wrong and what would be right.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: &'static Kind,
    detail: String,
    retry_after_s: Option<u32>,
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
    r#type: String,
    /// Short, the same for every occurrence.
    title: &'a str,
    /// The status code.
    status: u16,
    /// What was wrong, and what would be right.
    detail: &'a str,
    /// The address that was asked.
    instance: &'a str,
    /// Of this request, as in the `X-Request-Id` header and the logs.
    request_id: &'a str,
}

impl Problem {
    /// A problem of that kind.
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let retry_after_s = match kind.status {
            StatusCode::SERVICE_UNAVAILABLE => Some(2),
            StatusCode::INSUFFICIENT_STORAGE => Some(60),
            StatusCode::CONFLICT => Some(1),
            _ => None,
        };
        Problem { kind, detail: detail.into(), retry_after_s, header: None }
    }

    /// With one header more.
    pub(crate) fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(crate) fn no_image() -> Self {
        Problem::new(NOT_FOUND, "no such image: it was never stored, or it was deleted")
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
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some((name, value)) = self.header.clone() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Writes an error response down as a problem; leaves every other response as it is.
pub(crate) fn dress(response: Response, path: &str, request_id: &str) -> Response {
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
    let body = Json(ProblemBody {
        r#type: format!("/problems/{}", problem.kind.slug),
        title: problem.kind.title,
        status: status.as_u16(),
        detail: &problem.detail,
        instance: path,
        request_id,
    });
    let (parts, _) = response.into_parts();
    let mut dressed = (status, body).into_response();
    let keep = parts.headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    for (name, value) in keep {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            dressed.headers_mut().append(name, value);
        }
    }
    let problem_json = HeaderValue::from_static("application/problem+json");
    dressed.headers_mut().insert(header::CONTENT_TYPE, problem_json);
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
            Error::Unknown => UNKNOWN_FORMAT,
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
            ServeError::NoVersion { .. } => Problem::new(NOT_FOUND, err.to_string()),
            ServeError::Draw(draw) => draw.into(),
            ServeError::Fault(fault) => fault.into(),
        }
    }
}

impl From<&DrawError> for Problem {
    fn from(err: &DrawError) -> Self {
        match err {
            DrawError::Busy => Problem::new(BUSY, err.to_string()),
            DrawError::OriginalMissing => {
                tracing::error!("{err}");
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
