//! Huffman codes of JPEG: ITU-T T.81, annexes C and F.

/// Bits that are looked at together.
const WINDOW: u32 = 13;
const WINDOWS: usize = 1 << WINDOW;
const LONGEST_CODE: usize = 16;
/// Coefficients in a block, and where a run over them ends.
const BLOCK: u32 = 64;

/// Codes as a file states them.
pub(crate) struct Codes {
    /// How many there are, by length.
    counts: [u8; LONGEST_CODE],
    /// What they stand for, in their order.
    values: Vec<u8>,
}

impl Codes {
    /// Reads a table of a DHT segment (B.2.4.2); the second is what follows it.
    pub(crate) fn read(data: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = data.split_first_chunk::<LONGEST_CODE>()?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (values, rest) = rest.split_at_checked(total)?;
        (1..=256)
            .contains(&total)
            .then(|| (Self { counts: *counts, values: values.to_vec() }, rest))
    }
}

/// Codes made ready to be looked up.
pub(crate) struct Table<'a> {
    /// By the next [`WINDOW`] bits: the first symbol among them, if it is there as a whole.
    first: Box<[Symbol; WINDOWS]>,
    /// By the next [`WINDOW`] bits: as many whole symbols as they hold, for those of coefficients.
    runs: Box<[Run; WINDOWS]>,
    /// By length: the first code, and the index of what it stands for.
    starts: [(u32, usize); LONGEST_CODE],
    codes: &'a Codes,
}

/// Bits of a code, 0 where none fits, and what it stands for.
#[derive(Clone, Copy, Default)]
struct Symbol {
    bits: u8,
    value: u8,
}

/// What several symbols, with the bits that follow each, do to a block: from the lowest, four bits
/// for their length (0 where not even one fits), one if they end it, the coefficients they pass.
#[derive(Clone, Copy, Default)]
struct Run(u16);

impl Run {
    fn new(bits: u32, coefficients: u32, ends: bool) -> Self {
        Self((bits | u32::from(ends) << 4 | coefficients << 5) as u16)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.0 & 15)
    }

    #[inline(always)]
    fn ends(self) -> bool {
        self.0 & 16 != 0
    }

    #[inline(always)]
    fn coefficients(self) -> u32 {
        u32::from(self.0 >> 5)
    }
}

impl<'a> Table<'a> {
    /// `None` where there are more codes of a length than can be.
    pub(crate) fn new(codes: &'a Codes) -> Option<Self> {
        let mut table = Self {
            first: Box::new([Symbol::default(); WINDOWS]),
            runs: Box::new([Run::default(); WINDOWS]),
            starts: [(0, 0); LONGEST_CODE],
            codes,
        };
        let (mut code, mut index) = (0_u32, 0);
        for (length, count) in (1_u32..).zip(codes.counts) {
            table.starts[length as usize - 1] = (code, index);
            for value in &codes.values[index..index + usize::from(count)] {
                if code >> length != 0 {
                    return None;
                }
                if length <= WINDOW {
                    let windows = 1 << (WINDOW - length);
                    let from = (code as usize) * windows;
                    table.first[from..from + windows]
                        .fill(Symbol { bits: length as u8, value: *value });
                }
                code += 1;
            }
            index += usize::from(count);
            code <<= 1;
        }
        Some(table)
    }

    /// Makes ready for [`Bits::skip_coefficients`].
    pub(crate) fn with_runs(mut self) -> Self {
        for window in 0..WINDOWS {
            self.runs[window] = self.run(window as u32);
        }
        self
    }

    fn run(&self, window: u32) -> Run {
        let (mut bits, mut coefficients, mut ends) = (0, 0, false);
        while bits < WINDOW && coefficients < BLOCK && !ends {
            let Symbol { bits: code, value } = self.first[(window << bits) as usize % WINDOWS];
            let (zeros, extra) = (u32::from(value >> 4), u32::from(value & 15));
            let used = bits + u32::from(code) + extra;
            if code == 0 || used > WINDOW {
                break;
            }
            bits = used;
            ends = extra == 0 && zeros != 15;
            coefficients += if ends { 0 } else { zeros + 1 };
        }
        Run::new(bits, coefficients, ends)
    }
}

/// Entropy-coded data without its stuffed bytes, bit by bit. Beyond the end there are zeros.
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    /// What comes next, from the top; at least [`READY`] bits after [`Bits::refill`].
    window: u64,
    ready: u32,
    /// Bytes that were taken into the window.
    taken: usize,
}

const READY: u32 = 56;

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, window: 0, ready: 0, taken: 0 }
    }

    /// Whether more was read than there is.
    pub(crate) fn is_beyond_the_end(&self) -> bool {
        self.taken * 8 - self.ready as usize > self.data.len() * 8
    }

    #[inline(always)]
    fn refill(&mut self) {
        let bytes = match self.data.get(self.taken..self.taken + 8) {
            Some(&[a, b, c, d, e, f, g, h]) => [a, b, c, d, e, f, g, h],
            _ => self.last_bytes(),
        };
        self.window |= u64::from_be_bytes(bytes) >> self.ready;
        let taken = (63 - self.ready) >> 3;
        self.taken += taken as usize;
        self.ready += taken * 8;
    }

    #[cold]
    fn last_bytes(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        let left = self.data.get(self.taken..).unwrap_or_default();
        bytes[..left.len()].copy_from_slice(left);
        bytes
    }

    #[inline(always)]
    fn peek(&self, bits: u32) -> u32 {
        (self.window >> (64 - bits)) as u32
    }

    #[inline(always)]
    fn pass(&mut self, bits: u32) {
        self.window <<= bits;
        self.ready -= bits;
    }

    /// Needs 16 bits that are ready. `None` for a code that the table does not have.
    #[inline(always)]
    fn symbol(&mut self, table: &Table<'_>) -> Option<u8> {
        let Symbol { bits, value } = table.first[self.peek(WINDOW) as usize];
        if bits == 0 {
            return self.long_symbol(table);
        }
        self.pass(bits.into());
        Some(value)
    }

    fn long_symbol(&mut self, table: &Table<'_>) -> Option<u8> {
        for length in WINDOW + 1..=LONGEST_CODE as u32 {
            let (first, index) = table.starts[length as usize - 1];
            let place = self.peek(length).checked_sub(first)?;
            if place < table.codes.counts[length as usize - 1].into() {
                self.pass(length);
                return table.codes.values.get(index + place as usize).copied();
            }
        }
        None
    }

    /// What the next code stands for. `None` where the table does not have it.
    #[inline(always)]
    pub(crate) fn next(&mut self, table: &Table<'_>) -> Option<u8> {
        self.refill();
        self.symbol(table)
    }

    /// So many bits, up to 16, as a number.
    pub(crate) fn take(&mut self, bits: u32) -> u32 {
        self.refill();
        let value = if bits == 0 { 0 } else { self.peek(bits) };
        self.pass(bits);
        value
    }

    /// How far the first coefficient of a block is from the last one's: F.2.2.1.
    #[inline(always)]
    pub(crate) fn difference(&mut self, table: &Table<'_>) -> Option<i32> {
        let bits = u32::from(self.next(table)?);
        if bits == 0 {
            return Some(0);
        }
        if bits > 15 {
            return None;
        }
        Some(self.signed(bits))
    }

    /// A number of so many bits, 1 to 15, that are ready: the lower half of them are negative.
    #[inline(always)]
    pub(crate) fn signed(&mut self, bits: u32) -> i32 {
        let value = self.peek(bits) as i32;
        self.pass(bits);
        if value >> (bits - 1) == 0 { value - (1 << bits) + 1 } else { value }
    }

    /// Passes over the other coefficients of a block: F.2.2.2. `table` is one with runs.
    #[inline(always)]
    pub(crate) fn skip_coefficients(&mut self, table: &Table<'_>) -> Option<()> {
        let mut next = 1;
        loop {
            self.refill();
            // as many windows as there are bits
            for _ in 0..READY / WINDOW {
                let run = table.runs[self.peek(WINDOW) as usize];
                let reached = next + run.coefficients();
                // What comes after the last coefficient belongs to another block.
                if run.bits() == 0 || reached + u32::from(run.ends()) > BLOCK {
                    self.refill();
                    let symbol = self.symbol(table)?;
                    let (zeros, extra) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                    if extra == 0 && zeros != 15 {
                        return Some(());
                    }
                    self.pass(extra);
                    next += zeros + 1;
                    if next > BLOCK {
                        return None;
                    }
                    if next == BLOCK {
                        return Some(());
                    }
                    break;
                }
                self.pass(run.bits());
                if run.ends() || reached == BLOCK {
                    return Some(());
                }
                next = reached;
            }
        }
    }
}
