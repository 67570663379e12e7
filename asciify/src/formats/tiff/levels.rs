//! Pages with their smaller copies and masks, out of the chain of directories.

use std::collections::BTreeSet;

use super::ifd::{Tiff, tag};
use super::page::{MOST_MASK_BYTES, Page};
use crate::error::{Error, Limits};

/// Strips or tiles of which it is looked whether they begin inside the file.
const MOST_CHECKED: u64 = 1 << 16;
/// Smaller copies and masks of a page: each halves the sides.
const MOST_COPIES: usize = 64;

/// A page or a smaller copy of it, and where it has data if it has not everywhere.
pub(super) struct Level {
    pub(super) page: Page,
    pub(super) mask: Option<Page>,
}

impl Tiff<'_> {
    /// The first page, how many there are (smaller copies and masks are none), and the most memory that
    /// decoding the first takes, in bytes.
    pub(super) fn pages(&mut self, limits: &Limits) -> Result<(Page, u32, u64), Error> {
        let list = self.list(limits)?;
        let directory = self.directory(self.first)?;
        let page = Page::read(self, &directory)?;
        page.check()?;
        if let Some(offsets) = page.offsets {
            let offsets = self.values(offsets, 0, offsets.count.min(MOST_CHECKED))?;
            if offsets.into_iter().any(|at| at > self.reader.end) {
                return Err(self.reader.cut_off());
            }
        }
        let pages = list.iter().filter(|(_, is_page)| *is_page).count() as u32;
        let mut bytes = page.decoded_bytes();
        if pages < list.len() as u32 {
            // one of the others may be a mask
            bytes = bytes.saturating_mul(2).saturating_add(MOST_MASK_BYTES);
        }
        Ok((page, pages, bytes))
    }

    /// The page of that index, then its smaller copies.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such page.
    pub(super) fn levels(&mut self, index: u32, limits: &Limits) -> Result<Vec<Level>, Error> {
        let list = self.list(limits)?;
        let starts: Vec<usize> = (0..list.len()).filter(|place| list[*place].1).collect();
        let index = index as usize;
        let start = *starts.get(index).ok_or_else(|| Error::no_frame(starts.len() as u32))?;
        let end = starts.get(index + 1).copied().unwrap_or(list.len());

        let directory = self.directory(list[start].0)?;
        let page = Page::read(self, &directory)?;
        page.check()?;
        let behind = list[start + 1..end].iter().map(|(at, _)| *at);
        let places: Vec<u64> = behind.chain(page.sub_directories.iter().copied()).collect();
        let (mut masks, mut levels) = (Vec::new(), vec![Level { page, mask: None }]);
        for at in places.into_iter().take(MOST_COPIES) {
            // the picture can be drawn without what is damaged here
            let copy = self.directory(at).and_then(|directory| Page::read(self, &directory));
            let Some(copy) = copy.ok().filter(|copy| copy.check().is_ok()) else { continue };
            match copy.is_mask {
                true => masks.push(copy),
                false if copy.is_copy && levels[0].page.is_like(&copy, limits) => {
                    levels.push(Level { page: copy, mask: None });
                }
                false => {}
            }
        }
        for mask in masks.into_iter().filter(|mask| mask.takes_no_more_than(limits)) {
            let is_of = |level: &&mut Level| {
                level.page.sides() == mask.sides()
                    && mask.decoded_bytes() <= level.page.decoded_bytes() + MOST_MASK_BYTES
            };
            if let Some(level) = levels.iter_mut().find(is_of) {
                level.mask = Some(mask);
            }
        }
        // what has lost its mask would show what should be hidden
        if levels[0].mask.is_some() {
            levels.retain(|level| level.mask.is_some());
        }
        levels.sort_by_key(|level| std::cmp::Reverse(level.page.sides()));
        Ok(levels)
    }

    /// Where each directory stands, and whether it is a page of its own, in the file's order.
    fn list(&mut self, limits: &Limits) -> Result<Vec<(u64, bool)>, Error> {
        let mut list = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = self.first;
        while next != 0 {
            if !seen.insert(next) {
                return Err(self.reader.malformed("its pages form a circle"));
            }
            Error::over("frames", seen.len() as u64, limits.max_frames.into())?;
            let directory = match self.directory(next) {
                // a link that leads nowhere ends the list
                Err(Error::Malformed(_)) if !list.is_empty() => break,
                directory => directory?,
            };
            const COPY_OR_MASK: u32 = 1 | 4;
            let kind = self.number(&directory, tag::SUBFILE, 0)?;
            list.push((next, list.is_empty() || kind & COPY_OR_MASK == 0));
            next = directory.next;
        }
        match list.is_empty() {
            true => Err(self.reader.malformed("it holds no picture")),
            false => Ok(list),
        }
    }
}
