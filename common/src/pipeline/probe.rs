//! Probes and hashes what is in the store already, by ranges.

use std::ops::Range;

use asciify::{Header, Limits};
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::submit_error::SubmitError;
use crate::{
    fault::Fault,
    render::hex,
    store::{BlobReader, Readers, Reading, Store, StoreWaits},
};

/// Bytes that are read at a time, and how many such reads are under way.
const HASHED_BYTES: u64 = 8 << 20;
const READS_AT_ONCE: usize = 2;

/// Reads the header of a blob, and decodes the blob if that is needed to tell whether it is whole;
/// `None` when it does not exist.
///
/// # Errors
/// It is no image, or one beyond a limit; or the store is unavailable.
pub(super) async fn probe(
    readers: &Readers,
    key: &str,
    length: u64,
    limits: &Limits,
) -> Result<Option<Header>, SubmitError> {
    let Some(header) = probe_by(readers, key, length, limits, asciify::probe_header).await? else {
        return Ok(None);
    };
    if header.is_whole {
        return Ok(Some(header));
    }
    let Some(header) = probe_by(readers, key, length, limits, asciify::probe).await? else {
        return Ok(None);
    };
    header.check_whole().map_err(SubmitError::Image)?;
    Ok(Some(header))
}

async fn probe_by(
    readers: &Readers,
    key: &str,
    length: u64,
    limits: &Limits,
    probe: fn(BlobReader, &Limits) -> Result<Header, asciify::Error>,
) -> Result<Option<Header>, SubmitError> {
    let (cancelled, waits) = (CancellationToken::new(), StoreWaits::default());
    let _cancel = cancelled.clone().drop_guard();
    let reading = Reading { was_probed: false, start: 0, cancelled, waits };
    let Some(reader) = readers.open(key, length, reading).await? else { return Ok(None) };
    let limits = limits.clone();
    match spawn_blocking(move || probe(reader, &limits)).await {
        Ok(Ok(header)) => Ok(Some(header)),
        Ok(Err(asciify::Error::Read(err))) => Err(Fault::new("read a blob", err).into()),
        Ok(Err(verdict)) => Err(SubmitError::Image(verdict)),
        // a decoder panicked on the header
        Err(_) => Err(SubmitError::Image(asciify::Error::Malformed("broken header".into()))),
    }
}

/// SHA-256 of the bytes of a blob in `range`, lower-case hex; `None` when it does not exist.
///
/// # Errors
/// The store is unavailable, or the blob is shorter.
pub(super) async fn hash(
    store: &Store,
    key: &str,
    range: Range<u64>,
) -> Result<Option<String>, Fault> {
    let end = range.end;
    let starts = stream::iter(range.step_by(HASHED_BYTES as usize));
    let read = |start: u64| store.get_part(key, start..(start + HASHED_BYTES).min(end));
    let mut parts = starts.map(read).buffered(READS_AT_ONCE);
    let mut hash = Sha256::new();
    while let Some(part) = parts.try_next().await? {
        let Some(part) = part else { return Ok(None) };
        hash.update(&part);
    }
    Ok(Some(hex(&hash.finalize())))
}
