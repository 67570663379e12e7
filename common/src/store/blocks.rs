//! Blocks of objects, which readers have in common: fetched once at a time, and kept up to a number of
//! bytes.
//!
//! An object is divided into a head of 64 KiB, which suffices to tell what a file is, and blocks of
//! 256 KiB behind it. The key of an object never gets another content, so a block never changes.

use std::{
    collections::HashMap,
    fmt, io,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use moka::sync::Cache;
use tokio::io::AsyncReadExt;
use tokio_util::task::AbortOnDropHandle;

use super::Store;
use crate::fault::{Doing, Fault};

/// Bytes of the first block.
pub(super) const HEAD_BYTES: u64 = 64 << 10;
/// Bytes of all other blocks but the last one.
pub(super) const BLOCK_BYTES: u64 = 256 << 10;

/// The block that has the byte at that offset.
pub(super) fn block_at(offset: u64) -> u64 {
    offset.checked_sub(HEAD_BYTES).map_or(0, |behind| 1 + behind / BLOCK_BYTES)
}

/// Where a block begins in its object.
pub(super) fn start_of(block: u64) -> u64 {
    block.checked_sub(1).map_or(0, |before| HEAD_BYTES + before * BLOCK_BYTES)
}

/// Why blocks were not fetched.
#[derive(Debug, Clone)]
pub(super) enum FetchError {
    /// The object does not exist.
    Missing,
    Failed(Arc<Fault>),
}

impl From<Fault> for FetchError {
    fn from(fault: Fault) -> Self {
        FetchError::Failed(Arc::new(fault))
    }
}

/// The object that is read does not exist: it was deleted meanwhile, or the store lost it.
#[derive(Debug)]
pub struct ObjectMissing;

impl fmt::Display for ObjectMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the object is missing in the store")
    }
}

impl std::error::Error for ObjectMissing {}

/// Neither is a kind that means that the content is damaged.
impl From<FetchError> for io::Error {
    fn from(err: FetchError) -> Self {
        match err {
            FetchError::Missing => io::Error::new(io::ErrorKind::NotFound, ObjectMissing),
            FetchError::Failed(fault) => io::Error::other(fault),
        }
    }
}

type Outcome = Result<Arc<Vec<Bytes>>, FetchError>;
type Request = BoxFuture<'static, Outcome>;
/// The blocks that a request in progress fetches.
type Progress = (Range<u64>, WeakShared<Request>);

/// Successive blocks that one request fetches. It is aborted with its last clone.
#[derive(Clone)]
pub(super) struct Fetch {
    pub(super) blocks: Range<u64>,
    outcome: Shared<Request>,
}

impl Fetch {
    /// The blocks, in their order.
    ///
    /// # Errors
    /// The object is missing or shorter than its length, or the store is unavailable.
    pub(super) async fn fetched(&self) -> Outcome {
        self.outcome.clone().await
    }

    /// Its length in bytes, as if the last block was whole.
    pub(super) fn bytes(&self) -> u64 {
        start_of(self.blocks.end) - start_of(self.blocks.start)
    }
}

/// A key, and the number of a block.
type BlockId = (Arc<str>, u64);

/// The blocks of a store's objects.
#[derive(Clone)]
pub(super) struct Blocks(Arc<Inner>);

struct Inner {
    store: Store,
    kept: Cache<BlockId, Bytes>,
    /// The fetches in progress, by each of their blocks.
    in_progress: Mutex<HashMap<BlockId, Progress>>,
}

impl Blocks {
    pub(super) fn new(store: Store, max_bytes: u64) -> Self {
        let kept = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|(key, _): &BlockId, block: &Bytes| {
                (key.len() + block.len() + size_of::<(BlockId, Bytes)>()) as u32
            })
            .build();
        Blocks(Arc::new(Inner { store, kept, in_progress: Mutex::default() }))
    }

    /// The block, if it is kept.
    pub(super) fn kept(&self, key: &Arc<str>, block: u64) -> Option<Bytes> {
        self.0.kept.get(&(key.clone(), block))
    }

    /// The fetch in progress that has the first of `blocks`, or a new one of `blocks` up to the first
    /// that is kept or in progress. It goes on without being awaited.
    pub(super) fn fetch(&self, key: &Arc<str>, blocks: Range<u64>, length: u64) -> Fetch {
        let mut in_progress = self.0.in_progress.lock().unwrap_or_else(PoisonError::into_inner);
        // those that ended, or that nothing waits for
        in_progress.retain(|_, (_, it)| it.upgrade().is_some_and(|it| it.peek().is_none()));
        let id = |block| (key.clone(), block);
        let first = in_progress.get(&id(blocks.start));
        if let Some((blocks, fetch)) = first
            && let Some(outcome) = fetch.upgrade()
        {
            return Fetch { blocks: blocks.clone(), outcome };
        }
        let is_new = |block: &u64| {
            !in_progress.contains_key(&id(*block)) && self.kept(key, *block).is_none()
        };
        let end = (blocks.start + 1..blocks.end).find(|it| !is_new(it)).unwrap_or(blocks.end);
        let blocks = blocks.start..end;
        let fetch = self.clone().fetch_new(key.clone(), blocks.clone(), length);
        let task = AbortOnDropHandle::new(tokio::spawn(fetch));
        let outcome = task.map(|ended| match ended.doing("read an object") {
            Ok(outcome) => outcome,
            Err(fault) => Err(fault.into()),
        });
        let outcome = outcome.boxed().shared();
        if let Some(weak) = outcome.downgrade() {
            in_progress
                .extend(blocks.clone().map(|block| (id(block), (blocks.clone(), weak.clone()))));
        }
        Fetch { blocks, outcome }
    }

    async fn fetch_new(self, key: Arc<str>, blocks: Range<u64>, length: u64) -> Outcome {
        const DOING: &str = "read a part of an object";
        let bytes = start_of(blocks.start)..start_of(blocks.end).min(length);
        let Some(mut body) = self.0.store.stream(&key, bytes).await? else {
            return Err(FetchError::Missing);
        };
        let mut fetched = Vec::new();
        for block in blocks {
            let bytes = start_of(block + 1).min(length) - start_of(block);
            let mut data = Vec::with_capacity(bytes as usize);
            (&mut body).take(bytes).read_to_end(&mut data).await.doing(DOING)?;
            if data.len() as u64 != bytes {
                return Err(Fault::new(DOING, format!("{key} is too short")).into());
            }
            let data = Bytes::from(data);
            self.0.kept.insert((key.clone(), block), data.clone());
            fetched.push(data);
        }
        Ok(Arc::new(fetched))
    }
}
