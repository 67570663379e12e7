//! Reads an object by ranges, as a decoder reads a file: on a thread that may block.

use std::{
    collections::VecDeque,
    io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom},
    ops::Range,
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{
    blocks::{BLOCK_BYTES, Blocks, Fetch, FetchError, block_at, start_of},
    waits::StoreWaits,
};

/// The most bytes that a reader holds of what it has read, and the most of what it has asked for.
const MAX_HELD_BYTES: u64 = 8 << 20;
/// The most blocks of one request.
const MAX_BLOCKS: u64 = MAX_HELD_BYTES / BLOCK_BYTES;
/// Requests ahead of what is read.
const MAX_FETCHES: usize = 4;
/// Blocks that are fetched though they were not asked for, where that saves a request.
const MAX_GAP_BLOCKS: u64 = 1;

/// The most memory that a reader takes, in bytes.
pub(super) const READER_BYTES: u64 = 2 * MAX_HELD_BYTES;

/// Reads an object. Each error of the store has a kind that no decoder takes for a damaged file.
pub(super) struct ObjectReader {
    blocks: Blocks,
    key: Arc<str>,
    /// The object's length in bytes.
    length: u64,
    position: u64,
    /// The block that was read last.
    current: (u64, Bytes),
    /// What was read before, and what came with it: the oldest first.
    held: VecDeque<(u64, Bytes)>,
    /// Fetches whose blocks were not read yet, in the order in which they began.
    begun: VecDeque<Fetch>,
    /// Blocks that will be read, in runs, the next first.
    planned: VecDeque<Range<u64>>,
    /// Blocks of the next request, as long as the object is read in its order.
    ahead: u64,
    runtime: Handle,
    cancelled: CancellationToken,
    waits: StoreWaits,
}

impl ObjectReader {
    /// A reader of the object of that key and length, in bytes, which is not 0. Reads fail once
    /// `cancelled` is.
    pub(super) fn new(
        blocks: Blocks,
        key: &str,
        length: u64,
        cancelled: CancellationToken,
        waits: StoreWaits,
    ) -> Self {
        ObjectReader {
            blocks,
            key: key.into(),
            length,
            position: 0,
            current: (u64::MAX, Bytes::new()),
            held: VecDeque::new(),
            begun: VecDeque::new(),
            planned: VecDeque::new(),
            ahead: 1,
            runtime: Handle::current(),
            cancelled,
            waits,
        }
    }

    /// Fetches the first bytes, at most as many as are held, unless they are kept.
    ///
    /// # Errors
    /// The object is missing, or the store is unavailable.
    pub(super) async fn load_start(&mut self, bytes: u64) -> Result<(), FetchError> {
        let bytes = bytes.clamp(1, self.length.min(MAX_HELD_BYTES));
        let end = block_at(bytes - 1) + 1;
        self.ahead = end.min(MAX_BLOCKS);
        let mut next = 0;
        while next < end {
            match self.blocks.kept(&self.key, next) {
                Some(block) => {
                    self.hold(next, block);
                    next += 1;
                }
                None => {
                    let fetch = self.blocks.fetch(&self.key, next..end, self.length);
                    next = fetch.blocks.end;
                    let fetched = fetch.fetched().await?;
                    self.hold_all(&fetch, &fetched);
                }
            }
        }
        Ok(())
    }

    /// Fetches these ranges, in bytes, ahead of their being read. It replaces what was announced
    /// before.
    pub(super) fn will_read(&mut self, ranges: &[Range<u64>]) {
        self.begun.clear();
        self.planned = runs(ranges, self.length);
        self.top_up();
    }

    /// Begins as many of the planned fetches as are allowed at the same time.
    fn top_up(&mut self) {
        while let Some(run) = self.planned.front() {
            let begun: u64 = self.begun.iter().map(Fetch::bytes).sum();
            let bytes = start_of(run.end) - start_of(run.start);
            let is_full = self.begun.len() >= MAX_FETCHES || begun + bytes > MAX_HELD_BYTES;
            if is_full && !self.begun.is_empty() {
                return;
            }
            let run = self.planned.pop_front().expect("it was looked at");
            self.begin(run);
        }
    }

    /// Begins the fetch of what is not kept of a run.
    fn begin(&mut self, run: Range<u64>) {
        let is_here = |reader: &Self, block| {
            reader.held_block(block).is_some() || reader.blocks.kept(&reader.key, block).is_some()
        };
        let Some(start) = run.clone().find(|block| !is_here(self, *block)) else { return };
        let fetch = self.blocks.fetch(&self.key, start..run.end, self.length);
        if fetch.blocks.end < run.end {
            self.planned.push_front(fetch.blocks.end..run.end);
        }
        self.begun.push_back(fetch);
    }

    fn held_block(&self, block: u64) -> Option<Bytes> {
        let held = self.held.iter().find(|(number, _)| *number == block);
        held.map(|(_, bytes)| bytes.clone())
    }

    fn hold(&mut self, block: u64, bytes: Bytes) {
        self.held.push_back((block, bytes));
        // the head is shorter than others
        while self.held.len() as u64 > MAX_BLOCKS + 1 {
            self.held.pop_front();
        }
    }

    fn hold_all(&mut self, fetch: &Fetch, fetched: &[Bytes]) {
        fetch
            .blocks
            .clone()
            .zip(fetched)
            .for_each(|(block, bytes)| self.hold(block, bytes.clone()));
    }

    /// Makes a block the current one.
    fn load(&mut self, block: u64) -> io::Result<()> {
        let is_next = block.checked_sub(1) == Some(self.current.0);
        if let Some(bytes) = self.held_block(block) {
            self.current = (block, bytes);
            return Ok(());
        }
        if let Some(bytes) = self.blocks.kept(&self.key, block) {
            self.hold(block, bytes.clone());
            self.current = (block, bytes);
            return Ok(());
        }
        let has = |run: &Range<u64>| run.contains(&block);
        if let Some(planned) = self.planned.iter().position(has) {
            // it comes before what was announced earlier
            let run = self.planned.remove(planned).expect("it was found");
            self.begin(block..run.end);
        } else if !self.begun.iter().any(|it| has(&it.blocks)) {
            self.ahead = if is_next { (self.ahead * 2).min(MAX_BLOCKS) } else { 1 };
            self.begin(block..(block + self.ahead).min(block_at(self.length - 1) + 1));
        }
        let begun = self.begun.iter().position(|it| has(&it.blocks));
        let fetch = begun.and_then(|at| self.begun.remove(at));
        let fetch = fetch.unwrap_or_else(|| {
            // it was kept a moment ago
            self.blocks.fetch(&self.key, block..block + 1, self.length)
        });
        let fetched = self.wait_for(&fetch)?;
        self.hold_all(&fetch, &fetched);
        let in_fetch = (block - fetch.blocks.start) as usize;
        self.current = (block, fetched[in_fetch].clone());
        self.top_up();
        if is_next && self.planned.is_empty() && self.begun.is_empty() && self.ahead > 1 {
            self.ahead = (self.ahead * 2).min(MAX_BLOCKS);
            let end = block_at(self.length - 1) + 1;
            let next = fetch.blocks.end;
            self.begin(next..(next + self.ahead).min(end));
        }
        Ok(())
    }

    fn wait_for(&self, fetch: &Fetch) -> io::Result<Arc<Vec<Bytes>>> {
        let _waiting = self.waits.begin(Instant::now());
        self.runtime.block_on(async {
            tokio::select! {
                fetched = fetch.fetched() => Ok(fetched?),
                () = self.cancelled.cancelled() => Err(ErrorKind::TimedOut.into()),
            }
        })
    }
}

/// The blocks of ranges in runs, one for each request.
fn runs(ranges: &[Range<u64>], length: u64) -> VecDeque<Range<u64>> {
    let inside = ranges.iter().map(|range| range.start..range.end.min(length));
    let blocks = inside.filter(|it| !it.is_empty());
    let mut blocks: Vec<Range<u64>> =
        blocks.map(|it| block_at(it.start)..block_at(it.end - 1) + 1).collect();
    blocks.sort_by_key(|run| run.start);
    let mut runs: VecDeque<Range<u64>> = VecDeque::new();
    for Range { mut start, end } in blocks {
        if let Some(last) = runs.back_mut() {
            let is_near = start <= last.end + MAX_GAP_BLOCKS;
            let room = (last.start + MAX_BLOCKS).min(end);
            if is_near && room > start {
                last.end = last.end.max(room);
            }
            start = start.max(last.end);
        }
        while start < end {
            let next = end.min(start + MAX_BLOCKS);
            runs.push_back(start..next);
            start = next;
        }
    }
    runs
}

impl Read for ObjectReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = self.fill_buf()?;
        let read = rest.len().min(buf.len());
        buf[..read].copy_from_slice(&rest[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for ObjectReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.length {
            return Ok(&[]);
        }
        let block = block_at(self.position);
        if block != self.current.0 {
            self.load(block)?;
        }
        let offset = (self.position - start_of(block)) as usize;
        Ok(&self.current.1[offset..])
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount as u64;
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
            SeekFrom::End(distance) => self.length.checked_add_signed(distance),
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_over_small_gaps_and_cut_at_8_mib() {
        let at = |block, bytes| start_of(block)..start_of(block) + bytes;
        let cut = |ranges: &[Range<u64>], length| -> Vec<(u64, u64)> {
            runs(ranges, length).into_iter().map(|run| (run.start, run.end)).collect()
        };
        let merged = |ranges: &[Range<u64>]| cut(ranges, u64::MAX >> 1);
        assert_eq!(merged(&[at(9, 1), at(2, 5), at(3, BLOCK_BYTES)]), [(2, 4), (9, 10)]);
        // a block between two is fetched with them
        assert_eq!(merged(&[at(1, 1), at(3, 1), at(6, 1)]), [(1, 4), (6, 7)]);
        assert_eq!(merged(&[at(0, 1), at(0, BLOCK_BYTES * 2)]), [(0, 3)]);
        assert_eq!(merged(&[at(1, BLOCK_BYTES * 70)]), [(1, 33), (33, 65), (65, 71)]);
        let overlapping = [at(1, BLOCK_BYTES * 31), at(31, BLOCK_BYTES * 3)];
        assert_eq!(merged(&overlapping), [(1, 33), (33, 34)]);
        assert_eq!(cut(&[at(5, 9), at(1, 9)], start_of(5)), [(1, 2)]);
    }
}
