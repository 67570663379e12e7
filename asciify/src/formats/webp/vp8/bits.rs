//! Bits that are packed by how likely they are: RFC 6386, 7.

/// A partition of the frame, bit by bit. Beyond the end there are zeros.
pub(super) struct Bits<'a> {
    /// What was not yet taken into the window.
    rest: &'a [u8],
    /// What comes next, from the top; zeros below it.
    window: u64,
    /// Bits in the window beyond the eight that are looked at.
    ready: i32,
    /// What the top eight bits of the window stay below: 128 to 255.
    range: u32,
    /// Bytes that were taken beyond the end.
    made_up: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(partition: &'a [u8]) -> Self {
        Self { rest: partition, window: 0, ready: -8, range: 255, made_up: 0 }
    }

    /// Whether more was read than there is: that the eight bits looked at reach beyond is no harm.
    pub(super) fn is_beyond_the_end(&self) -> bool {
        self.made_up * 8 > (self.ready + 8) as usize
    }

    #[inline(always)]
    fn refill(&mut self) {
        let Some((bytes, _)) = self.rest.split_first_chunk() else {
            return self.refill_at_the_end();
        };
        self.window |= u64::from_be_bytes(*bytes) >> 8 << -self.ready;
        self.ready += 56;
        self.rest = &self.rest[7..];
    }

    #[cold]
    fn refill_at_the_end(&mut self) {
        let (byte, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.made_up += usize::from(self.rest.is_empty());
        self.window |= u64::from(*byte) << (48 - self.ready);
        self.ready += 8;
        self.rest = rest;
    }

    /// A bit that is 0 in `probability` of 256 cases.
    #[inline(always)]
    pub(super) fn bit(&mut self, probability: u8) -> bool {
        if self.ready < 0 {
            self.refill();
        }
        let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
        let from = u64::from(split) << 56;
        // each way does it all, so that what follows is begun before it is known
        if self.window >= from {
            self.window -= from;
            self.take(self.range - split);
            true
        } else {
            self.take(split);
            false
        }
    }

    /// `value` or, if the next bit says so, what it is below zero: both are as likely.
    #[inline(always)]
    pub(super) fn signed(&mut self, value: i32) -> i32 {
        if self.ready < 0 {
            self.refill();
        }
        let from = u64::from(self.range.div_ceil(2)) << 56;
        // neither is foreseeable: no branch
        let minus = -i32::from(self.window >= from);
        self.window = (self.window - (from & minus as u64)) << 1;
        self.range = (self.range + 1).wrapping_add_signed(minus) & !1;
        self.ready -= 1;
        (value ^ minus) - minus
    }

    /// Goes on with `range`, widened to eight bits.
    #[inline(always)]
    fn take(&mut self, range: u32) {
        let shift = range.leading_zeros() ^ 24;
        self.range = range << shift;
        self.window <<= shift;
        self.ready -= shift as i32;
    }

    pub(super) fn flag(&mut self) -> bool {
        self.bit(128)
    }

    /// A number of `bits` bits, which come from the highest: at most 8.
    pub(super) fn number(&mut self, bits: u32) -> u8 {
        (0..bits).fold(0, |number, _| number << 1 | u8::from(self.flag()))
    }

    /// A number with its sign behind it, if there is one: 0 else.
    pub(super) fn optional(&mut self, bits: u32) -> i32 {
        if !self.flag() {
            return 0;
        }
        let number = i32::from(self.number(bits));
        if self.flag() { -number } else { number }
    }
}
