//! Copies blobs from one store to another, part by part.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::primitives::ByteStream;
use futures_util::{StreamExt, stream};

use super::{
    Content, Store,
    parts::{MIN_PART_BYTES, part_bytes, ranges},
};
use crate::fault::Fault;

impl Store {
    /// Stores the blob of `length` bytes that another store has under the same key, which was not used
    /// here; `false` when it is not there.
    ///
    /// # Errors
    /// A store failed; the blob may exist or not.
    pub async fn put_from(&self, from: &Store, key: &str, length: u64) -> Result<bool, Fault> {
        if length <= MIN_PART_BYTES {
            let Some(bytes) = from.get(key).await? else { return Ok(false) };
            self.put(key, Content::Bytes(bytes)).await?;
            return Ok(true);
        }
        match self {
            Store::File(files) => {
                let parts = stream::iter(ranges(length, MIN_PART_BYTES));
                files.put_parts(key, parts.then(|range| from.get_part(key, range))).await
            }
            Store::S3(bucket) => {
                let is_missing = AtomicBool::new(false);
                let make = |id: String, number, range| {
                    let is_missing = &is_missing;
                    async move {
                        let Some(bytes) = from.get_part(key, range).await? else {
                            is_missing.store(true, Ordering::Relaxed);
                            return Ok(None);
                        };
                        let length = bytes.len() as u64;
                        bucket.send_part(key, &id, number, ByteStream::from(bytes), length).await
                    }
                };
                let made = bucket.make_of_parts(key, length, part_bytes(length), make).await;
                match made {
                    Err(_) if is_missing.load(Ordering::Relaxed) => Ok(false),
                    made => made.map(|()| true),
                }
            }
        }
    }
}
