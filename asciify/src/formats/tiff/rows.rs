//! Reads the rows of a page from its chunks. A chunk is a strip or a tile.

use std::cell::RefCell;
use std::io::{self, Cursor, ErrorKind, Read};

use super::codes::Compression;
use super::ifd::{IfdEntry, Tiff};
use super::page::Page;
use super::{decompress, predictor};

/// Values of a table of offsets or byte counts that are read together.
const TABLE_WINDOW: u64 = 512;

/// Compression ratios above this are damage: LZW reaches about 1500, deflate 1032.
const MAX_COMPRESSION_RATIO: u64 = 4096;
/// How many times the length of the file may be read. Equal chunks may share their bytes.
const MAX_SHARING: u64 = 16;

/// The error for damaged data; only its kind is used.
fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Reads the rows of a page from the top.
pub(super) struct RowReader<'a, 'b> {
    tiff: &'a RefCell<Tiff<'b>>,
    page: &'a Page,
    /// The planes that are read: those of the wanted samples, or 0 where samples are interleaved.
    planes: Vec<u32>,
    /// The decompressed data of the current row of chunks, from the left, for each of `planes`.
    /// `None` for sparse chunks, which the file leaves out.
    chunks: Vec<Option<Box<dyn Read + 'a>>>,
    offsets: ChunkTable,
    byte_counts: Option<ChunkTable>,
    /// Bytes of the file that may still be read.
    budget: u64,
    /// The index of the next row.
    y: u32,
    /// The bytes of a row of one chunk.
    row: Vec<u8>,
}

impl<'a, 'b> RowReader<'a, 'b> {
    /// A reader of the samples `wanted`: planes without any are not read.
    pub(super) fn new(tiff: &'a RefCell<Tiff<'b>>, page: &'a Page, wanted: &[usize]) -> Self {
        Self {
            tiff,
            page,
            planes: match page.is_planar {
                true => wanted.iter().map(|sample| *sample as u32).collect(),
                false => vec![0],
            },
            chunks: Vec::new(),
            budget: tiff.borrow().reader.end.saturating_mul(MAX_SHARING),
            offsets: ChunkTable::new(page.chunk_offsets),
            byte_counts: page.chunk_byte_counts.map(|entry| ChunkTable::new(Some(entry))),
            y: 0,
            row: vec![0; page.chunk_row_bytes() as usize],
        }
    }

    /// Calls `take` with the bytes of the next row in each chunk: the column of its first pixel,
    /// the index in `wanted` of its plane, and little-endian samples. There are none for a sparse
    /// chunk.
    ///
    /// # Errors
    /// A chunk is damaged, or the source failed.
    pub(super) fn next(&mut self, mut take: impl FnMut(usize, usize, &[u8])) -> io::Result<()> {
        let (chunk_width, chunk_height) = self.page.chunk_size;
        // fails if the caller has cancelled: sparse chunks read nothing
        self.tiff.borrow_mut().reader.source.fill_buf()?;
        if self.y.is_multiple_of(chunk_height) {
            self.open_chunks(self.y / chunk_height)?;
        }
        self.y += 1;
        let is_little_endian = self.tiff.borrow().is_little_endian;
        let planes = self.planes.len();
        for (index, chunk) in self.chunks.iter_mut().enumerate() {
            let first = index / planes * chunk_width as usize;
            match chunk {
                Some(chunk) => {
                    chunk.read_exact(&mut self.row)?;
                    predictor::undo_predictor(&mut self.row, self.page, is_little_endian);
                    take(first, index % planes, &self.row);
                }
                None => take(first, index % planes, &[]),
            }
        }
        Ok(())
    }

    /// Opens all chunks of a row of chunks.
    fn open_chunks(&mut self, chunk_row: u32) -> io::Result<()> {
        let page = self.page;
        let (across, down) = (page.chunks_across(), page.chunks_down());
        let rows = page.chunk_size.1.min(page.height - chunk_row * page.chunk_size.1);
        self.chunks.clear();
        for chunk_column in 0..across {
            for plane in 0..self.planes.len() {
                let chunks_per_plane = u64::from(across) * u64::from(down);
                let index = u64::from(self.planes[plane]) * chunks_per_plane
                    + u64::from(chunk_row) * u64::from(across)
                    + u64::from(chunk_column);
                let chunk = self.open_chunk(index, rows)?;
                self.chunks.push(chunk);
            }
        }
        Ok(())
    }

    /// The decompressed data of the first `rows` rows of a chunk. `None` for a sparse one.
    fn open_chunk(&mut self, index: u64, rows: u32) -> io::Result<Option<Box<dyn Read + 'a>>> {
        let page = self.page;
        let offset = self.offsets.get(self.tiff, index)?;
        let decompressed_bytes = page.chunk_row_bytes() * u64::from(rows);
        let length = match &mut self.byte_counts {
            Some(byte_counts) => byte_counts.get(self.tiff, index)?,
            None if page.compression == Compression::NONE => decompressed_bytes,
            None if (page.chunks_across(), page.chunks_down()) == (1, 1) => u64::MAX,
            None => return Err(damaged("a chunk has no byte count")),
        };
        let length = length.min(self.tiff.borrow().reader.end.saturating_sub(offset));
        if offset == 0 || length == 0 {
            return Ok(None);
        }
        // a row of T.4 or T.6 data can be a bit
        if !page.compression.is_fax()
            && decompressed_bytes > length.saturating_mul(MAX_COMPRESSION_RATIO)
        {
            return Err(damaged("a chunk is too short for its pixels"));
        }
        self.budget = self.budget.checked_sub(length).ok_or_else(|| damaged("chunks overlap"))?;
        let compressed =
            FileRange { tiff: self.tiff, position: offset, end: offset.saturating_add(length) };
        let mut chunk = decompress::open(compressed, page, rows)?;
        if page.chunks_across() > 1 {
            // many decompressors side by side would take more memory than their data
            let mut data = Vec::new();
            chunk.take(decompressed_bytes).read_to_end(&mut data)?;
            chunk = Box::new(Cursor::new(data));
        }
        Ok(Some(chunk))
    }
}

/// The table of offsets or byte counts of chunks, of which [`TABLE_WINDOW`] values are held at a
/// time.
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
