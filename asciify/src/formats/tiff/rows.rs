//! The rows of a page, put together from its strips or tiles.

use std::cell::RefCell;
use std::io::{self, Cursor, ErrorKind, Read};

use super::ifd::{Entry, Tiff};
use super::page::Page;
use super::{unpack, values};

/// Places of pieces that are looked up together.
const LOOKED_UP: u64 = 512;

/// No compression makes more bytes of one: LZW comes to 1500, deflate to 1032.
const MOST_UNPACKED: u64 = 4096;
/// Pieces that are all alike may stand in the file once.
const MOST_SHARED: u64 = 16;

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Reads a page from the top, row by row.
pub(super) struct Rows<'a, 'b> {
    tiff: &'a RefCell<Tiff<'b>>,
    page: &'a Page,
    /// One for each sample that is wanted, where each has a plane; else one for all.
    planes: Vec<u32>,
    /// The pieces beside each other, plane by plane; `None` where the file left one out.
    pieces: Vec<Option<Box<dyn Read + 'a>>>,
    offsets: Places,
    lengths: Option<Places>,
    /// Bytes of the file that may still be read: pieces may share some, but no more than so often.
    budget: u64,
    /// Index of the row that comes next.
    y: u32,
    row: Vec<u8>,
}

impl<'a, 'b> Rows<'a, 'b> {
    /// Only what holds one of the samples `wanted` is read.
    pub(super) fn new(tiff: &'a RefCell<Tiff<'b>>, page: &'a Page, wanted: &[usize]) -> Self {
        Self {
            tiff,
            page,
            planes: match page.is_planar {
                true => wanted.iter().map(|sample| *sample as u32).collect(),
                false => vec![0],
            },
            pieces: Vec::new(),
            budget: tiff.borrow().reader.end.saturating_mul(MOST_SHARED),
            offsets: Places::new(page.offsets),
            lengths: page.lengths.map(|entry| Places::new(Some(entry))),
            y: 0,
            row: vec![0; page.row_bytes() as usize],
        }
    }

    /// Calls `take` with the bytes of each piece of the next row: the index of its first pixel, the
    /// index of its plane among those wanted, and little-endian values, or none where the file left the
    /// piece out.
    pub(super) fn next(&mut self, mut take: impl FnMut(usize, usize, &[u8])) -> io::Result<()> {
        if self.y.is_multiple_of(self.page.piece.1) {
            self.open(self.y / self.page.piece.1)?;
        }
        self.y += 1;
        let little_endian = self.tiff.borrow().little_endian;
        let planes = self.planes.len();
        for (place, piece) in self.pieces.iter_mut().enumerate() {
            let first = place / planes * self.page.piece.0 as usize;
            match piece {
                Some(piece) => {
                    piece.read_exact(&mut self.row)?;
                    values::straighten(&mut self.row, self.page, little_endian);
                    take(first, place % planes, &self.row);
                }
                None => take(first, place % planes, &[]),
            }
        }
        Ok(())
    }

    fn open(&mut self, down: u32) -> io::Result<()> {
        let page = self.page;
        let rows = page.piece.1.min(page.height - down * page.piece.1);
        self.pieces.clear();
        for across in 0..page.across() {
            for plane in 0..self.planes.len() {
                let in_a_plane = u64::from(page.across()) * u64::from(page.down());
                let index = u64::from(self.planes[plane]) * in_a_plane
                    + u64::from(down) * u64::from(page.across())
                    + u64::from(across);
                let piece = self.piece(index, rows)?;
                self.pieces.push(piece);
            }
        }
        Ok(())
    }

    fn piece(&mut self, index: u64, rows: u32) -> io::Result<Option<Box<dyn Read + 'a>>> {
        let at = self.offsets.get(self.tiff, index)?;
        let unpacked = self.page.row_bytes() * u64::from(rows);
        let length = match &mut self.lengths {
            Some(lengths) => lengths.get(self.tiff, index)?,
            None if self.page.compression == 1 => unpacked,
            None if (self.page.across(), self.page.down()) == (1, 1) => u64::MAX,
            None => return Err(damaged("a piece has no length")),
        };
        let length = length.min(self.tiff.borrow().reader.end.saturating_sub(at));
        if at == 0 || length == 0 {
            return Ok(None);
        }
        // a line of a fax may be a bit
        let is_fax = matches!(self.page.compression, 3 | 4);
        if !is_fax && unpacked > length.saturating_mul(MOST_UNPACKED) {
            return Err(damaged("a piece is too short for what it holds"));
        }
        self.budget = self.budget.checked_sub(length).ok_or_else(|| damaged("pieces overlap"))?;
        let packed = Part { tiff: self.tiff, at, end: at.saturating_add(length) };
        let mut piece = unpack::open(packed, self.page, rows)?;
        if self.page.across() > 1 {
            // many decoders side by side would take more than what they decode
            let mut whole = Vec::new();
            piece.take(unpacked).read_to_end(&mut whole)?;
            piece = Box::new(Cursor::new(whole));
        }
        Ok(Some(piece))
    }
}

/// A table of places or lengths, of which a part at a time is read.
struct Places {
    entry: Option<Entry>,
    first: u64,
    read: Vec<u64>,
}

impl Places {
    fn new(entry: Option<Entry>) -> Self {
        Self { entry, first: 0, read: Vec::new() }
    }

    fn get(&mut self, tiff: &RefCell<Tiff<'_>>, index: u64) -> io::Result<u64> {
        let missing = || damaged("a piece has no place");
        let entry = self.entry.filter(|entry| index < entry.count).ok_or_else(missing)?;
        let in_read = |first| usize::try_from(index - first).unwrap_or(usize::MAX);
        if index < self.first || in_read(self.first) >= self.read.len() {
            let count = LOOKED_UP.min(entry.count - index);
            let read = tiff.borrow_mut().values(entry, index, count);
            (self.first, self.read) = (index, read.map_err(|_| missing())?);
        }
        self.read.get(in_read(self.first)).copied().ok_or_else(missing)
    }
}

/// The bytes of the file between two places.
struct Part<'a, 'b> {
    tiff: &'a RefCell<Tiff<'b>>,
    at: u64,
    end: u64,
}

impl Read for Part<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buf.len());
        let read = self.tiff.borrow_mut().reader.read_at(self.at, &mut buf[..most])?;
        self.at += read as u64;
        Ok(read)
    }
}
