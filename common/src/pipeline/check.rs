//! Checks an installation from the outside: what the catalog promises against what the store holds.
//!
//! It changes nothing and may run while the service does: what it misses is looked up once more
//! before it is reported, since images are deleted meanwhile.

use std::{fmt, time::Duration};

use crate::{
    catalog::{Catalog, Page},
    env::Env,
    fault::Fault,
    image::{Image, ImageId},
    job::Job,
    render::{Render, sha256_hex},
    store::{Store, original_key},
};

/// Images that are looked up together.
const PAGE: u64 = 200;
/// Dead jobs that are named.
const MOST_DEAD: u64 = 1_000;

/// What was looked at, and how much of it is not as it should be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Stored images.
    pub images: u64,
    /// Stored renders.
    pub renders: u64,
    /// Originals and renders whose bytes were read and hashed; of the others only the length.
    pub hashed: u64,
    /// Everything that was told.
    pub wrong: u64,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {}, {} of these originals and texts hashed: {} wrong",
            counted(self.images, "image"),
            counted(self.renders, "render"),
            self.hashed,
            self.wrong
        )
    }
}

/// A number of things, in words.
pub fn counted(count: u64, thing: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{s}")
}

/// How closely to look.
#[derive(Debug, Clone, Copy)]
pub struct Closeness {
    /// `CHECK_PERCENT`.
    pub percent: u8,
    /// `CHECK_PATIENCE_S`.
    pub patience: Duration,
}

impl Closeness {
    /// Reads both settings.
    pub fn read(env: &mut Env) -> Self {
        Closeness {
            percent: env.number(
                "CHECK_PERCENT",
                100,
                0..=100,
                "of how many originals and renders, by chance, a check reads and hashes the bytes",
            ) as u8,
            patience: env.period(
                "CHECK_PATIENCE_S",
                "14400",
                "how long uploads, jobs and blobs to delete may wait before a check complains, in seconds",
            ),
        }
    }
}

/// Checks that every stored image has its original and every render its text, that no job is dead,
/// and that nothing is left undone. `tell` hears of each thing that is wrong, in a line.
///
/// # Errors
/// The database or the store is out of reach.
pub async fn check(
    catalog: &Catalog,
    store: &Store,
    Closeness { percent, patience }: Closeness,
    mut tell: impl FnMut(String),
) -> Result<Checked, Fault> {
    let mut checked = Checked::default();
    let mut told = |line: String, checked: &mut Checked| {
        checked.wrong += 1;
        tell(line);
    };
    let mut page = Page { limit: PAGE, ..Page::default() };
    loop {
        let images = catalog.images(&page).await?;
        for image in &images {
            checked.images += 1;
            let original = Promised {
                key: original_key(image.id, image.attempt),
                bytes: image.facts.bytes,
                sha256: &image.facts.sha256,
            };
            if let Some(wrong) = original.look(store, percent, &mut checked).await?
                && is_there_still(catalog, image).await?
            {
                told(format!("image {}: its original {wrong}", image.id), &mut checked);
            }
            for render in catalog.renders(image.id).await? {
                checked.renders += 1;
                let text = Promised {
                    key: render.blob.clone(),
                    bytes: render.bytes,
                    sha256: &render.sha256,
                };
                if let Some(wrong) = text.look(store, percent, &mut checked).await?
                    && is_there_still(catalog, image).await?
                {
                    let Render { spec, engine, .. } = &render;
                    let line = format!(
                        "image {}: its render {spec} of version {engine} {wrong}",
                        image.id
                    );
                    told(line, &mut checked);
                }
            }
        }
        match images.last() {
            Some(last) => page.before = Some(last.id),
            None => break,
        }
    }
    for job in catalog.dead(MOST_DEAD).await? {
        told(obituary(&job), &mut checked);
    }
    for (what, count) in catalog.neglected(patience).await? {
        if count > 0 {
            let s = patience.as_secs();
            told(
                format!("{count} {what} wait for more than {s} s: is a worker running?"),
                &mut checked,
            );
        }
    }
    Ok(checked)
}

/// A dead job in a line.
pub fn obituary(job: &Job) -> String {
    let Job { id, image, engine, attempts, .. } = job;
    let reason = job.error.as_deref().unwrap_or("no reason was recorded");
    let attempts = counted(u64::try_from(*attempts).unwrap_or_default(), "attempt");
    format!("image {image}: job {id} of version {engine} is dead after {attempts}: {reason}")
}

async fn is_there_still(catalog: &Catalog, Image { id, .. }: &Image) -> Result<bool, Fault> {
    let id: ImageId = *id;
    Ok(catalog.image(id).await?.is_some())
}

/// A blob as its row has it.
struct Promised<'a> {
    key: String,
    bytes: u64,
    sha256: &'a str,
}

impl Promised<'_> {
    /// What is wrong with it, if anything is.
    async fn look(
        &self,
        store: &Store,
        percent: u8,
        checked: &mut Checked,
    ) -> Result<Option<String>, Fault> {
        let Self { key, bytes, sha256 } = self;
        let reads = fastrand::u8(..100) < percent;
        let (length, hash) = match reads {
            true => match store.get(key).await? {
                Some(blob) => (blob.len() as u64, Some(sha256_hex(&blob))),
                None => return Ok(Some(format!("is missing in the store ({key})"))),
            },
            false => match store.length(key).await? {
                Some(length) => (length, None),
                None => return Ok(Some(format!("is missing in the store ({key})"))),
            },
        };
        checked.hashed += u64::from(reads);
        Ok(if length != *bytes {
            Some(format!("has {length} bytes instead of {bytes} ({key})"))
        } else if hash.is_some_and(|hash| hash != *sha256) {
            Some(format!("has other bytes than those that were stored ({key})"))
        } else {
            None
        })
    }
}
