//! The items of a HEIF file and their properties: the `meta` box (ISO/IEC 14496-12, 8.11, and
//! ISO/IEC 23008-12, 6 and 9).

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

use heifer_isobmff::boxes::{
    self, Grid, ItemReference, Property, PropertyAssociation, parse_item_infos,
    parse_item_references, parse_primary_item, parse_property_associations,
    parse_property_container,
};
use heifer_isobmff::{BoxIter, FourCC};

use crate::error::Error;
use crate::formats::reader::ByteReader;

/// The largest `meta` box that is read. Those of photos of 48 megapixels have 20 KiB.
const MAX_META_BYTES: u64 = 1 << 20;
/// Ranges of the file that all items together may have.
pub(super) const MAX_EXTENTS: usize = 1 << 16;
/// The largest description of a grid.
const MAX_GRID_BYTES: u64 = 12;

/// Types of auxiliary images that are alpha planes: of MPEG-B CICP (MIAF), and of HEVC.
const ALPHA_TYPES: [&str; 2] =
    ["urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", "urn:mpeg:hevc:2015:auxid:1"];

/// The content of the `meta` box.
pub(super) struct Meta {
    /// The identifier of the item that is shown.
    pub(super) primary: u32,
    /// The type of each item.
    types: BTreeMap<u32, FourCC>,
    /// The ranges of the file that hold each item's data.
    extents: BTreeMap<u32, Vec<Range<u64>>>,
    properties: Vec<Property>,
    associations: BTreeMap<u32, Vec<PropertyAssociation>>,
    references: Vec<ItemReference>,
}

impl Meta {
    /// Reads the first `meta` box of the file.
    ///
    /// # Errors
    /// There is none, or it is damaged or too large.
    pub(super) fn read(reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        reader.awaited = "its meta box";
        let content = loop {
            if reader.remaining() == 0 {
                return Err(reader.malformed("it has no meta box, which describes its images"));
            }
            let (kind, length) = reader.box_header()?;
            if kind == *b"meta" {
                if length > MAX_META_BYTES {
                    return Err(reader.unsupported("a meta box of more than 1 MiB"));
                }
                break reader.bytes(length, length)?;
            }
            reader.skip(length)?;
        };
        let content_start = reader.position - content.len() as u64;
        let damaged = |_| reader.malformed("its meta box is damaged");
        // a version and flags come before the boxes
        let children = content.get(4..).unwrap_or_default();
        let mut meta = Self {
            primary: 0,
            types: BTreeMap::new(),
            extents: BTreeMap::new(),
            properties: Vec::new(),
            associations: BTreeMap::new(),
            references: Vec::new(),
        };
        let (mut locations, mut idat) = (&[][..], 0..0);
        for child in BoxIter::new(children) {
            let child = child.map_err(damaged)?;
            match &child.header.box_type.0 {
                b"pitm" => meta.primary = parse_primary_item(child.content).map_err(damaged)?,
                b"iinf" => {
                    let infos = parse_item_infos(child.content).map_err(damaged)?;
                    meta.types = infos.into_iter().map(|it| (it.id, it.item_type)).collect();
                }
                b"iref" => {
                    meta.references = parse_item_references(child.content).map_err(damaged)?;
                }
                b"iprp" => meta.read_properties(child.content).map_err(damaged)?,
                b"iloc" => locations = child.content,
                b"idat" => {
                    let start = content_start + 4 + child.offset as u64 + child.header.header_size;
                    idat = start..start + child.content.len() as u64;
                }
                _ => {}
            }
        }
        meta.extents = extents(locations, &idat, reader)
            .ok_or_else(|| reader.malformed("it does not say where its pictures are"))?;
        Ok(meta)
    }

    fn read_properties(&mut self, content: &[u8]) -> Result<(), heifer_isobmff::Error> {
        for child in BoxIter::new(content) {
            let child = child?;
            match &child.header.box_type.0 {
                b"ipco" => self.properties = parse_property_container(child.content)?,
                b"ipma" => self.associations.extend(parse_property_associations(child.content)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// The four-character code of an item's type: `hvc1`, `av01`, `grid`.
    pub(super) fn kind(&self, item: u32) -> Option<&[u8; 4]> {
        self.types.get(&item).map(|FourCC(kind)| kind)
    }

    /// The properties of an item, in order.
    pub(super) fn properties(&self, item: u32) -> impl Iterator<Item = &Property> {
        let associations = self.associations.get(&item).into_iter().flatten();
        // indices begin at 1; 0 means none
        associations.filter_map(|it| self.properties.get(usize::from(it.index).checked_sub(1)?))
    }

    /// Width and height of an item in pixels, as `ispe` states them.
    pub(super) fn sides(&self, item: u32) -> Option<(u32, u32)> {
        self.properties(item).find_map(|property| match property {
            Property::ImageSize { width, height } => Some((*width, *height)),
            _ => None,
        })
    }

    /// The ranges of the file that hold an item's data.
    pub(super) fn extents(&self, item: u32) -> &[Range<u64>] {
        self.extents.get(&item).map(Vec::as_slice).unwrap_or_default()
    }

    /// The items to which an item refers.
    pub(super) fn referenced(&self, item: u32, kind: &[u8; 4]) -> &[u32] {
        let reference = self.references.iter().find(|it| it.from == item && it.ref_type.0 == *kind);
        reference.map(|it| it.to.as_slice()).unwrap_or_default()
    }

    /// The alpha plane of an item, and whether the item's colours are multiplied by it.
    pub(super) fn alpha(&self, item: u32) -> Option<(u32, bool)> {
        let auxiliary = self.references.iter().filter(|it| it.ref_type.0 == *b"auxl");
        let alpha = auxiliary.filter(|it| it.to.contains(&item)).find(|it| {
            self.properties(it.from).any(|property| match property {
                Property::AuxiliaryType(kind) => ALPHA_TYPES.contains(&kind.as_str()),
                _ => false,
            })
        })?;
        Some((alpha.from, self.referenced(item, b"prem").contains(&alpha.from)))
    }

    /// The description of a `grid` item.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn grid(&self, item: u32, reader: &mut ByteReader<'_>) -> Result<Grid, Error> {
        let [Range { start, end }] = self.extents(item) else {
            return Err(reader.malformed("its grid has no description"));
        };
        let (start, length) = (*start, (end - start).min(MAX_GRID_BYTES));
        reader.seek_to(start)?;
        let description = reader.bytes(length, length)?;
        boxes::Grid::parse(&description)
            .map_err(|_| reader.malformed("the description of its grid is damaged"))
    }
}

/// The ranges of the file that hold each item's data, from the content of `iloc` (8.11.3). Items
/// that are made of other items' data have none. `None` if the box is damaged.
fn extents(
    iloc: &[u8],
    idat: &Range<u64>,
    file: &ByteReader<'_>,
) -> Option<BTreeMap<u32, Vec<Range<u64>>>> {
    let mut iloc = Cursor::new(iloc);
    let mut reader = ByteReader::new(&mut iloc, file.format).ok()?;
    let version = reader.byte().ok()?;
    reader.skip(3).ok()?;
    let sizes = reader.array::<2>().ok()?;
    let [offset, length, base, index] =
        [sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, if version > 0 { sizes[1] & 15 } else { 0 }];
    let number = |reader: &mut ByteReader<'_>, bytes: u8| match bytes {
        0 => Some(0),
        4 => reader.u32_be().ok().map(u64::from),
        8 => reader.array().ok().map(u64::from_be_bytes),
        _ => None,
    };
    let id = |reader: &mut ByteReader<'_>| match version {
        0 | 1 => reader.u16_be().ok().map(u32::from),
        _ => reader.u32_be().ok(),
    };
    let (mut items, mut total) = (BTreeMap::new(), 0);
    for _ in 0..id(&mut reader)? {
        let item = id(&mut reader)?;
        let method = if version > 0 { reader.u16_be().ok()? & 15 } else { 0 };
        let data_reference = reader.u16_be().ok()?;
        let base = number(&mut reader, base)?;
        let count = usize::from(reader.u16_be().ok()?);
        total += count;
        if total > MAX_EXTENTS {
            return None;
        }
        let mut ranges = Vec::new();
        for _ in 0..count {
            number(&mut reader, index)?;
            let (offset, length) = (number(&mut reader, offset)?, number(&mut reader, length)?);
            let source = if method == 1 { idat.clone() } else { 0..file.end };
            let start = source.start.checked_add(base)?.checked_add(offset)?;
            // no length means the rest
            let end = if length == 0 { source.end } else { start.checked_add(length)? };
            ranges.push(start..end.max(start));
        }
        if method < 2 && data_reference == 0 {
            items.insert(item, ranges);
        }
    }
    Some(items)
}
