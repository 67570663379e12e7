//! The Huffman code of LERC for values of 8 bits. Codes and data are read from the highest bit of
//! little-endian words of 32 bits.

use super::bits::Bytes;

/// Codes of so many bits are found in a table, longer ones by search.
const TABLE_BITS: u32 = 12;
/// Symbols that are possible.
const MAX_SYMBOLS: i32 = 1 << 10;

/// A code word: its bits, left-aligned, their number, and its symbol.
#[derive(Clone, Copy)]
struct Code {
    bits: u32,
    length: u32,
    symbol: i32,
}

/// A decoder of symbols.
pub(super) struct Huffman<'a> {
    /// By the next [`TABLE_BITS`] bits: the length of the code and its symbol; 0 for a longer one.
    table: Vec<(u32, i32)>,
    long_codes: Vec<Code>,
    data: &'a [u8],
    /// The position of the next bit of `data`.
    position: usize,
}

impl<'a> Huffman<'a> {
    /// Reads the code; the data follows it. `None` where it is damaged.
    pub(super) fn new(bytes: &mut Bytes<'a>) -> Option<Self> {
        let [version, size, first, end] = [bytes.i32()?, bytes.i32()?, bytes.i32()?, bytes.i32()?];
        let symbols = usize::try_from(end.checked_sub(first)?).ok()?;
        let is_valid = version >= 2
            && (1..=MAX_SYMBOLS).contains(&size)
            && (0..size).contains(&first)
            && (1..=size).contains(&(end - first));
        if !is_valid {
            return None;
        }
        let mut lengths = Vec::new();
        bytes.unstuff_block(symbols, &mut lengths)?;
        if lengths.iter().any(|length| *length > 32) {
            return None;
        }
        let code_bits: usize = lengths.iter().map(|length| *length as usize).sum();
        let packed = bytes.take(code_bits.div_ceil(32) * 4)?;
        let mut table = vec![(0, 0); 1 << TABLE_BITS];
        let (mut long_codes, mut position) = (Vec::new(), 0);
        for (index, length) in lengths.into_iter().enumerate().filter(|(_, length)| *length > 0) {
            let bits = next_32_bits(packed, position) & (u32::MAX << (32 - length));
            position += length as usize;
            // symbols behind the last one wrap around
            let symbol = (first + index as i32) % size;
            if length > TABLE_BITS {
                long_codes.push(Code { bits, length, symbol });
                continue;
            }
            let start = (bits >> (32 - TABLE_BITS)) as usize;
            let count = 1 << (TABLE_BITS - length);
            table.get_mut(start..start + count)?.fill((length, symbol));
        }
        Some(Self { table, long_codes, data: bytes.rest(), position: 0 })
    }

    /// The next symbol; `None` for no code, or behind the end.
    pub(super) fn next(&mut self) -> Option<i32> {
        let next = next_32_bits(self.data, self.position);
        let (length, symbol) = match self.table[(next >> (32 - TABLE_BITS)) as usize] {
            (0, _) => {
                let is_next = |it: &&Code| (next ^ it.bits) >> (32 - it.length) == 0;
                let code = self.long_codes.iter().find(is_next)?;
                (code.length, code.symbol)
            }
            known => known,
        };
        self.position += length as usize;
        (self.position <= self.data.len() * 8).then_some(symbol)
    }
}

/// 32 bits from a position on, left-aligned; 0 behind the end.
fn next_32_bits(data: &[u8], position: usize) -> u32 {
    let word = |index: usize| {
        let bytes = data.get(index * 4..).and_then(|rest| rest.first_chunk());
        u64::from(bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    };
    let (index, shift) = (position / 32, position % 32);
    ((word(index) << 32 | word(index + 1)) << shift >> 32) as u32
}
