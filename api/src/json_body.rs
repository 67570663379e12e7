//! Extractor of a small JSON body.

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::problem::{BAD_REQUEST, Problem};

/// The longest JSON body, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// A JSON body, with the fields of `T` and no others.
pub(crate) struct JsonBody<T>(pub T);

/// A [`JsonBody`] that may be left out: an empty one is the default.
pub(crate) struct OptionalJsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(JsonBody(parse(&read(request).await?)?))
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request).await?;
        Ok(OptionalJsonBody(if bytes.is_empty() { T::default() } else { parse(&bytes)? }))
    }
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    to_bytes(request.into_body(), MAX_BYTES).await.map_err(|_| {
        let detail = format!("the body ended too early, or has more than {MAX_BYTES} bytes");
        Problem::new(BAD_REQUEST, detail)
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|err| {
        Problem::new(BAD_REQUEST, format!("the body is not the JSON that is expected: {err}"))
    })
}
