//! The headers of a codestream (ISO/IEC 15444-1, annex A): the main header, and those of the
//! tile-parts. Nothing of the picture is decoded.

use std::ops::Range;

use super::coding::{Coding, Structures};
use super::grid::{Grid, Rect};
use crate::error::Error;
use crate::format::Format;
use crate::formats::reader::ByteReader;

/// The format, and its kinds of files: JP2, JPX, and codestreams.
pub(super) const FORMAT: Format = Format::new("JPEG 2000", "image/jp2", "jp2")
    .read_in_parts()
    .with_kinds(&[(JPX, "jpx"), (CODESTREAM, "j2k")])
    .also(&["jpf", "j2c", "jpc"]);
/// Media types, as registered with IANA.
pub(super) const JPX: &str = "image/jpx";
pub(super) const CODESTREAM: &str = "image/j2c";

/// How a codestream begins.
pub(super) const SOC_SIZ: [u8; 4] = [0xff, marker::SOC, 0xff, marker::SIZ];

/// The second bytes of markers (table A.2); the first is 0xFF.
pub(super) mod marker {
    pub(crate) const SOC: u8 = 0x4f;
    pub(crate) const CAP: u8 = 0x50;
    pub(crate) const SIZ: u8 = 0x51;
    pub(crate) const COD: u8 = 0x52;
    pub(crate) const COC: u8 = 0x53;
    pub(crate) const TLM: u8 = 0x55;
    pub(crate) const PRF: u8 = 0x56;
    pub(crate) const PLM: u8 = 0x57;
    pub(crate) const PLT: u8 = 0x58;
    pub(crate) const CPF: u8 = 0x59;
    pub(crate) const QCD: u8 = 0x5c;
    pub(crate) const QCC: u8 = 0x5d;
    pub(crate) const RGN: u8 = 0x5e;
    pub(crate) const POC: u8 = 0x5f;
    pub(crate) const PPM: u8 = 0x60;
    pub(crate) const PPT: u8 = 0x61;
    pub(crate) const CRG: u8 = 0x63;
    pub(crate) const COM: u8 = 0x64;
    pub(crate) const SOT: u8 = 0x90;
    pub(crate) const SOD: u8 = 0x93;
    pub(crate) const EOC: u8 = 0xd9;
}

/// Components that are decoded: bands of an instrument have no more.
const MAX_COMPONENTS: u16 = 16;
/// The most bits of a sample that the decoder's numbers hold exactly.
const MAX_BITS: u8 = 24;
/// Tiles that their index can number.
const MAX_TILES: u64 = 1 << 16;
/// Tile-parts that are read.
const MAX_TILE_PARTS: usize = 1 << 18;
/// Bytes of the main header that the decoder needs, which gets them again for each tile.
const MAX_HEADER_BYTES: usize = 1 << 14;
/// Progression order changes of the main header or of a tile.
const MAX_PROGRESSION_CHANGES: u64 = 32;
/// Sub-bands, precincts and code-blocks of a tile, and of all tiles.
const MAX_STRUCTURES_PER_TILE: u64 = 1 << 20;
const MAX_STRUCTURES: u64 = 1 << 22;
/// Bytes of a SOT marker segment with its marker.
const SOT_BYTES: u64 = 12;

/// A component (A.5.1).
pub(super) struct Component {
    /// Bits of a sample.
    pub(super) bits: u32,
    pub(super) is_signed: bool,
    /// XRsiz and YRsiz: the reference grid's points per sample, across and down.
    pub(super) step: (u32, u32),
}

/// What the headers say.
pub(super) struct Codestream {
    pub(super) grid: Grid,
    pub(super) components: Vec<Component>,
    /// The marker segments of the main header that decoding needs, without SIZ.
    pub(super) header: Vec<u8>,
    /// The tile and the bytes of the file of each tile-part, by tile, each tile's in their order.
    tile_parts: Vec<(u32, Range<u64>)>,
    /// How often the sides can be halved: the fewest decomposition levels of any tile's component.
    pub(super) levels: u32,
    /// The structures of the tile that has most, in bytes of memory.
    pub(super) structure_bytes: u64,
    /// The bytes of the longest tile.
    pub(super) longest_tile_bytes: u64,
}

impl Codestream {
    /// Reads the main header and those of the tile-parts.
    ///
    /// # Errors
    /// They are damaged, use what is not supported, or claim too much; or a tile is missing.
    pub(super) fn read(reader: &mut ByteReader<'_>, range: &Range<u64>) -> Result<Self, Error> {
        reader.awaited = "its main header is complete";
        reader.seek_to(range.start)?;
        if reader.array()? != SOC_SIZ {
            return Err(reader.malformed("its codestream does not begin with SOC and SIZ"));
        }
        let (grid, components) = size(reader)?;
        let mut codestream = Self {
            grid,
            components,
            header: Vec::new(),
            tile_parts: Vec::new(),
            levels: u32::MAX,
            structure_bytes: 0,
            longest_tile_bytes: 0,
        };
        let defaults = codestream.read_main_header(reader)?;
        codestream.read_tile_parts(reader, range, &defaults)?;
        Ok(codestream)
    }

    /// The bytes of the file of each tile-part of a tile, in their order.
    pub(super) fn parts_of(&self, tile: u32) -> impl Iterator<Item = &Range<u64>> {
        let first = self.tile_parts.partition_point(|(it, _)| *it < tile);
        self.tile_parts[first..].iter().take_while(move |(it, _)| *it == tile).map(|(_, it)| it)
    }

    /// The bytes of all tiles.
    pub(super) fn bytes(&self) -> u64 {
        self.tile_parts.iter().map(|(_, range)| range.end - range.start).sum()
    }

    /// Reads up to the first SOT.
    fn read_main_header(&mut self, reader: &mut ByteReader<'_>) -> Result<TileCoding, Error> {
        let mut coding =
            TileCoding { of_components: vec![None; self.components.len()], changes: 0 };
        let mut has_quantization = false;
        loop {
            match marker(reader)? {
                marker::SOT => break,
                kind @ (marker::COD | marker::COC | marker::POC) => {
                    let segment = segment(reader)?;
                    coding.read(reader, kind, &segment)?;
                    self.keep(reader, kind, &segment)?;
                }
                kind @ (marker::QCD | marker::QCC | marker::RGN) => {
                    has_quantization |= kind == marker::QCD;
                    let segment = segment(reader)?;
                    self.keep(reader, kind, &segment)?;
                }
                marker::TLM | marker::PLM | marker::PRF | marker::CRG | marker::COM => {
                    skip_segment(reader)?;
                }
                marker::CAP | marker::CPF => return Err(high_throughput(reader)),
                marker::PPM => return Err(reader.unsupported("packet headers in its main header")),
                // these have no parameters (A.1)
                0x30..=0x3f => {}
                _ => return Err(reader.unsupported("an extension of the standard")),
            }
        }
        if !has_quantization || coding.of_components.iter().any(Option::is_none) {
            return Err(reader.malformed("it does not say how it is coded"));
        }
        Ok(coding)
    }

    /// Keeps a marker segment of the main header.
    fn keep(&mut self, reader: &ByteReader<'_>, kind: u8, segment: &[u8]) -> Result<(), Error> {
        if self.header.len() + segment.len() > MAX_HEADER_BYTES {
            return Err(reader.unsupported("coding parameters of more than 16 KiB"));
        }
        self.header.extend([0xff, kind]);
        self.header.extend((segment.len() as u16 + 2).to_be_bytes());
        self.header.extend(segment);
        Ok(())
    }

    /// Reads the headers of the tile-parts, and the end mark. The marker of the first SOT has been
    /// read.
    fn read_tile_parts(
        &mut self,
        reader: &mut ByteReader<'_>,
        range: &Range<u64>,
        defaults: &TileCoding,
    ) -> Result<(), Error> {
        let tiles = self.grid.tiles();
        let (mut total, mut seen) = (Structures::default(), vec![false; tiles as usize]);
        reader.awaited = "its last tile";
        loop {
            let start = reader.position - 2;
            let [_, _, high, low, a, b, c, d, _, _] = reader.array()?;
            let tile = u32::from(u16::from_be_bytes([high, low]));
            let length = u64::from(u32::from_be_bytes([a, b, c, d]));
            let end = if length == 0 { range.end } else { start + length };
            if tile >= tiles || (length != 0 && length < SOT_BYTES + 2) {
                return Err(reader.malformed("the header of a tile-part is damaged"));
            }
            if end > range.end {
                return Err(reader.cut_off());
            }
            if self.tile_parts.len() == MAX_TILE_PARTS {
                return Err(reader.unsupported("more than 262,144 tile-parts"));
            }
            let mut own = None;
            self.read_tile_part_header(reader, defaults, &mut own)?;
            let is_first = !std::mem::replace(&mut seen[tile as usize], true);
            if own.is_some() && !is_first {
                return Err(reader.unsupported("coding parameters in a later tile-part"));
            }
            if is_first {
                let coding = own.as_ref().unwrap_or(defaults);
                let structures = self.structures(tile, coding, range.end - range.start);
                self.levels = coding.components().map(|it| it.levels).fold(self.levels, u32::min);
                self.structure_bytes = self.structure_bytes.max(structures.bytes());
                total.add(&structures);
                structures.check(MAX_STRUCTURES_PER_TILE)?;
                total.check(MAX_STRUCTURES)?;
            }
            self.tile_parts.push((tile, start..end));
            if length == 0 {
                // the last tile-part, up to the end mark
                reader.awaited = "its end mark";
                match reader.contains(&[0xff, marker::EOC])? {
                    true => break,
                    false => return Err(reader.cut_off()),
                }
            }
            reader.seek_to(end)?;
            if seen.iter().all(|it| *it) {
                reader.awaited = "its end mark";
            }
            match marker(reader)? {
                marker::SOT => {}
                marker::EOC => break,
                _ => return Err(reader.malformed("data follow a tile-part that belong to none")),
            }
        }
        if !seen.iter().all(|it| *it) {
            return Err(reader.malformed("some of its tiles are missing"));
        }
        self.tile_parts.sort_by_key(|(tile, _)| *tile);
        let tiles = self.tile_parts.chunk_by(|(one, _), (other, _)| one == other);
        let bytes =
            |parts: &[(u32, Range<u64>)]| parts.iter().map(|(_, it)| it.end - it.start).sum();
        self.longest_tile_bytes = tiles.map(bytes).max().unwrap_or(0);
        Ok(())
    }

    /// Reads up to SOD. `own` becomes the coding of the tile, if it has its own.
    fn read_tile_part_header(
        &self,
        reader: &mut ByteReader<'_>,
        defaults: &TileCoding,
        own: &mut Option<TileCoding>,
    ) -> Result<(), Error> {
        loop {
            match marker(reader)? {
                marker::SOD => return Ok(()),
                kind @ (marker::COD | marker::COC | marker::POC) => {
                    let segment = segment(reader)?;
                    let is_first = own.is_none();
                    let own = own.get_or_insert_with(|| defaults.clone());
                    // changes of a tile replace those of the main header
                    own.changes = if is_first { 0 } else { own.changes };
                    own.read(reader, kind, &segment)?;
                }
                marker::QCD
                | marker::QCC
                | marker::RGN
                | marker::PPT
                | marker::PLT
                | marker::COM => skip_segment(reader)?,
                0x30..=0x3f => {}
                _ => return Err(reader.unsupported("an extension of the standard")),
            }
        }
    }

    /// What the decoder makes of a tile before it decodes samples.
    fn structures(&self, tile: u32, coding: &TileCoding, bytes: u64) -> Structures {
        let area = self.grid.tile(tile);
        let mut structures = Structures::default();
        (structures.data_bytes, structures.progressions) = (bytes, coding.changes + 1);
        for (component, coding) in self.components.iter().zip(coding.components()) {
            structures.count(area.divided(component.step), coding);
        }
        structures
    }
}

/// How a tile is coded.
#[derive(Clone)]
struct TileCoding {
    /// By component. `None` before COD.
    of_components: Vec<Option<Coding>>,
    /// Progression order changes.
    changes: u64,
}

impl TileCoding {
    fn components(&self) -> impl Iterator<Item = &Coding> {
        self.of_components.iter().flatten()
    }

    /// Reads COD, COC or POC (A.6.1, A.6.2, A.6.6).
    fn read(&mut self, reader: &ByteReader<'_>, kind: u8, segment: &[u8]) -> Result<(), Error> {
        let damaged = || reader.malformed("it does not say how it is coded");
        match kind {
            marker::COD => {
                let coding = Coding::of_cod(segment).ok_or_else(damaged)?;
                check(reader, &coding)?;
                self.of_components.fill(Some(coding));
            }
            marker::COC => {
                let (component, segment) = segment.split_first().ok_or_else(damaged)?;
                let slot = self.of_components.get_mut(usize::from(*component));
                let slot = slot.ok_or_else(damaged)?;
                // COC may only follow COD
                let default = slot.as_ref().ok_or_else(damaged)?;
                let coding = Coding::of_coc(segment, default).ok_or_else(damaged)?;
                check(reader, &coding)?;
                *slot = Some(coding);
            }
            _ => {
                // seven bytes each, with component indices of one byte
                self.changes += segment.len() as u64 / 7;
                if self.changes > MAX_PROGRESSION_CHANGES {
                    return Err(reader.unsupported("more than 32 progression order changes"));
                }
            }
        }
        Ok(())
    }
}

/// Checks that the decoder supports a coding.
fn check(reader: &ByteReader<'_>, coding: &Coding) -> Result<(), Error> {
    match () {
        () if coding.is_high_throughput() => Err(high_throughput(reader)),
        () if coding.layers > 32 => Err(reader.unsupported("more than 32 quality layers")),
        () if coding.is_extended => Err(reader.unsupported("an extension of the standard")),
        () => Ok(()),
    }
}

fn high_throughput(reader: &ByteReader<'_>) -> Error {
    reader.unsupported("high-throughput coding (HTJ2K, ISO/IEC 15444-15)")
}

/// The content of a SIZ marker segment (A.5.1).
fn size(reader: &mut ByteReader<'_>) -> Result<(Grid, Vec<Component>), Error> {
    let _length_and_capabilities: [u8; 4] = reader.array()?;
    let mut pair = || -> Result<(u32, u32), Error> { Ok((reader.u32_be()?, reader.u32_be()?)) };
    let ((x1, y1), (x0, y0), tile_sides, tile_origin) = (pair()?, pair()?, pair()?, pair()?);
    let count = reader.u16_be()?;
    if count > MAX_COMPONENTS {
        return Err(Error::OverLimit {
            what: "components",
            is: count.into(),
            max: MAX_COMPONENTS.into(),
        });
    }
    let mut components = Vec::new();
    for _ in 0..count {
        let [depth, across, down] = reader.array()?;
        if depth & 0x7f >= MAX_BITS {
            return Err(reader.unsupported("samples of more than 24 bits"));
        }
        components.push(Component {
            bits: u32::from(depth & 0x7f) + 1,
            is_signed: depth & 0x80 != 0,
            step: (across.into(), down.into()),
        });
    }
    let steps: Vec<(u32, u32)> = components.iter().map(|it| it.step).collect();
    let area = Rect { x0, y0, x1, y1 };
    let grid = Grid::new(area, tile_origin, tile_sides, &steps)
        .ok_or_else(|| reader.malformed("the sizes that it claims are impossible"))?;
    if grid.tile_count() > MAX_TILES {
        return Err(reader.malformed("it claims more than 65,536 tiles"));
    }
    Ok((grid, components))
}

/// The second byte of the next marker.
fn marker(reader: &mut ByteReader<'_>) -> Result<u8, Error> {
    match reader.array()? {
        [0xff, kind] => Ok(kind),
        _ => Err(reader.malformed("a marker is missing in its codestream")),
    }
}

/// The content of a marker segment.
fn segment(reader: &mut ByteReader<'_>) -> Result<Vec<u8>, Error> {
    let length = segment_length(reader)?;
    reader.bytes(length, length)
}

fn skip_segment(reader: &mut ByteReader<'_>) -> Result<(), Error> {
    let length = segment_length(reader)?;
    reader.skip(length)
}

fn segment_length(reader: &mut ByteReader<'_>) -> Result<u64, Error> {
    let length = u64::from(reader.u16_be()?);
    length.checked_sub(2).ok_or_else(|| reader.malformed("a marker segment is too short"))
}
