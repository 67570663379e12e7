//! Content codings (RFC 9110, 8.4): texts are compressed for whoever accepts it, away from the
//! threads that answer everybody.

use std::{sync::Arc, thread::available_parallelism};

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking};
use tower_http::compression::{
    CompressionLayer,
    predicate::{And, DefaultPredicate, Predicate},
};

use crate::{
    conditional::{list, set},
    outgoing::Outgoing,
    problem::{INTERNAL, Problem},
};

/// Bytes of a body that is compressed: beyond are renders of hundreds of thousands of cells.
const MAX_BYTES: u64 = 1 << 20;
/// Bytes of a body that waits for no coder and needs no room: it takes a moment, and a crowd may have
/// them all. What was done already, as an upload, is thus never answered by "busy".
const SMALL_BYTES: u64 = 32 << 10;

/// How long a body was before it was compressed.
#[derive(Clone, Copy)]
struct Plain(u64);

/// What is compressed: a body that is there as a whole, and not too long.
#[derive(Clone)]
pub(crate) struct IsQuick;

impl Predicate for IsQuick {
    fn should_compress<B: HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        response.body().size_hint().exact().is_some_and(|bytes| bytes <= MAX_BYTES)
    }
}

/// Compresses a body as it is read: [`Press`] reads it.
pub(crate) fn layer() -> CompressionLayer<And<DefaultPredicate, IsQuick>> {
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(IsQuick))
}

/// Compresses whole bodies: a coder's memory, which can be many times its text, is not held while a
/// client reads.
#[derive(Clone)]
pub(crate) struct Press {
    coders: Arc<Semaphore>,
    outgoing: Outgoing,
}

impl Press {
    /// With a coder a core.
    pub fn new(outgoing: Outgoing) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Press { coders: Arc::new(Semaphore::new(cores)), outgoing }
    }

    async fn press(&self, body: Body, is_small: bool) -> Result<Body, Problem> {
        let bug = |err: &dyn std::fmt::Display| {
            tracing::error!("an answer cannot be compressed: {err}");
            Problem::new(INTERNAL, "a bug: tell the operator the request_id")
        };
        let coder = match is_small {
            true => None,
            false => Some(self.coders.clone().acquire_owned().await.map_err(|err| bug(&err))?),
        };
        let runtime = Handle::current();
        let press = move || {
            let pressed = runtime.block_on(to_bytes(body, usize::MAX));
            drop(coder);
            pressed
        };
        let pressed = spawn_blocking(press).await.map_err(|err| bug(&err))?;
        let pressed = pressed.map_err(|err| bug(&err))?;
        Ok(match is_small {
            true => pressed.into(),
            false => self.outgoing.room(pressed.len())?.fill(pressed).into(),
        })
    }
}

/// Notes how long a body is, for [`press`].
pub(crate) async fn measure(mut response: Response) -> Response {
    if let Some(bytes) = response.body().size_hint().exact() {
        response.extensions_mut().insert(Plain(bytes));
    }
    response
}

/// Compresses what [`layer`] has chosen.
pub(crate) async fn press(State(press): State<Press>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if !response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (head, body) = response.into_parts();
    let is_small = head.extensions.get().is_some_and(|Plain(bytes)| *bytes <= SMALL_BYTES);
    match press.press(body, is_small).await {
        Ok(body) => Response::from_parts(head, body),
        Err(problem) => problem.into_response(),
    }
}

/// Gives each content coding an entity tag of its own: a strong tag names bytes, and a compressed
/// body has other bytes (RFC 9110, 8.8.3.3). Keeps `Vary` the same for GET, HEAD and 304.
pub(crate) async fn tag(mut request: Request, next: Next) -> Response {
    allow_identity(request.headers_mut());
    let held = list(request.headers(), &header::IF_NONE_MATCH);
    // Only what the client could read now counts as held; what it means is the same in any coding.
    let accepted = list(request.headers(), &header::ACCEPT_ENCODING).to_ascii_lowercase();
    for (name, accepted) in
        [(header::IF_NONE_MATCH, accepted.as_str()), (header::IF_MATCH, "gzip, br, zstd")]
    {
        let tags = list(request.headers(), &name);
        if !tags.is_empty() {
            let codings = ["gzip", "br", "zstd"].into_iter();
            let codings = codings.filter(|coding| accepted.contains(coding));
            let plain =
                codings.fold(tags, |tags, coding| tags.replace(&format!("-{coding}\""), "\""));
            set(request.headers_mut(), name, &plain);
        }
    }
    let mut response = next.run(request).await;
    let unchanged = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if let Some(open) = list(headers, &header::ETAG).strip_suffix('"') {
        let coding = list(headers, &header::CONTENT_ENCODING);
        let coded = match unchanged {
            true => held
                .split(',')
                .map(str::trim)
                .find(|tag| tag.starts_with(&format!("{open}-")))
                .map(str::to_owned),
            false => (!coding.is_empty()).then(|| format!("{open}-{coding}\"")),
        };
        if let Some(coded) = coded {
            set(headers, header::ETAG, &coded);
        }
    }
    if list(headers, &header::VARY).split(',').any(|name| name.trim() == "accept") {
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

/// A client that refuses even plain bytes gets them all the same, instead of 406: RFC 9110,
/// 12.5.3, leaves the choice to us.
fn allow_identity(headers: &mut HeaderMap) {
    let codings = list(headers, &header::ACCEPT_ENCODING).to_ascii_lowercase();
    let refuses = |item: &&str| {
        let (coding, quality) = item.split_once(';').unwrap_or((item, ""));
        let zero = quality.trim().strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0);
        zero && matches!(coding.trim(), "identity" | "*")
    };
    if codings.split(',').any(|item| refuses(&item)) {
        let kept: Vec<&str> = codings.split(',').filter(|item| !refuses(item)).collect();
        match kept.is_empty() {
            true => drop(headers.remove(header::ACCEPT_ENCODING)),
            false => set(headers, header::ACCEPT_ENCODING, &kept.join(",")),
        }
    }
}
