//! TIFF and BigTIFF: the first page of a chain of them.

use std::io::{BufRead, Seek};

use super::Structure;
use crate::tiff::Tiff;
use crate::walk::Walk;
use crate::{Error, Limits};

pub(super) fn walk<R: BufRead + Seek>(
    walk: Walk<'_, R>,
    limits: &Limits,
) -> Result<Structure, Error> {
    let (page, pages, decoded_bytes) = Tiff::open(walk)?.pages(limits)?;
    Ok(Structure {
        frames: pages,
        bits: page.bits,
        orientation: page.orientation(),
        decoded_bytes,
        ..Structure::still(page.width, page.height, page.bands(), 0)
    })
}
