//! The periods after which rows fall due. Workers and uploads set them; a check needs them as well.

use std::time::Duration;

use crate::{env::Env, store::MinRate};

/// How far ahead of the database's clock each kind of row is made due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// `UPLOAD_LEASE_S`: how long storing an upload may take, without the time for its bytes.
    pub upload_lease: Duration,
    /// The time for the bytes of the largest upload: `MAX_UPLOAD_BYTES` at `STORE_MIN_RATE`.
    pub transfer: Duration,
    /// `LEASE_S`: how long a claim on a job is valid after it was last extended.
    pub lease: Duration,
    /// `BACKOFF_MAX_S`: the longest wait before a retry of a job.
    pub backoff_max: Duration,
    /// `BLOB_GRACE_S`: how long a blob may exist before a row refers to it.
    pub blob_grace: Duration,
}

impl Periods {
    /// How long storing the largest upload may take.
    pub fn upload(&self) -> Duration {
        self.upload_lease.saturating_add(self.transfer)
    }

    /// How long a blob may be reserved.
    pub fn reservation(&self) -> Duration {
        self.blob_grace.max(self.upload())
    }

    /// Reads the settings.
    pub fn read(env: &mut Env) -> Self {
        Periods {
            upload_lease: env.period(
                "UPLOAD_LEASE_S",
                "30",
                "most time to store an upload that was received, in seconds; STORE_MIN_RATE adds to it",
            ),
            transfer: {
                let bytes = max_upload_bytes(env);
                MinRate::read(env).time_of(bytes)
            },
            lease: env.period(
                "LEASE_S",
                "60",
                "how long a claim on a job is valid without being extended, in seconds",
            ),
            backoff_max: env.seconds(
                "BACKOFF_MAX_S",
                "300",
                "longest wait before a retry, in seconds",
            ),
            blob_grace: env.period(
                "BLOB_GRACE_S",
                "3600",
                "how long unfinished uploads and blobs without a row are kept, in seconds",
            ),
        }
    }
}

/// Reads `MAX_UPLOAD_BYTES`.
pub(crate) fn max_upload_bytes(env: &mut Env) -> u64 {
    env.number("MAX_UPLOAD_BYTES", 32 << 20, 1..=1 << 40, "largest upload, in bytes")
}
