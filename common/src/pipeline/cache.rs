//! The cache of texts in memory.

use std::{sync::Arc, time::Duration};

use asciify::Spec;
use moka::future::Cache;

use crate::image::ImageId;

/// Texts by image, options and engine version.
pub(super) type TextCache = Cache<CacheKey, Arc<CachedText>>;

/// How long each stage of a render took, by name.
pub(super) type Stages = Vec<(&'static str, Duration)>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    pub(super) image: ImageId,
    pub(super) spec: Spec,
    pub(super) version: u32,
}

#[derive(Debug)]
pub(super) struct CachedText {
    pub(super) text: String,
    pub(super) stages: Stages,
}

/// A cache that keeps up to `max_bytes`.
pub(super) fn text_cache(max_bytes: u64) -> TextCache {
    Cache::builder().max_capacity(max_bytes).weigher(|_, text| weight(text)).build()
}

/// Memory of an entry, in bytes.
fn weight(text: &Arc<CachedText>) -> u32 {
    let bytes = text.text.len() + size_of::<CacheKey>() + size_of::<CachedText>() + 256;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
