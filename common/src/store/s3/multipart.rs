//! Objects that are written in parts, by multipart uploads.

use std::{ops::Range, path::Path};

use aws_sdk_s3::{
    config::Config,
    error::ProvideErrorMetadata,
    primitives::{ByteStream, Length},
    types::{CompletedMultipartUpload, CompletedPart},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;

use super::{Bucket, timeouts};
use crate::{
    fault::{Doing, Fault},
    resumable::Part,
    store::parts::{part, part_bytes, ranges, receipt},
};

/// Parts of an object that are sent at the same time.
const PARTS_AT_ONCE: usize = 4;
/// Bytes of a file that are read at a time.
const FILE_BUFFER_BYTES: usize = 128 << 10;

/// The code of an error: there is no such multipart upload.
const NO_UPLOAD: &str = "NoSuchUpload";

fn lost() -> Fault {
    Fault::new("put an object in parts", "its parts are gone")
}

/// A multipart upload, which is aborted when it is dropped before it is completed.
struct Unfinished<'a> {
    bucket: &'a Bucket,
    key: &'a str,
    id: Option<String>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) else { return };
        let (bucket, key) = (self.bucket.clone(), self.key.to_owned());
        runtime.spawn(async move {
            if let Err(fault) = bucket.abort_parts(&key, &id).await {
                tracing::warn!("parts stay in the bucket until its lifecycle rule ends: {fault}");
            }
        });
    }
}

impl Bucket {
    /// Sends the file's `bytes`, several parts at the same time. When this fails or is dropped, the
    /// parts are deleted.
    pub(super) async fn put_in_parts(
        &self,
        key: &str,
        path: &Path,
        bytes: u64,
    ) -> Result<(), Fault> {
        let send = |id: String, number: i32, range: Range<u64>| async move {
            let length = range.end - range.start;
            let body = ByteStream::read_from().path(path).buffer_size(FILE_BUFFER_BYTES);
            let body = body.offset(range.start).length(Length::Exact(length)).build().await;
            self.send_part(key, &id, number, body.doing("read an upload")?, length).await
        };
        self.make_of_parts(key, bytes, part_bytes(bytes), send).await
    }

    /// Makes an object of parts, which `make` puts, several at the same time. It gets the id of the
    /// multipart upload, and number and range of the part. When this fails or is dropped, the parts
    /// are deleted.
    pub(in crate::store) async fn make_of_parts<F>(
        &self,
        key: &str,
        bytes: u64,
        part_bytes: u64,
        make: impl Fn(String, i32, Range<u64>) -> F,
    ) -> Result<(), Fault>
    where
        F: Future<Output = Result<Option<Part>, Fault>>,
    {
        let id = self.begin_parts(key).await?;
        let mut unfinished = Unfinished { bucket: self, key, id: Some(id.clone()) };
        let parts = stream::iter((1..).zip(ranges(bytes, part_bytes)));
        let parts = parts.map(|(number, range)| make(id.clone(), number, range));
        let parts: Vec<Option<Part>> = parts.buffered(PARTS_AT_ONCE).try_collect().await?;
        let parts: Option<Vec<Part>> = parts.into_iter().collect();
        let parts = parts.ok_or_else(lost)?;
        let is_made = self.complete_parts(key, &id, &parts, bytes).await?;
        unfinished.id = None;
        is_made.then_some(()).ok_or_else(lost)
    }

    /// Begins a multipart upload; returns its id.
    pub(in crate::store) async fn begin_parts(&self, key: &str) -> Result<String, Fault> {
        const DOING: &str = "begin a multipart upload";
        let [name, _] = self.names_of(key);
        let begun = self.client.create_multipart_upload().bucket(&self.name).key(name);
        let id = begun.send().await.doing(DOING)?.upload_id;
        id.ok_or_else(|| Fault::new(DOING, "the answer has no id"))
    }

    /// Sends a part of `length` bytes; `None` when there is no such multipart upload. As many may be
    /// sent at the same time as by [`Bucket::make_of_parts`].
    pub(in crate::store) async fn send_part(
        &self,
        key: &str,
        id: &str,
        number: i32,
        body: ByteStream,
        length: u64,
    ) -> Result<Option<Part>, Fault> {
        const DOING: &str = "put a part of an object";
        let transfer = self.min_rate.time_of(length.saturating_mul(PARTS_AT_ONCE as u64));
        let limits = timeouts(transfer).disable_read_timeout().build();
        let [name, _] = self.names_of(key);
        let put = self.client.upload_part().bucket(&self.name).key(name);
        let put = put.upload_id(id).part_number(number).body(body);
        let put = put.customize().config_override(Config::builder().timeout_config(limits));
        let answer = match put.send().await {
            Err(err) if err.code() == Some(NO_UPLOAD) => return Ok(None),
            answer => answer.doing(DOING)?,
        };
        let tag = answer.e_tag.ok_or_else(|| Fault::new(DOING, "the answer has no ETag"))?;
        Ok(Some(part(number, &tag, answer.checksum_crc32.as_deref())))
    }

    /// Makes the object of `bytes` of its parts, in their order; `false` when there are no such parts.
    pub(in crate::store) async fn complete_parts(
        &self,
        key: &str,
        id: &str,
        parts: &[Part],
        bytes: u64,
    ) -> Result<bool, Fault> {
        let completed = |part: &Part| {
            let (tag, checksum) = receipt(part);
            let part = CompletedPart::builder().part_number(part.number).e_tag(tag);
            part.set_checksum_crc32(checksum.map(str::to_owned)).build()
        };
        let parts = parts.iter().map(completed).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let limits = timeouts(self.min_rate.time_of(bytes)).disable_read_timeout().build();
        let [name, _] = self.names_of(key);
        let complete = self.client.complete_multipart_upload().bucket(&self.name).key(name);
        let complete = complete.upload_id(id).multipart_upload(parts).customize();
        let complete = complete.config_override(Config::builder().timeout_config(limits));
        match complete.send().await {
            Ok(_) => Ok(true),
            // an earlier request may have completed it, whose answer was lost
            Err(_) if self.length(key).await? == Some(bytes) => Ok(true),
            Err(err) if err.code() == Some(NO_UPLOAD) => Ok(false),
            Err(err) => Err(err).doing("complete a multipart upload"),
        }
    }

    /// Deletes the parts of a multipart upload, if there is one.
    pub(in crate::store) async fn abort_parts(&self, key: &str, id: &str) -> Result<(), Fault> {
        let [name, _] = self.names_of(key);
        let abort = self.client.abort_multipart_upload().bucket(&self.name).key(name);
        match abort.upload_id(id).send().await {
            Err(err) if err.code() == Some(NO_UPLOAD) => Ok(()),
            aborted => aborted.doing("abort a multipart upload").map(drop),
        }
    }
}
