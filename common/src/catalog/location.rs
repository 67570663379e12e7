//! Where a text is in the store, as rows of renders have it: `KEY#OFFSET`.
//!
//! Rows of earlier versions have the key alone, of a blob with one text. A process of such a version
//! looks for the location as a key and finds no blob, instead of several texts for one.

/// The location of the text that begins at `offset` bytes of the blob.
pub(super) fn location(blob: &str, offset: u64) -> String {
    format!("{blob}#{offset}")
}

/// The key of the blob, and where the text begins in it, in bytes.
pub(super) fn parse(location: &str) -> (&str, u64) {
    match location.rsplit_once('#') {
        Some((blob, offset)) => (blob, offset.parse().unwrap_or(0)),
        None => (location, 0),
    }
}
