//! Deletes the renders of old engine versions, if only some versions are kept.

use std::num::NonZeroU32;

use super::{Pipeline, known::Change};
use crate::{catalog::Snapshot, fault::Fault, image::ImageId};

/// Images looked at in one transaction.
const BATCH: u64 = 500;

impl Pipeline {
    /// Deletes the renders that are older than the newest `kept` engine versions which their image has
    /// completely, of the images that have changed since the last time. Their blobs are deleted
    /// `BLOB_GRACE_S` later: readers may have looked them up before. Ends early if another process
    /// does the same.
    ///
    /// # Errors
    /// The database is unavailable; the next call continues.
    pub(super) async fn delete_old_versions(&self, kept: NonZeroU32) -> Result<(), Fault> {
        let (catalog, kept) = (self.catalog(), kept.get());
        let mut seen = catalog.retention(kept).await?;
        let now = catalog.snapshot().await?;
        // a snapshot of a later time is that of another server, from which the data was restored
        let from = if now.next() < seen.next() { Snapshot::EMPTY } else { seen.clone() };
        let (mut after, mut deleted) = (None, 0);
        loop {
            let changes = catalog.changes(&from, &now, after, BATCH).await?;
            let is_last = (changes.len() as u64) < BATCH;
            let images: Vec<ImageId> = changes.iter().map(|change| change.image).collect();
            let images = catalog.with_old_versions(&images, kept).await?;
            let next = match changes.last() {
                Some(last) if !is_last => from.with(&now, last.seq),
                _ => now.clone(),
            };
            if images.is_empty() && next == seen {
                break;
            }
            let known = self.known();
            let running: Vec<Change<'_>> =
                images.iter().filter_map(|id| known.map(|known| known.change(*id))).collect();
            let grace = self.config().blob_grace;
            let renders = catalog.delete_old_versions(&images, kept, grace, &seen, &next).await?;
            running.into_iter().for_each(Change::end);
            let Some(renders) = renders else { break };
            deleted += renders;
            if is_last {
                break;
            }
            seen = next;
            after = changes.last().copied();
        }
        if deleted > 0 {
            tracing::info!(renders = deleted, kept, "deleted renders of old engine versions");
        }
        Ok(())
    }
}
