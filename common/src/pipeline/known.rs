//! What is known of images, in memory: of a database that only this process writes.
//!
//! It is kept until it changes: until the image is deleted, or its renders change. Every statement
//! that does so runs within a [`Change`]. From its begin to its end, nothing of the image is kept,
//! so that each reader sees what the database has at that moment. (`planet-admin` may write at the
//! same time. It changes jobs, which are not kept, and owners and visibilities: where these count,
//! what is known is read again after `RIGHTS_KEPT_S`.)

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use moka::sync::Cache;

use crate::{
    image::{Image, ImageId},
    render::Render,
};

/// A stored image and all of its stored renders, newest engine version first.
pub(super) struct Known {
    /// When it was read. `planet-admin` may change whose an image is.
    pub(super) read_at: Instant,
    pub(super) image: Image,
    pub(super) renders: Vec<Render>,
}

/// What is known of images, by id.
pub(super) struct KnownImages {
    images: Cache<ImageId, Arc<Known>>,
    changes: Mutex<Changes>,
}

#[derive(Default)]
struct Changes {
    /// How many began or ended so far.
    count: u64,
    /// How many run, by image.
    running: HashMap<ImageId, usize>,
}

/// A change of an image in the database. While it is not [ended](Self::end), nothing of the image
/// is kept: a change whose outcome is unknown may happen at any later time.
#[must_use]
pub(super) struct Change<'a> {
    known: &'a KnownImages,
    image: ImageId,
}

impl KnownImages {
    /// Keeps up to `max_bytes`.
    pub(super) fn new(max_bytes: u64) -> Self {
        let weigher = |_: &ImageId, known: &Arc<Known>| known.weight();
        let images = Cache::builder().max_capacity(max_bytes).weigher(weigher).build();
        KnownImages { images, changes: Mutex::default() }
    }

    /// What is known of an image.
    pub(super) fn get(&self, image: ImageId) -> Option<Arc<Known>> {
        self.images.get(&image)
    }

    /// How many changes began or ended so far.
    pub(super) fn count(&self) -> u64 {
        self.changes().count
    }

    /// Keeps what was read since `count` had this value, unless a change of any image began or
    /// ended in between: what was read may be older.
    pub(super) fn keep(&self, known: &Arc<Known>, count: u64) {
        let changes = self.changes();
        let id = known.image.id;
        if changes.count == count && !changes.running.contains_key(&id) {
            self.images.insert(id, known.clone());
        }
    }

    /// Begins a change of an image or its renders.
    pub(super) fn change(&self, image: ImageId) -> Change<'_> {
        let mut changes = self.changes();
        changes.count += 1;
        *changes.running.entry(image).or_default() += 1;
        self.images.invalidate(&image);
        Change { known: self, image }
    }

    fn end(&self, image: ImageId) {
        let mut changes = self.changes();
        changes.count += 1;
        if let Some(running) = changes.running.get_mut(&image) {
            *running -= 1;
            if *running == 0 {
                changes.running.remove(&image);
            }
        }
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Its memory, in bytes.
    fn weight(&self) -> u32 {
        let metadata = &self.image.metadata;
        let texts = [metadata.name.as_ref(), Some(&metadata.media_type), Some(&metadata.sha256)];
        let texts = texts.into_iter().flatten();
        let of_renders = self.renders.iter().flat_map(|it| [&it.spec, &it.blob, &it.sha256]);
        let bytes: usize = texts.chain(of_renders).map(String::capacity).sum();
        let rows = size_of::<Known>() + self.renders.capacity() * size_of::<Render>();
        u32::try_from(bytes + rows + 256).unwrap_or(u32::MAX)
    }
}

impl Change<'_> {
    /// It has happened, or it never will.
    pub(super) fn end(self) {
        self.known.end(self.image);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        image::{Metadata, Millis},
        visibility::Visibility,
    };

    fn read() -> Arc<Known> {
        let metadata = Metadata {
            name: None,
            media_type: String::new(),
            bytes: 1,
            width: 1,
            height: 1,
            frames: 1,
            layout: None,
            band_names: Vec::new(),
            geo: None,
            sha256: String::new(),
        };
        let id = ImageId::generate(Millis(1));
        let (created_at, stored_at) = (Millis(1), Millis(1));
        let (owner, visibility) = (None, Visibility::Private);
        let image = Image { id, attempt: 1, metadata, created_at, stored_at, owner, visibility };
        Arc::new(Known { read_at: Instant::now(), image, renders: Vec::new() })
    }

    #[test]
    fn what_was_read_before_or_during_a_change_is_not_kept() {
        let (known, read) = (KnownImages::new(1 << 20), read());
        let id = read.image.id;
        let is_kept = || known.images.get(&id).is_some();
        let before = known.count();
        known.keep(&read, before);
        assert!(is_kept());

        let change = known.change(id);
        assert!(!is_kept());
        known.keep(&read, before);
        assert!(!is_kept(), "read before the change");
        let during = known.count();
        known.keep(&read, during);
        assert!(!is_kept(), "read during the change");
        change.end();
        known.keep(&read, during);
        assert!(!is_kept(), "read during the change, and kept after it");
        known.keep(&read, known.count());
        assert!(is_kept(), "read after the change");
    }

    #[test]
    fn after_a_change_of_unknown_outcome_nothing_is_kept() {
        let (known, read) = (KnownImages::new(1 << 20), read());
        let id = read.image.id;
        let (_unknown, change) = (known.change(id), known.change(id));
        change.end();
        known.keep(&read, known.count());
        assert!(known.images.get(&id).is_none());
        assert_eq!(known.changes().running.len(), 1);
    }
}
