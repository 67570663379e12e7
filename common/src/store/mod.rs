//! The store: keeps blobs (originals and renders) under keys.
//!
//! Chosen by one URL: `file:FOLDER` on this machine, `s3://BUCKET` for several. A key is written
//! once, by one writer, and never overwritten. What `put` confirmed is durable as far as the
//! backend guarantees it (files: fsync of file and folder). Keys are made in this module only.

use std::{
    ops::Range,
    path::PathBuf,
    pin::Pin,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture};
use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

use crate::{
    env::Env,
    fault::{Doing, Fault},
    image::ImageId,
    job::Claim,
};

/// Blobs that one call of [`Store::delete_all`] deletes at the same time.
const DELETIONS_AT_ONCE: usize = 16;

mod between;
mod blocks;
mod file;
mod object_reader;
mod parts;
mod reader;
mod receiving;
mod s3;
mod waits;

pub use blocks::ObjectMissing;
pub(crate) use file::check_writable;
pub use reader::{BlobReader, Readers, Reading};
pub use receiving::tail_key;
pub use waits::StoreWaits;

/// Where blobs are stored.
#[derive(Debug, Clone)]
pub enum Config {
    /// `file:FOLDER`, relative to the working folder unless it begins with a slash.
    File(PathBuf),
    /// `s3://BUCKET`.
    S3 {
        /// Its name.
        bucket: String,
        /// `STORE_MIN_RATE`.
        min_rate: MinRate,
        /// `S3_OBJECT_NAMES`.
        names: ObjectNames,
    },
}

/// `S3_OBJECT_NAMES`: how new objects are named. Objects with names of both kinds are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectNames {
    /// `3f2/originals/ID/ATTEMPT`, which begins with a hash: requests are spread over the bucket.
    Hashed,
    /// `originals/ID/ATTEMPT`, as earlier versions name and read them.
    Plain,
}

impl ObjectNames {
    fn read(env: &mut Env) -> Self {
        env.parsed(
            "S3_OBJECT_NAMES",
            "hashed",
            "hashed or plain",
            "how new objects in S3 are named: hashed, which begins with a hash, or plain, while \
             programs of a version without this setting run as well",
            |text| match text {
                "hashed" => Some(ObjectNames::Hashed),
                "plain" => Some(ObjectNames::Plain),
                _ => None,
            },
        )
    }
}

/// `STORE_MIN_RATE`: the lowest rate at which the store takes an object, in bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinRate(u64);

impl MinRate {
    /// 1 MiB per second.
    pub const DEFAULT: MinRate = MinRate(1 << 20);

    /// Reads `STORE_MIN_RATE`.
    pub fn read(env: &mut Env) -> Self {
        MinRate(env.number(
            "STORE_MIN_RATE",
            MinRate::DEFAULT.0,
            1..=u64::MAX,
            "lowest rate at which the store takes an upload, in bytes per second: the time limits \
             of storing it grow with its size",
        ))
    }

    /// How long the transfer of this many bytes may take.
    pub fn time_of(self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.0 as f64)
    }
}

impl Config {
    /// Reads `STORE_URL`, `STORE_MIN_RATE` and `S3_OBJECT_NAMES`.
    pub fn read(env: &mut Env) -> Self {
        let config = env.parsed(
            "STORE_URL",
            "file:data/blobs",
            "file:FOLDER or s3://BUCKET",
            "store of originals and renders: file:FOLDER or s3://BUCKET",
            Config::parse,
        );
        let (min_rate, names) = (MinRate::read(env), ObjectNames::read(env));
        match config {
            Config::S3 { bucket, .. } => Config::S3 { bucket, min_rate, names },
            folder => folder,
        }
    }

    /// Reads `MOVE_TO_STORE`: the store to which a move leads.
    pub fn read_target(env: &mut Env) -> Option<Self> {
        let target = env.parsed(
            "MOVE_TO_STORE",
            "",
            "file:FOLDER or s3://BUCKET",
            "store to which planet-admin move leads: file:FOLDER or s3://BUCKET",
            |text| if text.is_empty() { Some(None) } else { Config::parse(text).map(Some) },
        );
        let (min_rate, names) = (MinRate::read(env), ObjectNames::read(env));
        Some(match target? {
            Config::S3 { bucket, .. } => Config::S3 { bucket, min_rate, names },
            folder => folder,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(bucket) = text.strip_prefix("s3://") {
            let bucket = bucket.trim_end_matches('/');
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            return (!bucket.is_empty() && bucket.chars().all(plain)).then(|| Config::S3 {
                bucket: bucket.to_owned(),
                min_rate: MinRate::DEFAULT,
                names: ObjectNames::Hashed,
            });
        }
        // a URL parser would make a relative folder absolute
        let folder = text.strip_prefix("file:")?;
        let folder = folder.strip_prefix("//").unwrap_or(folder);
        (!folder.is_empty()).then(|| Config::File(folder.into()))
    }

    /// Where blobs are stored: an absolute path, or `s3://BUCKET`. Never contains credentials.
    pub fn location(&self) -> String {
        match self {
            Config::File(folder) => {
                std::path::absolute(folder).as_ref().unwrap_or(folder).display().to_string()
            }
            Config::S3 { bucket, .. } => format!("s3://{bucket}"),
        }
    }
}

/// A stream of the bytes of a blob.
pub type Body = Pin<Box<dyn AsyncRead + Send>>;

/// The source of a blob.
pub enum Content {
    /// Bytes in memory.
    Bytes(Bytes),
    /// The content of a file, which is not changed.
    File(PathBuf),
}

/// A store; clones share its client.
#[derive(Clone)]
pub enum Store {
    /// A folder of this machine.
    File(file::Files),
    /// A bucket.
    S3(s3::Bucket),
}

/// A file or an object that the store has not put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignBlob {
    /// By which it was found. As a key, it is read like a blob.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// Another one after each change.
    version: String,
}

/// Whether an object of this name belongs to the service: `[HASH/]KIND/ID/ATTEMPT`.
fn is_object_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let key = if let [_, key @ ..] = &parts[..]
        && parts.len() == 4
    {
        key
    } else {
        &parts[..]
    };
    let [kind, id, attempt] = key else { return false };
    let id = id.trim_start_matches("tail.");
    let is_attempt = attempt.split('-').all(|number| number.parse::<u64>().is_ok());
    file::KINDS.contains(kind) && Uuid::try_parse(id).is_ok() && is_attempt
}

/// The key of an image's original that this attempt of its upload stored.
pub fn original_key(image: ImageId, attempt: i32) -> String {
    format!("originals/{image}/{attempt}")
}

/// The key of the renders that were made under this claim: one blob, their texts one after another.
pub fn render_key(claim: &Claim) -> String {
    format!("renders/{}/{}", claim.job, claim.attempt)
}

impl Store {
    /// Opens the store. Creates the folder or the bucket when it is missing.
    ///
    /// # Errors
    /// The store is unavailable, or denies access.
    pub fn open(config: &Config) -> BoxFuture<'_, Result<Self, Fault>> {
        Box::pin(async move {
            Ok(match config {
                Config::File(folder) => Store::File(file::Files::open(folder.clone()).await?),
                Config::S3 { bucket, min_rate, names } => {
                    Store::S3(s3::Bucket::open(bucket, *min_rate, *names).await?)
                }
            })
        })
    }

    /// Opens an existing store; `None` when the folder or the bucket does not exist.
    ///
    /// # Errors
    /// The store is unavailable, or denies access.
    pub fn find(config: &Config) -> BoxFuture<'_, Result<Option<Self>, Fault>> {
        Box::pin(async move {
            match config {
                Config::File(folder) if !folder.is_dir() => Ok(None),
                Config::File(folder) => Ok(Some(Store::File(file::Files::find(folder.clone())))),
                Config::S3 { bucket, min_rate, names } => {
                    Ok(s3::Bucket::find(bucket, *min_rate, *names).await?.map(Store::S3))
                }
            }
        })
    }

    /// Opens a bucket with an explicit `config`, instead of the AWS SDK's variables and files.
    ///
    /// # Errors
    /// The store is unavailable, or denies access.
    pub async fn s3(
        bucket: &str,
        config: &aws_config::SdkConfig,
        names: ObjectNames,
    ) -> Result<Self, Fault> {
        Ok(Store::S3(s3::Bucket::open_with(bucket, config, MinRate::DEFAULT, names).await?))
    }

    /// Stores `content` under a key that was not used before.
    ///
    /// # Errors
    /// The store failed; the blob may exist or not.
    pub async fn put(&self, key: &str, content: Content) -> Result<(), Fault> {
        let call = async {
            match self {
                Store::File(files) => files.put(key, content).await,
                Store::S3(bucket) => bucket.put(key, content).await,
            }
        };
        measured("put", call).await
    }

    /// The whole blob; `None` when it does not exist.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        let call = async {
            match self {
                Store::File(files) => files.get(key).await,
                Store::S3(bucket) => bucket.get(key).await,
            }
        };
        measured("get", call).await
    }

    /// The bytes of the blob in `range`; `None` when it does not exist.
    ///
    /// # Errors
    /// The store is unavailable, or the blob ends before the range does.
    pub async fn get_part(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>, Fault> {
        let length = range.end - range.start;
        let Some(body) = self.stream(key, range).await? else { return Ok(None) };
        let mut part = Vec::with_capacity(length as usize);
        body.take(length).read_to_end(&mut part).await.doing("read a part of a blob")?;
        match part.len() as u64 == length {
            true => Ok(Some(part.into())),
            false => Err(Fault::new("read a part of a blob", format!("{key} is too short"))),
        }
    }

    /// The blob's length in bytes; `None` when it does not exist.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn length(&self, key: &str) -> Result<Option<u64>, Fault> {
        let call = async {
            match self {
                Store::File(files) => files.length(key).await,
                Store::S3(bucket) => bucket.length(key).await,
            }
        };
        measured("length", call).await
    }

    /// A stream of the bytes in `range`, which is not empty and within the blob; `None` when the
    /// blob does not exist.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn stream(&self, key: &str, range: Range<u64>) -> Result<Option<Body>, Fault> {
        let call = async {
            match self {
                Store::File(files) => files.stream(key, range).await,
                Store::S3(bucket) => bucket.stream(key, range).await,
            }
        };
        measured("stream", call).await
    }

    /// A file or an object that the store has not put: a file by its path, which may be relative to
    /// the store's folder; an object by its name in the bucket. `None` when there is none.
    ///
    /// # Errors
    /// The store is unavailable, or it is no file, or one that the store has put.
    pub async fn foreign(&self, name: &str) -> Result<Option<ForeignBlob>, Fault> {
        match self {
            Store::File(files) => files.foreign(name).await,
            Store::S3(_) if is_object_name(name) => {
                Err(Fault::new("look at an object", "it belongs to an image already"))
            }
            Store::S3(bucket) => bucket.foreign(name).await,
        }
    }

    /// Copies what the store has not put to a key that was not used before; `false` when it has
    /// changed meanwhile, and the key must not be used. The store copies it itself if it can.
    ///
    /// # Errors
    /// The store failed; the blob may exist or not.
    pub async fn adopt(&self, from: &ForeignBlob, key: &str) -> Result<bool, Fault> {
        let call = async {
            match self {
                Store::File(files) => files.adopt(from, key).await,
                Store::S3(bucket) => bucket.adopt(from, key).await,
            }
        };
        measured("adopt", call).await
    }

    /// Deletes the blob, if it exists.
    ///
    /// # Errors
    /// The store failed; the blob may still exist.
    pub async fn delete(&self, key: &str) -> Result<(), Fault> {
        let call = async {
            match self {
                Store::File(files) => files.delete(key).await,
                Store::S3(bucket) => bucket.delete(key).await,
            }
        };
        measured("delete", call).await
    }

    /// Deletes the blobs, those that exist; returns the outcome of each.
    ///
    /// # Errors
    /// The store is unavailable; any of them may still exist.
    pub async fn delete_all(&self, keys: &[&str]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let together = match self {
            Store::S3(bucket) if keys.len() > 1 => {
                measured("delete_all", bucket.delete_all(keys)).await?
            }
            _ => None,
        };
        Ok(match together {
            Some(outcomes) => outcomes,
            None => {
                let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
                let delete = |key: String| async move { self.delete(&key).await };
                let each = futures_util::stream::iter(keys).map(delete);
                each.buffered(DELETIONS_AT_ONCE).collect().await
            }
        })
    }

    /// Checks that the store answers, and that a folder can be written.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), Fault> {
        let call = async {
            match self {
                Store::File(files) => files.check().await,
                Store::S3(bucket) => bucket.check().await,
            }
        };
        measured("check", call).await
    }
}

/// Awaits a call and records its time and its outcome.
async fn measured<T>(
    operation: &'static str,
    call: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let started = Instant::now();
    let result = call.await;
    let outcome = if result.is_ok() { "ok" } else { "failed" };
    let labels = [("operation", operation), ("outcome", outcome)];
    metrics::histogram!("planet_store_seconds", &labels).record(started.elapsed().as_secs_f64());
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_folder_or_a_bucket() {
        let parse = |text| match Config::parse(text)? {
            Config::File(folder) => Some(format!("folder {}", folder.display())),
            Config::S3 { bucket, .. } => Some(format!("bucket {bucket}")),
        };
        assert_eq!(parse("file:data/blobs").as_deref(), Some("folder data/blobs"));
        assert_eq!(parse("file:///srv/blobs").as_deref(), Some("folder /srv/blobs"));
        assert_eq!(parse("s3://planet/").as_deref(), Some("bucket planet"));
        for wrong in ["file:", "s3://", "s3://a/b", "data/blobs", "https://bucket"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
