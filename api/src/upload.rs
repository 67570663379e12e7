//! Receives an upload: a form's file part or the bare body, into the spool.

use std::pin::pin;

use axum::{
    body::Body,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, Uri, header},
};
use bytes::Bytes;
use common::pipeline::{Spool, Spooled, SubmitError};
use futures_util::{Stream, TryStreamExt};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use crate::{
    App,
    extract::{idempotency_key, query, shown},
    incoming::{Frame, LINGER, Pace, paced, problem_in, read_over},
    observe::Trace,
    problem::{BAD_PARAMETER, BAD_REQUEST, BUSY, NO_FILE, Problem, SEVERAL_FILES},
};

/// What a form may hold beside the file.
const MAX_OTHER_BYTES: usize = 64 * 1024;
const MAX_PARTS: usize = 100;
/// Names of files are kept up to this length.
const MAX_NAME_CHARS: usize = 255;
/// Of a form whose file part has no file's name.
const NO_AT: &str = "with curl, a file is sent as -F image=@photo.jpg, with the @";
/// Of a body that is declared as the fields of a form.
const TEXT_ONLY: &str =
    "curl -d would leave out line ends; --data-binary @photo.jpg and -F image=@photo.jpg keep them";

/// An upload that was received whole.
pub(crate) struct Upload {
    pub spooled: Spooled,
    pub name: Option<String>,
    pub key: Option<String>,
    pub trace: Option<String>,
    /// What its sender may have got wrong, should it be no image.
    pub slip: Option<&'static str>,
    /// Held until the upload is stored.
    pub slot: OwnedSemaphorePermit,
}

impl FromRequest<App> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let trace = request.extensions().get::<Trace>().map(|trace| trace.0.clone());
        let pace = app.config.upload_pace;
        let (key, slot) = match admit(app, request.uri(), &headers) {
            Ok(admitted) => admitted,
            Err(problem) => {
                // A client that asks first has sent nothing yet.
                if !headers.contains_key(header::EXPECT) {
                    read_over(pin!(paced(request.into_body().into_data_stream(), pace))).await;
                }
                return Err(problem);
            }
        };
        let spool = app.pipeline.spool().await?;
        let (spooled, name, slip) = match is_media_type(&headers, "multipart/form-data") {
            true => {
                let (spooled, name) = Form::open(request, pace).await?.file(spool).await?;
                let slip = name.is_none().then_some(NO_AT);
                (spooled, name, slip)
            }
            false => {
                let body = paced(request.into_body().into_data_stream(), pace);
                let slip = is_media_type(&headers, "application/x-www-form-urlencoded");
                (bare(body, spool).await?, disposition_name(&headers), slip.then_some(TEXT_ONLY))
            }
        };
        Ok(Upload { spooled, name: name.and_then(tidy_name), key, trace, slip, slot })
    }
}

/// What can be refused before the body is read.
fn admit(
    app: &App,
    address: &Uri,
    headers: &HeaderMap,
) -> Result<(Option<String>, OwnedSemaphorePermit), Problem> {
    if let Some((name, _)) = query(address)?.first() {
        let detail =
            "an upload has no parameters; how it is drawn is asked for when it is looked at";
        return Err(Problem::new(BAD_PARAMETER, format!("{}: {detail}", shown(name))));
    }
    let key = idempotency_key(headers)?;
    let max = app.pipeline.config().max_upload_bytes;
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let framing =
        if is_media_type(headers, "multipart/form-data") { MAX_OTHER_BYTES as u64 } else { 0 };
    if length.is_some_and(|length: u64| length > max.saturating_add(framing)) {
        return Err(SubmitError::TooLarge { max }.into());
    }
    let slot = app.uploads.clone().try_acquire_owned();
    let busy = |_| Problem::new(BUSY, "every upload slot is taken: try again in a moment");
    Ok((key, slot.map_err(busy)?))
}

/// Spools the bare body.
async fn bare(
    body: impl Stream<Item = Result<Bytes, Problem>>,
    mut spool: Spool,
) -> Result<Spooled, Problem> {
    let mut body = pin!(body);
    while let Some(chunk) = body.try_next().await? {
        if let Err(err) = spool.write(chunk).await {
            read_over(&mut body).await;
            return Err(err.into());
        }
    }
    Ok(spool.finish().await?)
}

/// A form on its way in.
struct Form {
    parts: Multipart,
    frame: Frame,
}

impl Form {
    async fn open(request: Request, pace: Pace) -> Result<Self, Problem> {
        let frame = Frame::default();
        let (head, body) = request.into_parts();
        let body = Body::from_stream(frame.around(paced(body.into_data_stream(), pace)));
        let parts = Multipart::from_request(Request::from_parts(head, body), &()).await;
        let parts = parts.map_err(|err| Problem::new(BAD_REQUEST, err.body_text()))?;
        Ok(Form { parts, frame })
    }

    /// Spools the file part.
    async fn file(mut self, spool: Spool) -> Result<(Spooled, Option<String>), Problem> {
        let read = self.read(spool).await;
        if read.is_err() {
            self.read_over().await;
        }
        read
    }

    async fn read(&mut self, spool: Spool) -> Result<(Spooled, Option<String>), Problem> {
        let mut spool = Some(spool);
        let mut file = None;
        for _ in 0..MAX_PARTS {
            let Some(mut part) = self.parts.next_field().await.map_err(malformed)? else {
                let missing = "the form has no file part: name it image";
                return file.ok_or_else(|| Problem::new(NO_FILE, missing));
            };
            match part.name() {
                Some("image" | "file") => {
                    let Some(mut spool) = spool.take() else {
                        let detail = "the form has several files: send one image a request";
                        return Err(Problem::new(SEVERAL_FILES, detail));
                    };
                    let name = part.file_name().map(str::to_owned);
                    while let Some(chunk) = chunk(&mut part, &self.frame).await? {
                        spool.write(chunk).await?;
                    }
                    file = Some((spool.finish().await?, name));
                }
                _ if part.file_name().is_some() => {
                    let detail = "a file part must be named image (file works too)";
                    return Err(Problem::new(NO_FILE, detail));
                }
                _ => {
                    let mut bytes = 0;
                    while let Some(chunk) = chunk(&mut part, &self.frame).await? {
                        bytes += chunk.len();
                        if bytes > MAX_OTHER_BYTES {
                            let detail = format!(
                                "a field of the form has more than {MAX_OTHER_BYTES} bytes"
                            );
                            return Err(Problem::new(BAD_REQUEST, detail));
                        }
                    }
                }
            }
        }
        Err(Problem::new(BAD_REQUEST, format!("the form has more than {MAX_PARTS} parts")))
    }

    /// As [`read_over`].
    async fn read_over(&mut self) {
        let rest = async {
            while let Ok(Some(mut part)) = self.parts.next_field().await {
                while let Ok(Some(_)) = chunk(&mut part, &self.frame).await {}
            }
        };
        let _hangs_up_otherwise = timeout(LINGER, rest).await;
    }
}

async fn chunk(part: &mut Field<'_>, frame: &Frame) -> Result<Option<Bytes>, Problem> {
    let chunk = part.chunk().await.map_err(malformed)?;
    frame.found(chunk.as_ref().map_or(0, Bytes::len));
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

/// The file name of a `Content-Disposition` header, in the plain or the extended form (RFC 6266).
fn disposition_name(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_DISPOSITION)?;
    let parameters = parameters(&String::from_utf8_lossy(value.as_bytes()));
    let named = |name: &str| {
        let mut found = parameters.iter().filter(|(is, _)| is.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.clone())
    };
    let extended = named("filename*").and_then(|text| {
        let encoded = text.splitn(3, '\'').nth(2)?;
        Some(percent_encoding::percent_decode_str(encoded).decode_utf8_lossy().into_owned())
    });
    extended.or_else(|| named("filename"))
}

/// The parameters of a header, quoted strings without their quotes (RFC 9110, 5.6.6).
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
        parts.last_mut().expect("there is always one").push(c);
    }
    let pairs = parts.iter().filter_map(|part| part.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// A name to show: no control characters, nothing that is not seen, or turns the text around it
/// (UAX #9), not too long; `None` when nothing is left.
fn tidy_name(name: String) -> Option<String> {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = name.chars().filter(|&c| !c.is_control() && !turns(c));
    let tidy: String = shown.take(MAX_NAME_CHARS).collect();
    (!tidy.trim().is_empty()).then_some(tidy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(disposition: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_DISPOSITION, disposition.parse().unwrap());
        disposition_name(&headers).and_then(tidy_name)
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
        assert_eq!(name("attachment"), None);
        assert_eq!(name("attachment; filename=\"\""), None);
    }
}
