//! Reads blobs by ranges: files in place, objects in blocks.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    ops::Range,
};

use asciify::ReadSeek;
use tokio_util::sync::CancellationToken;

use super::{
    Store,
    blocks::{Blocks, FetchError, HEAD_BYTES},
    object_reader::{ObjectReader, READER_BYTES},
    waits::StoreWaits,
};
use crate::fault::Fault;

/// Bytes of a file that are read at a time.
const FILE_BUFFER_BYTES: usize = 64 << 10;

/// Opens blobs for reading by ranges; clones share the blocks that they keep.
#[derive(Clone)]
pub struct Readers {
    store: Store,
    blocks: Blocks,
}

/// How a blob is read.
pub struct Reading {
    /// Whether it was probed: no original is stored that was not.
    pub was_probed: bool,
    /// How many of its first bytes are read in any case. They are loaded before the reader is
    /// returned, as far as it may hold them.
    pub start: u64,
    /// Reads fail once this is cancelled.
    pub cancelled: CancellationToken,
    /// Records how long the reader waits for the store.
    pub waits: StoreWaits,
}

/// A blob that is read by ranges, on a thread that may block.
///
/// A failure of the store has a kind of error that does not mean that the content is damaged. A blob
/// that is missing is [`ObjectMissing`](super::ObjectMissing) inside of an error.
pub struct BlobReader {
    source: Source,
    was_probed: bool,
}

enum Source {
    File(BufReader<File>),
    Object(Box<ObjectReader>),
}

impl Readers {
    /// Readers of a store's blobs, which keep blocks of up to `max_bytes`.
    pub fn new(store: Store, max_bytes: u64) -> Self {
        Readers { blocks: Blocks::new(store.clone(), max_bytes), store }
    }

    /// The most memory that a reader of a blob of that length takes, in bytes.
    pub fn bytes_for(&self, length: u64) -> u64 {
        match self.store {
            Store::File(_) => FILE_BUFFER_BYTES as u64,
            Store::S3(_) => length.min(READER_BYTES),
        }
    }

    /// A reader of a blob, which has `length` bytes, not 0; `None` when it does not exist.
    ///
    /// # Errors
    /// The store is unavailable, or the blob is shorter.
    pub async fn open(
        &self,
        key: &str,
        length: u64,
        reading: Reading,
    ) -> Result<Option<BlobReader>, Fault> {
        let Reading { was_probed, start, cancelled, waits } = reading;
        match &self.store {
            Store::File(files) => {
                let Some((file, bytes)) = files.file(key).await? else { return Ok(None) };
                if bytes < length {
                    return Err(Fault::new("open a blob", format!("{key} is too short")));
                }
                let file = BufReader::with_capacity(FILE_BUFFER_BYTES, file);
                Ok(Some(BlobReader { source: Source::File(file), was_probed }))
            }
            Store::S3(_) => {
                let blocks = self.blocks.clone();
                let mut reader = ObjectReader::new(blocks, key, length, cancelled, waits);
                match reader.load_start(start.max(HEAD_BYTES)).await {
                    Ok(()) => {
                        let source = Source::Object(Box::new(reader));
                        Ok(Some(BlobReader { source, was_probed }))
                    }
                    Err(FetchError::Missing) => Ok(None),
                    Err(FetchError::Failed(fault)) => Err(Fault::new("open an object", fault)),
                }
            }
        }
    }
}

impl ReadSeek for BlobReader {
    fn was_probed(&self) -> bool {
        self.was_probed
    }

    fn will_read(&mut self, ranges: &[Range<u64>]) {
        match &mut self.source {
            Source::File(_) => {}
            Source::Object(object) => object.will_read(ranges),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::File(file) => file.read(buf),
            Source::Object(object) => object.read(buf),
        }
    }
}

impl BufRead for BlobReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.source {
            Source::File(file) => file.fill_buf(),
            Source::Object(object) => object.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.source {
            Source::File(file) => file.consume(amount),
            Source::Object(object) => object.consume(amount),
        }
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.source {
            Source::File(file) => file.seek(to),
            Source::Object(object) => object.seek(to),
        }
    }

    fn seek_relative(&mut self, offset: i64) -> io::Result<()> {
        match &mut self.source {
            Source::File(file) => file.seek_relative(offset),
            Source::Object(object) => object.seek(SeekFrom::Current(offset)).map(drop),
        }
    }
}
