//! The boolean entropy decoder (RFC 6386, section 7).

/// Decodes a partition of the frame. Behind its end there are zeros.
pub(super) struct BoolDecoder<'a> {
    /// Bytes that are not in `value` yet.
    rest: &'a [u8],
    /// The window on the partition, from its highest bit; zeros below the last byte that was read.
    value: u64,
    /// Bits in `value` below the highest eight, which are compared.
    ready: i32,
    /// The size of the current interval, 128 to 255; the highest eight bits of `value` are below
    /// it.
    range: u32,
    /// Zero bytes that were read behind the end.
    padding: usize,
}

impl<'a> BoolDecoder<'a> {
    pub(super) fn new(partition: &'a [u8]) -> Self {
        Self { rest: partition, value: 0, ready: -8, range: 255, padding: 0 }
    }

    /// Whether bits behind the end were decoded. The eight bits that are compared may lie there.
    pub(super) fn is_past_end(&self) -> bool {
        self.padding * 8 > (self.ready + 8) as usize
    }

    #[inline(always)]
    fn refill(&mut self) {
        let Some((bytes, _)) = self.rest.split_first_chunk() else {
            return self.refill_at_end();
        };
        self.value |= u64::from_be_bytes(*bytes) >> 8 << -self.ready;
        self.ready += 56;
        self.rest = &self.rest[7..];
    }

    #[cold]
    fn refill_at_end(&mut self) {
        let (byte, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.padding += usize::from(self.rest.is_empty());
        self.value |= u64::from(*byte) << (48 - self.ready);
        self.ready += 8;
        self.rest = rest;
    }

    /// A bool that is `false` with a probability of `probability` / 256.
    #[inline(always)]
    pub(super) fn read_bool(&mut self, probability: u8) -> bool {
        if self.ready < 0 {
            self.refill();
        }
        let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
        let split_value = u64::from(split) << 56;
        // both branches renormalize, so that the processor can begin it before it knows the branch
        if self.value >= split_value {
            self.value -= split_value;
            self.renormalize(self.range - split);
            true
        } else {
            self.renormalize(split);
            false
        }
    }

    /// Reads a sign with a probability of one half: `value` or `-value`.
    #[inline(always)]
    pub(super) fn apply_sign(&mut self, value: i32) -> i32 {
        if self.ready < 0 {
            self.refill();
        }
        let split_value = u64::from(self.range.div_ceil(2)) << 56;
        // signs are not predictable: no branch
        let minus = -i32::from(self.value >= split_value);
        self.value = (self.value - (split_value & minus as u64)) << 1;
        self.range = (self.range + 1).wrapping_add_signed(minus) & !1;
        self.ready -= 1;
        (value ^ minus) - minus
    }

    /// Continues with an interval of size `range`, shifted left until it is at least 128.
    #[inline(always)]
    fn renormalize(&mut self, range: u32) {
        let shift = range.leading_zeros() ^ 24;
        self.range = range << shift;
        self.value <<= shift;
        self.ready -= shift as i32;
    }

    /// A flag: a bool with a probability of one half.
    pub(super) fn read_flag(&mut self) -> bool {
        self.read_bool(128)
    }

    /// An unsigned number of `bits` bits, at most 8, from the highest.
    pub(super) fn read_literal(&mut self, bits: u32) -> u8 {
        (0..bits).fold(0, |number, _| number << 1 | u8::from(self.read_flag()))
    }

    /// A flag and, if it is set, a magnitude of `bits` bits and its sign; else 0.
    pub(super) fn read_optional_signed(&mut self, bits: u32) -> i32 {
        if !self.read_flag() {
            return 0;
        }
        let magnitude = i32::from(self.read_literal(bits));
        if self.read_flag() { -magnitude } else { magnitude }
    }
}
