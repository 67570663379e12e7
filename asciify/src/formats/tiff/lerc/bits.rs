//! Reads bytes, and numbers of few bits, of LERC data.

/// The bytes of a blob that are not read yet.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
    /// The version of LERC, which decides on the order of bits.
    version: i32,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(rest: &'a [u8], version: i32) -> Self {
        Self { rest, version }
    }

    /// All that is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes; `None` where there are fewer. So in the functions below.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        self.rest.split_off(..count)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// A block of `count` integers, into `values`: packed with as few bits as the largest needs, or
    /// as indices into a table of such integers.
    pub(super) fn unstuff_block(&mut self, count: usize, values: &mut Vec<u32>) -> Option<()> {
        let head = self.byte()?;
        let stated = match head >> 6 {
            0 => self.array().map(u32::from_le_bytes)?,
            1 => self.array().map(u16::from_le_bytes)?.into(),
            2 => self.byte()?.into(),
            _ => return None,
        };
        if stated as usize != count {
            return None;
        }
        let bits = u32::from(head & 31);
        let is_indexed = head & 32 != 0;
        if !is_indexed {
            return self.unstuff(count, bits, values);
        }
        // the first value of the table is 0 and not stored
        let stored = usize::from(self.byte()?).checked_sub(1).filter(|it| *it > 0)?;
        let mut table = Vec::new();
        self.unstuff(stored, bits, &mut table)?;
        table.insert(0, 0);
        self.unstuff(count, stored.ilog2() + 1, values)?;
        for value in values {
            *value = *table.get(*value as usize)?;
        }
        Some(())
    }

    /// `count` integers of that many bits, into `values`.
    fn unstuff(&mut self, count: usize, bits: u32, values: &mut Vec<u32>) -> Option<()> {
        values.clear();
        if bits == 0 {
            values.resize(count, 0);
            return Some(());
        }
        let packed = self.take((count * bits as usize).div_ceil(8))?;
        let mut bytes = packed.chunks(4);
        let (mut held, mut held_bits) = (0_u64, 0);
        for _ in 0..count {
            if held_bits < bits {
                let chunk = bytes.next()?;
                let mut word = [0; 4];
                word[..chunk.len()].copy_from_slice(chunk);
                let word = u64::from(u32::from_le_bytes(word));
                match self.version {
                    // from the highest bit; the last word is shifted, to save bytes
                    ..3 => held |= word << (64 - 8 * chunk.len() as u32 - held_bits),
                    _ => held |= word << held_bits,
                }
                held_bits += 32;
            }
            match self.version {
                ..3 => {
                    values.push((held >> (64 - bits)) as u32);
                    held <<= bits;
                }
                _ => {
                    values.push((held & ((1 << bits) - 1)) as u32);
                    held >>= bits;
                }
            }
            held_bits -= bits;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_packed_from_the_lowest_bit_and_before_version_3_from_the_highest() {
        let unstuff = |version, bytes: &[u8], count, bits| {
            let mut values = Vec::new();
            Bytes::new(bytes, version).unstuff(count, bits, &mut values).map(|()| values)
        };
        assert_eq!(unstuff(3, &[0b11_010_001, 0b0], 3, 3), Some(vec![1, 2, 3]));
        // nine bits of a word of 32, whose two highest bytes are stored
        assert_eq!(unstuff(2, &[0x70, 0b0010_1001], 3, 3), Some(vec![1, 2, 2]));
        assert_eq!(unstuff(3, &[1], 3, 3), None);
    }
}
