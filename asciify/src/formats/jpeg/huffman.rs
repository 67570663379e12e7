//! Huffman tables and the bits of entropy-coded segments (ITU-T T.81, annexes C and F.2.2).

use super::block::BLOCK_LEN;
use super::stream::{ScanData, Stream};

/// Bits that a lookup takes at once.
const LOOKUP_BITS: u32 = 13;
const LOOKUPS: usize = 1 << LOOKUP_BITS;
const MAX_CODE_LEN: usize = 16;

/// Where a run over the coefficients of a block ends.
const BLOCK_END: u32 = BLOCK_LEN as u32;

/// A Huffman table as a DHT segment specifies it (B.2.4.2).
pub(super) struct HuffmanSpec {
    /// BITS: the number of codes, by length less 1.
    counts: [u8; MAX_CODE_LEN],
    /// HUFFVAL: the symbols, in the order of their codes.
    symbols: Vec<u8>,
}

impl HuffmanSpec {
    pub(super) fn new(counts: [u8; MAX_CODE_LEN], symbols: Vec<u8>) -> Self {
        Self { counts, symbols }
    }

    /// Reads one table. The second value is what follows it.
    pub(super) fn parse(data: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = data.split_first_chunk::<MAX_CODE_LEN>()?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        (1..=256)
            .contains(&total)
            .then(|| (Self { counts: *counts, symbols: symbols.to_vec() }, rest))
    }
}

/// A Huffman table for decoding.
pub(super) struct HuffmanTable<'a> {
    /// By the next [`LOOKUP_BITS`] bits: the symbol whose code they begin with.
    lookup: Box<[Lookup; LOOKUPS]>,
    /// By the next [`LOOKUP_BITS`] bits: all symbols of AC coefficients that lie in them as a
    /// whole. Empty runs before [`HuffmanTable::with_ac_runs`].
    ac_runs: Box<[AcRun; LOOKUPS]>,
    /// By length less 1: MINCODE, the first code, and VALPTR, the index of its symbol (F.2.2.3).
    first_codes: [(u32, usize); MAX_CODE_LEN],
    spec: &'a HuffmanSpec,
}

/// A code and its symbol. `code_len` is 0 where the code is longer than [`LOOKUP_BITS`] bits.
#[derive(Clone, Copy, Default)]
struct Lookup {
    code_len: u8,
    symbol: u8,
}

/// Several symbols of AC coefficients with their additional bits. From the lowest bit: 4 bits for
/// their length in bits (0 where not even one fits), 1 bit that says whether the last one is
/// end-of-block, and the number of coefficients that they code.
#[derive(Clone, Copy, Default)]
struct AcRun(u16);

impl AcRun {
    fn new(bits: u32, coefficients: u32, is_end_of_block: bool) -> Self {
        Self((bits | u32::from(is_end_of_block) << 4 | coefficients << 5) as u16)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.0 & 15)
    }

    #[inline(always)]
    fn is_end_of_block(self) -> bool {
        self.0 & 16 != 0
    }

    #[inline(always)]
    fn coefficients(self) -> u32 {
        u32::from(self.0 >> 5)
    }
}

impl<'a> HuffmanTable<'a> {
    /// Assigns codes to the symbols (annex C). `None` where there are more codes of a length than
    /// can be.
    pub(super) fn new(spec: &'a HuffmanSpec) -> Option<Self> {
        let mut table = Self {
            lookup: Box::new([Lookup::default(); LOOKUPS]),
            ac_runs: Box::new([AcRun::default(); LOOKUPS]),
            first_codes: [(0, 0); MAX_CODE_LEN],
            spec,
        };
        let (mut code, mut index) = (0_u32, 0);
        for (length, count) in (1_u32..).zip(spec.counts) {
            table.first_codes[length as usize - 1] = (code, index);
            for symbol in &spec.symbols[index..index + usize::from(count)] {
                if code >> length != 0 {
                    return None;
                }
                if length <= LOOKUP_BITS {
                    let repeats = 1 << (LOOKUP_BITS - length);
                    let from = (code as usize) * repeats;
                    table.lookup[from..from + repeats]
                        .fill(Lookup { code_len: length as u8, symbol: *symbol });
                }
                code += 1;
            }
            index += usize::from(count);
            code <<= 1;
        }
        Some(table)
    }

    /// The length and the symbol of the code that these `count` bits begin with, if it is no longer.
    pub(super) fn first_symbol(&self, bits: u32, count: u32) -> Option<(u32, u8)> {
        let Lookup { code_len, symbol } = self.lookup[(bits << (LOOKUP_BITS - count)) as usize];
        let code_len = u32::from(code_len);
        (1..=count).contains(&code_len).then_some((code_len, symbol))
    }

    /// Adds what [`BitReader::skip_ac_coefficients`] needs.
    pub(super) fn with_ac_runs(mut self) -> Self {
        for bits in 0..LOOKUPS {
            self.ac_runs[bits] = self.ac_run(bits as u32);
        }
        self
    }

    /// The symbols that lie in these [`LOOKUP_BITS`] bits as a whole.
    fn ac_run(&self, window: u32) -> AcRun {
        let (mut bits, mut coefficients, mut is_end_of_block) = (0, 0, false);
        while bits < LOOKUP_BITS && coefficients < BLOCK_END && !is_end_of_block {
            let Lookup { code_len, symbol } = self.lookup[(window << bits) as usize % LOOKUPS];
            let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            let used = bits + u32::from(code_len) + size;
            if code_len == 0 || used > LOOKUP_BITS {
                break;
            }
            bits = used;
            is_end_of_block = size == 0 && zeros != 15;
            coefficients += if is_end_of_block { 0 } else { zeros + 1 };
        }
        AcRun::new(bits, coefficients, is_end_of_block)
    }
}

/// Reads the bits of a scan between two restart markers, from the highest bit of each byte. Behind the
/// end there are zeros.
pub(super) struct BitReader<'a> {
    data: ScanData<'a>,
    /// The next bits, from the highest one; at least [`REFILLED_BITS`] after [`BitReader::refill`].
    window: u64,
    /// Bits in the window.
    ready: u32,
}

/// Bits that are ready after [`BitReader::refill`], at least.
pub(super) const REFILLED_BITS: u32 = 56;

impl<'a> BitReader<'a> {
    pub(super) fn new(data: ScanData<'a>) -> Self {
        Self { data, window: 0, ready: 0 }
    }

    /// The bytes of the data, for a reader of bytes.
    pub(super) fn data(&mut self) -> &mut ScanData<'a> {
        &mut self.data
    }

    /// Begins what is behind the next restart marker, and returns the number of that. `None` where the
    /// scan ends.
    pub(super) fn next_interval(&mut self) -> Option<u8> {
        (self.window, self.ready) = (0, 0);
        self.data.next_interval()
    }

    /// The file behind the data.
    pub(super) fn into_stream(self) -> Stream<'a> {
        self.data.into_stream()
    }

    /// Whether more bits were read than there are.
    #[inline(always)]
    pub(super) fn is_past_end(&self) -> bool {
        self.data.taken_behind().is_some_and(|behind| behind * 8 > self.ready as usize)
    }

    /// Whether all bytes were read. There may be bits of padding.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.data.left().is_some_and(|left| left * 8 + (self.ready as isize) < 8)
    }

    /// Whether nothing follows but EOI or the end of the file.
    pub(super) fn ends_picture(&mut self) -> bool {
        self.is_at_end() && self.data.ends_picture()
    }

    #[inline(always)]
    pub(super) fn refill(&mut self) {
        self.window |= u64::from_be_bytes(self.data.peek()) >> self.ready;
        let taken = (63 - self.ready) >> 3;
        self.data.take(taken as usize);
        self.ready += taken * 8;
    }

    /// The next `bits` bits, which are ready.
    #[inline(always)]
    pub(super) fn peek(&self, bits: u32) -> u32 {
        (self.window >> (64 - bits)) as u32
    }

    /// Moves behind so many bits, which are ready.
    #[inline(always)]
    pub(super) fn consume(&mut self, bits: u32) {
        self.window <<= bits;
        self.ready -= bits;
    }

    /// [`BitReader::decode`] where 16 bits are ready.
    #[inline(always)]
    pub(super) fn decode_ready(&mut self, table: &HuffmanTable<'_>) -> Option<u8> {
        let Lookup { code_len, symbol } = table.lookup[self.peek(LOOKUP_BITS) as usize];
        if code_len == 0 {
            return self.decode_long(table);
        }
        self.consume(code_len.into());
        Some(symbol)
    }

    /// The DECODE procedure of F.2.2.3 for codes that are longer than [`LOOKUP_BITS`] bits.
    fn decode_long(&mut self, table: &HuffmanTable<'_>) -> Option<u8> {
        for length in LOOKUP_BITS + 1..=MAX_CODE_LEN as u32 {
            let (min_code, symbols_at) = table.first_codes[length as usize - 1];
            let offset = self.peek(length).checked_sub(min_code)?;
            if offset < table.spec.counts[length as usize - 1].into() {
                self.consume(length);
                return table.spec.symbols.get(symbols_at + offset as usize).copied();
            }
        }
        None
    }

    /// The symbol of the next code (DECODE, F.2.2.3). `None` where the table does not have the
    /// code.
    #[inline(always)]
    pub(super) fn decode(&mut self, table: &HuffmanTable<'_>) -> Option<u8> {
        self.refill();
        self.decode_ready(table)
    }

    /// The next `bits` bits, up to 16, as a number (RECEIVE, F.2.2.4).
    pub(super) fn receive(&mut self, bits: u32) -> u32 {
        self.refill();
        let value = if bits == 0 { 0 } else { self.peek(bits) };
        self.consume(bits);
        value
    }

    /// The next bit.
    #[inline(always)]
    pub(super) fn bit(&mut self) -> bool {
        if self.ready == 0 {
            self.refill();
        }
        let bit = self.peek(1) != 0;
        self.consume(1);
        bit
    }

    /// DIFF: the DC coefficient of a block less that of the component's last block (F.2.2.1).
    #[inline(always)]
    pub(super) fn dc_difference(&mut self, table: &HuffmanTable<'_>) -> Option<i32> {
        let size = u32::from(self.decode(table)?);
        if size == 0 {
            return Some(0);
        }
        if size > 15 {
            return None;
        }
        Some(self.receive_extend(size))
    }

    /// A signed number of `size` bits, 1 to 15, that are ready (RECEIVE and EXTEND, F.2.2.1): those
    /// that begin with 0 are negative.
    #[inline(always)]
    pub(super) fn receive_extend(&mut self, size: u32) -> i32 {
        let value = self.peek(size) as i32;
        self.consume(size);
        if value >> (size - 1) == 0 { value - (1 << size) + 1 } else { value }
    }

    /// Skips the AC coefficients of a block of a sequential scan (F.2.2.2). `table` must come from
    /// [`HuffmanTable::with_ac_runs`].
    #[inline(always)]
    pub(super) fn skip_ac_coefficients(&mut self, table: &HuffmanTable<'_>) -> Option<()> {
        let mut next = 1;
        loop {
            self.refill();
            // as many lookups as there are bits for
            for _ in 0..REFILLED_BITS / LOOKUP_BITS {
                let run = table.ac_runs[self.peek(LOOKUP_BITS) as usize];
                let reached = next + run.coefficients();
                // what follows the last coefficient belongs to another block
                if run.bits() == 0 || reached + u32::from(run.is_end_of_block()) > BLOCK_END {
                    self.refill();
                    let symbol = self.decode_ready(table)?;
                    let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                    if size == 0 && zeros != 15 {
                        return Some(());
                    }
                    self.consume(size);
                    next += zeros + 1;
                    if next > BLOCK_END {
                        return None;
                    }
                    if next == BLOCK_END {
                        return Some(());
                    }
                    break;
                }
                self.consume(run.bits());
                if run.is_end_of_block() || reached == BLOCK_END {
                    return Some(());
                }
                next = reached;
            }
        }
    }
}
