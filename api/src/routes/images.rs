//! Images: upload, list, metadata, original, delete.

use asciify::write::Output;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use common::{
    account::principal::Principal,
    image::{Image, ImageId},
    pipeline::{ImageSummary, SubmitError},
};
use tokio_util::io::ReaderStream;

use crate::{
    access::{Deletes, Reads},
    app::App,
    caching::caching_of,
    conditional::{Condition, Part, condition, is_conditional, requested_range},
    extract::{Id, prefer_wait},
    headers::{BY_READER, inline},
    list_query::ListQuery,
    listed_owner::listed_owner,
    negotiate::{VARY_BY_CLIENT, negotiate},
    pages::{curl, plain},
    problem::{NOT_ACCEPTABLE, Problem, ProblemBody, RANGE},
    responses::{Binary, ImageBody, ImagesBody, Json},
    routes::{
        home::origin,
        renders::{etag, modified},
    },
    upload::Upload,
};

/// Uploads an image.
///
/// Send the bytes as the body, or a form with one file part named `image`. The format is detected
/// from the content. The response is sent once the original is stored durably; the presets are
/// rendered afterwards.
#[utoipa::path(
    post, path = "/images", operation_id = "uploadImage", tag = "images",
    request_body(
        description = "The image: the file part `image` of a form, or the bare body.",
        content(
            (UploadForm = "multipart/form-data"),
            (inline(Binary) = "application/octet-stream"),
        ),
    ),
    params(
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, description = "A repeated upload with the same key returns the same image."),
        ("Prefer" = Option<String>, Header, example = "wait=10", description = "`wait=N`: respond when the renders are ready, or after N seconds (at most 30)."),
        ("Content-Disposition" = Option<String>, Header, description = "`filename=` names a bare body."),
    ),
    responses(
        (status = 201, description = "Stored.", body = ImageBody, headers(("Location" = String, description = "Address of the image."))),
        (status = 303, description = "Stored; a redirect to the image for a browser that prefers `text/html`."),
        (status = 200, description = "Already stored by an earlier upload with this `Idempotency-Key`.", body = ImageBody),
        (status = "4XX", description = "The upload or the image is not accepted.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn upload(
    State(app): State<App>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Problem> {
    // the extractor has received the body and spooled it
    let Upload { spooled, principal, name, key, hint, slot, rate } = upload;
    let owner = principal.user();
    let submitted = app.pipeline.submit(spooled, owner, name, key).await.map_err(|err| {
        let hint = hint.filter(|_| matches!(err, SubmitError::Image(_)));
        let problem = Problem::from(err).with_headers(rate.clone().into_iter().flatten());
        hint.into_iter().fold(problem, |problem, hint| problem.with_hint(hint))
    })?;
    drop(slot);
    let id = submitted.image.id;
    let wait = prefer_wait(&headers);
    // shutdown ends the wait: there may be no worker left to render
    let summary = app.pipeline.wait_for(id, wait.unwrap_or_default(), &principal);
    let summary = app.closing.run_until_cancelled(summary).await.unwrap_or(Ok(None));
    let summary = summary.unwrap_or_else(|fault| {
        tracing::warn!("could not read the status of a stored upload: {fault}");
        None
    });
    // deleted meanwhile, or unreadable at the moment: the upload was stored all the same
    let summary = summary.unwrap_or_else(|| ImageSummary::pending(submitted.image));

    let prefers_html = negotiate(&headers, &["application/json", "text/html"]) == Some("text/html");
    let status = match submitted.created {
        // a form that a browser sent without a script
        _ if prefers_html => StatusCode::SEE_OTHER,
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let mut response = (status, Json(ImageBody::new(summary, &principal))).into_response();
    let headers = response.headers_mut();
    headers.extend(rate.into_iter().flatten());
    headers.insert(header::LOCATION, ascii(&format!("/images/{id}")));
    if let Some(wait) = wait {
        headers.insert("preference-applied", ascii(&format!("wait={}", wait.as_secs())));
    }
    Ok(response)
}

/// The form of an upload (RFC 7578).
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form to the OpenAPI document")]
pub(crate) struct UploadForm {
    /// The image file.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    image: Vec<u8>,
}

/// Lists images, newest first, or in another order.
///
/// A search by name compares the names of at most `MAX_SEARCHED_IMAGES` images per request. A page
/// may therefore have fewer images than `limit`, or none, and yet a `next`, where the search goes on.
///
/// The list is JSON, or text for people with `Accept: text/plain`. curl, Wget and HTTPie get text unless
/// they are given an `Accept`.
#[utoipa::path(
    get, path = "/images", operation_id = "listImages", tag = "images",
    params(
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 200, description = "Images per page; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The cursor of the previous page's `next`."),
        ("sort" = Option<String>, Query, pattern = "^(newest|oldest|name|size)$", description = "The order: `newest` first (the default), `oldest` first, by `name` (without the case of ASCII letters; images without a name first), or by `size` in bytes, the largest first."),
        ("q" = Option<String>, Query, max_length = 100, description = "Only images whose name has each of these words somewhere, in upper or lower case."),
        ("count" = Option<bool>, Query, description = "`true`: the response has `count`, the number of images in the whole list."),
        ("before" = Option<String>, Query, description = "The other direction: the images that the list has before this cursor, those nearest to it. `next` then leads further back."),
        ("after" = Option<String>, Query, description = "Only images newer than the one with this id: the same as `before`, with `sort=newest`."),
        ("sha256" = Option<String>, Query, pattern = "^[0-9A-Fa-f]{64}$", description = "Only images with this SHA-256; not with `q`, `sort=name` or `sort=size`."),
    ),
    responses(
        (status = 200, description = "A page of images.", content((ImagesBody = "application/json"), (String = "text/plain")), headers(("Link" = String, description = "The next page (RFC 8288)."))),
        (status = 304, description = "Not modified."),
        (status = 400, description = "A parameter is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` excludes JSON and text.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Reads(reader): Reads,
    mut query: ListQuery,
) -> Result<Response, Problem> {
    let offers = ["application/json", "text/plain"];
    let chosen = negotiate(&headers, &offers).ok_or_else(|| {
        Problem::new(NOT_ACCEPTABLE, format!("available are {}", offers.join(", ")))
    })?;
    let origin = (chosen == "text/plain").then(|| origin(&headers));
    let (owner, lister) = listed_owner(&reader, query.owner)?;
    query.page.owner = owner;
    // the whole principal: what another one reads must not be answered
    let key = format!("{} {uri} {reader:?}", origin.as_deref().unwrap_or_default());
    let made = list_page(&app, query, &reader, &lister, origin.as_deref());
    let mut response = app.pages.answer(&headers, key, made).await?;
    if reader != Principal::Open {
        response.headers_mut().append(header::VARY, BY_READER);
    }
    Ok(response)
}

/// A page as JSON; with an `origin`, as text for a terminal.
async fn list_page(
    app: &App,
    query: ListQuery,
    reader: &Principal,
    lister: &Principal,
    origin: Option<&str>,
) -> Result<Response, Problem> {
    let listing = app.pipeline.list(query.page.clone(), lister).await?;
    let count = match query.counts {
        true => Some(app.pipeline.count(query.page.clone(), lister).await?.into()),
        false => None,
    };
    let next = listing.next.map(|next| query.address(&next, query.page.limit));
    let link = next.as_ref().map(|next| ascii(&format!("<{next}>; rel=\"next\"")));
    let mut response = match origin {
        Some(origin) => {
            plain::listing(origin, curl(reader.user().is_some()), &listing.images, next.as_deref())
        }
        None => {
            let images = listing.images.into_iter();
            let items = images.map(|summary| ImageBody::new(summary, reader)).collect();
            Json(ImagesBody { items, next, count }).into_response()
        }
    };
    response.headers_mut().insert(header::VARY, VARY_BY_CLIENT);
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Returns the metadata of an image.
#[utoipa::path(
    get, path = "/images/{id}/metadata", operation_id = "getImage", tag = "images",
    params(("id" = String, Path, description = "Id of the image.")),
    responses(
        (status = 200, description = "The image.", body = ImageBody),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn metadata(
    State(app): State<App>,
    Reads(reader): Reads,
    Id(id): Id,
) -> Result<Response, Problem> {
    let summary = app.pipeline.summary(id, &reader).await?.ok_or_else(Problem::no_image)?;
    let caching = caching_of(&app, &summary.image, &reader);
    let body = Json(ImageBody::new(summary, &reader));
    Ok(([(header::CACHE_CONTROL, caching)], body).into_response())
}

/// Returns the original file, byte for byte.
#[utoipa::path(
    get, path = "/images/{id}/original", operation_id = "getOriginal", tag = "images",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("Range" = Option<String>, Header, description = "A range of bytes, such as `bytes=0-99`; several ranges are ignored, and HEAD ignores it."),
    ),
    responses(
        (status = 200, description = "The original.", body = inline(Binary), content_type = "image/*"),
        (status = 206, description = "The requested range.", body = inline(Binary), content_type = "image/*"),
        (status = 304, description = "Not modified."),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "A precondition does not hold.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 416, description = "The range is not satisfiable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn original(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Reads(reader): Reads,
    Id(id): Id,
) -> Result<Response, Problem> {
    original_of(&app, &method, &headers, id, &reader).await
}

/// The response with an original that `reader` may read.
pub(crate) async fn original_of(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    id: ImageId,
    reader: &Principal,
) -> Result<Response, Problem> {
    let image = app.pipeline.image(id, reader).await?.ok_or_else(Problem::no_image)?;
    let caching = caching_of(app, &image, reader);
    let (length, etag) = (image.metadata.bytes, format!("\"{}\"", image.metadata.sha256));
    let stored_at = super::system_time(image.stored_at);
    match condition(headers, std::slice::from_ref(&etag), Some(stored_at)) {
        Condition::Holds => {}
        Condition::Unchanged => {
            let headers = [(header::ETAG, ascii(&etag)), (header::CACHE_CONTROL, caching)];
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        Condition::Fails => return Err(Problem::precondition()),
    }
    let (status, range) = match requested_range(method, headers, &etag, length) {
        Part::Whole => (StatusCode::OK, 0..length),
        Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Unsatisfiable => {
            let problem = Problem::new(RANGE, format!("the original has {length} bytes"));
            return Err(
                problem.with_header(header::CONTENT_RANGE, ascii(&format!("bytes */{length}")))
            );
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
    headers.insert(header::CACHE_CONTROL, caching);
    set_original_headers(headers, &image);
    Ok(response)
}

/// Deletes an image and all of its renders.
#[utoipa::path(
    delete, path = "/images/{id}", operation_id = "deleteImage", tag = "images",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("If-Match" = Option<String>, Header, description = "Delete only if the default render has this entity tag."),
    ),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "A precondition does not hold.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    headers: HeaderMap,
    Deletes(principal): Deletes,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    if is_conditional(&headers) {
        app.pipeline.check_change(id, &principal).await?;
        let main = app.pipeline.config().presets.main().spec.clone();
        let render = app.pipeline.resolve(id, main, None, &principal);
        let render = render.await.map_err(|err| Problem::from(&err))?;
        let tags: Vec<String> = Output::ALL.iter().map(|format| etag(&render, *format)).collect();
        if condition(&headers, &tags, modified(&render)) != Condition::Holds {
            return Err(Problem::precondition());
        }
    }
    app.pipeline.remove(id, &principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets the headers of an original; `sandbox` keeps browsers from running an uploaded file.
fn set_original_headers(headers: &mut HeaderMap, image: &Image) {
    headers.insert(header::CONTENT_TYPE, ascii(&image.metadata.media_type));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::LAST_MODIFIED, super::http_date(super::system_time(image.stored_at)));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::CONTENT_DISPOSITION, content_disposition(image));
}

/// `Content-Disposition` of the original.
fn content_disposition(image: &Image) -> HeaderValue {
    let given = image.metadata.name.as_deref().unwrap_or_default();
    match given.trim_start_matches(['.', ' ']) {
        "" => {
            let format = asciify::format_of_media_type(&image.metadata.media_type);
            let extension = format.map_or("bin", |format| format.extension());
            inline(&format!("{}.{extension}", image.id))
        }
        name => inline(name),
    }
}

/// A header value of ASCII text.
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids, numbers, hashes and percent-encoded text are ASCII")
}
