//! A resumable upload: a file that is received in parts, by several requests (tus 1.0.0).

use std::{fmt, str::FromStr};

use sha2::{
    Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};
use uuid::Uuid;

use crate::{
    image::{ImageId, Millis},
    render::hex,
    user_id::UserId,
};

/// The id of a resumable upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub Uuid);

impl UploadId {
    /// A new id, which cannot be guessed.
    pub fn generate() -> Self {
        UploadId(Uuid::now_v7())
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(UploadId)
    }
}

/// How far a resumable upload has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadState {
    /// It is being received.
    Receiving,
    /// It was received as a whole, and is being stored.
    Finishing,
    /// It is this image.
    Done(ImageId),
    /// It was refused, for this reason.
    Failed(String),
}

/// A resumable upload.
#[derive(Debug, Clone)]
pub struct ResumableUpload {
    /// Its id.
    pub id: UploadId,
    /// Whose it is; `None` without accounts.
    pub owner: Option<UserId>,
    /// How far it has come.
    pub state: UploadState,
    /// The fencing token: one more for each request that sends or ends it.
    pub attempt: i32,
    /// Length of the file in bytes.
    pub length: u64,
    /// Bytes that are stored: where the next request goes on.
    pub position: u64,
    /// The number of the next part.
    pub next_part: i32,
    /// What the store calls it.
    pub multipart_id: Option<String>,
    /// The blob of the bytes behind the last part.
    pub tail: Option<String>,
    /// The state of its hash at `position`.
    pub hash: HashState,
    /// The file's name.
    pub name: Option<String>,
    /// Until when it is kept, unless it goes on; of one that is being stored, the end of a lease.
    pub due_at: Millis,
}

/// A part of an upload that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1. Numbers ascend, and may have gaps.
    pub number: i32,
    /// What the store answered, which it needs to make a blob of the parts.
    pub receipt: String,
}

/// The state of SHA-256 after some bytes, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashState(pub String);

impl HashState {
    /// The state of `hash`.
    pub fn of(hash: &Sha256) -> Self {
        HashState(hex(&hash.serialize()))
    }

    /// The hash, to be continued; `None` if the text was written by something else.
    pub fn hash(&self) -> Option<Sha256> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
        let pairs = self.0.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(16 * digit(high)? + digit(low)?),
            _ => None,
        });
        let bytes = pairs.collect::<Option<Vec<u8>>>()?;
        let state = SerializedState::<Sha256>::try_from(bytes.as_slice()).ok()?;
        Sha256::deserialize(&state).ok()
    }
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    use super::*;

    #[test]
    fn a_hash_goes_on_where_its_state_was_kept() {
        for at in [0, 1, 63, 64, 65, 1_000] {
            let bytes: Vec<u8> = (0..1_000_u32).map(|n| (n * 7) as u8).collect();
            let mut hash = Sha256::new();
            hash.update(&bytes[..at]);
            let mut later = HashState::of(&hash).hash().unwrap();
            later.update(&bytes[at..]);
            assert_eq!(later.finalize(), Sha256::digest(&bytes), "at {at}");
        }
        for wrong in ["", "00", "xyz", "é"] {
            assert!(HashState(wrong.into()).hash().is_none(), "{wrong}");
        }
    }
}
