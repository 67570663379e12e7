//! Reads the rows of a page from its chunks. A chunk is a strip or a tile.

use std::cell::RefCell;
use std::io::{self, Cursor, ErrorKind, Read};
use std::ops::Range;
use std::rc::Rc;

use super::codes::Compression;
use super::ifd::{IfdEntry, Tiff};
use super::page::Page;
use super::{decompress, predictor};
use crate::spec::region::PixelRect;

/// Values of a table of offsets or byte counts that are read together.
const TABLE_WINDOW: u64 = 512;

/// Chunks that are announced together, and about how many bytes of them.
const MAX_ANNOUNCED: usize = 512;
const MAX_ANNOUNCED_BYTES: u64 = 8 << 20;

/// How many times the length of the file may be read. Equal chunks may share their bytes.
const MAX_SHARING: u64 = 16;
/// What opening a chunk counts at least, in bytes that are read.
const MIN_CHUNK_BYTES: u64 = 64;
/// Bytes that chunks may have when decompressed: so many, and so many per byte of the file. Only
/// chunks that share their bytes, and codings of equal samples in a few bytes, can exceed it.
const UNPACKED_BYTES: u64 = 1 << 27;
const UNPACKED_PER_BYTE: u64 = 1600;
/// The longest compressed data that is compared with that of the last chunk.
const MAX_COMPARED_BYTES: u64 = 1 << 12;
/// The longest strip that is decompressed as a whole, in bytes, so that equal ones are decompressed
/// once.
pub(super) const MAX_HELD_STRIP_BYTES: u64 = 1 << 17;

/// The error for damaged data; only its kind is used.
fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Reads the rows of a window of a page from the top, in chunks that the window touches.
pub(super) struct RowReader<'a, 'b> {
    tiff: &'a RefCell<Tiff<'b>>,
    page: &'a Page,
    /// The planes that are read: those of the wanted samples, or 0 where samples are interleaved.
    planes: Vec<u32>,
    /// The decompressed data of the current row of chunks, from the left, for each of `planes`.
    /// `None` for sparse chunks, which the file leaves out.
    chunks: Vec<Option<Box<dyn Read + 'a>>>,
    /// For each of `planes`, since these are far from each other in the tables.
    tables: Vec<(ChunkTable, Option<ChunkTable>)>,
    /// Bytes of the file that may still be read.
    compressed_left: u64,
    /// Bytes that may still be decompressed.
    unpacked_left: u64,
    /// The last chunk that was decompressed as a whole.
    held: Option<HeldChunk>,
    /// The columns of chunks that are read.
    columns: Range<u32>,
    /// The index of the next row.
    y: u32,
    /// The rows of chunks that are read, without those that were announced.
    unannounced: Range<u32>,
    /// The bytes of a row of one chunk.
    row: Vec<u8>,
    /// For each of `chunks`, its last row before the predictor was undone. It is empty for a sparse
    /// chunk, and `None` before the first row.
    last_rows: Vec<Option<Vec<u8>>>,
}

/// The decompressed data of a chunk.
struct HeldChunk {
    /// Where it is in the file.
    offset: u64,
    length: u64,
    /// Its compressed data, if that is short; otherwise empty.
    compressed: Vec<u8>,
    data: SharedBytes,
}

#[derive(Clone)]
struct SharedBytes(Rc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<'a, 'b> RowReader<'a, 'b> {
    /// A reader of the samples `wanted`: planes without any are not read.
    pub(super) fn new(
        tiff: &'a RefCell<Tiff<'b>>,
        page: &'a Page,
        wanted: &[usize],
        window: &PixelRect,
    ) -> Self {
        let planes: Vec<u32> = match page.is_planar {
            true => wanted.iter().map(|sample| *sample as u32).collect(),
            false => vec![0],
        };
        let offsets = ChunkTable::new(page.chunk_offsets);
        let byte_counts = page.chunk_byte_counts.map(|entry| ChunkTable::new(Some(entry)));
        Self {
            tiff,
            page,
            tables: vec![(offsets, byte_counts); planes.len()],
            planes,
            chunks: Vec::new(),
            compressed_left: tiff.borrow().reader.end.saturating_mul(MAX_SHARING),
            unpacked_left: (tiff.borrow().reader.end)
                .saturating_mul(UNPACKED_PER_BYTE)
                .saturating_add(UNPACKED_BYTES),
            held: None,
            columns: page.chunks_in(window).x,
            y: window.y.start,
            unannounced: page.chunks_in(window).y,
            row: vec![0; page.chunk_row_bytes() as usize],
            last_rows: Vec::new(),
        }
    }

    /// Reads the next row. Calls `take` for each chunk whose row differs from its last one, with the
    /// column of the row's first pixel, the index in `wanted` of the chunk's plane, and little-endian
    /// samples. There are none for a sparse chunk.
    ///
    /// # Errors
    /// A chunk is damaged, or the source failed.
    pub(super) fn next(&mut self, mut take: impl FnMut(usize, usize, &[u8])) -> io::Result<()> {
        let (chunk_width, chunk_height) = self.page.chunk_size;
        // fails if the caller has cancelled: sparse chunks read nothing
        self.tiff.borrow_mut().reader.source.fill_buf()?;
        if self.chunks.is_empty() || self.y.is_multiple_of(chunk_height) {
            self.open_chunks(self.y / chunk_height, self.y % chunk_height)?;
            self.last_rows.resize(self.chunks.len(), None);
        }
        self.y += 1;
        let is_little_endian = self.tiff.borrow().is_little_endian;
        let planes = self.planes.len();
        let chunks = self.chunks.iter_mut().zip(&mut self.last_rows);
        for (index, (chunk, last_row)) in chunks.enumerate() {
            let row = match chunk {
                Some(chunk) => {
                    chunk.read_exact(&mut self.row)?;
                    self.row.as_mut_slice()
                }
                None => &mut [],
            };
            if last_row.as_deref() == Some(row) {
                continue;
            }
            let last_row = last_row.get_or_insert_default();
            last_row.clear();
            last_row.extend_from_slice(row);
            if !row.is_empty() {
                predictor::undo_predictor(row, self.page, is_little_endian);
            }
            let column = self.columns.start as usize + index / planes;
            take(column * chunk_width as usize, index % planes, row);
        }
        Ok(())
    }

    /// Announces the chunks of the next rows of chunks to the source. Damaged tables are told when a
    /// chunk is opened.
    fn announce(&mut self) {
        let page = self.page;
        let (across, down) = (u64::from(page.chunks_across()), u64::from(page.chunks_down()));
        // they read behind those that are opened
        let mut tables = self.tables.clone();
        let (mut ranges, mut bytes) = (Vec::new(), 0);
        for chunk_row in self.unannounced.clone() {
            if ranges.len() >= MAX_ANNOUNCED || bytes >= MAX_ANNOUNCED_BYTES {
                break;
            }
            self.unannounced.start = chunk_row + 1;
            for column in self.columns.clone() {
                for (plane, (offsets, byte_counts)) in self.planes.iter().zip(&mut tables) {
                    let row = u64::from(*plane) * down + u64::from(chunk_row);
                    let index = row * across + u64::from(column);
                    let Ok(offset) = offsets.get(self.tiff, index) else { return };
                    let length = match byte_counts {
                        Some(byte_counts) => byte_counts.get(self.tiff, index),
                        None => Ok(page.chunk_row_bytes() * u64::from(page.chunk_size.1)),
                    };
                    let Ok(length) = length else { return };
                    if offset > 0 && length > 0 {
                        ranges.push(offset..offset.saturating_add(length));
                        bytes = length.saturating_add(bytes);
                    }
                }
            }
        }
        self.tiff.borrow_mut().reader.source.will_read(&ranges);
    }

    /// Opens the chunks of a row of chunks, behind so many of their rows.
    fn open_chunks(&mut self, chunk_row: u32, rows_above: u32) -> io::Result<()> {
        let page = self.page;
        let (across, down) = (page.chunks_across(), page.chunks_down());
        let rows = page.chunk_size.1.min(page.height - chunk_row * page.chunk_size.1);
        self.chunks.clear();
        if chunk_row >= self.unannounced.start {
            self.announce();
        }
        for chunk_column in self.columns.clone() {
            for plane in 0..self.planes.len() {
                let chunks_per_plane = u64::from(across) * u64::from(down);
                let index = u64::from(self.planes[plane]) * chunks_per_plane
                    + u64::from(chunk_row) * u64::from(across)
                    + u64::from(chunk_column);
                let mut bytes_above = page.chunk_row_bytes() * u64::from(rows_above);
                let mut chunk = self.open_chunk(index, plane, rows, &mut bytes_above)?;
                if let Some(chunk) = &mut chunk {
                    io::copy(&mut chunk.take(bytes_above), &mut io::sink())?;
                }
                self.chunks.push(chunk);
            }
        }
        Ok(())
    }

    /// The decompressed data of the first `rows` rows of a chunk, of the plane of that index in
    /// `planes`. `None` for a sparse one. Where the data begins behind the first `bytes_above` bytes,
    /// these become 0.
    fn open_chunk(
        &mut self,
        index: u64,
        plane: usize,
        rows: u32,
        bytes_above: &mut u64,
    ) -> io::Result<Option<Box<dyn Read + 'a>>> {
        let page = self.page;
        let (offsets, byte_counts) = &mut self.tables[plane];
        let offset = offsets.get(self.tiff, index)?;
        let decompressed_bytes = page.chunk_row_bytes() * u64::from(rows);
        let length = match byte_counts {
            Some(byte_counts) => byte_counts.get(self.tiff, index)?,
            None if page.compression == Compression::NONE => decompressed_bytes,
            None if (page.chunks_across(), page.chunks_down()) == (1, 1) => u64::MAX,
            None => return Err(damaged("a chunk has no byte count")),
        };
        let length = length.min(self.tiff.borrow().reader.end.saturating_sub(offset));
        if offset == 0 || length == 0 {
            return Ok(None);
        }
        let held = self.held.as_ref().filter(|it| it.data.0.len() as u64 == decompressed_bytes);
        if let Some(held) = held.filter(|it| (it.offset, it.length) == (offset, length)) {
            return Ok(Some(Box::new(Cursor::new(held.data.clone()))));
        }
        let max_ratio = page.compression.max_ratio().unwrap_or(u64::MAX);
        if decompressed_bytes > length.saturating_mul(max_ratio) {
            return Err(damaged("a chunk is too short for its pixels"));
        }
        let spent =
            |left: u64, bytes: u64| left.checked_sub(bytes).ok_or(damaged("chunks overlap"));
        self.compressed_left = spent(self.compressed_left, length.max(MIN_CHUNK_BYTES))?;
        let compressed =
            FileRange { tiff: self.tiff, position: offset, end: offset.saturating_add(length) };
        let work = page.compression.work(decompressed_bytes);
        if let Some(cancellation) = self.tiff.borrow().cancellation
            && page.compression.needs_whole_chunks()
        {
            let begun = cancellation.begin_long_work(work);
            begun.map_err(|_| io::Error::from(ErrorKind::TimedOut))?;
        }
        // many decompressors side by side would take more memory than their data
        if page.chunks_across() == 1 && decompressed_bytes > MAX_HELD_STRIP_BYTES {
            self.unpacked_left = spent(self.unpacked_left, work)?;
            let mut compressed = compressed;
            if page.is_stored_plainly() {
                compressed.position = compressed.end.min(offset + std::mem::take(bytes_above));
            }
            return Ok(Some(decompress::open(compressed, length, page, rows)?));
        }
        // chunks of one value are often equal
        let mut start = Vec::new();
        let mut compressed = compressed;
        if length <= MAX_COMPARED_BYTES {
            compressed.read_to_end(&mut start)?;
        }
        let held = self.held.as_ref().filter(|it| it.data.0.len() as u64 == decompressed_bytes);
        if let Some(held) = held.filter(|it| !start.is_empty() && it.compressed == start) {
            return Ok(Some(Box::new(Cursor::new(held.data.clone()))));
        }
        self.unpacked_left = spent(self.unpacked_left, work)?;
        let chunk = decompress::open(Cursor::new(&start).chain(compressed), length, page, rows)?;
        let mut data = Vec::with_capacity(decompressed_bytes as usize);
        chunk.take(decompressed_bytes).read_to_end(&mut data)?;
        let data = SharedBytes(Rc::new(data));
        self.held = Some(HeldChunk { offset, length, compressed: start, data: data.clone() });
        Ok(Some(Box::new(Cursor::new(data))))
    }
}

/// The table of offsets or byte counts of chunks, of which [`TABLE_WINDOW`] values are held at a
/// time.
#[derive(Clone)]
struct ChunkTable {
    entry: Option<IfdEntry>,
    /// The index of the first value held.
    first: u64,
    values: Vec<u64>,
}

impl ChunkTable {
    fn new(entry: Option<IfdEntry>) -> Self {
        Self { entry, first: 0, values: Vec::new() }
    }

    /// The value of a chunk.
    fn get(&mut self, tiff: &RefCell<Tiff<'_>>, index: u64) -> io::Result<u64> {
        let missing = || damaged("a chunk has no offset or byte count");
        let entry = self.entry.filter(|entry| index < entry.count).ok_or_else(missing)?;
        let in_window = |first| usize::try_from(index - first).unwrap_or(usize::MAX);
        if index < self.first || in_window(self.first) >= self.values.len() {
            let count = TABLE_WINDOW.min(entry.count - index);
            let values = tiff.borrow_mut().values(entry, index, count);
            (self.first, self.values) = (index, values.map_err(|_| missing())?);
        }
        self.values.get(in_window(self.first)).copied().ok_or_else(missing)
    }
}

/// Reads a range of the file.
struct FileRange<'a, 'b> {
    tiff: &'a RefCell<Tiff<'b>>,
    position: u64,
    end: u64,
}

impl Read for FileRange<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let max = usize::try_from(self.end - self.position).unwrap_or(usize::MAX).min(buf.len());
        let read = self.tiff.borrow_mut().reader.read_at(self.position, &mut buf[..max])?;
        self.position += read as u64;
        Ok(read)
    }
}
