//! The cache of pages that list images, as JSON and as the gallery. A page is kept as long as no
//! change of an image is committed.

use std::{future::Future, sync::Arc};

use axum::{
    Extension,
    body::to_bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use common::{catalog::Snapshot, pipeline::Pipeline, render::sha256_hex};
use moka::sync::Cache;

use crate::{
    conditional::{Condition, condition},
    problem::Problem,
    response_budget::{Reserved, ResponseBudget},
};

/// Pages by what was requested. Clones share them.
#[derive(Clone)]
pub(crate) struct PageCache {
    pages: Cache<String, Arc<Page>>,
    pipeline: Pipeline,
    budget: ResponseBudget,
}

/// A complete response with 200.
struct Page {
    /// The changes that were committed before it was made.
    snapshot: Snapshot,
    headers: HeaderMap,
    etag: String,
    body: Bytes,
}

impl PageCache {
    /// A cache that keeps up to `max_bytes`. Responses are reserved in `budget`.
    pub fn new(max_bytes: u64, pipeline: Pipeline, budget: ResponseBudget) -> Self {
        let weight = |key: &String, page: &Arc<Page>| {
            u32::try_from(key.len() + page.body.len() + 1024).unwrap_or(u32::MAX)
        };
        let pages = Cache::builder().max_capacity(max_bytes).weigher(weight).build();
        PageCache { pages, pipeline, budget }
    }

    /// The page of `key`, which has everything that it depends on besides the images: the kept one
    /// if no image changed since, otherwise what `make` returns. Conditional requests are evaluated.
    ///
    /// # Errors
    /// Those of `make`, 412, and 503.
    pub async fn answer(
        &self,
        request: &HeaderMap,
        key: String,
        make: impl Future<Output = Result<Response, Problem>>,
    ) -> Result<Response, Problem> {
        let snapshot = self.pipeline.snapshot().await?;
        let kept = self.pages.get(&key).filter(|page| page.snapshot == snapshot);
        let page = match kept {
            Some(page) => page,
            None => {
                let made = Arc::new(Page::read(make.await?, snapshot).await?);
                self.pages.insert(key, made.clone());
                made
            }
        };
        let mut response = match condition(request, std::slice::from_ref(&page.etag), None) {
            Condition::Fails => return Err(Problem::precondition()),
            // as the whole page has, which may be compressed
            Condition::Unchanged => {
                ([(header::VARY, "accept-encoding")], StatusCode::NOT_MODIFIED).into_response()
            }
            Condition::Holds => {
                let body = self.budget.reserve(page.body.len())?.attach(page.body.clone());
                (Extension(Reserved), body).into_response()
            }
        };
        response.headers_mut().extend(page.headers.clone());
        Ok(response)
    }
}

impl Page {
    async fn read(response: Response, snapshot: Snapshot) -> Result<Self, Problem> {
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(|err| {
            tracing::error!("could not read a page: {err}");
            Problem::bug()
        })?;
        // a copy has no spare capacity
        let body: Bytes = Box::<[u8]>::from(body.as_ref()).into();
        let etag = format!("\"{}\"", &sha256_hex(&body)[..32]);
        let mut headers = head.headers;
        let tag = HeaderValue::from_str(&etag).expect("an entity tag is ASCII");
        headers.insert(header::ETAG, tag);
        Ok(Page { snapshot, headers, etag, body })
    }
}
