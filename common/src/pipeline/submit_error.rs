//! Why an upload is refused, while it is received or when it is submitted.

use crate::{account::settings::Excess, fault::Fault};

/// Why an upload was refused.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// No bytes at all.
    #[error("the upload is empty: send the image's bytes")]
    Empty,
    /// More bytes than `MAX_UPLOAD_BYTES`.
    #[error("the upload is larger than {max} bytes, the limit of this service (MAX_UPLOAD_BYTES)")]
    TooLarge {
        /// The limit, in bytes.
        max: u64,
    },
    /// The disk has less than `SPOOL_FREE_BYTES` left.
    #[error(
        "the disk has no space for uploads at the moment: try again later, or tell the operator"
    )]
    NoRoom,
    /// The engine does not support the file, or it exceeds a limit.
    #[error(transparent)]
    Image(asciify::Error),
    /// The idempotency key belongs to an image with other bytes.
    #[error("this Idempotency-Key was used for another upload: a new upload needs a new key")]
    KeyReused,
    /// The idempotency key belongs to an upload that is still running.
    #[error("an upload with this Idempotency-Key is still running: try again in a moment")]
    KeyBusy,
    /// The user would have more than they may.
    #[error("{0}: delete some images, or ask an admin for more; /account shows what you have")]
    OverQuota(Excess),
    /// The user was blocked, or deleted their account, while the upload was running.
    #[error("the account was blocked or deleted while the upload was running")]
    NoOwner,
    /// The service failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
