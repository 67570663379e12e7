//! A coded picture of one item, or of a grid of items.

use std::ops::Range;

use heifer_isobmff::FourCC;
use heifer_isobmff::boxes::{ColorInfo, Grid, Property};

#[cfg(feature = "avif")]
use super::av1::Av1Decoder;
use super::color::{Coding, Conversion};
#[cfg(feature = "heic")]
use super::hevc::HevcDecoder;
use super::meta::{MAX_EXTENTS, Meta};
use super::tile::{Tile, TileDecoder};
use crate::color_profile::{ColorModel, ColorProfile};
use crate::error::Error;
use crate::format::Format;
use crate::formats::decoder::{Input, area};
use crate::formats::reader::ByteReader;

/// How many times the length of the file may be read. Equal tiles may share their bytes.
const MAX_SHARING: u64 = 16;
/// A flat picture takes next to no bytes, and each pixel takes time: so many pixels may have any
/// length, and others need bytes.
const FREE_PIXELS: u64 = 1 << 24;

/// A picture before it is decoded.
pub(super) struct CodedPicture {
    /// Width and height of the picture in pixels.
    pub(super) sides: (u32, u32),
    /// Width and height of each tile.
    tile_sides: (u32, u32),
    /// Tiles in a row of them.
    columns: u32,
    /// The ranges of the file that hold each tile, row by row.
    tiles: Vec<Vec<Range<u64>>>,
    /// The decoder of every tile.
    decoder: Box<dyn TileDecoder>,
    /// What the properties say about the coding of colours.
    coding: Option<Coding>,
    /// What the colours mean.
    pub(super) profile: ColorProfile,
}

impl CodedPicture {
    /// Reads the description of an item.
    ///
    /// # Errors
    /// It is damaged, or uses what is not supported.
    pub(super) fn read(meta: &Meta, item: u32, reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        let sides_of = |item: u32| {
            let sides = meta.sides(item).filter(|(width, height)| *width > 0 && *height > 0);
            sides.ok_or_else(|| reader.malformed("it does not state the size of a picture"))
        };
        let (sides, tile_sides, columns, items) = match meta.kind(item) {
            Some(b"grid") => {
                let items = meta.referenced(item, b"dimg").to_vec();
                let first = *items.first().unwrap_or(&item);
                let tile_sides = sides_of(first)?;
                for tile in &items {
                    if meta.kind(*tile) != meta.kind(first) || sides_of(*tile)? != tile_sides {
                        return Err(reader.malformed("the tiles of its grid differ"));
                    }
                }
                let grid = meta.grid(item, reader)?;
                check_grid(&grid, tile_sides, items.len(), reader)?;
                let sides = (grid.output_width, grid.output_height);
                (sides, tile_sides, u32::from(grid.columns), items)
            }
            _ => {
                let sides = sides_of(item)?;
                (sides, sides, 1, vec![item])
            }
        };
        // the tiles may be one item many times
        if items.iter().map(|tile| meta.extents(*tile).len()).sum::<usize>() > MAX_EXTENTS {
            return Err(reader.malformed("its tiles have too many parts"));
        }
        let tiles: Vec<Vec<Range<u64>>> =
            items.iter().map(|tile| meta.extents(*tile).to_vec()).collect();
        let ranges = || tiles.iter().flatten();
        if ranges().any(|range| range.end > reader.end) {
            return Err(reader.cut_off());
        }
        let read = ranges().fold(0_u64, |sum, range| sum.saturating_add(range.end - range.start));
        if read > reader.end.saturating_mul(MAX_SHARING) {
            return Err(reader.malformed("its tiles overlap"));
        }
        let first = items[0];
        let decoder = tile_decoder(meta, first, tile_sides, reader)?;
        let mut configurations: Vec<_> =
            items.iter().map(|tile| configuration(meta, *tile)).collect();
        // each property once: tiles may share a long one
        configurations.sort_unstable_by_key(|it| it.map(std::ptr::from_ref));
        configurations.dedup_by_key(|it| it.map(std::ptr::from_ref));
        if configurations.iter().any(|it| *it != configuration(meta, first)) {
            return Err(reader.unsupported("tiles of different kinds"));
        }
        let coded = area(tile_sides.0, tile_sides.1).saturating_mul(items.len() as u64);
        reader.can_hold_in(
            reader.end,
            coded.saturating_sub(FREE_PIXELS),
            decoder.max_pixels_per_byte(),
        )?;
        let coding = coding(meta, item).or_else(|| coding(meta, first));
        if let Some(Err(name)) = coding.map(Coding::check) {
            return Err(not_read(decoder.format(), name));
        }
        let model = if decoder.is_monochrome() { ColorModel::Grey } else { ColorModel::Rgb };
        let profile = profile(meta, item, model).or_else(|| profile(meta, first, model));
        let profile = profile.unwrap_or_default();
        Ok(Self { sides, tile_sides, columns, tiles, decoder, coding, profile })
    }

    /// The format of a file of such pictures.
    pub(super) fn format(&self) -> Format {
        self.decoder.format()
    }

    /// Bits of a sample.
    pub(super) fn bits(&self) -> u32 {
        self.decoder.bits()
    }

    /// Whether it has no chroma.
    pub(super) fn is_monochrome(&self) -> bool {
        self.decoder.is_monochrome()
    }

    /// An upper estimate of the memory that decoding takes: a row of tiles, one more that is being
    /// decoded, and its bytes. Saturates.
    pub(super) fn decoded_bytes(&self) -> u64 {
        let bytes_per_px = self.decoder.bytes_per_px();
        let (width, height) = self.tile_sides;
        // coded pictures are whole coding tree units
        let tile = area(width.next_multiple_of(64), height.next_multiple_of(64));
        let largest = self.tiles.iter().map(|ranges| length(ranges)).max().unwrap_or(0);
        let row = tile.saturating_mul(bytes_per_px).saturating_mul(self.columns.into());
        let working = tile.saturating_mul(self.decoder.working_bytes_per_px());
        row.saturating_add(working).saturating_add(largest.saturating_mul(2))
    }

    /// Decodes a tile.
    fn decode(&self, input: &mut Input<'_, '_>, index: usize) -> Result<Box<dyn Tile>, Error> {
        self.decoder.begin(self.tile_sides, input.source.cancellation())?;
        let mut data = Vec::new();
        let mut reader = ByteReader::new(&mut *input.source, self.format())?;
        reader.awaited = "its picture is complete";
        data.reserve_exact(length(&self.tiles[index]) as usize);
        for Range { start, end } in &self.tiles[index] {
            reader.seek_to(*start)?;
            data.extend(reader.bytes(end - start, end - start)?);
        }
        let tile = self.decoder.decode(data)?;
        match tile.sides() == self.tile_sides {
            true => Ok(tile),
            false => Err(Error::malformed(self.format(), "it states its size twice, differently")),
        }
    }
}

/// A coding of colours that is not read.
fn not_read(format: Format, name: &str) -> Error {
    Error::Unsupported(format!("this {format} uses {name} that we cannot decode"))
}

/// The length of ranges of the file, in bytes.
fn length(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// Checks that a grid's tiles cover its picture, with less than one to spare.
fn check_grid(
    grid: &Grid,
    tile_sides: (u32, u32),
    tiles: usize,
    reader: &ByteReader<'_>,
) -> Result<(), Error> {
    let covers =
        |count: u16, tile: u32, side: u32| side > 0 && side.div_ceil(tile) == u32::from(count);
    if tiles != usize::from(grid.rows) * usize::from(grid.columns)
        || !covers(grid.columns, tile_sides.0, grid.output_width)
        || !covers(grid.rows, tile_sides.1, grid.output_height)
    {
        return Err(reader.malformed("its tiles do not cover its picture exactly"));
    }
    Ok(())
}

/// The property that configures the decoder of an item.
fn configuration(meta: &Meta, item: u32) -> Option<&Property> {
    meta.properties(item).find(|property| match property {
        Property::HevcConfig(_) => true,
        Property::Unknown(FourCC(kind), _) => kind == b"av1C",
        _ => false,
    })
}

/// A decoder for an item of that width and height.
fn tile_decoder(
    meta: &Meta,
    item: u32,
    sides: (u32, u32),
    reader: &ByteReader<'_>,
) -> Result<Box<dyn TileDecoder>, Error> {
    match (meta.kind(item), configuration(meta, item)) {
        #[cfg(feature = "heic")]
        (Some(b"hvc1" | b"hev1"), Some(Property::HevcConfig(config))) => {
            Ok(Box::new(HevcDecoder::new(config, sides)?))
        }
        #[cfg(feature = "avif")]
        (Some(b"av01"), Some(Property::Unknown(_, config))) => {
            Ok(Box::new(Av1Decoder::new(config, sides)?))
        }
        (Some(b"hvc1" | b"hev1" | b"av01"), None) => {
            Err(reader.malformed("a picture has no configuration of its decoder"))
        }
        (Some(kind), _) => {
            let kind = String::from_utf8_lossy(kind).replace(char::is_control, "?");
            Err(reader.unsupported(&format!("pictures of the kind {kind}")))
        }
        (None, _) => Err(reader.malformed("an item that it refers to is missing")),
    }
}

/// The coding of colours that an item's `colr` property states.
fn coding(meta: &Meta, item: u32) -> Option<Coding> {
    meta.properties(item).find_map(|property| match property {
        Property::Color(ColorInfo::Nclx { primaries, matrix, full_range, .. }) => {
            Some(Coding { primaries: *primaries, matrix: *matrix, is_full_range: *full_range })
        }
        _ => None,
    })
}

/// The colour profile that an item's `colr` properties state: an ICC profile rather than code
/// points, if there are both. `None` if there is none that can be used.
fn profile(meta: &Meta, item: u32, model: ColorModel) -> Option<ColorProfile> {
    let icc = meta.properties(item).find_map(|property| match property {
        Property::Color(ColorInfo::Icc(profile)) => ColorProfile::from_icc(profile, model),
        _ => None,
    });
    icc.or_else(|| {
        meta.properties(item).find_map(|property| match property {
            Property::Color(ColorInfo::Nclx { primaries, transfer, .. }) => {
                ColorProfile::from_cicp(*primaries, *transfer)
            }
            _ => None,
        })
    })
}

/// Reads the rows of a picture. Holds the row of tiles that was read last.
pub(super) struct TileRow<'a> {
    picture: &'a CodedPicture,
    /// `None` for tiles of which nothing was needed.
    tiles: Vec<Option<Box<dyn Tile>>>,
    /// The index of the row of tiles.
    index: Option<u32>,
    /// Rows of luma, Cb and Cr: kept for their memory.
    samples: [Vec<u16>; 3],
}

impl<'a> TileRow<'a> {
    pub(super) fn new(picture: &'a CodedPicture) -> Self {
        Self { picture, tiles: Vec::new(), index: None, samples: Default::default() }
    }

    /// Decodes the tiles of row `y` that have any of the columns `needed`, unless they are held.
    /// Returns the row's index in them.
    fn decode(
        &mut self,
        input: &mut Input<'_, '_>,
        y: u32,
        needed: &Range<u32>,
    ) -> Result<u32, Error> {
        let CodedPicture { tile_sides: (width, height), columns, .. } = *self.picture;
        let index = y / height;
        if self.index != Some(index) {
            self.tiles.clear();
            self.tiles.resize_with(columns as usize, || None);
            self.index = Some(index);
        }
        let needed_columns = needed.start / width..needed.end.div_ceil(width).min(columns);
        for column in needed_columns.filter(|_| !needed.is_empty()) {
            let tile = &mut self.tiles[column as usize];
            if tile.is_none() {
                *tile = Some(self.picture.decode(input, (index * columns + column) as usize)?);
            }
        }
        Ok(y % height)
    }

    /// Replaces `row` by the pixels of row `y`; those of tiles without any of the columns `needed` are
    /// black. Returns whether the picture is grey.
    ///
    /// # Errors
    /// A tile is damaged, or cannot be read.
    pub(super) fn read(
        &mut self,
        input: &mut Input<'_, '_>,
        y: u32,
        needed: &Range<u32>,
        row: &mut Vec<[u16; 3]>,
    ) -> Result<bool, Error> {
        let y = self.decode(input, y, needed)?;
        let width = self.picture.tile_sides.0 as usize;
        row.clear();
        for tile in &self.tiles {
            let Some(tile) = tile else {
                row.resize(row.len() + width, [0; 3]);
                continue;
            };
            let coding = self.picture.coding.unwrap_or_else(|| tile.coding());
            let conversion = Conversion::new(coding, tile.bits());
            let conversion = conversion.map_err(|name| not_read(self.picture.format(), name))?;
            let [luma, cb, cr] = &mut self.samples;
            tile.read_row(0, y, luma);
            luma.truncate(width);
            let Some((shift_x, shift_y)) = tile.chroma_shift() else {
                row.extend(luma.iter().map(|luma| [conversion.grey(*luma); 3]));
                continue;
            };
            tile.read_row(1, y >> shift_y, cb);
            tile.read_row(2, y >> shift_y, cr);
            row.extend(luma.iter().enumerate().map(|(x, luma)| {
                let at = |chroma: &[u16]| chroma.get(x >> shift_x).copied().unwrap_or_default();
                conversion.rgb([*luma, at(cb), at(cr)])
            }));
        }
        Ok(self.picture.is_monochrome())
    }

    /// Replaces `row` by the luma of row `y`, from 0 to 65 535: the values of an alpha plane. Those of
    /// tiles without any of the columns `needed` are 0.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn read_luma(
        &mut self,
        input: &mut Input<'_, '_>,
        y: u32,
        needed: &Range<u32>,
        row: &mut Vec<u16>,
    ) -> Result<(), Error> {
        let y = self.decode(input, y, needed)?;
        let width = self.picture.tile_sides.0 as usize;
        row.clear();
        for tile in &self.tiles {
            let Some(tile) = tile else {
                row.resize(row.len() + width, 0);
                continue;
            };
            let max = (1_u32 << tile.bits()) - 1;
            let luma = &mut self.samples[0];
            tile.read_row(0, y, luma);
            let luma = luma.iter().take(width);
            row.extend(
                luma.map(|it| ((u32::from(*it) * 65_535 + max / 2) / max).min(65_535) as u16),
            );
        }
        Ok(())
    }
}
