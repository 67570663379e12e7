//! The cache of representations: renders in formats other than text, and compressed bodies.

use std::sync::Arc;

use axum::http::HeaderValue;
use bytes::Bytes;
use moka::future::Cache;

/// Representations by strong entity tag, which identifies their bytes (RFC 9110, 8.8.3): each is
/// written once while it is kept.
pub(crate) type RepresentationCache = Cache<String, Representation>;

/// The bytes of a body, and what depends on them. Clones share the bytes.
#[derive(Clone)]
pub(crate) struct Representation {
    /// The body, in chunks without spare capacity.
    pub chunks: Arc<[Bytes]>,
    /// Its `Content-Security-Policy`, if it has one of its own.
    pub policy: Option<HeaderValue>,
}

impl Representation {
    /// Length of the body, in bytes.
    pub fn length(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }
}

/// A cache that keeps up to `max_bytes`.
pub(crate) fn representation_cache(max_bytes: u64) -> RepresentationCache {
    let weight = |tag: &String, representation: &Representation| {
        let chunks = size_of_val(&*representation.chunks);
        u32::try_from(tag.len() + representation.length() + chunks + 256).unwrap_or(u32::MAX)
    };
    Cache::builder().max_capacity(max_bytes).weigher(weight).build()
}
