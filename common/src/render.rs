//! A render: a text in the store, made by one engine version.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::image::Millis;

/// A stored render. Its row never changes; a newer engine version adds another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Render {
    /// The options, in canonical form.
    pub spec: String,
    /// The engine version.
    pub engine: u32,
    /// The key of its blob in the store, which may have other renders as well.
    pub blob: String,
    /// Where the text begins in the blob, in bytes.
    pub offset: u64,
    /// SHA-256 of the text, lower-case hex.
    pub sha256: String,
    /// Length of the text in bytes.
    pub bytes: u64,
    /// Characters per row.
    pub columns: u32,
    /// Number of rows.
    pub rows: u32,
    /// When it was stored.
    pub created_at: Millis,
}

impl Render {
    /// Where the text is in the blob, in bytes.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.bytes
    }
}

/// The first 128 bits of the SHA-256 of a spec in its canonical form: 32 lower-case hex digits.
pub fn spec_hash(canonical: &str) -> String {
    let mut hash = sha256_hex(canonical.as_bytes());
    hash.truncate(32);
    hash
}

/// SHA-256 (FIPS 180-4): 64 lower-case hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `bytes` in lower-case hex, two digits per byte.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}
