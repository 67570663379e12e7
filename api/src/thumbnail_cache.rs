//! The cache of thumbnails in memory.

use bytes::Bytes;
use moka::future::Cache;

/// Files by entity tag: each is written once while it is kept.
pub(crate) type ThumbnailCache = Cache<String, Bytes>;

/// A cache that keeps up to `max_bytes`.
pub(crate) fn thumbnail_cache(max_bytes: u64) -> ThumbnailCache {
    Cache::builder().max_capacity(max_bytes).weigher(|tag, file| weight(tag, file)).build()
}

/// Memory of an entry, in bytes.
fn weight(tag: &str, file: &Bytes) -> u32 {
    u32::try_from(tag.len() + file.len() + 256).unwrap_or(u32::MAX)
}
