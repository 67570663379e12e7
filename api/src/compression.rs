//! Compression of response bodies (RFC 9110, 8.4 and 12.5.3).

use std::{convert::Infallible, future::ready, sync::Arc};

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use tokio::{runtime::Handle, task::spawn_blocking};
use tower::{ServiceExt, service_fn};
use tower_http::compression::{
    Compression,
    predicate::{DefaultPredicate, Predicate},
};

use crate::{
    encoding_permits::{EncodingPermits, Work},
    headers::{combined, insert},
    problem::Problem,
    representation_cache::{Representation, RepresentationCache},
    response_budget::{Reserved, ResponseBudget, UNRESERVED_BYTES},
};

/// The content codings that tower-http is built with.
const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];
/// Longer bodies are sent uncompressed: they are renders of hundreds of thousands of cells.
const MAX_BYTES: u64 = 1 << 20;

/// Compresses complete bodies on blocking threads. The memory of an encoder, which can be many
/// times that of its input, is thus released before a slow client reads the response.
pub(crate) struct Compressor {
    permits: EncodingPermits,
    budget: ResponseBudget,
    kept: RepresentationCache,
}

impl Compressor {
    /// Compressed bodies are reserved in `budget`, and those with an entity tag are kept in `kept`.
    pub fn new(budget: ResponseBudget, kept: RepresentationCache) -> Self {
        Compressor { permits: EncodingPermits::new(), budget, kept }
    }

    /// Compresses a response with the coding that the client prefers. Each coding has an entity tag of
    /// its own: a strong tag identifies bytes (RFC 9110, 8.8.3.3).
    pub async fn compress(&self, response: Response, codings: &Codings) -> Response {
        let length = response.body().size_hint().exact().unwrap_or_default() as usize;
        let mut response = select_coding(response, &codings.accepted).await;
        let is_unmodified = response.status() == StatusCode::NOT_MODIFIED;
        let tag = add_tag_suffix(response.headers_mut(), is_unmodified, &codings.held_tags);
        if response.headers().contains_key(header::CONTENT_ENCODING) {
            let tag = tag.filter(|_| response.status() == StatusCode::OK);
            let encoded = self.encode(response, length, tag.as_deref()).await;
            response = encoded.unwrap_or_else(IntoResponse::into_response);
        }
        vary_by_coding(response.headers_mut());
        response
    }

    /// The response with its body encoded; the body encodes as it is read, and had `length` bytes
    /// before. `tag` is the entity tag of the encoded body, if it has one.
    async fn encode(
        &self,
        response: Response,
        length: usize,
        tag: Option<&str>,
    ) -> Result<Response, Problem> {
        let (mut head, body) = response.into_parts();
        let encoded = match tag {
            None => self.encode_body(body, length).await?,
            Some(tag) => {
                let encoded = async {
                    let chunks = Arc::from([self.encode_body(body, length).await?]);
                    Ok(Representation { chunks, policy: None })
                };
                let kept = self.kept.entry_by_ref(tag).or_try_insert_with(encoded).await;
                let kept = kept.map_err(|problem: Arc<Problem>| Problem::clone(&problem))?;
                kept.into_value().chunks.iter().next().cloned().unwrap_or_default()
            }
        };
        let body = match encoded.len() <= UNRESERVED_BYTES {
            true => encoded,
            false => {
                head.extensions.insert(Reserved);
                self.budget.reserve(encoded.len())?.attach(encoded)
            }
        };
        Ok(Response::from_parts(head, body.into()))
    }

    /// What is read of `body`, without spare capacity.
    async fn encode_body(&self, body: Body, length: usize) -> Result<Bytes, Problem> {
        let bug = |err: &dyn std::fmt::Display| {
            tracing::error!("could not compress a response: {err}");
            Problem::bug()
        };
        let is_small = length <= UNRESERVED_BYTES;
        let work = if is_small { Work::Small } else { Work::Large };
        let permit = self.permits.acquire(work).await;
        let mut working = self.budget.empty();
        working.keep_small();
        if !is_small {
            // the encoded pieces, and the pieces joined
            working.resize(2 * length)?;
        }
        let runtime = Handle::current();
        let encode = move || {
            let encoded = runtime.block_on(to_bytes(body, usize::MAX));
            drop(permit);
            // the memory is in use until here, even if the client has gone
            encoded.map(|encoded| (encoded, working))
        };
        let encoded = spawn_blocking(encode).await.map_err(|err| bug(&err))?;
        let (encoded, _working) = encoded.map_err(|err| bug(&err))?;
        Ok(Box::<[u8]>::from(encoded.as_ref()).into())
    }
}

/// What a request says of content codings.
pub(crate) struct Codings {
    /// Its `Accept-Encoding`.
    accepted: String,
    /// Its `If-None-Match`, with the suffixes of codings.
    held_tags: String,
}

impl Codings {
    /// Takes from a request what concerns codings: handlers know neither them nor their entity tags.
    pub fn take(request: &mut Request) -> Self {
        allow_identity(request.headers_mut());
        let accepted = combined(request.headers(), &header::ACCEPT_ENCODING);
        let held_tags = combined(request.headers(), &header::IF_NONE_MATCH);
        strip_tag_suffixes(request.headers_mut(), &accepted);
        Codings { accepted, held_tags }
    }
}

/// Applies tower-http's compression, with its choice among `accepted`, to one response. The body is
/// encoded as it is read.
async fn select_coding(response: Response, accepted: &str) -> Response {
    let mut response = Some(response);
    let respond = service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(response.take().expect("a oneshot calls its service once")))
    });
    let mut request = Request::new(());
    if !accepted.is_empty() {
        insert(request.headers_mut(), header::ACCEPT_ENCODING, accepted);
    }
    let compression = Compression::new(respond).compress_when(IsCompressible);
    let Ok(response) = compression.oneshot(request).await;
    response.map(Body::new)
}

/// Selects complete bodies of up to [`MAX_BYTES`], except those that tower-http leaves as they are:
/// tiny ones, and images other than SVG.
#[derive(Clone)]
struct IsCompressible;

impl Predicate for IsCompressible {
    fn should_compress<B: HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        let length = response.body().size_hint().exact();
        length.is_some_and(|bytes| bytes <= MAX_BYTES)
            && DefaultPredicate::new().should_compress(response)
    }
}

/// Removes the coding from the entity tags of a request, as handlers know the tags of uncompressed
/// bodies. In `If-None-Match`, only codings that the client accepts in this request: it could not
/// decode a cached body in another one.
fn strip_tag_suffixes(headers: &mut HeaderMap, accepted: &str) {
    let accepted = accepted.to_ascii_lowercase();
    for name in [header::IF_NONE_MATCH, header::IF_MATCH] {
        let mut tags = combined(headers, &name);
        if tags.is_empty() {
            continue;
        }
        for coding in CODINGS {
            if name == header::IF_MATCH || accepted.contains(coding) {
                tags = tags.replace(&format!("-{coding}\""), "\"");
            }
        }
        insert(headers, name, &tags);
    }
}

/// Appends the coding to the entity tag of a response: `"abc"` becomes `"abc-gzip"`. The tag of a
/// 304 response is the one that the client has. Returns the new tag.
fn add_tag_suffix(headers: &mut HeaderMap, is_unmodified: bool, held_tags: &str) -> Option<String> {
    let tag = combined(headers, &header::ETAG);
    let open = tag.strip_suffix('"')?;
    let coding = combined(headers, &header::CONTENT_ENCODING);
    let tag = if is_unmodified {
        let mut held = held_tags.split(',').map(str::trim);
        held.find(|tag| tag.starts_with(&format!("{open}-"))).map(str::to_owned)
    } else {
        (!coding.is_empty()).then(|| format!("{open}-{coding}\""))
    };
    insert(headers, header::ETAG, tag.as_ref()?);
    tag
}

/// Lists `Accept-Encoding` in the `Vary` of every negotiated response, so that it is the same for
/// GET, HEAD and 304.
fn vary_by_coding(headers: &mut HeaderMap) {
    let vary = combined(headers, &header::VARY);
    let mut names: Vec<&str> = vary.split(',').map(str::trim).collect();
    if names.contains(&"accept") {
        names.retain(|name| *name != "accept-encoding");
        insert(headers, header::VARY, &names.join(", "));
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// Removes a refusal of uncompressed bodies from `Accept-Encoding`. Such a request gets one all the
/// same instead of a 406 response: RFC 9110, 12.5.3, permits both.
fn allow_identity(headers: &mut HeaderMap) {
    let codings = combined(headers, &header::ACCEPT_ENCODING).to_ascii_lowercase();
    let refuses = |item: &&str| {
        let (coding, quality) = item.split_once(';').unwrap_or((item, ""));
        let zero = quality.trim().strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0);
        zero && matches!(coding.trim(), "identity" | "*")
    };
    if codings.split(',').any(|item| refuses(&item)) {
        let kept: Vec<&str> = codings.split(',').filter(|item| !refuses(item)).collect();
        match kept.is_empty() {
            true => drop(headers.remove(header::ACCEPT_ENCODING)),
            false => insert(headers, header::ACCEPT_ENCODING, &kept.join(",")),
        }
    }
}
