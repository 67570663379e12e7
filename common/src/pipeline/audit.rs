//! Audits an installation: compares what the catalog records with what the store has.
//!
//! It changes nothing and may run while the service does. Images are deleted meanwhile, so a blob
//! that is missing is reported only if its image is still stored.

use std::{fmt, ops::Range, time::Duration};

use crate::{
    catalog::{Catalog, Page, TOLERANCE},
    env::Env,
    fault::Fault,
    image::{Image, Millis},
    job::{Job, JobError},
    periods::Periods,
    render::{Render, sha256_hex},
    store::{Store, original_key},
};
use futures_util::future::BoxFuture;

/// Images in one page.
const PAGE: u64 = 200;
/// Dead jobs that are reported.
const MAX_DEAD: u64 = 1_000;

/// What an audit looked at, and how many problems it found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Stored images.
    pub images: u64,
    /// Stored renders.
    pub renders: u64,
    /// Originals and renders whose bytes were read and hashed; of the others, only the length was
    /// compared.
    pub hashed: u64,
    /// Problems that were reported.
    pub problems: u64,
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {}, {} of these originals and texts hashed: {} wrong",
            pluralize(self.images, "image"),
            pluralize(self.renders, "render"),
            self.hashed,
            self.problems
        )
    }
}

/// `count` and the noun `thing`, such as `1 image` or `2 images`.
pub fn pluralize(count: u64, thing: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{s}")
}

/// How thorough an audit is.
#[derive(Debug, Clone, Copy)]
pub struct AuditOptions {
    /// `CHECK_PERCENT`: how many originals and renders are hashed, 0 to 100.
    pub percent: u8,
    /// `CHECK_PATIENCE_S`: how long something may be overdue before it is reported.
    pub patience: Duration,
    /// How far ahead rows may be due.
    pub periods: Periods,
}

impl AuditOptions {
    /// Reads the settings.
    pub fn read(env: &mut Env) -> Self {
        AuditOptions {
            percent: env.number(
                "CHECK_PERCENT",
                100,
                0..=100,
                "share of originals and renders, chosen at random, whose bytes a check hashes",
            ) as u8,
            patience: env.period(
                "CHECK_PATIENCE_S",
                "14400",
                "how long uploads, jobs and blobs to delete may be overdue before a check reports \
                 them, in seconds",
            ),
            periods: Periods::read(env),
        }
    }
}

/// Checks that every stored image has its original and every render its text, that no job is dead,
/// that nothing is overdue, and that no time is far ahead of the database's clock. Calls `report` with one line per problem.
///
/// # Errors
/// The database or the store is unavailable.
pub fn audit<'a>(
    catalog: &'a Catalog,
    store: &'a Store,
    options: AuditOptions,
    report: &'a mut (dyn FnMut(String) + Send),
) -> BoxFuture<'a, Result<AuditReport, Fault>> {
    let audit = Audit { catalog, store, options, counts: AuditReport::default(), report };
    Box::pin(audit.run())
}

/// A dead job, in one line.
pub fn describe_dead_job(job: &Job) -> String {
    let Job { id, image, engine, attempts, .. } = job;
    let reason = job.error.as_ref().map(JobError::to_string);
    let reason = reason.unwrap_or_else(|| "no reason was recorded".into());
    let attempts = pluralize(u64::try_from(*attempts).unwrap_or_default(), "attempt");
    format!("image {image}: job {id} of version {engine} is dead after {attempts}: {reason}")
}

struct Audit<'a> {
    catalog: &'a Catalog,
    store: &'a Store,
    options: AuditOptions,
    counts: AuditReport,
    report: &'a mut (dyn FnMut(String) + Send),
}

/// What a row says about its blob.
struct Expected<'a> {
    key: &'a str,
    /// Where its bytes are in the blob.
    range: Range<u64>,
    /// Whether they are the end of the blob.
    is_end: bool,
    sha256: &'a str,
}

impl Audit<'_> {
    async fn run(mut self) -> Result<AuditReport, Fault> {
        let mut page = Page { limit: PAGE, ..Page::default() };
        loop {
            let images = self.catalog.images(&page).await?;
            for image in &images {
                self.check_image(image).await?;
            }
            match images.last() {
                Some(last) => page.cursor = Some(last.id.into()),
                None => break,
            }
        }
        for job in self.catalog.dead(MAX_DEAD).await? {
            self.problem(describe_dead_job(&job));
        }
        for (what, count) in self.catalog.overdue(self.options.patience).await? {
            if count > 0 {
                let s = self.options.patience.as_secs();
                self.problem(format!(
                    "{count} {what} wait for more than {s} s: is a worker running?"
                ));
            }
        }
        for (what, count) in self.catalog.count_ahead(&self.options.periods).await? {
            if count > 0 {
                self.problem(format!(
                    "{count} {what} are far ahead: the database's clock was wrong; a worker sets \
                     them back"
                ));
            }
        }
        Ok(self.counts)
    }

    fn problem(&mut self, line: String) {
        self.counts.problems += 1;
        (self.report)(line);
    }

    /// Checks an image's original and renders.
    async fn check_image(&mut self, image: &Image) -> Result<(), Fault> {
        self.counts.images += 1;
        let Image { id, metadata, .. } = image;
        let key = original_key(*id, image.attempt);
        let range = 0..metadata.bytes;
        let original = Expected { key: &key, range, is_end: true, sha256: &metadata.sha256 };
        if let Some(wrong) = self.check_blob(original).await?
            && self.catalog.image(*id).await?.is_some()
        {
            self.problem(format!("image {id}: its original {wrong}"));
        }
        let latest = self.catalog.time().await?.0 + TOLERANCE.as_millis() as i64;
        let ahead = |at: &Millis| at.0 > latest;
        if [id.time(), image.created_at, image.stored_at].iter().any(ahead) {
            self.problem(format!(
                "image {id}: its times are ahead: a clock was wrong, and it is listed before newer \
                 images"
            ));
        }
        for render in self.catalog.renders(*id).await? {
            self.counts.renders += 1;
            let range = render.range();
            let Render { spec, engine, blob, sha256, created_at, .. } = render;
            if ahead(&created_at) {
                self.problem(format!(
                    "image {id}: the time of its render {spec} of version {engine} is ahead: the \
                     database's clock was wrong"
                ));
            }
            let text = Expected { key: &blob, range, is_end: false, sha256: &sha256 };
            if let Some(wrong) = self.check_blob(text).await?
                && self.catalog.image(*id).await?.is_some()
            {
                self.problem(format!("image {id}: its render {spec} of version {engine} {wrong}"));
            }
        }
        Ok(())
    }

    /// What is wrong with a blob; `None` when it is as expected.
    async fn check_blob(&mut self, expected: Expected<'_>) -> Result<Option<String>, Fault> {
        let Expected { key, range, is_end, sha256 } = expected;
        let missing = format!("is missing in the store ({key})");
        let Some(length) = self.store.length(key).await? else { return Ok(Some(missing)) };
        let reads = fastrand::u8(..100) < self.options.percent;
        self.counts.hashed += u64::from(reads);
        if length < range.end || (is_end && length > range.end) {
            let end = range.end;
            return Ok(Some(format!("has {length} bytes instead of {end} ({key})")));
        }
        if !reads {
            return Ok(None);
        }
        let Some(bytes) = self.store.get_part(key, range).await? else { return Ok(Some(missing)) };
        Ok((sha256_hex(&bytes) != sha256)
            .then(|| format!("has other bytes than those that were stored ({key})")))
    }
}
