//! Images: taken in, listed, described, given back, removed.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    image::Image,
    pipeline::{ImageSummary, SubmitError},
};
use tokio_util::io::ReaderStream;

use crate::{
    App,
    accept::negotiate,
    body::{Binary, ImageBody, ImagesBody, Json},
    conditional::{Condition, Part, condition, is_conditional, part},
    extract::{Format, Id, Listed, prefer_wait},
    problem::{Problem, ProblemBody, RANGE},
    routes::renders::{etag, modified},
    upload::Upload,
};

/// An original stays the same for ever, but may be deleted.
const CACHING: &str = "private, no-cache";

/// Takes an image in; its renders follow.
///
/// Send the bytes as the body, or a form with one file part named `image`. Formats are told by
/// content. Answered once the original is stored safely.
#[utoipa::path(
    post, path = "/images", tag = "images",
    request_body(
        description = "The image: as a form's file part named `image`, or as the bare body.",
        content(
            (UploadForm = "multipart/form-data"),
            (inline(Binary) = "application/octet-stream"),
        ),
    ),
    params(
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "Makes a repeated upload answer the same image again."),
        ("Prefer" = Option<String>, Header, example = "wait=10", description = "`wait=N`: answer when the renders are ready, or after N seconds (at most 30)."),
        ("Content-Disposition" = Option<String>, Header, description = "`filename=` of a bare body."),
    ),
    responses(
        (status = 201, description = "Stored.", body = ImageBody, headers(("Location" = String, description = "Address of the image."))),
        (status = 303, description = "Stored, for a browser that would rather have `text/html`: go and look at it."),
        (status = 200, description = "An earlier upload with this Idempotency-Key stored it.", body = ImageBody),
        (status = "4XX", description = "Not an image that we take.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is away.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn upload(
    State(app): State<App>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Problem> {
    let Upload { spooled, name, key, trace, slip, slot } = upload;
    let submitted = app.pipeline.submit(spooled, name, key, trace).await.map_err(|err| {
        let slip = slip.filter(|_| matches!(err, SubmitError::Image(_)));
        slip.into_iter().fold(Problem::from(err), |problem, slip| problem.hinting(slip))
    })?;
    drop(slot);
    let id = submitted.image.id;
    let wait = prefer_wait(&headers);
    // a stop does not wait with the client: nobody may be left to draw
    let waited = app.pipeline.wait_for(id, wait.unwrap_or_default());
    let waited = app.closing.run_until_cancelled(waited).await.unwrap_or(Ok(None));
    let shown = waited.unwrap_or_else(|fault| {
        tracing::warn!("an upload is answered without a look at its renders: {fault}");
        None
    });
    // deleted by somebody else already, or just not readable: it was stored all the same
    let shown = shown.unwrap_or_else(|| ImageSummary::pending(submitted.image));

    let is_form = negotiate(&headers, &["application/json", "text/html"]) == Some("text/html");
    let status = match submitted.created {
        // a browser's form without a script: show it
        _ if is_form => StatusCode::SEE_OTHER,
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let mut response = (status, Json(ImageBody::from(shown))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, ascii(&format!("/images/{id}")));
    if let Some(wait) = wait {
        headers.insert("preference-applied", ascii(&format!("wait={}", wait.as_secs())));
    }
    Ok(response)
}

/// The form of an upload.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form to the OpenAPI document")]
pub(crate) struct UploadForm {
    /// The image file.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    image: Vec<u8>,
}

/// Lists images, newest first.
#[utoipa::path(
    get, path = "/images", tag = "images",
    params(
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200, description = "Images on a page; 50 by default."),
        ("cursor" = Option<String>, Query, description = "From the `next` of the page before."),
        ("sha256" = Option<String>, Query, pattern = "^[0-9A-Fa-f]{64}$", description = "Only images with this SHA-256."),
    ),
    responses(
        (status = 200, description = "A page.", body = ImagesBody, headers(("Link" = String, description = "The next page (RFC 8288)."))),
        (status = 400, description = "A parameter is wrong.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Listed(page): Listed,
) -> Result<Response, Problem> {
    let (limit, sha256) = (page.limit, page.sha256.clone());
    let (shown, more) = app.pipeline.list(page).await?;
    let last = shown.last().filter(|_| more).map(|shown| shown.image.id);
    let next = last.map(|id| {
        let filter = sha256.map(|hash| format!("&sha256={hash}")).unwrap_or_default();
        format!("/images?cursor={id}&limit={limit}{filter}")
    });
    let link = next.as_ref().map(|next| ascii(&format!("<{next}>; rel=\"next\"")));
    let items = shown.into_iter().map(ImageBody::from).collect();
    let mut response = Json(ImagesBody { items, next }).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Describes an image.
#[utoipa::path(
    get, path = "/images/{id}/metadata", tag = "images",
    params(("id" = String, Path, description = "Id of the image.")),
    responses(
        (status = 200, description = "The image.", body = ImageBody),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn metadata(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    let shown = app.pipeline.summary(id).await?.ok_or_else(Problem::no_image)?;
    let no_cache = [(header::CACHE_CONTROL, "no-cache")];
    Ok((no_cache, Json(ImageBody::from(shown))).into_response())
}

/// Gives the original back, byte for byte.
#[utoipa::path(
    get, path = "/images/{id}/original", tag = "images",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-99`."),
    ),
    responses(
        (status = 200, description = "The bytes as uploaded.", body = inline(Binary), content_type = "image/*"),
        (status = 206, description = "The range that was asked for.", body = inline(Binary), content_type = "image/*"),
        (status = 304, description = "You have it already."),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "A condition does not hold.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "The range is outside.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn original(
    State(app): State<App>,
    headers: HeaderMap,
    Id(id): Id,
) -> Result<Response, Problem> {
    let image = app.pipeline.summary(id).await?.ok_or_else(Problem::no_image)?.image;
    let (length, etag) = (image.metadata.bytes, format!("\"{}\"", image.metadata.sha256));
    let stored_at = super::system_time(image.stored_at);
    match condition(&headers, std::slice::from_ref(&etag), Some(stored_at)) {
        Condition::Holds => {}
        Condition::Unchanged => {
            let headers = [(header::ETAG, etag.as_str()), (header::CACHE_CONTROL, CACHING)];
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        Condition::Fails => return Err(Problem::precondition()),
    }
    let (status, range) = match part(&headers, &etag, length) {
        Part::Whole => (StatusCode::OK, 0..length),
        Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Outside => {
            let problem = Problem::new(RANGE, format!("the original has {length} bytes"));
            return Err(problem.with(header::CONTENT_RANGE, ascii(&format!("bytes */{length}"))));
        }
    };
    let body = app.pipeline.original(&image, range.clone()).await;
    let body = body.map_err(|err| Problem::from(&err))?;

    let mut response = (status, Body::from_stream(ReaderStream::new(body))).into_response();
    let headers = response.headers_mut();
    if status == StatusCode::PARTIAL_CONTENT {
        let content_range = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        headers.insert(header::CONTENT_RANGE, ascii(&content_range));
    }
    headers.insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    headers.insert(header::ETAG, ascii(&etag));
    describe_original(headers, &image);
    Ok(response)
}

/// Removes an image and everything that was made of it.
#[utoipa::path(
    delete, path = "/images/{id}", tag = "images",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("If-Match" = Option<String>, Header, description = "Only while its default render has this entity tag."),
    ),
    responses(
        (status = 204, description = "Gone."),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "A condition does not hold.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    headers: HeaderMap,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    if is_conditional(&headers) {
        let main = app.pipeline.config().presets.main().spec.clone();
        let view = app.pipeline.resolve(id, main, None).await.map_err(|err| Problem::from(&err))?;
        let tags: Vec<String> = Format::ALL.iter().map(|format| etag(&view, *format)).collect();
        if condition(&headers, &tags, modified(&view)) != Condition::Holds {
            return Err(Problem::precondition());
        }
    }
    match app.pipeline.remove(id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::no_image()),
    }
}

/// Headers that keep a browser from running what somebody uploaded.
fn describe_original(headers: &mut HeaderMap, image: &Image) {
    headers.insert(header::CONTENT_TYPE, ascii(&image.metadata.media_type));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHING));
    headers.insert(header::LAST_MODIFIED, super::http_date(super::system_time(image.stored_at)));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::CONTENT_DISPOSITION, disposition(image));
}

/// `inline` with the name in the extended form (RFC 6266, RFC 8187), which takes every character,
/// and in the plain one, which is all that curl knows. It is never that of a hidden file: curl would
/// write it into the folder where it is.
fn disposition(image: &Image) -> HeaderValue {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    const PLAIN: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
    let given = image.metadata.name.as_deref().unwrap_or_default();
    let name = match given.trim_start_matches(['.', ' ']) {
        "" => {
            let format = asciify::Format::ALL.iter();
            let mut format = format.filter(|one| one.media_type() == image.metadata.media_type);
            let extension = format.next().map_or("bin", |format| format.extension());
            format!("{}.{extension}", image.id)
        }
        name => name.to_owned(),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " .-_".contains(c);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let extended = utf8_percent_encode(&name, PLAIN);
    ascii(&format!("inline; filename=\"{plain}\"; filename*=UTF-8''{extended}"))
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids, numbers, hashes and percent-encoded text are ASCII")
}
