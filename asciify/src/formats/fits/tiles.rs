//! Images that are compressed by tiles, each a row of a binary table (section 10).

use std::io::Read;

use flate2::bufread::GzDecoder;

use super::header::{FORMAT, Header};
use super::rice;
use super::table::{Column, columns};
use crate::error::Error;
use crate::formats::decoder::{Input, area};
use crate::formats::reader::ByteReader;
use crate::formats::values::StoredRows;
use crate::formats::values::sample_type::{Kind, SampleType};

/// The longest row of the table, in bytes.
const MAX_ROW_BYTES: u64 = 1 << 16;
/// Parameters of a compression, ZNAMEn.
const MAX_PARAMETERS: u32 = 99;
/// Deflate compresses by this factor at most (RFC 1951: 258 bytes in two bits).
const MAX_DEFLATE_RATIO: u64 = 1032;
/// Integers of a block of Rice's coding, and how many a byte can stand for: equal ones take three
/// bits a block.
const MAX_RICE_BLOCK: i64 = 64;
const MAX_RICE_RATIO: u64 = 171;
/// Pixels of an image that is dithered: so many, and so many per byte. Each is a number of its own, even
/// where the tiles are equal.
const FREE_DITHERED_PIXELS: u64 = 1 << 22;
const DITHERED_PIXELS_PER_BYTE: u64 = 16;
/// Random numbers for dithering (10.2.1).
const RANDOM_NUMBERS: usize = 10_000;
/// Quantized values that stand for NaN, where ZBLANK names no other, and for 0 (10.2).
const QUANTIZED_NAN: f64 = -2_147_483_647.0;
const QUANTIZED_ZERO: f64 = -2_147_483_646.0;

/// The tiles of an image, and how they are compressed.
pub(super) struct Tiles {
    /// Width and height of the image in pixels.
    sides: (u32, u32),
    bands: u32,
    /// Width and height of a tile in pixels.
    tile: (u32, u32),
    /// The offset in the file of the table, and bytes of its rows.
    table: u64,
    row_bytes: u64,
    /// The offset of the heap, which has the compressed tiles, and its end.
    heap: u64,
    heap_end: u64,
    compression: Compression,
    /// The numbers of the image.
    sample_type: SampleType,
    /// COMPRESSED_DATA, GZIP_COMPRESSED_DATA and UNCOMPRESSED_DATA.
    compressed: Option<Column>,
    gzipped: Option<Column>,
    uncompressed: Option<Column>,
    /// How floating-point numbers were made integers; `None` where they were not.
    quantization: Option<Quantization>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Rice {
        /// Bytes of an integer.
        bytes: u32,
        /// Integers of a block.
        block: usize,
    },
    Gzip1,
    /// The first bytes of all numbers, then the second ones, and so on.
    Gzip2,
}

/// How floating-point numbers were made integers (10.2).
struct Quantization {
    scale: Parameter,
    zero: Parameter,
    blank: f64,
    dithering: Option<Dithering>,
}

/// A number that is the same for all tiles, or in a column.
#[derive(Clone, Copy)]
enum Parameter {
    Same(f64),
    Column(Column),
}

#[derive(Debug, Clone, Copy)]
struct Dithering {
    /// ZDITHER0, less 1: which random numbers the first tile has.
    seed: u64,
    /// Whether a special value stands for 0: SUBTRACTIVE_DITHER_2.
    keeps_zero: bool,
}

impl Tiles {
    /// Reads what the header of a compressed image of so many planes says.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names the compression; or the header is damaged.
    pub(super) fn of(
        header: &Header,
        reader: &ByteReader<'_>,
        sample_type: SampleType,
        sides: (u32, u32),
        planes: u64,
        bands: u32,
    ) -> Result<Self, Error> {
        let tile_side = |axis: u32, default: u32| {
            let side = header
                .integer(&format!("ZTILE{axis}"))
                .map_or(Some(default.into()), |it| u64::try_from(it).ok().filter(|it| *it > 0));
            side.map(|it| u32::try_from(it).unwrap_or(u32::MAX))
        };
        let axes = header.axes("ZNAXIS").len() as u32;
        let tile = tile_side(1, sides.0).zip(tile_side(2, 1));
        let (width, height) = tile.ok_or_else(|| reader.malformed("its tiles have no size"))?;
        let tile = (width.min(sides.0), height.min(sides.1));
        if (3..=axes).any(|axis| tile_side(axis, 1) != Some(1)) {
            return Err(reader.unsupported("tiles of several planes"));
        }
        let table = header.axes("NAXIS");
        let [row_bytes, rows] = table[..] else {
            return Err(reader.malformed("its table of tiles has no rows"));
        };
        let tiles = u64::from(sides.0.div_ceil(tile.0)) * u64::from(sides.1.div_ceil(tile.1));
        if row_bytes > MAX_ROW_BYTES || rows < tiles.saturating_mul(planes) {
            return Err(reader.malformed("its table does not have a row for each tile"));
        }
        let table_bytes = rows.saturating_mul(row_bytes);
        let positive = |keyword| header.integer(keyword).and_then(|it| u64::try_from(it).ok());
        let heap = header.data_offset.saturating_add(positive("THEAP").unwrap_or(table_bytes));
        let data_bytes = table_bytes.saturating_add(positive("PCOUNT").unwrap_or(0));
        let columns = columns(header, row_bytes);
        let column = |name: &str| columns.iter().find(|(it, _)| it == name).map(|(_, it)| *it);
        let parameter = |name: &str| match column(name) {
            Some(column) => Some(Parameter::Column(column)),
            None => header.real(name).map(Parameter::Same),
        };
        let is_float = !sample_type.is_integer();
        let quantization = parameter("ZSCALE").zip(parameter("ZZERO")).filter(|_| is_float);
        let quantization = quantization.map(|(scale, zero)| Quantization {
            scale,
            zero,
            blank: header.integer("ZBLANK").map_or(QUANTIZED_NAN, |it| it as f64),
            dithering: dithering(header),
        });
        Ok(Self {
            sides,
            bands,
            tile,
            table: header.data_offset,
            row_bytes,
            heap,
            heap_end: header.data_offset.saturating_add(data_bytes),
            compression: compression(header)?,
            sample_type,
            compressed: column("COMPRESSED_DATA"),
            gzipped: column("GZIP_COMPRESSED_DATA"),
            uncompressed: column("UNCOMPRESSED_DATA"),
            quantization,
        })
    }

    /// Checks that the file is long enough for the pixels of a plane.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is too short.
    pub(super) fn check_pixels(&self, reader: &ByteReader<'_>) -> Result<(), Error> {
        let pixels = area(self.sides.0, self.sides.1);
        if self.quantization.as_ref().is_some_and(|it| it.dithering.is_some()) {
            let pixels = pixels.saturating_sub(FREE_DITHERED_PIXELS);
            reader.can_hold(pixels, DITHERED_PIXELS_PER_BYTE)?;
        }
        let per_byte = match self.compression {
            Compression::Rice { .. } => MAX_RICE_RATIO,
            Compression::Gzip1 | Compression::Gzip2 => {
                MAX_DEFLATE_RATIO / self.coded_type().bytes()
            }
        };
        reader.can_hold(pixels, per_byte)
    }

    /// The offset behind the last tile.
    pub(super) fn end(&self) -> u64 {
        self.heap_end
    }

    /// The numbers in COMPRESSED_DATA.
    fn coded_type(&self) -> SampleType {
        match self.quantization {
            Some(_) => SampleType::new(Kind::Signed, 32, false).unwrap_or(self.sample_type),
            None => self.sample_type,
        }
    }

    /// The most bytes that a tile of so many pixels may have, compressed or not. Numbers that cannot
    /// be compressed become a little longer.
    fn max_tile_bytes(&self, pixels: u64) -> u64 {
        let sample_bytes = self.sample_type.bytes().max(self.coded_type().bytes());
        pixels.saturating_mul(sample_bytes).saturating_mul(2).saturating_add(64)
    }

    /// Reads the tile of that index into `values`. What the file does not have is NaN.
    fn read(
        &self,
        reader: &mut ByteReader<'_>,
        index: u64,
        buffers: &mut Buffers,
        values: &mut [f64],
    ) -> Result<(), Error> {
        values.fill(f64::NAN);
        let place = self.table.saturating_add(index.saturating_mul(self.row_bytes));
        if place.saturating_add(self.row_bytes) > reader.end {
            return Ok(());
        }
        reader.seek_to(place)?;
        reader.fill(&mut buffers.row)?;
        let damaged = |reader: &ByteReader<'_>| reader.malformed("a tile of it is damaged");
        let data = [self.compressed, self.gzipped, self.uncompressed].into_iter().enumerate();
        let data = data.filter_map(|(kind, column)| Some((kind, column?)));
        let found = data
            .map(|(kind, column)| (kind, column.descriptor(&buffers.row), column))
            .find(|(_, (bytes, _), _)| *bytes > 0);
        let Some((kind, (bytes, offset), _)) = found else { return Ok(()) };
        if bytes > self.max_tile_bytes(values.len() as u64) {
            return Err(damaged(reader));
        }
        let start = self.heap.saturating_add(offset);
        if start.saturating_add(bytes) > reader.end {
            return Ok(());
        }
        // tiles may share their bytes
        let key = (kind, start, bytes, values.len());
        if buffers.held == Some(key) {
            values.copy_from_slice(&buffers.held_values);
            self.undo_quantization(kind, index, buffers, values);
            return Ok(());
        }
        reader.seek_to(start)?;
        buffers.compressed.resize(bytes as usize, 0);
        reader.fill(&mut buffers.compressed)?;
        let decoded = match (kind, self.compression) {
            (0, Compression::Rice { bytes, block }) => {
                rice::decode(&buffers.compressed, bytes, block, values)
            }
            (0, compression) => {
                let is_shuffled = compression == Compression::Gzip2;
                gunzip(buffers, self.coded_type(), is_shuffled, values)
            }
            (1, _) => gunzip(buffers, self.sample_type, false, values),
            _ => {
                let step = self.sample_type.bytes() as usize;
                self.sample_type.read(&buffers.compressed, step, values.iter_mut());
                Some(())
            }
        };
        decoded.ok_or_else(|| damaged(reader))?;
        buffers.held = Some(key);
        buffers.held_values.clear();
        buffers.held_values.extend_from_slice(values);
        self.undo_quantization(kind, index, buffers, values);
        Ok(())
    }

    /// Replaces quantized values of the tile of that index, which is in the column of that kind.
    fn undo_quantization(
        &self,
        kind: usize,
        index: u64,
        buffers: &mut Buffers,
        values: &mut [f64],
    ) {
        if let (0, Some(quantization)) = (kind, &self.quantization) {
            quantization.undo(index, buffers, values);
        }
    }
}

impl StoredRows for Tiles {
    fn for_each_row(
        &self,
        input: &mut Input<'_, '_>,
        frame: u32,
        bands: &[usize],
        take: &mut dyn FnMut(&[f64]),
    ) -> Result<(), Error> {
        let mut reader = ByteReader::new(&mut *input.source, FORMAT)?;
        let (width, height) = (self.sides.0 as usize, self.sides.1 as usize);
        let (tile_width, tile_height) = (self.tile.0 as usize, self.tile.1 as usize);
        let (across, down) = (width.div_ceil(tile_width), height.div_ceil(tile_height));
        let mut rows = vec![f64::NAN; width * tile_height * bands.len()];
        let mut values = vec![f64::NAN; tile_width * tile_height];
        let mut buffers = Buffers::new(self.row_bytes as usize);
        for tile_row in 0..down {
            let tile_height = tile_height.min(height - tile_row * tile_height);
            for (index, band) in bands.iter().enumerate() {
                let plane = u64::from(frame) * u64::from(self.bands) + *band as u64;
                for tile_column in 0..across {
                    // fails if the caller has cancelled
                    reader.source.fill_buf().map_err(Error::Read)?;
                    let left = tile_column * tile_width;
                    let tile_width = tile_width.min(width - left);
                    let tile = &mut values[..tile_width * tile_height];
                    let nth = (plane * down as u64 + tile_row as u64) * across as u64;
                    self.read(&mut reader, nth + tile_column as u64, &mut buffers, tile)?;
                    for (y, row) in tile.chunks_exact(tile_width).enumerate() {
                        let slots = &mut rows[(y * width + left) * bands.len()..];
                        let slots = slots.iter_mut().skip(index).step_by(bands.len());
                        slots.zip(row).for_each(|(slot, value)| *slot = *value);
                    }
                }
            }
            rows.chunks_exact(width * bands.len()).take(tile_height).for_each(&mut *take);
        }
        Ok(())
    }

    fn working_bytes(&self, bands: u32) -> u64 {
        let tile = u64::from(self.tile.0) * u64::from(self.tile.1);
        let rows = u64::from(self.sides.0) * u64::from(self.tile.1);
        let numbers = rows.saturating_mul(bands.into()).saturating_add(2 * tile).saturating_mul(8);
        // a tile as it is stored and decompressed, and the state of deflate
        let bytes = self.max_tile_bytes(tile).saturating_mul(3).saturating_add(1 << 17);
        numbers.saturating_add(bytes).saturating_add(self.row_bytes)
    }
}

/// A tile's column, place, length and number of pixels.
type TileKey = (usize, u64, u64, usize);

/// Memory that tiles share.
struct Buffers {
    /// A row of the table.
    row: Vec<u8>,
    compressed: Vec<u8>,
    decompressed: Vec<u8>,
    /// Which tile was decompressed last.
    held: Option<TileKey>,
    /// Its values before quantization was undone.
    held_values: Vec<f64>,
    /// The random numbers of dithering, 0 to 1; none before they are needed.
    random: Vec<f32>,
}

impl Buffers {
    fn new(row_bytes: usize) -> Self {
        Self {
            row: vec![0; row_bytes],
            compressed: Vec::new(),
            decompressed: Vec::new(),
            held: None,
            held_values: Vec::new(),
            random: Vec::new(),
        }
    }
}

impl Quantization {
    /// Replaces quantized values of a tile by what they stand for.
    fn undo(&self, tile: u64, buffers: &mut Buffers, values: &mut [f64]) {
        let of = |parameter| match parameter {
            Parameter::Same(number) => number,
            Parameter::Column(column) => column.number(&buffers.row).unwrap_or(f64::NAN),
        };
        let (scale, zero) = (of(self.scale), of(self.zero));
        let Some(dithering) = self.dithering else {
            for value in values {
                *value = if *value == self.blank { f64::NAN } else { *value * scale + zero };
            }
            return;
        };
        if buffers.random.is_empty() {
            buffers.random = random_numbers();
        }
        let random = &buffers.random;
        let first = |seed: usize| (random[seed] * 500.0) as usize;
        let mut seed =
            ((tile % RANDOM_NUMBERS as u64 + dithering.seed) % RANDOM_NUMBERS as u64) as usize;
        let mut next = first(seed);
        for value in values {
            *value = match *value {
                it if it == self.blank => f64::NAN,
                QUANTIZED_ZERO if dithering.keeps_zero => 0.0,
                it => (it - f64::from(random[next]) + 0.5) * scale + zero,
            };
            next += 1;
            if next == RANDOM_NUMBERS {
                seed = (seed + 1) % RANDOM_NUMBERS;
                next = first(seed);
            }
        }
    }
}

/// The random numbers that writers and readers share: appendix I.
fn random_numbers() -> Vec<f32> {
    const MODULUS: u64 = (1 << 31) - 1;
    let seeds = std::iter::successors(Some(16_807), |seed| Some(seed * 16_807 % MODULUS));
    seeds.take(RANDOM_NUMBERS).map(|seed| (seed as f64 / MODULUS as f64) as f32).collect()
}

/// Decompresses a gzip file of big-endian numbers. `None` if it is damaged or too short.
fn gunzip(
    buffers: &mut Buffers,
    sample_type: SampleType,
    is_shuffled: bool,
    values: &mut [f64],
) -> Option<()> {
    let Buffers { compressed, decompressed, .. } = buffers;
    let (count, sample_bytes) = (values.len(), sample_type.bytes() as usize);
    decompressed.resize(count * sample_bytes, 0);
    GzDecoder::new(&compressed[..]).read_exact(decompressed).ok()?;
    if is_shuffled {
        let mut number = [0; 8];
        for (at, value) in values.iter_mut().enumerate() {
            let bytes = &mut number[..sample_bytes];
            bytes
                .iter_mut()
                .enumerate()
                .for_each(|(byte, it)| *it = decompressed[byte * count + at]);
            sample_type.read(bytes, sample_bytes, [value].into_iter());
        }
    } else {
        sample_type.read(decompressed, sample_bytes, values.iter_mut());
    }
    Some(())
}

/// ZCMPTYPE, with its parameters.
fn compression(header: &Header) -> Result<Compression, Error> {
    let parameter = |name: &str, default| {
        let nth = (1..=MAX_PARAMETERS)
            .find(|nth| header.text(&format!("ZNAME{nth}")).as_deref() == Some(name));
        nth.and_then(|nth| header.integer(&format!("ZVAL{nth}"))).unwrap_or(default)
    };
    let name = header.text("ZCMPTYPE").unwrap_or_default();
    match name.as_str() {
        "RICE_1" | "RICE_ONE" => Ok(Compression::Rice {
            bytes: u32::try_from(parameter("BYTEPIX", 4)).unwrap_or(0),
            block: parameter("BLOCKSIZE", 32).clamp(1, MAX_RICE_BLOCK) as usize,
        }),
        "GZIP_1" => Ok(Compression::Gzip1),
        "GZIP_2" => Ok(Compression::Gzip2),
        "PLIO_1" | "HCOMPRESS_1" | "NOCOMPRESS" => Err(Error::Unsupported(format!(
            "this FITS uses {name} compression that we cannot decode: decompress it (funpack)"
        ))),
        _ => Err(Error::Unsupported(
            "this FITS uses a compression that we cannot decode: decompress it (funpack)"
                .to_owned(),
        )),
    }
}

/// ZQUANTIZ and ZDITHER0. No dithering by default.
fn dithering(header: &Header) -> Option<Dithering> {
    let keeps_zero = match header.text("ZQUANTIZ")?.as_str() {
        "SUBTRACTIVE_DITHER_1" => false,
        "SUBTRACTIVE_DITHER_2" => true,
        _ => return None,
    };
    let seed = header.integer("ZDITHER0").unwrap_or(1).saturating_sub(1);
    Some(Dithering { seed: u64::try_from(seed).unwrap_or(0), keeps_zero })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_random_numbers_end_as_the_standard_says() {
        let random = random_numbers();
        assert_eq!(random.len(), RANDOM_NUMBERS);
        let last = (1_043_618_065.0 / 2_147_483_647.0) as f32;
        assert_eq!(random.last(), Some(&last));
    }
}
