//! Finishes uploads that were received in parts: makes one blob of the parts, and an image of it. And
//! ends those that have expired.
//!
//! Each step may be repeated: the idempotency key of the image is the id of the upload.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sha2::Digest;

use super::{
    Pipeline,
    probe::{hash, probe},
    receive::ReceiveError,
    submit::{commit, metadata},
    submit_error::SubmitError,
};
use crate::{
    catalog::Intent,
    failpoint,
    fault::Fault,
    image::ImageId,
    job::JobId,
    render::{hex, sha256_hex},
    resumable::{ResumableUpload, UploadId, UploadState},
    store::original_key,
};

impl Pipeline {
    /// Makes an image of an upload that was received as a whole, by the attempt that received it or
    /// has claimed it. Returns how it ended: done or failed.
    ///
    /// # Errors
    /// The service failed, or another process does it: the janitor goes on with it.
    pub fn finish_upload(
        &self,
        upload: ResumableUpload,
    ) -> BoxFuture<'_, Result<UploadState, Fault>> {
        Box::pin(async move {
            let parts = self.catalog().upload_parts(upload.id).await?;
            let blobs = self.store().blobs_of(&upload, &parts);
            let joined = self.store().joined_key(&upload, upload.next_part);
            // of files, it is a blob that nothing refers to
            let is_new = !blobs.contains(&joined);
            if is_new {
                let grace = self.config().blob_grace.max(self.finishing_lease(&upload));
                self.catalog().reserve_blobs(std::slice::from_ref(&joined), grace).await?;
            }
            let whole = self.store().join_parts(&upload, &parts, upload.next_part).await?;
            failpoint::hit("resumable upload: joined");
            let stored = match whole {
                Some(whole) => self.store_received(&upload, &whole).await.map(Some),
                None => Ok(None),
            };
            if is_new {
                self.catalog().release_blobs(&[joined]).await?;
            }
            let state = match stored {
                Ok(Some(image)) => UploadState::Done(image),
                Ok(None) => UploadState::Failed(ReceiveError::Lost.to_string()),
                Err(SubmitError::Fault(fault)) => return Err(fault),
                Err(refusal) => UploadState::Failed(refusal.to_string()),
            };
            failpoint::hit("resumable upload: committed");
            let kept = self.config().upload_expires;
            // if it was fenced off, the other one comes to the same end
            self.catalog().conclude_upload(&upload, &state, &blobs, kept).await?;
            Ok(state)
        })
    }

    async fn store_received(
        &self,
        upload: &ResumableUpload,
        whole: &str,
    ) -> Result<ImageId, SubmitError> {
        let gone = || Fault::new("finish an upload", format!("{whole} is missing"));
        let (config, catalog) = (self.config(), self.catalog());
        let header = probe(self.originals(), whole, upload.length, &config.limits).await?;
        let header = header.ok_or_else(gone)?;
        let sha256 = match upload.hash.hash() {
            Some(hash) => hex(&hash.finalize()),
            None => hash(self.store(), whole, 0..upload.length).await?.ok_or_else(gone)?,
        };
        let metadata = metadata(header, upload.name.clone(), upload.length, sha256);
        let lease = self.finishing_lease(upload);
        let owner = upload.owner.map(|user| self.allowance(user));
        let key = sha256_hex(format!("resumable upload {}", upload.id).as_bytes());
        let begun = match catalog.begin_upload(owner, &metadata, Some(&key), lease).await? {
            Intent::Acquired(begun) => begun,
            Intent::NoOwner => return Err(SubmitError::NoOwner),
            Intent::Stored(image) => return Ok(image.id),
            Intent::InProgress => {
                return Err(Fault::new("finish an upload", "another process does it").into());
            }
        };
        let blob = original_key(begun.image, begun.attempt);
        catalog.reserve_blobs(std::slice::from_ref(&blob), config.blob_grace.max(lease)).await?;
        if let Err(fault) = self.store().copy(whole, upload.length, &blob).await {
            // if this fails too, the janitor cleans up later
            let _ = catalog.abandon_upload(&begun, &blob).await;
            return Err(fault.into());
        }
        failpoint::hit("resumable upload: copied");
        let job = JobId::generate();
        let publication = self.publication(begun.image, job);
        let trace = Some(publication.context());
        let commit = commit(catalog, &begun, &blob, job, trace, config.engine);
        let image = publication.run(commit).await?;
        self.queue().notify_job(job, Some(publication.context()));
        drop(publication);
        self.queue().notify_changes();
        Ok(image.id)
    }

    /// How long an attempt may take to finish an upload.
    pub(super) fn finishing_lease(&self, upload: &ResumableUpload) -> Duration {
        let transfer = self.config().store_min_rate.time_of(upload.length);
        self.config().upload_lease.saturating_add(transfer)
    }

    /// Finishes an upload whose last attempt to finish has ended without an outcome; `None` while
    /// one may be running.
    ///
    /// # Errors
    /// See [`Pipeline::finish_upload`].
    pub fn finish_late(&self, id: UploadId) -> BoxFuture<'_, Result<Option<UploadState>, Fault>> {
        Box::pin(async move {
            let longest = self.config().periods().upload();
            match self.catalog().claim_finishing(Some(id), longest).await? {
                Some(upload) => self.finish_upload(upload).await.map(Some),
                None => Ok(None),
            }
        })
    }

    /// Finishes the uploads whose attempt to finish has ended without an outcome. One that fails
    /// does not stop the others.
    pub(super) async fn finish_uploads(&self) -> Result<(), Fault> {
        let longest = self.config().periods().upload();
        let mut outcome = Ok(());
        while let Some(upload) = self.catalog().claim_finishing(None, longest).await? {
            outcome = self.finish_upload(upload).await.map(drop).and(outcome);
        }
        outcome
    }

    /// Removes the uploads that have expired.
    pub(super) async fn end_uploads(&self) -> Result<(), Fault> {
        loop {
            let ended = self.catalog().claim_ended_uploads(self.config().lease).await?;
            if ended.is_empty() {
                return Ok(());
            }
            for upload in &ended {
                self.remove_upload(upload).await?;
                if upload.state == UploadState::Receiving {
                    metrics::counter!("planet_expired_uploads_total").increment(1);
                }
            }
        }
    }
}
