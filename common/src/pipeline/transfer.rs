//! Moves an installation that runs to another store, and to another database if there is one: copies
//! everything, then what has changed meanwhile, again and again, then freezes the source and copies
//! the rest, and the accounts.
//!
//! Attempts and due times of jobs may be older in the copy. They do no harm: a job that was tried
//! meanwhile is tried again, and no blob of such an attempt is copied.
//!
//! The rows of an image are written once its blobs were read back and have the right hashes. So a
//! transfer that was interrupted goes on where it was, and copies again only what the rows do not
//! prove.

use std::{collections::HashSet, fmt, ops::Range, sync::Mutex};

use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use tokio_util::sync::CancellationToken;

use super::{audit::pluralize, probe::hash};
use crate::{
    catalog::{Catalog, Change, ImageRows, ReferredBlob, Snapshot},
    env::Env,
    fault::Fault,
    image::ImageId,
    render::sha256_hex,
    store::{Store, original_key},
};

/// Images in one page.
const PAGE: u64 = 100;
/// So few changes are copied while changes are refused.
const FEW: u64 = 100;
/// Blobs up to this length are read by one request, in bytes.
const HELD_BYTES: u64 = 8 << 20;
/// How often an image is read again whose blobs vanish while they are copied.
const MAX_ROUNDS: usize = 5;

/// From where, and to where.
#[derive(Clone, Copy)]
pub struct TransferRoute<'a> {
    /// The catalog of the installation.
    pub from: &'a Catalog,
    /// Its store.
    pub from_store: &'a Store,
    /// The new catalog; `None` if only the store changes.
    pub to: Option<&'a Catalog>,
    /// The new store.
    pub to_store: &'a Store,
    /// `MOVE_CONCURRENCY`: images that are copied at the same time.
    pub concurrency: usize,
}

/// Reads `MOVE_CONCURRENCY`.
pub fn transfer_concurrency(env: &mut Env) -> usize {
    let help = "images that a move copies at the same time";
    env.number("MOVE_CONCURRENCY", 8, 1..=1_000, help) as usize
}

/// What a transfer has done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TransferReport {
    /// Images that were looked at, each time they were.
    pub images: u64,
    /// Blobs that were copied.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Why images could not be copied. If there are any, nothing is frozen.
    pub problems: Vec<String>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

impl fmt::Display for TransferReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (images, blobs) = (pluralize(self.images, "image"), pluralize(self.blobs, "blob"));
        write!(f, "{images} looked at, {blobs} copied, {} bytes", self.bytes)
    }
}

/// What a transfer tells while it runs.
#[derive(Debug)]
pub enum TransferEvent<'a> {
    /// How far it has come.
    Progress(&'a TransferReport),
    /// From now on, the installation refuses changes.
    Frozen,
}

/// Moves an installation. Ends early once `stop` is cancelled: a later call goes on.
///
/// # Errors
/// A database or a store is unavailable, or the new one is in use: a later call goes on.
pub fn transfer<'a>(
    route: TransferRoute<'a>,
    source: &'a str,
    stop: &'a CancellationToken,
    observer: &'a mut (dyn FnMut(TransferEvent<'_>) + Send),
) -> BoxFuture<'a, Result<TransferReport, Fault>> {
    let report = Mutex::new(TransferReport::default());
    Box::pin(async move {
        let mut transfer = Transfer { copier: Copier { route, stop, report }, observer };
        transfer.run(source).await?;
        let mut report = transfer.copier.report();
        report.stopped = stop.is_cancelled();
        Ok(report)
    })
}

struct Transfer<'a> {
    copier: Copier<'a>,
    observer: &'a mut (dyn FnMut(TransferEvent<'_>) + Send),
}

impl Transfer<'_> {
    async fn run(&mut self, source: &str) -> Result<(), Fault> {
        let TransferRoute { from, to, .. } = self.copier.route;
        if let Some(to) = to {
            to.begin_transfer_from(source).await?;
        }
        let mut seen = from.snapshot().await?;
        self.copy_all().await?;
        loop {
            let now = from.snapshot().await?;
            let changes = self.copy_changes(&seen, &now).await?;
            seen = now;
            if self.copier.ends() {
                return Ok(());
            }
            if changes <= FEW {
                break;
            }
        }
        from.freeze().await?;
        (self.observer)(TransferEvent::Frozen);
        self.copy_changes(&seen, &from.snapshot().await?).await?;
        match to {
            Some(to) if !self.copier.ends() => {
                to.copy_accounts_from(from).await?;
                to.end_transfer().await
            }
            _ => Ok(()),
        }
    }

    /// Copies all images, in the order of their ids, and removes those that were copied by an earlier
    /// call and deleted since.
    async fn copy_all(&mut self) -> Result<(), Fault> {
        let mut last = None;
        loop {
            let page = self.copier.route.from.image_ids(last, PAGE).await?;
            let is_last = (page.len() as u64) < PAGE;
            if let Some(to) = self.copier.route.to {
                let end = page.last().copied().filter(|_| !is_last);
                let gone = copied_between(to, last, end).await?;
                let gone: Vec<_> = gone.into_iter().filter(|id| !page.contains(id)).collect();
                to.remove_image_rows(&gone).await?;
            }
            self.copy(&page).await?;
            last = page.last().copied();
            if is_last || self.copier.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Copies what `to` contains and `from` does not; returns how many images those are.
    async fn copy_changes(&mut self, from: &Snapshot, to: &Snapshot) -> Result<u64, Fault> {
        let (mut after, mut count): (Option<Change>, u64) = (None, 0);
        while !self.copier.stop.is_cancelled() {
            let page = self.copier.route.from.changes(from, to, after, PAGE).await?;
            let ids: Vec<ImageId> = page.iter().map(|change| change.image).collect();
            self.copy(&ids).await?;
            count += page.len() as u64;
            after = page.last().copied();
            if (page.len() as u64) < PAGE {
                break;
            }
        }
        Ok(count)
    }

    async fn copy(&mut self, ids: &[ImageId]) -> Result<(), Fault> {
        self.copier.copy(ids).await?;
        (self.observer)(TransferEvent::Progress(&self.copier.report()));
        Ok(())
    }
}

/// Copies single images.
struct Copier<'a> {
    route: TransferRoute<'a>,
    stop: &'a CancellationToken,
    report: Mutex<TransferReport>,
}

impl Copier<'_> {
    fn ends(&self) -> bool {
        self.stop.is_cancelled() || !self.report().problems.is_empty()
    }

    fn report(&self) -> TransferReport {
        self.count(|report| report.clone())
    }

    fn count<T>(&self, count: impl FnOnce(&mut TransferReport) -> T) -> T {
        count(&mut self.report.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Makes the copies of these images equal to what they are now.
    async fn copy(&self, ids: &[ImageId]) -> Result<(), Fault> {
        let TransferRoute { from, to, concurrency, .. } = self.route;
        let rows = from.image_rows(ids).await?;
        let copied = match to {
            Some(to) => to.image_rows(ids).await?,
            None => Vec::new(),
        };
        let gone: Vec<ImageId> = copied
            .iter()
            .map(ImageRows::id)
            .filter(|id| !rows.iter().any(|rows| rows.id() == *id))
            .collect();
        let proven: HashSet<String> = copied.iter().flat_map(blobs).map(|blob| blob.key).collect();
        self.count(|report| report.images += rows.len() as u64);
        let changed = rows.into_iter().filter(|rows| !copied.contains(rows));
        let copies = stream::iter(changed)
            .map(|rows| self.copy_blobs(rows, &proven))
            .buffer_unordered(concurrency)
            .try_collect::<Vec<_>>();
        let copies = tokio::select! {
            copies = copies => copies?,
            () = self.stop.cancelled() => return Ok(()),
        };
        if let Some(to) = to {
            let copies: Vec<ImageRows> = copies.into_iter().flatten().collect();
            to.put_image_rows(&copies).await?;
            to.remove_image_rows(&gone).await?;
        }
        Ok(())
    }

    /// Copies the blobs of an image. Returns its rows, which are read again if blobs vanish; `None`
    /// if it was deleted, or cannot be copied.
    async fn copy_blobs(
        &self,
        mut rows: ImageRows,
        proven: &HashSet<String>,
    ) -> Result<Option<ImageRows>, Fault> {
        let mut wrong = None;
        for _ in 0..MAX_ROUNDS {
            wrong = None;
            for blob in blobs(&rows).into_iter().filter(|blob| !proven.contains(&blob.key)) {
                if !self.copy_blob(&blob).await? {
                    wrong = Some(blob.key);
                    break;
                }
            }
            if wrong.is_none() {
                return Ok(Some(rows));
            }
            match self.route.from.image_rows(&[rows.id()]).await?.pop() {
                Some(now) if now == rows => break,
                Some(now) => rows = now,
                None => return Ok(None),
            }
        }
        let (id, key) = (rows.id(), wrong.unwrap_or_default());
        let problem = format!("image {id}: {key} is missing or has other bytes than its row says");
        self.count(|report| report.problems.push(problem));
        Ok(None)
    }

    /// Copies a blob and reads it back, unless it is there already; `false` if the source lacks it,
    /// or has other bytes than the rows say.
    async fn copy_blob(&self, blob: &ReferredBlob) -> Result<bool, Fault> {
        let TransferRoute { from_store, to_store, .. } = self.route;
        if let Some(length) = to_store.length(&blob.key).await? {
            if is_right(to_store, blob, length).await? {
                return Ok(true);
            }
            to_store.delete(&blob.key).await?;
        }
        let Some(length) = from_store.length(&blob.key).await? else { return Ok(false) };
        if !to_store.put_from(from_store, &blob.key, length).await? {
            return Ok(false);
        }
        if !is_right(to_store, blob, length).await? {
            if !is_right(from_store, blob, length).await? {
                to_store.delete(&blob.key).await?;
                return Ok(false);
            }
            let why = format!("the new store does not give back what it took as {}", blob.key);
            return Err(Fault::new("copy a blob", why));
        }
        self.count(|report| {
            report.blobs += 1;
            report.bytes += length;
        });
        Ok(true)
    }
}

/// The ids of copied images behind `after`, up to `end`.
async fn copied_between(
    to: &Catalog,
    after: Option<ImageId>,
    end: Option<ImageId>,
) -> Result<Vec<ImageId>, Fault> {
    let (mut after, mut found) = (after, Vec::new());
    loop {
        let page = to.image_ids(after, PAGE).await?;
        let is_last = (page.len() as u64) < PAGE;
        after = page.last().copied();
        let within = |id: &ImageId| end.is_none_or(|end| *id <= end);
        let reaches_end = page.last().is_some_and(|last| !within(last));
        found.extend(page.into_iter().filter(within));
        if is_last || reaches_end {
            return Ok(found);
        }
    }
}

fn blobs(rows: &ImageRows) -> Vec<ReferredBlob> {
    rows.blobs(original_key)
}

/// Whether each part of a blob of `length` bytes is what its row says. A large blob is not held in
/// memory.
async fn is_right(store: &Store, blob: &ReferredBlob, length: u64) -> Result<bool, Fault> {
    let ReferredBlob { key, parts } = blob;
    if parts.iter().any(|(range, _)| range.end > length) {
        return Ok(false);
    }
    if length <= HELD_BYTES {
        let Some(bytes) = store.get(key).await? else { return Ok(false) };
        let part = |range: &Range<u64>| bytes.get(range.start as usize..range.end as usize);
        let is_right = |(range, sha256): &(Range<u64>, String)| {
            part(range).is_some_and(|part| sha256_hex(part) == *sha256)
        };
        return Ok(parts.iter().all(is_right));
    }
    for (range, sha256) in parts {
        if hash(store, key, range.clone()).await?.as_ref() != Some(sha256) {
            return Ok(false);
        }
    }
    Ok(true)
}
