//! Submits an upload: checks the header, records the intent, stores the blob, and commits image and
//! job together.

use std::{fs::File, io::BufReader, time::Duration};

use asciify::{Header, Limits};
use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;
use tracing::Instrument;

use super::{Pipeline, reread::reread, spool::Spooled, submit_error::SubmitError};
use crate::{
    catalog::{Allowance, Catalog, Committed, Intent, Upload},
    failpoint,
    fault::{Doing, Fault},
    image::{Image, ImageId, Layout, Metadata},
    job::JobId,
    store::{Content, original_key},
    trace::{Span, TraceContext, in_current, step},
    user_id::UserId,
};

/// An upload that was stored.
#[derive(Debug)]
pub struct Submitted {
    /// The image.
    pub image: Image,
    /// `false` when an earlier upload with the same idempotency key made it.
    pub created: bool,
}

impl Pipeline {
    /// Stores an upload and creates its render job. When this returns `Ok`, the original is in the
    /// store, and image and job are committed. What a failed upload leaves is swept later.
    ///
    /// `owner` is whose it is, `name` the file's name, `key` the idempotency key.
    /// The work runs in a task of its own, to its end even when this future is dropped.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub fn submit(
        &self,
        upload: Spooled,
        owner: Option<UserId>,
        name: Option<String>,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<Submitted, SubmitError>> {
        Box::pin(async move {
            let (upload, header) = step("probe", self.probe(upload)).await?;
            let metadata = metadata(header, name, upload.bytes, upload.sha256.clone());
            let pipeline = self.clone();
            let store = async move { pipeline.store_upload(upload, owner, metadata, key).await };
            tokio::spawn(in_current(store).in_current_span()).await.doing("store an upload")?
        })
    }

    /// Reads the header of an upload. One without its end mark is decoded to tell whether it is whole,
    /// with the permit for a core.
    async fn probe(&self, upload: Spooled) -> Result<(Spooled, Header), SubmitError> {
        let (upload, header) = self.probe_by(upload, asciify::probe_header).await?;
        if header.is_whole {
            return Ok((upload, header));
        }
        let _core = self.0.render_permits.acquire().await;
        let (upload, header) = self.probe_by(upload, asciify::probe).await?;
        header.check_whole().map_err(SubmitError::Image)?;
        Ok((upload, header))
    }

    async fn probe_by(
        &self,
        upload: Spooled,
        probe: fn(BufReader<File>, &Limits) -> Result<Header, asciify::Error>,
    ) -> Result<(Spooled, Header), SubmitError> {
        let limits = self.config().limits.clone();
        let probe = move || {
            let file = File::open(upload.path()).doing("open a spooled upload")?;
            match probe(BufReader::new(file), &limits) {
                Err(asciify::Error::Read(err)) => {
                    Err(Fault::new("read a spooled upload", err).into())
                }
                Err(verdict) => Err(SubmitError::Image(verdict)),
                Ok(header) => Ok((upload, header)),
            }
        };
        match spawn_blocking(probe).await {
            Ok(probed) => probed,
            // a decoder panicked on the header
            Err(_) => Err(SubmitError::Image(asciify::Error::Malformed("broken header".into()))),
        }
    }

    async fn store_upload(
        &self,
        upload: Spooled,
        owner: Option<UserId>,
        metadata: Metadata,
        key: Option<String>,
    ) -> Result<Submitted, SubmitError> {
        let transfer = self.config().store_min_rate.time_of(metadata.bytes);
        let lease = self.config().upload_lease.saturating_add(transfer);
        let owner = owner.map(|user| self.allowance(user));
        let begun = self.catalog().begin_upload(owner, &metadata, key.as_deref(), lease).await?;
        let begun = match begun {
            Intent::Acquired(begun) => begun,
            Intent::InProgress => return Err(SubmitError::KeyBusy),
            Intent::NoOwner => return Err(SubmitError::NoOwner),
            Intent::Stored(image) if image.metadata.sha256 == metadata.sha256 => {
                return Ok(Submitted { image, created: false });
            }
            Intent::Stored(_) => return Err(SubmitError::KeyReused),
        };
        failpoint::hit("upload: intent");
        let blob = original_key(begun.image, begun.attempt);
        if let Err(fault) = step("store", self.put_original(&upload, &blob, lease)).await {
            // if this fails too, the janitor cleans up later
            let _ = self.catalog().abandon_upload(&begun, &blob).await;
            return Err(fault.into());
        }
        failpoint::hit("upload: put");
        let job = JobId::generate();
        // the row publishes the job; the hint only says so earlier
        let publication = self.publication(begun.image, job);
        let trace = Some(publication.context());
        let commit = commit(self.catalog(), &begun, &blob, job, trace, self.config().engine);
        let image = publication.run(step("commit", commit)).await?;
        failpoint::hit("upload: commit");
        self.queue().notify_job(job, Some(publication.context()));
        drop(publication);
        self.queue().notify_changes();
        Ok(Submitted { image, created: true })
    }

    async fn put_original(
        &self,
        upload: &Spooled,
        blob: &str,
        lease: Duration,
    ) -> Result<(), Fault> {
        let grace = self.config().blob_grace.max(lease);
        self.catalog().reserve_blobs(&[blob.to_owned()], grace).await?;
        let put = self.store().put(blob, Content::File(upload.path().to_owned()));
        tokio::time::timeout(lease, put).await.doing("store in time")?
    }

    /// What `user` may store, unless their row has limits of its own.
    pub(super) fn allowance(&self, user: UserId) -> Allowance {
        let accounts = &self.config().accounts;
        Allowance { user, max_bytes: accounts.quota_bytes, max_images: accounts.quota_images }
    }

    pub(super) fn publication(&self, image: ImageId, job: JobId) -> Span {
        let (system, destination) = self.queue().destination();
        let mut span = Span::producer(destination);
        span.set("messaging.system", system);
        span.set("messaging.destination.name", destination.to_owned());
        span.set("messaging.operation.name", "publish");
        span.set("messaging.operation.type", "send");
        span.set("messaging.message.id", job.to_string());
        span.set("planet.image", image.to_string());
        span
    }
}

/// What is stored of an image with this header.
pub(super) fn metadata(
    header: Header,
    name: Option<String>,
    bytes: u64,
    sha256: String,
) -> Metadata {
    Metadata {
        name,
        media_type: header.format.media_type().to_owned(),
        bytes,
        width: header.width,
        height: header.height,
        frames: header.frames,
        layout: Some(Layout {
            bands: header.bands,
            bit_depth: header.bit_depth,
            orientation: header.orientation,
        }),
        band_names: header.band_names,
        geo: header.geo.map(Box::new),
        sha256,
    }
}

/// Commits an upload whose blob is stored, with its job. What a refused one leaves is swept later.
///
/// # Errors
/// It would be over the quota, its owner is gone, or it took longer than its lease; or a fault, after
/// which it may be committed or not.
pub(super) async fn commit(
    catalog: &Catalog,
    begun: &Upload,
    blob: &str,
    job: JobId,
    trace: Option<TraceContext>,
    engine: u32,
) -> Result<Image, SubmitError> {
    let refusal = match catalog.commit_upload(begun, blob, job, trace, engine).await {
        Ok(Committed::Stored(image)) => return Ok(image),
        Ok(Committed::Overtaken) => {
            catalog.release_blobs(&[blob.to_owned()]).await?;
            return Err(Fault::new("commit an upload", "it took longer than its lease").into());
        }
        Ok(Committed::OverQuota(excess)) => SubmitError::OverQuota(excess),
        Ok(Committed::NoOwner) => SubmitError::NoOwner,
        Err(lost) => return Ok(reread_upload(catalog, begun, lost).await?),
    };
    // if this fails, the janitor cleans up later
    let _ = catalog.abandon_upload(begun, blob).await;
    Err(refusal)
}

/// The answer to the commit was lost: the row tells whether it happened. If it cannot be read either,
/// nothing is deleted, since the commit may have happened.
async fn reread_upload(catalog: &Catalog, begun: &Upload, lost: Fault) -> Result<Image, Fault> {
    let image = reread(|| catalog.image(begun.image)).await.flatten();
    image.filter(|image| image.attempt == begun.attempt).ok_or(lost)
}
