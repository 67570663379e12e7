//! Blobs that are received in parts, by several requests.
//!
//! In S3, an upload is a multipart upload, whose parts are no blobs. As files, each part is a blob.

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;

use super::{Content, Store, parts::part_bytes};
use crate::{
    fault::{Doing, Fault},
    resumable::{Part, ResumableUpload, UploadId},
};

/// The greatest number of a part that S3 takes.
const MAX_NUMBER: i32 = 10_000;

/// The key of a part of an upload; with the number 0, that of the whole in S3.
fn part_key(upload: UploadId, number: i32) -> String {
    format!("uploads/{upload}/{number}")
}

/// The key of the bytes behind the last part, up to `position`, that an attempt has stored.
pub fn tail_key(upload: &ResumableUpload, position: u64) -> String {
    format!("uploads/tail.{}/{}-{position}", upload.id, upload.attempt)
}

impl Store {
    /// How many bytes each part but the last one has.
    pub fn part_bytes(&self, upload: &ResumableUpload) -> u64 {
        part_bytes(upload.length)
    }

    /// Whether a part may have this number.
    pub fn takes_part(&self, number: i32) -> bool {
        number <= MAX_NUMBER
    }

    /// Begins to receive an upload; returns what the store calls it.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn begin_parts(&self, upload: &ResumableUpload) -> Result<String, Fault> {
        match self {
            Store::File(_) => Ok(String::new()),
            Store::S3(bucket) => bucket.begin_parts(&part_key(upload.id, 0)).await,
        }
    }

    /// The blob that the part of this number is; `None` if it is none of its own.
    pub fn part_blob(&self, upload: &ResumableUpload, number: i32) -> Option<String> {
        matches!(self, Store::File(_)).then(|| part_key(upload.id, number))
    }

    /// Stores a part, whose bytes the file has; `None` when the parts before it are lost. Its number
    /// was not used before.
    ///
    /// # Errors
    /// The store failed; the part may exist or not.
    pub async fn put_part(
        &self,
        upload: &ResumableUpload,
        number: i32,
        file: &Path,
        bytes: u64,
    ) -> Result<Option<Part>, Fault> {
        match self {
            Store::File(_) => {
                let key = part_key(upload.id, number);
                self.put(&key, Content::File(file.to_owned())).await?;
                Ok(Some(Part { number, receipt: String::new() }))
            }
            Store::S3(bucket) => {
                let body = ByteStream::from_path(file).await.doing("read a part of an upload")?;
                let id = upload.multipart_id.as_deref().unwrap_or_default();
                bucket.send_part(&part_key(upload.id, 0), id, number, body, bytes).await
            }
        }
    }

    /// Makes one blob of all parts of an upload; returns its key, or `None` when a part is lost.
    /// `number` is one that no part has, for a new blob.
    ///
    /// # Errors
    /// The store failed.
    pub async fn join_parts(
        &self,
        upload: &ResumableUpload,
        parts: &[(Part, u64)],
        number: i32,
    ) -> Result<Option<String>, Fault> {
        let key = self.joined_key(upload, number);
        let is_joined = match self {
            Store::File(files) => {
                let keys =
                    parts.iter().map(|(part, bytes)| (part_key(upload.id, part.number), *bytes));
                files.join(keys.collect(), &key).await?
            }
            Store::S3(bucket) => {
                let id = upload.multipart_id.as_deref().unwrap_or_default();
                let parts: Vec<Part> = parts.iter().map(|(part, _)| part.clone()).collect();
                bucket.complete_parts(&key, id, &parts, upload.length).await?
            }
        };
        Ok(is_joined.then_some(key))
    }

    /// The key that [`Store::join_parts`] returns.
    pub fn joined_key(&self, upload: &ResumableUpload, number: i32) -> String {
        match self {
            Store::File(_) => part_key(upload.id, number),
            Store::S3(_) => part_key(upload.id, 0),
        }
    }

    /// The blobs that an upload has, apart from its tail: to be deleted with it.
    pub fn blobs_of(&self, upload: &ResumableUpload, parts: &[(Part, u64)]) -> Vec<String> {
        match self {
            Store::File(_) => {
                parts.iter().map(|(part, _)| part_key(upload.id, part.number)).collect()
            }
            Store::S3(_) => upload.multipart_id.iter().map(|_| part_key(upload.id, 0)).collect(),
        }
    }

    /// Deletes the parts that are no blobs of their own.
    ///
    /// # Errors
    /// The store failed; they may still exist.
    pub async fn abort_parts(&self, upload: &ResumableUpload) -> Result<(), Fault> {
        match (self, &upload.multipart_id) {
            (Store::S3(bucket), Some(id)) => bucket.abort_parts(&part_key(upload.id, 0), id).await,
            _ => Ok(()),
        }
    }

    /// Copies a blob of `length` bytes to a key that was not used before, without sending it.
    ///
    /// # Errors
    /// The store failed; the copy may exist or not.
    pub async fn copy(&self, from: &str, length: u64, key: &str) -> Result<(), Fault> {
        match self {
            Store::File(files) => files.copy(from, key).await,
            Store::S3(bucket) => bucket.copy(from, length, key).await,
        }
    }
}
