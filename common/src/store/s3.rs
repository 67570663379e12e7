//! Blobs as objects in an S3 bucket; the only file that uses the AWS SDK's client.
//!
//! S3 limits the requests to objects whose names begin alike, and keys begin alike: with a word, and
//! an id that begins with the time. So the name of an object is the key behind three digits of its
//! hash: `3f2/originals/ID/ATTEMPT`. Earlier versions named objects as the key: these are read and
//! deleted as well.

use std::{collections::HashMap, ops::Range, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::{
    Client,
    config::{
        Config, RequestChecksumCalculation, ResponseChecksumValidation,
        StalledStreamProtectionConfig,
        retry::RetryConfig,
        timeout::{TimeoutConfig, TimeoutConfigBuilder},
    },
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::{
        AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, Delete, ExpirationStatus,
        LifecycleRule, LifecycleRuleFilter, ObjectIdentifier,
    },
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use bytes::Bytes;

use super::{Body, Content, MinRate, ObjectNames};
use crate::{
    fault::{Doing, Fault},
    render::sha256_hex,
};

mod copy;
mod multipart;

/// A bucket and its client.
#[derive(Clone)]
pub struct Bucket {
    client: Client,
    name: String,
    min_rate: MinRate,
    names: ObjectNames,
}

/// Files with more bytes are sent in parts.
const MAX_PUT_BYTES: u64 = 32 << 20;
/// How long a bucket keeps the parts of uploads that were neither completed nor aborted.
const PARTS_KEPT_DAYS: i32 = 7;
/// Hexadecimal digits of the hash in an object's name.
const HASH_DIGITS: usize = 3;
/// How long a connection may take, and a transfer may pause.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limits of a request: until the answer begins, of one attempt, and of all attempts. The
/// last two are without the time for the content that it sends.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);

impl Bucket {
    /// Endpoint, region and credentials come from the AWS SDK's variables and files.
    pub(super) async fn open(
        name: &str,
        min_rate: MinRate,
        names: ObjectNames,
    ) -> Result<Self, Fault> {
        Bucket::open_with(name, &sdk_config().await, min_rate, names).await
    }

    /// `None` when the bucket does not exist.
    pub(super) async fn find(
        name: &str,
        min_rate: MinRate,
        names: ObjectNames,
    ) -> Result<Option<Self>, Fault> {
        let bucket = Bucket::new(name, &sdk_config().await, min_rate, names);
        Ok(bucket.exists().await?.then_some(bucket))
    }

    pub(super) async fn open_with(
        name: &str,
        shared: &SdkConfig,
        min_rate: MinRate,
        names: ObjectNames,
    ) -> Result<Self, Fault> {
        let bucket = Bucket::new(name, shared, min_rate, names);
        bucket.create_if_missing().await?;
        Ok(bucket)
    }

    fn new(name: &str, shared: &SdkConfig, min_rate: MinRate, names: ObjectNames) -> Self {
        let mut config = aws_sdk_s3::config::Builder::from(shared)
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(3)
                    .with_max_backoff(Duration::from_secs(2)),
            )
            .timeout_config(
                timeouts(Duration::ZERO)
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(RESPONSE_TIMEOUT)
                    .build(),
            )
            // the body of an answer has no other limit
            .stalled_stream_protection(
                StalledStreamProtectionConfig::enabled().grace_period(STALL_TIMEOUT).build(),
            );
        if custom_endpoint(shared) {
            // Servers other than AWS often support neither bucket host names nor the SDK's
            // checksums.
            config = config
                .force_path_style(true)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        let client = Client::from_conf(config.build());
        Bucket { client, name: name.to_owned(), min_rate, names }
    }

    /// The name that a new object gets, and the other one that it may have.
    fn names_of(&self, key: &str) -> [String; 2] {
        let hashed = format!("{}/{key}", &sha256_hex(key.as_bytes())[..HASH_DIGITS]);
        match self.names {
            ObjectNames::Hashed => [hashed, key.to_owned()],
            ObjectNames::Plain => [key.to_owned(), hashed],
        }
    }

    async fn exists(&self) -> Result<bool, Fault> {
        match self.client.head_bucket().bucket(&self.name).send().await {
            Ok(_) => Ok(true),
            Err(err) if err.as_service_error().is_some_and(|err| err.is_not_found()) => Ok(false),
            Err(err) => Err(err).doing("reach the bucket"),
        }
    }

    async fn create_if_missing(&self) -> Result<(), Fault> {
        if self.exists().await? {
            return Ok(());
        }
        match self.client.create_bucket().bucket(&self.name).send().await {
            Ok(_) => {
                self.expire_parts().await;
                Ok(())
            }
            Err(err) if err.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(err) if err.code() == Some("BucketAlreadyExists") => Ok(()),
            Err(err) => Err(err).doing("create the bucket"),
        }
    }

    /// Lets the server delete the parts that a process left which died while it sent them. Not all
    /// servers can.
    async fn expire_parts(&self) {
        let abort = AbortIncompleteMultipartUpload::builder();
        let rule = LifecycleRule::builder()
            .id("incomplete uploads")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .abort_incomplete_multipart_upload(
                abort.days_after_initiation(PARTS_KEPT_DAYS).build(),
            );
        let Ok(rule) = rule.build() else { return };
        let Ok(rules) = BucketLifecycleConfiguration::builder().rules(rule).build() else { return };
        let put = self.client.put_bucket_lifecycle_configuration().bucket(&self.name);
        if put.lifecycle_configuration(rules).send().await.is_err() {
            tracing::info!("the bucket has no lifecycle rule for incomplete multipart uploads");
        }
    }

    pub(super) async fn put(&self, key: &str, content: Content) -> Result<(), Fault> {
        let body = match content {
            Content::Bytes(bytes) => ByteStream::from(bytes),
            Content::File(path) => {
                let file = tokio::fs::metadata(&path).await.doing("read an upload")?;
                if file.len() > MAX_PUT_BYTES {
                    return self.put_in_parts(key, &path, file.len()).await;
                }
                ByteStream::from_path(path).await.doing("read an upload")?
            }
        };
        let (bytes, _) = body.size_hint();
        // The answer begins after the content. The client keeps one connection pool per read
        // timeout: a timeout that varied with the content would defeat reuse.
        let limits = timeouts(self.min_rate.time_of(bytes)).disable_read_timeout().build();
        let [name, _] = self.names_of(key);
        let put = self.client.put_object().bucket(&self.name).key(name).body(body);
        let put = put.customize().config_override(Config::builder().timeout_config(limits));
        put.send().await.doing("put an object").map(drop)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        for name in self.names_of(key) {
            let get = self.client.get_object().bucket(&self.name).key(name);
            if let Some(object) = found(get.send().await, "get an object")? {
                return Ok(Some(object.body.collect().await.doing("read an object")?.into_bytes()));
            }
        }
        Ok(None)
    }

    pub(super) async fn length(&self, key: &str) -> Result<Option<u64>, Fault> {
        for name in self.names_of(key) {
            let head = self.client.head_object().bucket(&self.name).key(name);
            if let Some(object) = found(head.send().await, "get the length of an object")? {
                return Ok(object.content_length.and_then(|length| u64::try_from(length).ok()));
            }
        }
        Ok(None)
    }

    pub(super) async fn stream(&self, key: &str, range: Range<u64>) -> Result<Option<Body>, Fault> {
        // RFC 9110, 14.1.2 and 14.4: the last position is inclusive; a server that ignores the range
        // sends the whole
        let answered = format!("bytes {}-", range.start);
        let start = range.start;
        let range = format!("bytes={}-{}", start, range.end - 1);
        for name in self.names_of(key) {
            let get = self.client.get_object().bucket(&self.name).key(name).range(&range);
            if let Some(object) = found(get.send().await, "open an object")? {
                let is_range = match object.content_range() {
                    Some(range) => range.starts_with(&answered),
                    None => start == 0,
                };
                if !is_range {
                    return Err(Fault::new("open an object", "the store ignores ranges"));
                }
                return Ok(Some(Box::pin(object.body.into_async_read())));
            }
        }
        Ok(None)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Fault> {
        for name in self.names_of(key) {
            let delete = self.client.delete_object().bucket(&self.name).key(name);
            found(delete.send().await, "delete an object")?;
        }
        Ok(())
    }

    /// Deletes up to 500 objects, by both of their names, by one request (`DeleteObjects`), and
    /// returns the outcome of each; `None` when the server refuses such a request: not all servers
    /// know it.
    pub(super) async fn delete_all(
        &self,
        keys: &[&str],
    ) -> Result<Option<Vec<Result<(), Fault>>>, Fault> {
        const DOING: &str = "delete objects";
        let names: Vec<[String; 2]> = keys.iter().map(|key| self.names_of(key)).collect();
        let object = |name: &String| ObjectIdentifier::builder().key(name).build();
        let objects = names.iter().flatten().map(object);
        let objects = objects.collect::<Result<Vec<_>, _>>().doing(DOING)?;
        let objects = Delete::builder().set_objects(Some(objects)).quiet(true);
        let delete = self.client.delete_objects().bucket(&self.name);
        let delete = delete.delete(objects.build().doing(DOING)?).send().await;
        let refused = |status: u16| (400..500).contains(&status) || status == 501;
        let answer = match delete {
            Err(SdkError::ServiceError(err)) if refused(err.raw().status().as_u16()) => {
                return Ok(None);
            }
            answer => answer.doing(DOING)?,
        };
        let failures: HashMap<_, _> = answer
            .errors()
            .iter()
            .filter(|error| !matches!(error.code(), Some("NoSuchKey" | "NotFound")))
            .map(|error| (error.key().unwrap_or_default(), error.code().unwrap_or("no code")))
            .collect();
        let outcome = |names: &[String; 2]| match names
            .iter()
            .find(|name| failures.contains_key(name.as_str()))
        {
            Some(name) => {
                let code = failures[name.as_str()];
                Err(Fault::new("delete an object", format!("{name}: {code}")))
            }
            None => Ok(()),
        };
        Ok(Some(names.iter().map(outcome).collect()))
    }

    pub(super) async fn check(&self) -> Result<(), Fault> {
        self.client
            .head_bucket()
            .bucket(&self.name)
            .send()
            .await
            .doing("reach the bucket")
            .map(drop)
    }
}

/// The time limits of a request whose content may take `transfer` to be sent.
fn timeouts(transfer: Duration) -> TimeoutConfigBuilder {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT.saturating_add(transfer))
        .operation_timeout(OPERATION_TIMEOUT.saturating_add(transfer))
}

/// The configuration in the AWS SDK's variables and files.
async fn sdk_config() -> SdkConfig {
    let https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let found = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    match found.region() {
        Some(_) => found,
        None => found.into_builder().region(Region::new("us-east-1")).build(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a variable of the AWS SDK, which reads it itself")]
fn custom_endpoint(shared: &SdkConfig) -> bool {
    shared.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some()
}

/// `None` when the server answers that the key does not exist.
fn found<T, E>(result: Result<T, SdkError<E>>, doing: &'static str) -> Result<Option<T>, Fault>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match result {
        // the answer to a HEAD has no body with a code of its own
        Err(err) if matches!(err.code(), Some("NoSuchKey" | "NotFound")) => Ok(None),
        other => other.doing(doing).map(Some),
    }
}
