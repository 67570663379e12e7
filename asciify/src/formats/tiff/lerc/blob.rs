//! A blob of LERC2: a header, a mask of valid pixels, and the values of these pixels.

use super::bits::Bytes;
use super::huffman::Huffman;
use super::planes;
use super::value::Value;

const KEY: &[u8] = b"Lerc2 ";
/// The versions that are read.
const VERSIONS: std::ops::RangeInclusive<i32> = 1..=6;
/// The longest side of a block, in pixels; encoders use 8 and 16.
const MAX_BLOCK_SIDE: i32 = 64;

/// Data types as codes.
const SIGNED_BYTE: i32 = 0;
const BYTE: i32 = 1;
const SHORT: i32 = 2;
const INT: i32 = 4;
const FLOAT: i32 = 6;
const DOUBLE: i32 = 7;

/// The header of a blob.
pub(super) struct Header {
    version: i32,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Values of a pixel.
    pub(super) depth: usize,
    valid_pixels: usize,
    block_side: usize,
    /// The length of the blob in bytes.
    pub(super) length: usize,
    data_type: i32,
    /// The most that a value may differ from the original.
    max_error: f64,
    min: f64,
    max: f64,
    /// The value of samples without data, as it is coded, and as it was before.
    no_data: Option<(f64, f64)>,
}

/// The values of a blob.
pub(super) struct Blob<T> {
    /// Row-major, `depth` a pixel; any values where a pixel is not valid.
    pub(super) values: Vec<T>,
    /// Whether each pixel is valid, row-major.
    pub(super) is_valid: Vec<bool>,
}

impl Header {
    /// Reads the header at the beginning of `data`; `None` where it is damaged or of an unknown
    /// version. So in the functions below. Returns the data of the blob that follows the header.
    pub(super) fn read<'a>(data: &'a [u8]) -> Option<(Self, Bytes<'a>)> {
        let mut bytes = Bytes::new(data.strip_prefix(KEY)?, 0);
        let version = bytes.i32().filter(|version| VERSIONS.contains(version))?;
        let checksum = if version >= 3 { Some(bytes.i32()? as u32) } else { None };
        let checked_from = data.len() - bytes.rest().len();
        let size = |value: i32| usize::try_from(value).ok();
        let (rows, columns) = (size(bytes.i32()?)?, size(bytes.i32()?)?);
        let depth = if version >= 4 { size(bytes.i32()?)? } else { 1 };
        let valid_pixels = size(bytes.i32()?)?;
        let block_side = bytes.i32().filter(|it| (1..=MAX_BLOCK_SIDE).contains(it))?;
        let (length, data_type) = (size(bytes.i32()?)?, bytes.i32()?);
        // the number of blobs that follow, and flags, of which the first says that there is `no_data`
        let flags: [u8; 8] = if version >= 6 { bytes.array()? } else { [0; 8] };
        let [max_error, min, max] = [bytes.f64()?, bytes.f64()?, bytes.f64()?];
        let no_data = if version >= 6 { Some((bytes.f64()?, bytes.f64()?)) } else { None };
        let no_data = no_data.filter(|_| flags[4] != 0);
        let start = data.len() - bytes.rest().len();
        let body = data.get(start..length)?;
        if checksum.is_some_and(|it| it != fletcher_32(&data[checked_from..length])) {
            return None;
        }
        let block_side = block_side as usize;
        let header = Self {
            version,
            rows,
            columns,
            depth,
            valid_pixels,
            block_side,
            length,
            data_type,
            max_error,
            min,
            max,
            no_data,
        };
        Some((header, Bytes::new(body, version)))
    }

    /// Whether values may be coded by [`Huffman`].
    fn may_use_huffman(&self) -> bool {
        self.version > 1 && self.data_type <= BYTE && self.max_error == 0.5
    }

    /// Whether values may be coded as planes of bytes.
    fn may_use_planes(&self) -> bool {
        self.version >= 6 && self.data_type >= FLOAT && self.max_error == 0.0
    }

    /// Reads the mask. A blob without one has the mask of the `last` blob.
    fn mask(&self, bytes: &mut Bytes<'_>, last: Option<&[bool]>) -> Option<Vec<bool>> {
        let pixels = self.rows * self.columns;
        let length = usize::try_from(bytes.i32()?).ok()?;
        let packed = bytes.take(length)?;
        match self.valid_pixels {
            0 => Some(vec![false; pixels]),
            all if all == pixels => Some(vec![true; pixels]),
            _ if length == 0 => last.filter(|it| it.len() == pixels).map(<[bool]>::to_vec),
            _ => {
                let bits = unpacked_mask(packed, pixels.div_ceil(8))?;
                Some((0..pixels).map(|at| bits[at / 8] << (at % 8) & 0x80 != 0).collect())
            }
        }
    }

    /// Decodes the rest of the blob.
    pub(super) fn decode<T: Value>(
        &self,
        bytes: Bytes<'_>,
        last_mask: Option<&[bool]>,
    ) -> Option<Blob<T>> {
        let mut blob = self.decode_coded(bytes, last_mask)?;
        if let Some((coded, original)) = self.no_data {
            let (coded, original) = (T::from_f64(coded), T::from_f64(original));
            let values = blob.valid_values(self.depth);
            values.filter(|value| **value == coded).for_each(|value| *value = original);
        }
        Some(blob)
    }

    /// Decodes the values as they are coded.
    fn decode_coded<T: Value>(
        &self,
        mut bytes: Bytes<'_>,
        last_mask: Option<&[bool]>,
    ) -> Option<Blob<T>> {
        if self.data_type != T::CODE {
            return None;
        }
        let is_valid = self.mask(&mut bytes, last_mask)?;
        let mut blob = Blob { values: vec![T::default(); is_valid.len() * self.depth], is_valid };
        if self.valid_pixels == 0 {
            return Some(blob);
        }
        if self.min == self.max {
            blob.fill(&vec![T::from_f64(self.min); self.depth]);
            return Some(blob);
        }
        let mut maxima = vec![self.max; self.depth];
        if self.version >= 4 {
            let mut range = || -> Option<Vec<T>> {
                let bytes = bytes.take(self.depth * T::BYTES)?;
                Some(bytes.chunks_exact(T::BYTES).map(T::from_le).collect())
            };
            let (least, most) = (range()?, range()?);
            if least == most {
                blob.fill(&least);
                return Some(blob);
            }
            if self.depth > 1 {
                maxima = most.into_iter().map(T::to_f64).collect();
            }
        }
        let is_raw = bytes.byte()? != 0;
        let mode = match self.may_use_huffman() || self.may_use_planes() {
            true if !is_raw => bytes.byte()?,
            _ => 0,
        };
        match mode {
            _ if is_raw => self.read_raw(&mut bytes, &mut blob)?,
            0 => Blocks { header: self, maxima, integers: Vec::new() }.read(bytes, &mut blob)?,
            1 if self.may_use_huffman() => self.read_differences(&mut bytes, &mut blob)?,
            2 if self.may_use_huffman() && self.version >= 4 => {
                let mut symbols = Huffman::new(&mut bytes)?;
                for value in blob.valid_values(self.depth) {
                    *value = self.value_of(symbols.next()?);
                }
            }
            3 if self.may_use_planes() => {
                let columns = if self.depth > 1 { self.depth } else { self.columns };
                blob.values = planes::read(&mut bytes, columns, blob.values.len())?;
            }
            _ => return None,
        }
        Some(blob)
    }

    /// The value of a symbol of a [`Huffman`] code; it wraps around.
    fn value_of<T: Value>(&self, symbol: i32) -> T {
        T::from_f64(match self.data_type {
            SIGNED_BYTE => f64::from((symbol - 128) as i8),
            _ => f64::from(symbol as u8),
        })
    }

    fn read_raw<T: Value>(&self, bytes: &mut Bytes<'_>, blob: &mut Blob<T>) -> Option<()> {
        for value in blob.valid_values(self.depth) {
            *value = T::from_le(bytes.take(T::BYTES)?);
        }
        Some(())
    }

    /// Reads differences from the valid pixel to the left, else from the one above, else from the
    /// last one.
    fn read_differences<T: Value>(&self, bytes: &mut Bytes<'_>, blob: &mut Blob<T>) -> Option<()> {
        let mut symbols = Huffman::new(bytes)?;
        let (columns, depth) = (self.columns, self.depth);
        let integer = |value: T| value.to_f64() as i32;
        for band in 0..depth {
            let mut last = 0;
            for pixel in (0..blob.is_valid.len()).filter(|it| blob.is_valid[*it]) {
                let has_left = pixel % columns > 0 && blob.is_valid[pixel - 1];
                let near = match has_left {
                    false if pixel >= columns && blob.is_valid[pixel - columns] => {
                        integer(blob.values[(pixel - columns) * depth + band])
                    }
                    _ => last,
                };
                let value: T = self.value_of(symbols.next()? + near);
                blob.values[pixel * depth + band] = value;
                last = integer(value);
            }
        }
        Some(())
    }
}

impl<T: Value> Blob<T> {
    /// Gives all valid pixels these values.
    fn fill(&mut self, values: &[T]) {
        let slots = self.valid_values(values.len());
        slots.zip(values.iter().cycle()).for_each(|(slot, value)| *slot = *value);
    }

    /// The values of valid pixels.
    fn valid_values(&mut self, depth: usize) -> impl Iterator<Item = &mut T> {
        let pixels = self.values.chunks_exact_mut(depth).zip(&self.is_valid);
        pixels.filter(|(_, is_valid)| **is_valid).flat_map(|(pixel, _)| pixel)
    }
}

/// Reads values in square blocks of pixels.
struct Blocks<'a> {
    header: &'a Header,
    /// The greatest value of each band.
    maxima: Vec<f64>,
    /// The integers of a block: kept for their memory.
    integers: Vec<u32>,
}

impl Blocks<'_> {
    fn read<T: Value>(&mut self, mut bytes: Bytes<'_>, blob: &mut Blob<T>) -> Option<()> {
        let Header { rows, columns, depth, block_side: side, .. } = *self.header;
        let mut pixels = Vec::new();
        for top in (0..rows).step_by(side) {
            for left in (0..columns).step_by(side) {
                pixels.clear();
                for row in top..rows.min(top + side) {
                    let row_pixels = row * columns + left..row * columns + columns.min(left + side);
                    pixels.extend(row_pixels.filter(|pixel| blob.is_valid[*pixel]));
                }
                for band in 0..depth {
                    self.read_block(&mut bytes, left, band, &pixels, &mut blob.values)?;
                }
            }
        }
        Some(())
    }

    /// Reads one band of the valid `pixels` of a block whose first column is `left`.
    fn read_block<T: Value>(
        &mut self,
        bytes: &mut Bytes<'_>,
        left: usize,
        band: usize,
        pixels: &[usize],
        values: &mut [T],
    ) -> Option<()> {
        let Header { version, depth, data_type, max_error, .. } = *self.header;
        let head = bytes.byte()?;
        // since version 5, a bit says that values are differences from the band before
        let is_difference = version >= 5 && head & 4 != 0;
        let pattern = if version >= 5 { 14 } else { 15 };
        if (usize::from(head) >> 2 ^ left >> 3) & pattern != 0 || is_difference && band == 0 {
            return None;
        }
        let indices = pixels.iter().map(|pixel| pixel * depth + band);
        let kind = head & 3;
        if kind == 0 {
            if is_difference {
                return None;
            }
            for at in indices {
                values[at] = T::from_le(bytes.take(T::BYTES)?);
            }
            return Some(());
        }
        let base = match kind {
            2 => 0.0,
            _ if is_difference && data_type < FLOAT => number(bytes, INT, head >> 6)?,
            _ => number(bytes, data_type, head >> 6)?,
        };
        self.integers.clear();
        if kind == 1 {
            bytes.unstuff_block(pixels.len(), &mut self.integers)?;
        }
        for (index, at) in indices.enumerate() {
            let steps = self.integers.get(index).copied().unwrap_or(0);
            let before = if is_difference { values[at - 1].to_f64() } else { 0.0 };
            let value = base + f64::from(steps) * (2.0 * max_error) + before;
            // a constant is stored as it is
            let is_bounded = kind == 1 || kind == 3 && is_difference;
            values[at] = T::from_f64(if is_bounded { value.min(self.maxima[band]) } else { value });
        }
        Some(())
    }
}

/// A number of a type that is shorter than `data_type` where `reduction` says so.
fn number(bytes: &mut Bytes<'_>, data_type: i32, reduction: u8) -> Option<f64> {
    let reduction = i32::from(reduction);
    let data_type = match data_type {
        SHORT | INT => data_type - reduction,
        FLOAT if reduction > 0 => [SHORT, BYTE].get(reduction as usize - 1).copied()?,
        DOUBLE if reduction > 0 => DOUBLE - 2 * reduction + 1,
        FLOAT | DOUBLE | SIGNED_BYTE | BYTE => data_type,
        _ => data_type - 2 * reduction,
    };
    Some(match data_type {
        SIGNED_BYTE => bytes.array().map(i8::from_le_bytes)?.into(),
        BYTE => bytes.byte()?.into(),
        SHORT => bytes.array().map(i16::from_le_bytes)?.into(),
        3 => bytes.array().map(u16::from_le_bytes)?.into(),
        INT => bytes.i32()?.into(),
        5 => bytes.array().map(u32::from_le_bytes)?.into(),
        FLOAT => bytes.array().map(f32::from_le_bytes)?.into(),
        DOUBLE => bytes.f64()?,
        _ => return None,
    })
}

/// The bytes of a mask: runs of a 16-bit count and so many bytes, or of a negative count and the
/// byte that is repeated.
fn unpacked_mask(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    const END: i16 = i16::MIN;
    let mut bytes = Bytes::new(packed, 0);
    let mut mask = Vec::with_capacity(length);
    loop {
        match bytes.array().map(i16::from_le_bytes)? {
            END => break,
            count @ ..0 => {
                let end = mask.len() + usize::from(count.unsigned_abs());
                if end > length {
                    return None;
                }
                mask.resize(end, bytes.byte()?);
            }
            count => mask.extend(bytes.take(count as usize)?),
        }
        if mask.len() > length {
            return None;
        }
    }
    (mask.len() == length).then_some(mask)
}

/// Fletcher's checksum of 32 bits, of big-endian words of 16 bits.
fn fletcher_32(data: &[u8]) -> u32 {
    /// Words whose sums fit 32 bits.
    const WORDS: usize = 359;
    let (mut sum, mut sum_of_sums) = (0xffff_u32, 0xffff_u32);
    let folded = |sum: u32| (sum & 0xffff) + (sum >> 16);
    for chunk in data.chunks(2 * WORDS) {
        for word in chunk.chunks(2) {
            sum += u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from);
            sum_of_sums += sum;
        }
        (sum, sum_of_sums) = (folded(sum), folded(sum_of_sums));
    }
    folded(sum_of_sums) << 16 | folded(sum)
}
