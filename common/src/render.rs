//! A render: the fact that this text, of this engine version, is in the store.

use std::fmt::Write;

use asciify::Spec;
use sha2::{Digest, Sha256};

use crate::image::Millis;

/// A stored render. Rows of it never change; a newer engine adds newer ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Render {
    /// What was asked, in canonical form.
    pub spec: String,
    /// The engine version that made it.
    pub engine: u32,
    /// Its key in the store.
    pub blob: String,
    /// Of the text, in lower-case hex.
    pub sha256: String,
    /// Length of the text.
    pub bytes: u64,
    /// Characters in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// When it was stored.
    pub created_at: Millis,
}

/// A short name of `spec`: 128 bits of the SHA-256 of its canonical form, in hex.
pub fn spec_hash(spec: &Spec) -> String {
    let mut hash = sha256_hex(spec.to_string().as_bytes());
    hash.truncate(32);
    hash
}

/// SHA-256 in lower-case hex (FIPS 180-4).
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a String takes everything");
        out
    })
}
