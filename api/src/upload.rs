//! Extractor of an upload: writes the file part of a form, or the bare body, to the spool.

use std::pin::pin;

use axum::{
    body::Body,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, Uri, header, request::Parts},
};
use bytes::Bytes;
use common::{
    account::{principal::Principal, scopes::Scope, user::User},
    file_name::clean_name,
    pipeline::{Spool, Spooled, SubmitError},
    trace::step,
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use ipnet::IpNet;

use crate::{
    access::user_may,
    app::App,
    credentials::Asker,
    extract::{excerpt, idempotency_key, query},
    problem::{BAD_PARAMETER, BAD_REQUEST, NO_FILE, Problem, SEVERAL_FILES},
    request_body::{FormOverhead, problem_in, with_min_rate},
    upload_rate::{self, RateHeaders},
    upload_slots::Slot,
};

/// Length of a form field other than the file.
const MAX_FIELD_BYTES: usize = 64 * 1024;
const MAX_PARTS: usize = 100;
/// How many bytes of an upload tell text from an image.
const TEXT_BYTES: usize = 64;
/// The hint for a form whose file part has no file name, and is text.
const MISSING_AT_HINT: &str = "to send a file with curl, use -F image=@photo.jpg, with the @";
/// The hint for a body that is declared as form fields, and is not text.
const URLENCODED_HINT: &str =
    "curl -d strips line breaks; use --data-binary @photo.jpg or -F image=@photo.jpg";

/// A completely received upload.
pub(crate) struct Upload {
    pub spooled: Spooled,
    /// Who uploads.
    pub principal: Principal,
    /// The file name, cleaned.
    pub name: Option<String>,
    /// The `Idempotency-Key`.
    pub key: Option<String>,
    /// The client's probable mistake, if the upload is not an image.
    pub hint: Option<&'static str>,
    /// Held until the upload is stored.
    pub slot: Slot,
    /// The headers that tell the rate of uploads.
    pub rate: Option<RateHeaders>,
}

impl FromRequest<App> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        step("receive", Upload::receive(request, app)).await
    }
}

impl Upload {
    async fn receive(request: Request, app: &App) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let client = app.config.trusted_proxies.client(&request);
        let head = check_head(app, client, &headers, request.uri().clone()).await?;
        let rate = head.rate.clone();
        let received = Upload::receive_body(request, app, client, &headers, head).await;
        received.map_err(|problem| problem.with_headers(rate.into_iter().flatten()))
    }

    async fn receive_body(
        request: Request,
        app: &App,
        client: IpNet,
        headers: &HeaderMap,
        Head { principal, key, rate }: Head,
    ) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let mut body = Box::pin(with_min_rate(body.into_data_stream(), app.config.upload_min_rate));
        // a client that sends nothing takes no slot
        let first = body.try_next().await?;
        let slot = app.uploads.take(client)?;
        let body = slot.receive(stream::iter(first.map(Ok)).chain(body));
        let spool = app.pipeline.spool().await?;
        let (spooled, name, hint) = match is_media_type(headers, "multipart/form-data") {
            true => {
                let FilePart { spooled, name, is_text } =
                    Form::open(head, body).await?.spool_file(spool).await?;
                let hint = (name.is_none() && is_text).then_some(MISSING_AT_HINT);
                (spooled, name, hint)
            }
            false => {
                let is_form = is_media_type(headers, "application/x-www-form-urlencoded");
                let (spooled, is_text) = spool_body(body, spool).await?;
                let hint = match (is_form, is_text) {
                    (true, true) => Some(MISSING_AT_HINT),
                    (true, false) => Some(URLENCODED_HINT),
                    (false, _) => None,
                };
                (spooled, file_name(&disposition(headers)), hint)
            }
        };
        let name = name.and_then(clean_name);
        Ok(Upload { spooled, principal, name, key, hint, slot, rate })
    }
}

/// What the head of an upload says.
struct Head {
    principal: Principal,
    key: Option<String>,
    rate: Option<RateHeaders>,
}

/// Everything that can be refused before the body is read.
async fn check_head(
    app: &App,
    client: IpNet,
    headers: &HeaderMap,
    uri: Uri,
) -> Result<Head, Problem> {
    let asker = user_may(app, headers, Scope::Upload).await?;
    if let Some((name, _)) = query(&uri)?.first() {
        let detail = "an upload has no parameters; options apply when the image is requested";
        return Err(Problem::new(BAD_PARAMETER, format!("{}: {detail}", excerpt(name))));
    }
    let key = idempotency_key(headers)?;
    let max = app.pipeline.config().max_upload_bytes;
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // a form is longer than its file
    let overhead =
        if is_media_type(headers, "multipart/form-data") { MAX_FIELD_BYTES as u64 } else { 0 };
    if length.is_some_and(|length: u64| length > max.saturating_add(overhead)) {
        return Err(SubmitError::TooLarge { max }.into());
    }
    app.uploads.check(client)?;
    let Asker { principal, user } = asker;
    let rate = match user {
        Some(user) => {
            // a repeated upload is no new image
            if key.is_none() {
                check_quota(app, &user, 0, length.unwrap_or(0).saturating_sub(overhead)).await?;
            }
            upload_rate::admit(app, user.id).await?
        }
        None => None,
    };
    Ok(Head { principal, key, rate })
}

/// Refuses a file of at least so many `bytes` that would certainly be over the quota. What is stored
/// is checked exactly at its commit. `announced` are the bytes of uploads that the user has begun.
///
/// # Errors
/// 403: the user would have more than they may.
pub(crate) async fn check_quota(
    app: &App,
    user: &User,
    announced: u64,
    bytes: u64,
) -> Result<(), Problem> {
    let excess = |user: &User| {
        let bytes_used = user.bytes_used.saturating_add(announced);
        let user = User { bytes_used, ..user.clone() };
        app.pipeline.config().accounts.quota_of(&user).excess(&user, bytes)
    };
    // what was kept of the user may be older than a deletion
    if excess(user).is_some()
        && let Some(excess) = app.pipeline.user(user.id).await?.as_ref().and_then(excess)
    {
        return Err(SubmitError::OverQuota(excess).into());
    }
    Ok(())
}

/// Writes the bare body to the spool. The flag is [`is_text`] of its beginning.
async fn spool_body(
    body: impl Stream<Item = Result<Bytes, Problem>>,
    mut spool: Spool,
) -> Result<(Spooled, bool), Problem> {
    let mut body = pin!(body);
    let mut starts_as_text = None;
    while let Some(chunk) = body.try_next().await? {
        starts_as_text.get_or_insert_with(|| is_text(&chunk));
        spool.write(chunk).await?;
    }
    Ok((spool.finish().await?, starts_as_text == Some(true)))
}

/// Whether bytes begin as text that a person types does: without control characters.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().take(TEXT_BYTES).all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
}

/// The file part of a form.
struct FilePart {
    spooled: Spooled,
    name: Option<String>,
    /// [`is_text`] of its beginning.
    is_text: bool,
}

/// A form that is being received (RFC 7578).
struct Form {
    parts: Multipart,
    overhead: FormOverhead,
}

impl Form {
    async fn open(
        head: Parts,
        body: impl Stream<Item = Result<Bytes, Problem>> + Send + 'static,
    ) -> Result<Self, Problem> {
        let overhead = FormOverhead::of(&head);
        let body = Body::from_stream(overhead.limit(body));
        let parts = Multipart::from_request(Request::from_parts(head, body), &()).await;
        let parts = parts.map_err(|err| Problem::new(BAD_REQUEST, err.body_text()))?;
        Ok(Form { parts, overhead })
    }

    /// Writes the file part to the spool; returns it with its file name.
    async fn spool_file(mut self, spool: Spool) -> Result<FilePart, Problem> {
        let mut spool = Some(spool);
        let mut file = None;
        for _ in 0..MAX_PARTS {
            let Some(mut part) = self.parts.next_field().await.map_err(malformed)? else {
                let missing = "the form has no file part: name it image";
                return file.ok_or_else(|| Problem::new(NO_FILE, missing));
            };
            let disposition = disposition(part.headers());
            let name = part.name().or_else(|| parameter(&disposition, "name"));
            let file_name = extended_file_name(&disposition)
                .or_else(|| part.file_name().map(str::to_owned))
                .or_else(|| file_name(&disposition));
            match name {
                Some("image" | "file") => {
                    let Some(mut spool) = spool.take() else {
                        let detail = "the form has several files: send one image per request";
                        return Err(Problem::new(SEVERAL_FILES, detail));
                    };
                    let mut starts_as_text = None;
                    while let Some(chunk) = chunk(&mut part, &self.overhead).await? {
                        starts_as_text.get_or_insert_with(|| is_text(&chunk));
                        spool.write(chunk).await?;
                    }
                    let is_text = starts_as_text == Some(true);
                    let spooled = spool.finish().await?;
                    file = Some(FilePart { spooled, name: file_name, is_text });
                }
                _ if file_name.is_some() => {
                    let detail = "a file part must be named image or file";
                    return Err(Problem::new(NO_FILE, detail));
                }
                _ => {
                    let mut bytes = 0;
                    while let Some(chunk) = chunk(&mut part, &self.overhead).await? {
                        bytes += chunk.len();
                        if bytes > MAX_FIELD_BYTES {
                            let detail = format!(
                                "a field of the form has more than {MAX_FIELD_BYTES} bytes"
                            );
                            return Err(Problem::new(BAD_REQUEST, detail));
                        }
                    }
                }
            }
        }
        Err(Problem::new(BAD_REQUEST, format!("the form has more than {MAX_PARTS} parts")))
    }
}

/// The next chunk of a part.
async fn chunk(part: &mut Field<'_>, overhead: &FormOverhead) -> Result<Option<Bytes>, Problem> {
    let chunk = part.chunk().await.map_err(malformed)?;
    overhead.exclude(chunk.as_ref().map_or(0, Bytes::len));
    Ok(chunk)
}

fn malformed(err: MultipartError) -> Problem {
    problem_in(&err).unwrap_or_else(|| {
        Problem::new(BAD_REQUEST, format!("the form is malformed: {}", err.body_text()))
    })
}

fn is_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with(media_type))
}

/// The parameters of the `Content-Disposition` header; empty without one.
fn disposition(headers: &HeaderMap) -> Vec<(String, String)> {
    let value = headers.get(header::CONTENT_DISPOSITION);
    value.map_or_else(Vec::new, |value| parameters(&String::from_utf8_lossy(value.as_bytes())))
}

/// A parameter, whose name has no case (RFC 9110, 5.6.6).
fn parameter<'a>(parameters: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    let found = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.as_str())
}

/// The file name, from `filename*` or `filename` (RFC 6266, 4.3).
fn file_name(disposition: &[(String, String)]) -> Option<String> {
    extended_file_name(disposition)
        .or_else(|| parameter(disposition, "filename").map(str::to_owned))
}

/// The file name in `filename*` (RFC 8187, 3.2.1); `None` if its charset is unknown.
fn extended_file_name(disposition: &[(String, String)]) -> Option<String> {
    let mut parts = parameter(disposition, "filename*")?.splitn(3, '\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = percent_encoding::percent_decode_str(encoded);
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => Some(bytes.decode_utf8_lossy().into_owned()),
        "iso-8859-1" => Some(bytes.map(char::from).collect()),
        _ => None,
    }
}

/// The parameters of a header value, with quoted strings unquoted (RFC 9110, 5.6.6).
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => {
                escaped = true;
                continue;
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            ';' if !quoted => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("`parts` starts with one element").push(c);
    }
    let pairs = parts.iter().filter_map(|part| part.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_DISPOSITION, value.parse().unwrap());
        file_name(&disposition(&headers)).and_then(clean_name)
    }

    #[test]
    fn a_bare_upload_may_have_a_name() {
        assert_eq!(name("attachment; filename=\"mars.png\"").as_deref(), Some("mars.png"));
        assert_eq!(
            name("attachment; filename*=UTF-8''J%C3%BCpiter.png").as_deref(),
            Some("Jüpiter.png")
        );
        assert_eq!(
            name("attachment; filename*=UTF-8''a%E2%80%AEgnp.exe").as_deref(),
            Some("agnp.exe")
        );
        assert_eq!(
            name("attachment; FILENAME*=iso-8859-1'de'J%FCpiter.png").as_deref(),
            Some("Jüpiter.png")
        );
        assert_eq!(
            name("attachment; filename=a.png; filename*=koi8-r''%C1.png").as_deref(),
            Some("a.png")
        );
        assert_eq!(name("attachment"), None);
        assert_eq!(name("attachment; filename=\"\""), None);
    }
}
