//! Audits an installation: compares what the catalog records with what the store has.
//!
//! It changes nothing and may run while the service does. Images and old versions are deleted
//! meanwhile, so a blob that is missing is reported only if its row is still there.
//!
//! Images are checked side by side, and reported in order, the newest first. So the last one that was
//! reported is a cursor: a later audit can go on behind it.

use std::{
    fmt,
    ops::Range,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream};
use tokio_util::sync::CancellationToken;

use super::probe::hash;
use crate::{
    account::principal::Principal,
    catalog::{Catalog, Cursor, MAX_COUNTED, Page, Renders, TOLERANCE},
    env::Env,
    fault::Fault,
    image::{Image, ImageId},
    job::{Job, JobError},
    periods::Periods,
    render::{Render, sha256_hex},
    store::{Store, original_key},
};

/// Images in one page.
const PAGE: u64 = 200;
/// Dead jobs that are reported.
const MAX_DEAD: u64 = 1_000;

/// What an audit looked at, and how many problems it found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Stored images that were checked.
    pub images: u64,
    /// Their stored renders.
    pub renders: u64,
    /// Originals and renders whose bytes were read and hashed; of the others, only the length was
    /// compared.
    pub hashed: u64,
    /// Problems that were reported.
    pub problems: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// What an audit tells while it runs.
#[derive(Debug)]
pub enum AuditEvent<'a> {
    /// A problem, in one line.
    Problem(String),
    /// All images down to this one were checked, those of the sample.
    Checked(ImageId, &'a AuditReport),
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
#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// `CHECK_PERCENT`: how many originals and renders are hashed, 0 to 100.
    pub percent: u8,
    /// `CHECK_PATIENCE_S`: how long something may be overdue before it is reported.
    pub patience: Duration,
    /// `CHECK_CONCURRENCY`: images that are checked at the same time.
    pub concurrency: usize,
    /// `CHECK_SAMPLE`: one image in this many is checked, at random.
    pub sample: u64,
    /// `CHECK_AFTER`: only images that are listed after this one, which are older.
    pub after: Option<ImageId>,
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
                "share of the originals and renders that a check hashes, in percent; of the others, it \
                 compares the length",
            ) as u8,
            patience: env.seconds(
                "CHECK_PATIENCE_S",
                "14400",
                "how long uploads, jobs and blobs to delete may be overdue before a check reports \
                 them, in seconds",
            ),
            concurrency: env.number(
                "CHECK_CONCURRENCY",
                8,
                1..=1_000,
                "images that a check looks at at the same time",
            ) as usize,
            sample: env.number(
                "CHECK_SAMPLE",
                1,
                1..=u64::MAX,
                "a check looks at one image in this many, at random, with all of its renders",
            ),
            after: env.parsed(
                "CHECK_AFTER",
                "",
                "the id of an image, or an empty value",
                "image after which a check begins, from the newest to the oldest: where an earlier check \
                 was interrupted",
                |text| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) },
            ),
            periods: Periods::read(env),
        }
    }
}

/// Checks that every stored image has its original and every render its text, that no job is dead,
/// that nothing is overdue, and that no time is far ahead of the database's clock. Tells `observer`
/// of each problem. Ends early once `stop` is cancelled.
///
/// # Errors
/// The database or the store is unavailable.
pub fn audit<'a>(
    catalog: &'a Catalog,
    store: &'a Store,
    options: &'a AuditOptions,
    stop: &'a CancellationToken,
    observer: &'a mut (dyn FnMut(AuditEvent<'_>) + Send),
) -> BoxFuture<'a, Result<AuditReport, Fault>> {
    Box::pin(async move {
        let now = AtomicI64::new(i64::MIN);
        let looks = Looks { catalog, store, options, now: &now };
        Audit { looks, stop, counts: AuditReport::default(), observer }.run().await
    })
}

/// A dead job, in one line.
pub fn describe_dead_job(job: &Job) -> String {
    let Job { id, image, engine, attempts, .. } = job;
    let reason = job.error.as_ref().map(JobError::to_string);
    let reason = reason.unwrap_or_else(|| "no reason was recorded".into());
    let attempts = pluralize(u64::try_from(*attempts).unwrap_or_default(), "attempt");
    format!("image {image}: job {id} of version {engine} is dead after {attempts}: {reason}")
}

/// A number that is counted up to [`MAX_COUNTED`].
fn counted(count: u64) -> String {
    match count {
        MAX_COUNTED.. => format!("{MAX_COUNTED} or more"),
        _ => count.to_string(),
    }
}

struct Audit<'a> {
    looks: Looks<'a>,
    stop: &'a CancellationToken,
    counts: AuditReport,
    observer: &'a mut (dyn FnMut(AuditEvent<'_>) + Send),
}

/// Looks at single images.
#[derive(Clone, Copy)]
struct Looks<'a> {
    catalog: &'a Catalog,
    store: &'a Store,
    options: &'a AuditOptions,
    /// A time that the database's clock has had, in milliseconds.
    now: &'a AtomicI64,
}

/// What was found out about an image.
#[derive(Default)]
struct Findings {
    renders: u64,
    hashed: u64,
    problems: Vec<String>,
}

/// A blob of texts that was looked at.
struct Seen {
    key: String,
    /// `None` if the store has no such blob.
    length: Option<u64>,
    /// Once they were read.
    bytes: Option<Bytes>,
}

/// What the row of a render says about its text.
struct Expected<'a> {
    key: &'a str,
    /// Where its bytes are in the blob.
    range: Range<u64>,
    sha256: &'a str,
}

impl Audit<'_> {
    async fn run(mut self) -> Result<AuditReport, Fault> {
        self.check_images().await?;
        if self.stop.is_cancelled() {
            self.counts.stopped = true;
            return Ok(self.counts);
        }
        let Looks { catalog, options, .. } = self.looks;
        for job in catalog.dead(MAX_DEAD).await? {
            self.problem(describe_dead_job(&job));
        }
        for (what, count) in catalog.overdue(options.patience).await? {
            if count > 0 {
                let s = options.patience.as_secs();
                let count = counted(count);
                self.problem(format!(
                    "{count} {what} wait for more than {s} s: is a worker running?"
                ));
            }
        }
        for (what, count) in catalog.count_ahead(&options.periods).await? {
            if count > 0 {
                let count = counted(count);
                self.problem(format!(
                    "{count} {what} are far ahead: the database's clock was wrong; a worker sets \
                     them back"
                ));
            }
        }
        Ok(self.counts)
    }

    /// Checks the images page by page, until `stop`.
    async fn check_images(&mut self) -> Result<(), Fault> {
        let looks = self.looks;
        let AuditOptions { concurrency, sample, after, .. } = *looks.options;
        let cursor = after.map(Cursor::from);
        let mut page = Page { cursor, limit: PAGE, ..Page::default() };
        loop {
            let images = looks.catalog.images(&page).await?;
            let Some(last) = images.last() else { return Ok(()) };
            page.cursor = Some(last.id.into());
            let mut checked = stream::iter(images)
                .map(|image| async move {
                    let is_in_sample = fastrand::u64(..sample) == 0;
                    let findings = match is_in_sample {
                        true => Some(looks.check_image(&image).await?),
                        false => None,
                    };
                    Ok::<_, Fault>((image.id, findings))
                })
                .buffered(concurrency);
            loop {
                let next = tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return Ok(()),
                    next = checked.next() => next,
                };
                let Some(next) = next else { break };
                let (id, findings) = next?;
                if let Some(Findings { renders, hashed, problems }) = findings {
                    self.counts.images += 1;
                    self.counts.renders += renders;
                    self.counts.hashed += hashed;
                    problems.into_iter().for_each(|line| self.problem(line));
                }
                (self.observer)(AuditEvent::Checked(id, &self.counts));
            }
        }
    }

    fn problem(&mut self, line: String) {
        self.counts.problems += 1;
        (self.observer)(AuditEvent::Problem(line));
    }
}

impl Looks<'_> {
    /// Whether a time in milliseconds is far ahead of the database's clock. It is asked only where the
    /// time is ahead of the last answer.
    async fn is_ahead(&self, at: i64) -> Result<bool, Fault> {
        let is_ahead = |now: i64| at > now.saturating_add(TOLERANCE.as_millis() as i64);
        if !is_ahead(self.now.load(Ordering::Relaxed)) {
            return Ok(false);
        }
        let now = self.catalog.time().await?.0;
        self.now.store(now, Ordering::Relaxed);
        Ok(is_ahead(now))
    }

    /// Checks an image's original and renders.
    async fn check_image(&self, image: &Image) -> Result<Findings, Fault> {
        let mut found = Findings::default();
        let Image { id, metadata, .. } = image;
        let key = original_key(*id, image.attempt);
        let original = self.check_original(&key, metadata.bytes, &metadata.sha256, &mut found);
        if let Some(wrong) = original.await?
            && self.catalog.image(*id).await?.is_some()
        {
            found.problems.push(format!("image {id}: its original {wrong}"));
        }
        let times = [id.time(), image.created_at, image.stored_at];
        if self.is_ahead(times.map(|at| at.0).into_iter().max().unwrap_or(0)).await? {
            found.problems.push(format!(
                "image {id}: its times are ahead: a clock was wrong, and it is listed before newer \
                 images"
            ));
        }
        let mut last = None;
        for render in self.catalog.renders(*id).await? {
            found.renders += 1;
            let range = render.range();
            let Render { spec, engine, blob, sha256, created_at, .. } = render;
            if self.is_ahead(created_at.0).await? {
                found.problems.push(format!(
                    "image {id}: the time of its render {spec} of version {engine} is ahead: the \
                     database's clock was wrong"
                ));
            }
            let text = Expected { key: &blob, range, sha256: &sha256 };
            if let Some(wrong) = self.check_text(text, &mut last, &mut found).await?
                && self.is_referred_to(*id, &blob).await?
            {
                let line = format!("image {id}: its render {spec} of version {engine} {wrong}");
                found.problems.push(line);
            }
        }
        Ok(found)
    }

    /// Whether the image is stored and still has a render in this blob.
    async fn is_referred_to(&self, id: ImageId, blob: &str) -> Result<bool, Fault> {
        let found = self.catalog.image_with_renders(id, Renders::All, &Principal::Open).await?;
        Ok(found.is_some_and(|(_, renders)| renders.iter().any(|render| render.blob == blob)))
    }

    /// Whether this original, or this text, is among those that are hashed.
    fn reads(&self) -> bool {
        fastrand::u8(..100) < self.options.percent
    }

    /// What is wrong with an original, which may be larger than the memory; `None` when it is as
    /// expected.
    async fn check_original(
        &self,
        key: &str,
        bytes: u64,
        sha256: &str,
        found: &mut Findings,
    ) -> Result<Option<String>, Fault> {
        let reads = self.reads();
        let Some(length) = self.store.length(key).await? else { return Ok(Some(missing(key))) };
        found.hashed += u64::from(reads);
        if length != bytes {
            return Ok(Some(other_length(key, length, bytes)));
        }
        if !reads {
            return Ok(None);
        }
        Ok(match hash(self.store, key, 0..length).await? {
            None => Some(missing(key)),
            Some(hash) if hash != sha256 => Some(other_bytes(key)),
            Some(_) => None,
        })
    }

    /// What is wrong with a text; `None` when it is as expected. `last` is the blob that was looked at
    /// before: the texts of a job are in one.
    async fn check_text(
        &self,
        expected: Expected<'_>,
        last: &mut Option<Seen>,
        found: &mut Findings,
    ) -> Result<Option<String>, Fault> {
        let Expected { key, range, sha256 } = expected;
        let mut blob = match last.take().filter(|seen| seen.key == key) {
            Some(seen) => seen,
            None => {
                let length = self.store.length(key).await?;
                Seen { key: key.to_owned(), length, bytes: None }
            }
        };
        let reads = self.reads();
        if blob.length.is_some() && reads && blob.bytes.is_none() {
            blob.bytes = self.store.get(key).await?;
        }
        let Seen { length, bytes, .. } = last.insert(blob);
        let Some(length) = *length else { return Ok(Some(missing(key))) };
        found.hashed += u64::from(reads);
        if length < range.end {
            return Ok(Some(other_length(key, length, range.end)));
        }
        if !reads {
            return Ok(None);
        }
        let part = bytes.as_ref().and_then(|all| all.get(range.start as usize..range.end as usize));
        let Some(part) = part else { return Ok(Some(missing(key))) };
        Ok((sha256_hex(part) != sha256).then(|| other_bytes(key)))
    }
}

fn missing(key: &str) -> String {
    format!("is missing in the store ({key})")
}

fn other_length(key: &str, length: u64, expected: u64) -> String {
    format!("has {length} bytes instead of {expected} ({key})")
}

fn other_bytes(key: &str) -> String {
    format!("has other bytes than those that were stored ({key})")
}
