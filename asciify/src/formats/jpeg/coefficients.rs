//! Reads the coefficients of a block (ITU-T T.81, F.2.2).

use crate::formats::jpeg::block::{BLOCK_LEN, Block, ZIGZAG};
use crate::formats::jpeg::huffman::{BitReader, HuffmanSpec, HuffmanTable, REFILLED_BITS};

/// Bits that a lookup takes at once.
const LOOKUP_BITS: u32 = 11;
const LOOKUPS: usize = 1 << LOOKUP_BITS;

/// How far the symbol for the end of a block moves.
const TO_END: u32 = BLOCK_LEN as u32;

/// A Huffman table for AC coefficients.
pub(super) struct AcTable<'a> {
    /// By the next bits: the coefficient that lies in them as a whole.
    coefficients: Box<[Coefficient; LOOKUPS]>,
    codes: HuffmanTable<'a>,
}

/// A symbol with its additional bits. From the lowest bit: 8 bits for their length (0 where they are too
/// long), 8 for the zeros before the coefficient, and 16 for the coefficient.
#[derive(Clone, Copy, Default)]
struct Coefficient(u32);

impl Coefficient {
    fn new(bits: u32, zeros: u32, value: i32) -> Self {
        Self(bits | zeros << 8 | (value as u32) << 16)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        self.0 & 0xff
    }

    #[inline(always)]
    fn zeros(self) -> u32 {
        self.0 >> 8 & 0xff
    }

    #[inline(always)]
    fn value(self) -> i32 {
        self.0 as i32 >> 16
    }
}

impl<'a> AcTable<'a> {
    /// Of a sequential scan. `None` where the table is malformed.
    pub(super) fn new(spec: &'a HuffmanSpec) -> Option<Self> {
        Some(Self::of(HuffmanTable::new(spec)?.with_ac_runs(), |_| true))
    }

    /// Of a progressive scan, where the end of a block may be that of many (G.1.2.2).
    pub(super) fn of_band(spec: &'a HuffmanSpec) -> Option<Self> {
        Some(Self::of(HuffmanTable::new(spec)?, |zeros| zeros == 0))
    }

    /// `is_end` is whether a symbol of so many zeros and no coefficient is the end of one block.
    fn of(codes: HuffmanTable<'a>, is_end: impl Fn(u32) -> bool) -> Self {
        let mut coefficients = Box::new([Coefficient::default(); LOOKUPS]);
        for (bits, to) in (0..).zip(coefficients.iter_mut()) {
            let Some((code_len, symbol)) = codes.first_symbol(bits, LOOKUP_BITS) else { continue };
            let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            let used = code_len + size;
            *to = match (zeros, size) {
                (15, 0) => Coefficient::new(code_len, 15, 0),
                (zeros, 0) if is_end(zeros) => Coefficient::new(code_len, TO_END, 0),
                (_, 0) => continue,
                _ if used > LOOKUP_BITS => continue,
                _ => {
                    let value = (bits >> (LOOKUP_BITS - used)) as i32 & ((1 << size) - 1);
                    let is_negative = value >> (size - 1) == 0;
                    Coefficient::new(
                        used,
                        zeros,
                        value - if is_negative { (1 << size) - 1 } else { 0 },
                    )
                }
            };
        }
        Self { coefficients, codes }
    }

    pub(super) fn codes(&self) -> &HuffmanTable<'a> {
        &self.codes
    }

    /// The next coefficient of a progressive scan, 0 if there are only zeros, and the zeros before it; or
    /// for how many blocks there are none. `None` where the data is damaged.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut BitReader<'_>) -> Option<Result<(u32, i32), u32>> {
        bits.refill();
        let found = self.coefficients[bits.peek(LOOKUP_BITS) as usize];
        if found.bits() > 0 {
            bits.consume(found.bits());
            return Some(match found.zeros() {
                TO_END => Err(1),
                zeros => Ok((zeros, found.value())),
            });
        }
        let symbol = bits.decode_ready(&self.codes)?;
        Some(match (u32::from(symbol >> 4), u32::from(symbol & 15)) {
            (15, 0) => Ok((15, 0)),
            (size, 0) => Err((1 << size) + bits.receive(size)),
            (zeros, size) => Ok((zeros, bits.receive_extend(size))),
        })
    }

    /// Reads the AC coefficients of a block whose DC coefficient is `dc`, and dequantizes all, into
    /// row-major order. Returns the index of the last one in zigzag order. `None` where the data is
    /// damaged, or a coefficient exceeds 16 bits.
    #[inline(always)]
    pub(super) fn read(
        &self,
        bits: &mut BitReader<'_>,
        dc: i32,
        quantization: &[u16; BLOCK_LEN],
        block: &mut Block,
    ) -> Option<usize> {
        let dc = dc.wrapping_mul(quantization[0].into());
        block[0] = dc as i16;
        let mut excess = excess_of(dc);
        let (mut next, mut last) = (1, 0);
        'block: loop {
            bits.refill();
            // as many lookups as there are bits for
            for _ in 0..REFILLED_BITS / LOOKUP_BITS {
                let found = self.coefficients[bits.peek(LOOKUP_BITS) as usize];
                let is_short = found.bits() > 0;
                let (zeros, value) = if is_short {
                    bits.consume(found.bits());
                    (found.zeros(), found.value())
                } else {
                    bits.refill();
                    let symbol = bits.decode_ready(&self.codes)?;
                    match (u32::from(symbol >> 4), u32::from(symbol & 15)) {
                        (15, 0) => (15, 0),
                        (_, 0) => (TO_END, 0),
                        (zeros, size) => (zeros, bits.receive_extend(size)),
                    }
                };
                if zeros == TO_END {
                    break 'block;
                }
                let at = next + zeros as usize;
                let value = value.wrapping_mul((*quantization.get(at)?).into());
                excess |= excess_of(value);
                block[ZIGZAG[at]] = value as i16;
                (next, last) = (at + 1, at);
                if next == BLOCK_LEN {
                    break 'block;
                }
                if !is_short {
                    break;
                }
            }
        }
        (excess == 0).then_some(last)
    }
}

/// Not 0 for a number of more than 16 bits.
#[inline(always)]
pub(super) fn excess_of(value: i32) -> u32 {
    (value.wrapping_add(1 << 15) as u32) >> 16
}
