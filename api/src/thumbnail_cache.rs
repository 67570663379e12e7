//! The cache of thumbnails in memory.

use bytes::Bytes;
use moka::future::Cache;

/// Files by entity tag: each is written once while it is kept.
pub(crate) type ThumbnailCache = Cache<String, Bytes>;

/// A cache that keeps up to `max_bytes`.
pub(crate) fn thumbnail_cache(max_bytes: u64) -> ThumbnailCache {
    let weight = |tag: &String, file: &Bytes| weight(tag.len() + file.len());
    Cache::builder().max_capacity(max_bytes).weigher(weight).build()
}

/// Memory of an entry of `bytes` bytes, in bytes.
fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes + 256).unwrap_or(u32::MAX)
}
