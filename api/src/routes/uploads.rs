//! Resumable uploads, by the protocol tus 1.0.0: an upload is received by any number of requests.

use std::{future::ready, pin::pin, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    account::{principal::Principal, scopes::Scope},
    pipeline::{ReceiveError, Receiver},
    resumable::{ResumableUpload, UploadId, UploadState},
    trace::in_current,
};
use futures_util::TryStreamExt;
use ipnet::IpNet;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use crate::{
    access::user_may,
    app::App,
    credentials::Asker,
    problem::{
        NOT_FOUND, Problem, ProblemBody, TOO_LARGE, TOO_MANY, UPLOAD_LOST, UPLOAD_OFFSET,
        UPLOAD_REFUSED, WRONG_TYPE,
    },
    request_body::with_min_rate,
    responses::Binary,
    tus::{self, Creation},
    upload::check_quota,
    upload_rate,
};

/// Tells how resumable uploads are sent.
#[utoipa::path(
    options, path = "/uploads", operation_id = "describeUploads", tag = "uploads",
    responses((status = 204, description = "The protocol's version and extensions, and the largest upload in bytes.")),
)]
pub(crate) async fn describe(State(app): State<App>) -> Response {
    let headers = [
        (tus::TUS_VERSIONS, HeaderValue::from_static(tus::VERSION)),
        (tus::TUS_EXTENSION, HeaderValue::from_static(tus::EXTENSIONS)),
        (tus::TUS_MAX_SIZE, app.pipeline.config().max_upload_bytes.into()),
    ];
    answer(StatusCode::NO_CONTENT, HeaderMap::from_iter(headers))
}

/// Begins a resumable upload.
///
/// The body may have the first bytes of the file, with the type `application/offset+octet-stream`.
#[utoipa::path(
    post, path = "/uploads", operation_id = "beginUpload", tag = "uploads",
    request_body(description = "The first bytes of the file, if any.", content((inline(Binary) = "application/offset+octet-stream"))),
    params(
        ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$", description = "The version of the protocol: 1.0.0."),
        ("Upload-Length" = u64, Header, description = "Length of the file in bytes."),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename`, a space, and the name of the file in Base64."),
    ),
    responses(
        (status = 201, description = "Begun.", headers(("Location" = String, description = "Address of the upload."), ("Upload-Offset" = u64, description = "Bytes that are stored."), ("Upload-Expires" = String, description = "When it is removed, unless it goes on."))),
        (status = "4XX", description = "The upload or the image is not accepted.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn begin(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let client = app.config.trusted_proxies.client(&request);
    let (head, body) = request.into_parts();
    let headers = head.headers;
    let Asker { principal, user } = user_may(&app, &headers, Scope::Upload).await?;
    tus::check_version(&headers)?;
    let Creation { length, name } = Creation::read(&headers)?;
    let rate = match user {
        Some(user) => {
            let announced = app.pipeline.announced_bytes(&principal).await?;
            check_quota(&app, &user, announced, length).await?;
            upload_rate::admit(&app, user.id).await?
        }
        None => None,
    };
    let rate = rate.into_iter().flatten();
    let counted = |problem: Problem| problem.with_headers(rate.clone());
    let upload = app.pipeline.begin_upload(&principal, length, name).await;
    let mut upload = upload.map_err(|err| counted(err.into()))?;
    let location = format!("/uploads/{}", upload.id);
    if tus::has_bytes(&headers) {
        let id = upload.id;
        let received = async {
            let receiver = app.pipeline.receive(id, &principal, 0).await?;
            receive(&app, client, receiver, body).await
        };
        match received.await {
            Ok(received) => upload = received,
            Err(problem) => {
                // The client does not know its address. If this fails, it expires.
                let _ = app.pipeline.end_upload(id, &principal).await;
                return Err(counted(problem));
            }
        }
    }
    let mut headers = tus::progress(&upload);
    headers.extend(rate);
    let location = HeaderValue::from_str(&location).expect("an id is ASCII");
    headers.insert(header::LOCATION, location);
    Ok(answer(StatusCode::CREATED, headers))
}

/// Tells how far a resumable upload has come.
#[utoipa::path(
    head, path = "/uploads/{id}", operation_id = "getUpload", tag = "uploads",
    params(
        ("id" = String, Path, description = "Id of the upload."),
        ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$", description = "The version of the protocol: 1.0.0."),
    ),
    responses(
        (status = 200, description = "How far it has come.", headers(("Upload-Offset" = u64, description = "Bytes that are stored."), ("Upload-Length" = u64, description = "Length of the file."), ("Image-Location" = String, description = "Address of the image, once it is stored."))),
        (status = 404, description = "No such upload, or that of someone else."),
        (status = 422, description = "It was refused."),
    ),
)]
pub(crate) async fn look(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let maker = user_may(&app, &headers, Scope::Upload).await?.principal;
    tus::check_version(&headers)?;
    let id = upload_id(&id)?;
    let mut upload = app.pipeline.upload(id, &maker).await?.ok_or_else(no_upload)?;
    if app.running_uploads.settle(id).await {
        upload = app.pipeline.upload(id, &maker).await?.ok_or_else(no_upload)?;
    }
    if let UploadState::Failed(reason) = upload.state {
        return Err(Problem::new(UPLOAD_REFUSED, reason));
    }
    Ok(answer(StatusCode::OK, tus::progress(&upload)))
}

/// Sends more of a resumable upload.
///
/// The answer to the last bytes is sent once the image is stored durably.
#[utoipa::path(
    patch, path = "/uploads/{id}", operation_id = "continueUpload", tag = "uploads",
    request_body(description = "The bytes of the file from that offset on, or some of them.", content((inline(Binary) = "application/offset+octet-stream"))),
    params(
        ("id" = String, Path, description = "Id of the upload."),
        ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$", description = "The version of the protocol: 1.0.0."),
        ("Upload-Offset" = u64, Header, description = "Where in the file the body begins: how many bytes are stored."),
    ),
    responses(
        (status = 204, description = "Stored.", headers(("Upload-Offset" = u64, description = "Bytes that are stored."), ("Image-Location" = String, description = "Address of the image, if these were the last bytes."))),
        (status = 404, description = "No such upload, or that of someone else.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The upload goes on at another offset, or another request has begun to send.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body has bytes behind the end of the file.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image is not accepted.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable: ask for the offset, and go on.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn send(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let client = app.config.trusted_proxies.client(&request);
    let (head, body) = request.into_parts();
    let maker = user_may(&app, &head.headers, Scope::Upload).await?.principal;
    tus::check_version(&head.headers)?;
    if !tus::has_bytes(&head.headers) {
        let detail = format!("Content-Type: expected {}", tus::MEDIA_TYPE);
        return Err(Problem::new(WRONG_TYPE, detail));
    }
    let (id, offset) = (upload_id(&id)?, tus::offset(&head.headers)?);
    let upload = match received_before(&app, id, &maker, offset).await? {
        Some(upload) => {
            refuse_bytes(&app, body, upload.length).await?;
            upload
        }
        None => {
            let receiver = app.pipeline.receive(id, &maker, offset).await?;
            receive(&app, client, receiver, body).await?
        }
    };
    let mut headers = tus::progress(&upload);
    headers.remove("upload-length");
    Ok(answer(StatusCode::NO_CONTENT, headers))
}

/// Ends a resumable upload, and deletes what was received of it. An image that it has become stays.
#[utoipa::path(
    delete, path = "/uploads/{id}", operation_id = "endUpload", tag = "uploads",
    params(
        ("id" = String, Path, description = "Id of the upload."),
        ("Tus-Resumable" = String, Header, pattern = "^1\\.0\\.0$", description = "The version of the protocol: 1.0.0."),
    ),
    responses(
        (status = 204, description = "Ended."),
        (status = 404, description = "No such upload, or that of someone else.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The whole was received, and is being stored.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn end(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let maker = user_may(&app, &headers, Scope::Upload).await?.principal;
    tus::check_version(&headers)?;
    let id = upload_id(&id)?;
    app.pipeline.end_upload(id, &maker).await?;
    app.running_uploads.end(id);
    Ok(answer(StatusCode::NO_CONTENT, HeaderMap::new()))
}

/// The upload whose whole was received before, if `offset` is its end. If no other request
/// finishes it, this one does.
async fn received_before(
    app: &App,
    id: UploadId,
    maker: &Principal,
    offset: u64,
) -> Result<Option<ResumableUpload>, Problem> {
    let mut upload = app.pipeline.upload(id, maker).await?.ok_or_else(no_upload)?;
    if offset != upload.length || upload.position != upload.length {
        return Ok(None);
    }
    if upload.state == UploadState::Finishing {
        // it is no image yet while another request stores it
        upload.state = app.pipeline.finish_late(id).await?.ok_or(ReceiveError::Overtaken)?;
    }
    match upload.state {
        UploadState::Failed(reason) => Err(Problem::new(UPLOAD_REFUSED, reason)),
        _ => Ok(Some(upload)),
    }
}

/// Refuses a body that has bytes: the whole of the upload was received.
async fn refuse_bytes(app: &App, body: Body, length: u64) -> Result<(), Problem> {
    let body = with_min_rate(body.into_data_stream(), app.config.upload_min_rate);
    let mut bytes = pin!(body.try_filter(|chunk| ready(!chunk.is_empty())));
    match bytes.try_next().await? {
        Some(_) => Err(ReceiveError::TooLong(length).into()),
        None => Ok(()),
    }
}

/// Receives a body, and finishes the upload if it is the last one. What was received is stored even
/// if the client disconnects.
async fn receive(
    app: &App,
    client: IpNet,
    receiver: Receiver,
    body: Body,
) -> Result<ResumableUpload, Problem> {
    let app = app.clone();
    let received = async move { receive_all(&app, client, receiver, body).await };
    let received = tokio::spawn(in_current(received).in_current_span()).await;
    received.unwrap_or_else(|_| Err(Problem::bug()))
}

async fn receive_all(
    app: &App,
    client: IpNet,
    mut receiver: Receiver,
    body: Body,
) -> Result<ResumableUpload, Problem> {
    let mut body = Box::pin(with_min_rate(body.into_data_stream(), app.config.upload_min_rate));
    // a client that sends nothing takes no slot
    let Some(first) = body.try_next().await? else { return Ok(receiver.save().await?) };
    let slot = app.uploads.take(client)?;
    let mut receiving =
        app.running_uploads.begin(receiver.upload()).ok_or(ReceiveError::Overtaken)?;
    receiver.write(first).await?;
    let mut body = Box::pin(slot.receive(body));
    let mut pace = Pace::new(app);
    let ended = loop {
        tokio::select! {
            biased;
            asked = receiving.asked() => match asked {
                Some(_told_when_dropped) => receiver.settle().await?,
                None => return Err(ReceiveError::Overtaken.into()),
            },
            chunk = body.try_next() => match chunk {
                Ok(Some(chunk)) => {
                    let before = receiver.upload().position;
                    receiver.write(chunk).await?;
                    if receiver.upload().position != before {
                        pace = Pace::new(app);
                    }
                }
                Ok(None) => break Ok(()),
                Err(problem) => break Err(problem),
            },
            () = sleep_until(pace.next()) => {
                receiver.settle().await?;
                pace.settled();
            }
        }
    };
    let mut upload = receiver.save().await?;
    drop(receiving);
    ended?;
    if upload.state == UploadState::Finishing {
        upload.state = app.pipeline.finish_upload(upload.clone()).await?;
    }
    drop(slot);
    match upload.state {
        UploadState::Failed(reason) => Err(Problem::new(UPLOAD_REFUSED, reason)),
        _ => Ok(upload),
    }
}

/// When to store what has come of an upload: in a pause, in which the connection may be lost without a
/// sign, and well before the upload would expire.
struct Pace {
    /// A client that pauses often makes it no more often for each part.
    pause: Duration,
    settled_at: Instant,
    longest: Duration,
}

impl Pace {
    fn new(app: &App) -> Self {
        let longest = app.pipeline.config().upload_expires / 3;
        Pace { pause: app.config.upload_settle, settled_at: Instant::now(), longest }
    }

    /// If nothing comes until then.
    fn next(&self) -> Instant {
        (Instant::now() + self.pause).min(self.settled_at + self.longest)
    }

    fn settled(&mut self) {
        self.settled_at = Instant::now();
        self.pause *= 2;
    }
}

fn answer(status: StatusCode, headers: HeaderMap) -> Response {
    (status, with_version(headers)).into_response()
}

fn with_version(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(tus::TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION));
    headers
}

/// # Errors
/// 404 for what is no id.
fn upload_id(text: &str) -> Result<UploadId, Problem> {
    text.parse().map_err(|_| no_upload())
}

fn no_upload() -> Problem {
    ReceiveError::NoUpload.into()
}

impl From<ReceiveError> for Problem {
    fn from(err: ReceiveError) -> Self {
        let detail = err.to_string();
        match err {
            ReceiveError::NoUpload => Problem::new(NOT_FOUND, detail),
            ReceiveError::TooMany { .. } => Problem::new(TOO_MANY, detail),
            ReceiveError::Offset(offset) => {
                tus::with_offset(Problem::new(UPLOAD_OFFSET, detail), offset)
            }
            ReceiveError::Overtaken => Problem::new(UPLOAD_OFFSET, detail),
            ReceiveError::TooLong(_) => Problem::new(TOO_LARGE, detail),
            ReceiveError::TooManyRequests | ReceiveError::Lost => Problem::new(UPLOAD_LOST, detail),
            ReceiveError::Failed(_) => Problem::new(UPLOAD_REFUSED, detail),
            ReceiveError::Refused(refusal) => refusal.into(),
        }
    }
}
