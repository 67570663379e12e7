//! Receives an upload in parts, by several requests (tus). What is acknowledged is stored.
//!
//! A request spools a part at a time. What is behind the last whole part is stored as a tail at its end,
//! and whenever it is settled before. With the tail, the next request begins, once it has sent bytes.

use std::io::Cursor;

use bytes::Bytes;
use futures_util::{TryStreamExt, future::BoxFuture};
use sha2::{Digest, Sha256};
use tokio_util::io::ReaderStream;

use super::{Pipeline, spool::PartFile, submit_error::SubmitError};
use crate::{
    account::principal::Principal,
    catalog::{NewUpload, Received},
    failpoint,
    fault::{Doing, Fault},
    resumable::{HashState, Part, ResumableUpload, UploadId, UploadState},
    store::{Content, Store, tail_key},
};

/// Bytes of a tail that are copied at a time.
const COPIED_BYTES: usize = 64 << 10;
/// With so many bytes, a file is recognised.
const HEAD_BYTES: u64 = 4 << 10;

/// Why bytes of an upload are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// There is none that this principal began, or it has ended or expired.
    #[error("no such upload: it was never begun, has expired, or was ended")]
    NoUpload,
    /// The principal has as many unfinished uploads as they may.
    #[error("you have {max} unfinished uploads, which is the limit: finish or delete some")]
    TooMany {
        /// `MAX_OPEN_UPLOADS`.
        max: u64,
    },
    /// The bytes do not begin where the upload goes on.
    #[error("the upload goes on at byte {0}: HEAD has it as Upload-Offset")]
    Offset(u64),
    /// Another request has begun to send, or the upload has ended.
    #[error("another request goes on with this upload: ask for its offset by HEAD")]
    Overtaken,
    /// There are more bytes than announced.
    #[error("the upload has {0} bytes, as its Upload-Length said: more were sent")]
    TooLong(u64),
    /// It was sent by too many requests.
    #[error("the upload was sent by too many requests: begin a new one, with larger requests")]
    TooManyRequests,
    /// What was received of it is not there any more.
    #[error("what was received of the upload is lost: begin a new one")]
    Lost,
    /// It was refused before.
    #[error("{0}")]
    Failed(String),
    /// It is refused.
    #[error(transparent)]
    Refused(#[from] SubmitError),
}

impl From<Fault> for ReceiveError {
    fn from(fault: Fault) -> Self {
        ReceiveError::Refused(fault.into())
    }
}

/// A request that sends more of an upload.
pub struct Receiver {
    pipeline: Pipeline,
    maker: Principal,
    /// As far as it is stored.
    upload: ResumableUpload,
    /// Bytes that are received so far, stored or not.
    received: u64,
    /// Of them.
    hash: Sha256,
    /// What was received behind the last part, once `has_tail`.
    part: PartFile,
    part_bytes: u64,
    /// Whether `part` begins with the tail, if there is one.
    has_tail: bool,
}

impl Pipeline {
    /// Begins an upload of `length` bytes.
    ///
    /// # Errors
    /// [`ReceiveError::TooMany`], or [`ReceiveError::Refused`] for its length.
    pub fn begin_upload<'a>(
        &'a self,
        maker: &'a Principal,
        length: u64,
        name: Option<String>,
    ) -> BoxFuture<'a, Result<ResumableUpload, ReceiveError>> {
        Box::pin(async move {
            let config = self.config();
            if length == 0 {
                return Err(SubmitError::Empty.into());
            }
            if length > config.max_upload_bytes {
                return Err(SubmitError::TooLarge { max: config.max_upload_bytes }.into());
            }
            let is_local = matches!(self.store(), Store::File(_));
            if is_local && self.spool_room().is_some_and(|room| room < length) {
                return Err(SubmitError::NoRoom.into());
            }
            let hash = HashState::of(&Sha256::new());
            let new = NewUpload { owner: maker.user(), length, name, hash };
            let max = config.max_open_uploads;
            let created = self.catalog().create_upload(new, max, config.upload_expires).await?;
            created.ok_or(ReceiveError::TooMany { max })
        })
    }

    /// Bytes that the unfinished uploads of `maker` will have.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn announced_bytes<'a>(
        &'a self,
        maker: &'a Principal,
    ) -> BoxFuture<'a, Result<u64, Fault>> {
        Box::pin(async move { self.catalog().announced_bytes(maker.user()).await })
    }

    /// The upload; `None` when there is none that `maker` has begun.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn upload<'a>(
        &'a self,
        id: UploadId,
        maker: &'a Principal,
    ) -> BoxFuture<'a, Result<Option<ResumableUpload>, Fault>> {
        Box::pin(async move { self.catalog().upload(id, maker).await })
    }

    /// Receives more of an upload, from byte `offset` on. Fences off all earlier requests.
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub fn receive<'a>(
        &'a self,
        id: UploadId,
        maker: &'a Principal,
        offset: u64,
    ) -> BoxFuture<'a, Result<Receiver, ReceiveError>> {
        Box::pin(async move {
            let known = self.catalog().upload(id, maker).await?.ok_or(ReceiveError::NoUpload)?;
            if let UploadState::Failed(why) = known.state {
                return Err(ReceiveError::Failed(why));
            }
            // a wrong offset does not end the request that sends at the moment
            if known.position != offset {
                return Err(ReceiveError::Offset(known.position));
            }
            let begun = self.catalog().begin_receiving(id, self.config().upload_expires).await?;
            let upload = begun.ok_or(ReceiveError::Offset(known.length))?;
            if upload.position != offset {
                return Err(ReceiveError::Offset(upload.position));
            }
            if !self.store().takes_part(upload.next_part) {
                return Err(ReceiveError::TooManyRequests);
            }
            Ok(Receiver {
                pipeline: self.clone(),
                maker: maker.clone(),
                received: upload.position,
                hash: upload.hash.hash().ok_or(ReceiveError::Lost)?,
                part: self.part_file()?,
                part_bytes: self.store().part_bytes(&upload),
                has_tail: upload.tail.is_none(),
                upload,
            })
        })
    }

    /// Ends an upload, and deletes what was received of it; an image that it has become stays.
    ///
    /// # Errors
    /// [`ReceiveError::NoUpload`], or a fault: the janitor goes on with it.
    pub fn end_upload<'a>(
        &'a self,
        id: UploadId,
        maker: &'a Principal,
    ) -> BoxFuture<'a, Result<(), ReceiveError>> {
        Box::pin(async move {
            self.catalog().upload(id, maker).await?.ok_or(ReceiveError::NoUpload)?;
            let ending = self.catalog().begin_ending(id, self.config().lease).await?;
            let ending = ending.ok_or(ReceiveError::Overtaken)?;
            Ok(self.remove_upload(&ending).await?)
        })
    }

    pub(super) async fn remove_upload(&self, ending: &ResumableUpload) -> Result<(), Fault> {
        let parts = self.catalog().upload_parts(ending.id).await?;
        self.store().abort_parts(ending).await?;
        let mut blobs = self.store().blobs_of(ending, &parts);
        blobs.extend(ending.tail.clone());
        self.catalog().remove_upload(ending, &blobs).await
    }
}

impl Receiver {
    /// Takes more bytes. Each whole part is stored.
    ///
    /// # Errors
    /// See [`ReceiveError`]. After [`ReceiveError::TooLong`], what came before may be saved.
    pub fn write(&mut self, mut chunk: Bytes) -> BoxFuture<'_, Result<(), ReceiveError>> {
        Box::pin(async move {
            if self.received + chunk.len() as u64 > self.upload.length {
                return Err(ReceiveError::TooLong(self.upload.length));
            }
            if !chunk.is_empty() && !self.has_tail {
                self.read_tail().await?;
            }
            metrics::counter!("planet_resumable_bytes_total").increment(chunk.len() as u64);
            while !chunk.is_empty() {
                let room = self.part_bytes - self.part.bytes();
                let piece = chunk.split_to(chunk.len().min(room as usize));
                let before = self.part.bytes();
                self.part.write(&piece).await?;
                self.hash.update(&piece);
                self.received += piece.len() as u64;
                let is_start = self.received == self.part.bytes();
                if is_start && before < HEAD_BYTES && self.part.bytes() >= HEAD_BYTES {
                    self.check_format().await?;
                }
                if self.part.bytes() == self.part_bytes {
                    self.store_part().await?;
                }
            }
            Ok(())
        })
    }

    /// The upload, as far as it is stored.
    pub fn upload(&self) -> &ResumableUpload {
        &self.upload
    }

    /// Stores what came behind the last whole part, and goes on: who asks how far the upload has come
    /// is told so, and it does not expire meanwhile.
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub fn settle(&mut self) -> BoxFuture<'_, Result<(), ReceiveError>> {
        Box::pin(async move {
            // the end is stored as a part
            match self.received > self.upload.position && self.received < self.upload.length {
                true => self.store_tail().await,
                false => Ok(()),
            }
        })
    }

    /// Stores what was received, also of a request that was cut off. When it is all, the upload is
    /// to be finished by [`Pipeline::finish_upload`].
    ///
    /// # Errors
    /// See [`ReceiveError`].
    pub fn save(mut self) -> BoxFuture<'static, Result<ResumableUpload, ReceiveError>> {
        Box::pin(async move {
            let is_all = self.received == self.upload.length;
            if is_all && self.received == self.part.bytes() && self.part.bytes() < HEAD_BYTES {
                self.check_format().await?;
            }
            match self.received > self.upload.position {
                true if is_all => self.store_part().await?,
                true => self.store_tail().await?,
                false => {}
            }
            Ok(self.upload)
        })
    }

    async fn read_tail(&mut self) -> Result<(), ReceiveError> {
        let (pipeline, id) = (&self.pipeline, self.upload.id);
        let tail = self.upload.tail.as_deref().unwrap_or_default();
        let length = pipeline.store().length(tail).await?;
        let bytes = match length {
            Some(length) => pipeline.store().stream(tail, 0..length).await?,
            None => None,
        };
        let Some(bytes) = bytes else {
            // a newer request replaces it
            let now = pipeline.catalog().upload(id, &self.maker).await?;
            let is_newest = now.is_some_and(|now| now.attempt == self.upload.attempt);
            return Err(if is_newest { ReceiveError::Lost } else { ReceiveError::Overtaken });
        };
        let mut bytes = ReaderStream::with_capacity(bytes, COPIED_BYTES);
        while let Some(chunk) = bytes.try_next().await.doing("read a tail")? {
            self.part.write(&chunk).await?;
        }
        if Some(self.part.bytes()) != length {
            return Err(Fault::new("read a tail", "it is too short").into());
        }
        self.has_tail = true;
        Ok(())
    }

    /// Refuses what does not begin as an image.
    async fn check_format(&mut self) -> Result<(), ReceiveError> {
        let head = self.part.head(HEAD_BYTES).await?;
        let limits = self.pipeline.config().limits.clone();
        let verdict = asciify::probe_header(Cursor::new(head), &limits).err();
        let unknown = verdict.filter(|verdict| {
            matches!(verdict, asciify::Error::Unknown { .. } | asciify::Error::FormatNotRead { .. })
        });
        let Some(verdict) = unknown else { return Ok(()) };
        let failed = UploadState::Failed(verdict.to_string());
        let kept = self.pipeline.config().upload_expires;
        let blobs = Vec::from_iter(self.upload.tail.clone());
        self.pipeline.catalog().conclude_upload(&self.upload, &failed, &blobs, kept).await?;
        Err(SubmitError::Image(verdict).into())
    }

    async fn store_part(&mut self) -> Result<(), ReceiveError> {
        let (catalog, store) = (self.pipeline.catalog().clone(), self.pipeline.store().clone());
        if self.upload.multipart_id.is_none() {
            let multipart_id = store.begin_parts(&self.upload).await?;
            failpoint::hit("resumable upload: begun");
            let named = catalog.name_multipart(&self.upload, &multipart_id).await;
            self.upload.multipart_id = Some(multipart_id);
            if !matches!(named, Ok(true)) {
                let _ = store.abort_parts(&self.upload).await;
                named?;
                return Err(ReceiveError::Overtaken);
            }
        }
        let (number, bytes) = (self.upload.next_part, self.part.bytes());
        if !store.takes_part(number) {
            return Err(ReceiveError::TooManyRequests);
        }
        let blobs = Vec::from_iter(store.part_blob(&self.upload, number));
        let put = store.put_part(&self.upload, number, self.part.path(), bytes);
        let part = self.put_blobs(&blobs, bytes, put).await?.ok_or(ReceiveError::Lost)?;
        failpoint::hit("resumable upload: part");
        self.record(Some((&part, bytes)), &blobs).await?;
        self.upload.next_part = number + 1;
        self.part.clear().await?;
        Ok(())
    }

    async fn store_tail(&mut self) -> Result<(), ReceiveError> {
        let (store, bytes) = (self.pipeline.store().clone(), self.part.bytes());
        let key = tail_key(&self.upload, self.received);
        let put = store.put(&key, Content::File(self.part.path().to_owned()));
        self.put_blobs(std::slice::from_ref(&key), bytes, put).await?;
        self.record(None, std::slice::from_ref(&key)).await?;
        self.upload.tail = Some(key);
        Ok(())
    }

    /// Reserves `blobs`, and stores what is in them.
    async fn put_blobs<T>(
        &self,
        blobs: &[String],
        bytes: u64,
        put: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, ReceiveError> {
        let config = self.pipeline.config();
        let lease = config.upload_lease.saturating_add(config.store_min_rate.time_of(bytes));
        self.pipeline.catalog().reserve_blobs(blobs, config.blob_grace.max(lease)).await?;
        Ok(put.await?)
    }

    async fn record(
        &mut self,
        part: Option<(&Part, u64)>,
        blobs: &[String],
    ) -> Result<(), ReceiveError> {
        let position = self.received;
        let kept = match position == self.upload.length {
            true => self.pipeline.finishing_lease(&self.upload),
            false => self.pipeline.config().upload_expires,
        };
        let hash = HashState::of(&self.hash);
        let received = Received { part, blobs, position, hash: hash.clone(), kept };
        let is_recorded = self.pipeline.catalog().record_received(&self.upload, received).await?;
        let unused = match is_recorded {
            true => Vec::from_iter(self.upload.tail.take()),
            false => blobs.to_vec(),
        };
        if !is_recorded {
            self.pipeline.catalog().release_blobs(blobs).await?;
        }
        // Small requests would fill the store before the janitor comes, which deletes what stays.
        for blob in unused {
            if let Err(fault) = self.pipeline.store().delete(&blob).await {
                tracing::warn!("{fault}");
            }
        }
        if !is_recorded {
            return Err(ReceiveError::Overtaken);
        }
        self.upload.position = position;
        self.upload.hash = hash;
        if position == self.upload.length {
            self.upload.state = UploadState::Finishing;
        }
        Ok(())
    }
}
