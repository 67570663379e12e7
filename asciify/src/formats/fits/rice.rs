//! Rice's coding of differences, RICE_1 (10.4.1).

/// Decodes integers of `bytes` bytes in blocks of `block` into `values`. `None` if `data` ends
/// before, or there are no such integers.
pub(super) fn decode(data: &[u8], bytes: u32, block: usize, values: &mut [f64]) -> Option<()> {
    // bits of a block's code, the code of plain differences less 1, bits of an integer
    let (code_bits, plain, bits) = match bytes {
        1 => (3, 6, 8),
        2 => (4, 14, 16),
        4 => (5, 25, 32),
        _ => return None,
    };
    let mut reader = BitReader { data, held: 0, held_bits: 0 };
    let mut last = reader.bits(bits)?;
    for values in values.chunks_mut(block.max(1)) {
        let split = reader.bits(code_bits)?.checked_sub(1);
        for value in values {
            let mapped = match split {
                None => 0,
                Some(split) if split == plain => reader.bits(bits)?,
                Some(split) => reader.zeros()?.wrapping_shl(split) | reader.bits(split)?,
            };
            // differences alternate: 0, -1, 1, -2, ...
            let difference = (mapped >> 1) ^ (mapped & 1).wrapping_neg();
            last = last.wrapping_add(difference);
            *value = match bytes {
                1 => (last as u8).into(),
                2 => (last as i16).into(),
                _ => (last as i32).into(),
            };
        }
    }
    Some(())
}

/// Reads bits, the highest of each byte first.
struct BitReader<'a> {
    data: &'a [u8],
    /// Bits that were read, at the high end, then zeros.
    held: u64,
    held_bits: u32,
}

impl BitReader<'_> {
    /// Holds more than 32 bits, or all that are left.
    fn refill(&mut self) {
        while self.held_bits <= 56
            && let Some((byte, rest)) = self.data.split_first()
        {
            self.held |= u64::from(*byte) << (56 - self.held_bits);
            self.held_bits += 8;
            self.data = rest;
        }
    }

    /// The next `count` bits, at most 32.
    fn bits(&mut self, count: u32) -> Option<u32> {
        if count == 0 {
            return Some(0);
        }
        self.refill();
        self.held_bits = self.held_bits.checked_sub(count)?;
        let bits = self.held >> (64 - count);
        self.held <<= count;
        Some(bits as u32)
    }

    /// The number of zeros before the next one, and skips both.
    fn zeros(&mut self) -> Option<u32> {
        let mut zeros = 0_u32;
        loop {
            self.refill();
            let found = self.held.leading_zeros().min(self.held_bits);
            zeros = zeros.checked_add(found)?;
            if found < self.held_bits {
                self.held = self.held << found << 1;
                self.held_bits -= found + 1;
                return Some(zeros);
            }
            if self.data.is_empty() {
                return None;
            }
            (self.held, self.held_bits) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_every_kind_are_decoded() {
        // 10; a block of equal values; one of split differences 1, -1; one of plain differences
        let bits = [
            "00001010", "000", // 10, 10
            "010", "010", "11", // split after the last bit: 2, 1
            "111", "00000100", "00000001", // plain: 4, 1
        ];
        let bits = bits.concat();
        let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
        let mut padded = bits.into_bytes();
        padded.resize(padded.len().next_multiple_of(8), b'0');
        let data: Vec<u8> = padded.chunks(8).map(byte).collect();
        let mut values = [0.0; 6];
        let is_decoded = decode(&data, 1, 2, &mut values);
        assert_eq!((is_decoded, values), (Some(()), [10.0, 10.0, 11.0, 10.0, 12.0, 11.0]));
        assert_eq!(decode(&data[..3], 1, 2, &mut values), None);
        assert_eq!(decode(&data, 3, 2, &mut values), None);
    }
}
