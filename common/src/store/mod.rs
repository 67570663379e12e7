//! The store: keeps blobs (originals and renders) under keys that are made here.
//!
//! Chosen by one URL: `file:FOLDER` on this machine, `s3://BUCKET` for several. A key is written
//! once, by one writer, and never overwritten; what `put` acknowledged survives power loss as far
//! as the backend promises it (files: fsync of file and folder).

use std::{ops::Range, path::PathBuf, pin::Pin};

use bytes::Bytes;
use tokio::io::AsyncRead;

use crate::{env::Env, fault::Fault, image::ImageId, job::Claim};

mod file;
mod s3;

pub(crate) use file::has_room;

/// Where blobs live.
#[derive(Debug, Clone)]
pub enum Config {
    /// `file:FOLDER`, relative to the working folder unless it begins with a slash.
    File(PathBuf),
    /// `s3://BUCKET`.
    S3(String),
}

impl Config {
    /// `STORE_URL`.
    pub fn read(env: &mut Env) -> Self {
        env.parsed(
            "STORE_URL",
            "file:data/blobs",
            "file:FOLDER or s3://BUCKET",
            "where originals and renders are kept: file:FOLDER or s3://BUCKET",
            Config::parse,
        )
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(bucket) = text.strip_prefix("s3://") {
            let bucket = bucket.trim_end_matches('/');
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            return (!bucket.is_empty() && bucket.chars().all(plain))
                .then(|| Config::S3(bucket.to_owned()));
        }
        // A URL library would make a relative folder absolute.
        let folder = text.strip_prefix("file:")?;
        let folder = folder.strip_prefix("//").unwrap_or(folder);
        (!folder.is_empty()).then(|| Config::File(folder.into()))
    }

    /// Where blobs live, in words without secrets.
    pub fn place(&self) -> String {
        match self {
            Config::File(folder) => {
                std::path::absolute(folder).as_ref().unwrap_or(folder).display().to_string()
            }
            Config::S3(bucket) => format!("s3://{bucket}"),
        }
    }
}

/// A stream of a blob's bytes.
pub type Body = Pin<Box<dyn AsyncRead + Send>>;

/// What a blob is made from.
pub enum Content {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file, which is left as it is.
    File(PathBuf),
}

/// The two kinds of store.
#[derive(Clone)]
pub enum Store {
    /// A folder of this machine.
    File(file::Files),
    /// A bucket.
    S3(s3::Bucket),
}

/// The key of an image's original as stored by that upload attempt.
pub fn original_key(image: ImageId, attempt: i32) -> String {
    format!("originals/{image}/{attempt}")
}

/// The key of a render made under that claim.
pub fn render_key(claim: &Claim, spec_hash: &str) -> String {
    format!("renders/{}/{}/{spec_hash}", claim.job, claim.attempt)
}

impl Store {
    /// Opens the store and makes the folder or the bucket where it is missing.
    ///
    /// # Errors
    /// The store is out of reach, or refuses us.
    pub async fn open(config: &Config) -> Result<Self, Fault> {
        Ok(match config {
            Config::File(folder) => Store::File(file::Files::open(folder.clone()).await?),
            Config::S3(bucket) => Store::S3(s3::Bucket::open(bucket).await?),
        })
    }

    /// Opens the store as it is and makes nothing; `None` where there is none.
    ///
    /// # Errors
    /// The store is out of reach, or refuses us.
    pub async fn find(config: &Config) -> Result<Option<Self>, Fault> {
        match config {
            Config::File(folder) if !folder.is_dir() => Ok(None),
            Config::File(_) => Store::open(config).await.map(Some),
            Config::S3(bucket) => Ok(s3::Bucket::find(bucket).await?.map(Store::S3)),
        }
    }

    /// Opens a bucket where `config` says, instead of the AWS SDK's own variables and files.
    ///
    /// # Errors
    /// The store is out of reach, or refuses us.
    pub async fn s3(bucket: &str, config: &aws_config::SdkConfig) -> Result<Self, Fault> {
        Ok(Store::S3(s3::Bucket::reach(bucket, config).await?))
    }

    /// Stores `content` under a key that nobody used before.
    ///
    /// # Errors
    /// The blob may or may not be there then.
    pub async fn put(&self, key: &str, content: Content) -> Result<(), Fault> {
        match self {
            Store::File(files) => files.put(key, content).await,
            Store::S3(bucket) => bucket.put(key, content).await,
        }
    }

    /// The whole blob; `None` when there is none.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        match self {
            Store::File(files) => files.get(key).await,
            Store::S3(bucket) => bucket.get(key).await,
        }
    }

    /// The blob's length in bytes; `None` when there is none.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn length(&self, key: &str) -> Result<Option<u64>, Fault> {
        match self {
            Store::File(files) => files.length(key).await,
            Store::S3(bucket) => bucket.length(key).await,
        }
    }

    /// A stream of the bytes in `range`, which is not empty and within the blob.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn stream(&self, key: &str, range: Range<u64>) -> Result<Option<Body>, Fault> {
        match self {
            Store::File(files) => files.stream(key, range).await,
            Store::S3(bucket) => bucket.stream(key, range).await,
        }
    }

    /// Removes the blob; it is no error when there is none.
    ///
    /// # Errors
    /// The blob may still be there then.
    pub async fn delete(&self, key: &str) -> Result<(), Fault> {
        match self {
            Store::File(files) => files.delete(key).await,
            Store::S3(bucket) => bucket.delete(key).await,
        }
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), Fault> {
        match self {
            Store::File(files) => files.check().await,
            Store::S3(bucket) => bucket.check().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_folder_or_a_bucket() {
        let parse = |text| Config::parse(text).map(|config| format!("{config:?}"));
        assert_eq!(parse("file:data/blobs").as_deref(), Some("File(\"data/blobs\")"));
        assert_eq!(parse("file:///srv/blobs").as_deref(), Some("File(\"/srv/blobs\")"));
        assert_eq!(parse("s3://planet/").as_deref(), Some("S3(\"planet\")"));
        for wrong in ["file:", "s3://", "s3://a/b", "data/blobs", "https://bucket"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
