//! Pages with their overviews and masks, from the chain of IFDs.

use std::collections::BTreeSet;

use super::ifd::{Tiff, tag};
use super::page::{MASK, MAX_MASK_BYTES, Page, REDUCED_RESOLUTION};
use crate::error::{Error, Limits};
use crate::source::Checks;
use crate::spec::region::PixelRect;

/// Chunks that probing an upload checks: do they begin inside the file?
const MAX_CHECKED_CHUNKS: u64 = 1 << 16;
/// Overviews and masks of a page that are read. Each overview usually halves the sides.
const MAX_OVERVIEWS: usize = 64;

/// Those of a page and its overviews that may be decoded. A page that exceeds the limits is decoded
/// from its overviews, which are within them, if it has any.
pub(super) fn decodable<'a>(levels: &'a [Level], limits: &Limits) -> Vec<&'a Level> {
    let [page, overviews @ ..] = levels else { return Vec::new() };
    let is_within = |level: &&Level| level.page.check_limits(limits).is_ok();
    let overviews = overviews.iter().filter(is_within);
    let page = Some(page).filter(|page| is_within(page) || overviews.clone().next().is_none());
    page.into_iter().chain(overviews).collect()
}

/// A page or an overview of it, with its transparency mask.
pub(super) struct Level {
    pub(super) page: Page,
    pub(super) mask: Option<Page>,
}

impl Level {
    /// An upper estimate of the memory that decoding takes, in bytes, without the colour profile.
    pub(super) fn decoded_bytes(&self) -> u64 {
        let mask = self.mask.as_ref().map_or(0, Page::decoded_bytes);
        self.page.decoded_bytes().saturating_add(mask)
    }

    /// Whether the part of a window may be decoded.
    pub(super) fn is_within(&self, window: &PixelRect, limits: &Limits) -> bool {
        let mut pages = std::iter::once(&self.page).chain(&self.mask);
        pages.all(|page| page.check_limits_of(window, limits).is_ok())
    }
}

impl Tiff<'_> {
    /// The first page with its overviews, and the number of pages (overviews and masks are none).
    ///
    /// # Errors
    /// The file is damaged, the page is of an unsupported kind, or there are too many pages.
    pub(super) fn first_page(&mut self, limits: &Limits) -> Result<(Vec<Level>, u32), Error> {
        let ifds = self.ifds(limits)?;
        let levels = self.levels(0, limits)?;
        if self.reader.checks >= Checks::Ends
            && let Some(offsets) = levels[0].page.chunk_offsets
        {
            let offsets = self.values(offsets, 0, offsets.count.min(MAX_CHECKED_CHUNKS))?;
            if offsets.into_iter().any(|offset| offset > self.reader.end) {
                return Err(self.reader.cut_off());
            }
        }
        Ok((levels, ifds.iter().filter(|(_, is_page)| *is_page).count() as u32))
    }

    /// The page of that index, then its overviews, the smallest last.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is no such page; or the file is damaged, or the page of an
    /// unsupported kind.
    pub(super) fn levels(&mut self, index: u32, limits: &Limits) -> Result<Vec<Level>, Error> {
        let ifds = self.ifds(limits)?;
        let starts: Vec<usize> = (0..ifds.len()).filter(|it| ifds[*it].1).collect();
        let index = index as usize;
        let start = *starts.get(index).ok_or_else(|| Error::no_frame(starts.len() as u32))?;
        let end = starts.get(index + 1).copied().unwrap_or(ifds.len());

        let ifd = self.ifd(ifds[start].0)?;
        let page = Page::read(self, &ifd)?;
        page.check_supported()?;
        // overviews and masks follow their page in the chain, or are its SubIFDs
        let in_chain = ifds[start + 1..end].iter().map(|(offset, _)| *offset);
        let offsets: Vec<u64> = in_chain.chain(page.sub_ifds.iter().copied()).collect();
        let (mut masks, mut levels) = (Vec::new(), vec![Level { page, mask: None }]);
        for offset in offsets.into_iter().take(MAX_OVERVIEWS) {
            // a damaged one is left out: the page can be drawn without it
            let other = self.ifd(offset).and_then(|ifd| Page::read(self, &ifd));
            let Some(other) = other.ok().filter(|it| it.check_supported().is_ok()) else {
                continue;
            };
            if other.is_mask {
                masks.push(other);
            } else if levels[0].page.has_overview(&other) {
                levels.push(Level { page: other, mask: None });
            }
        }
        for mask in masks {
            let mask_is_within = mask.check_limits(limits).is_ok();
            let is_of = |level: &&mut Level| {
                level.page.sides() == mask.sides()
                    && (mask_is_within || level.page.check_limits(limits).is_err())
                    && mask.decoded_bytes() <= level.page.decoded_bytes() + MAX_MASK_BYTES
            };
            if let Some(level) = levels.iter_mut().find(is_of) {
                level.mask = Some(mask);
            }
        }
        // an overview without the mask would show what the page hides
        if levels[0].mask.is_some() {
            levels.retain(|level| level.mask.is_some());
        }
        levels.sort_by_key(|level| std::cmp::Reverse(level.page.sides()));
        Ok(levels)
    }

    /// The offset of each IFD in the chain, and whether it is a page: neither overview nor mask.
    fn ifds(&mut self, limits: &Limits) -> Result<Vec<(u64, bool)>, Error> {
        let mut ifds = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = self.first_ifd;
        while next != 0 {
            if !seen.insert(next) {
                return Err(self.reader.malformed("its chain of IFDs has a cycle"));
            }
            Error::over("frames", seen.len() as u64, limits.max_frames.into())?;
            let ifd = match self.ifd(next) {
                // an invalid offset ends the chain
                Err(Error::Malformed(_)) if !ifds.is_empty() => break,
                ifd => ifd?,
            };
            let subfile_type = self.number(&ifd, tag::NEW_SUBFILE_TYPE, 0)?;
            let is_page = ifds.is_empty() || subfile_type & (REDUCED_RESOLUTION | MASK) == 0;
            ifds.push((next, is_page));
            next = ifd.next;
        }
        match ifds.is_empty() {
            true => Err(self.reader.malformed("it holds no picture")),
            false => Ok(ifds),
        }
    }
}
