//! The coefficients of a component while scans add to them. Most are 0, and most others are small, so
//! they are held in a fraction of the memory that blocks take.

use std::iter;

use super::block::{BLOCK_LEN, Block};

/// Memory of a block in a row without AC coefficients, in bytes.
pub(super) const FLAT_BYTES: u64 = 2;
/// The same in other rows, besides what its AC coefficients take.
pub(super) const BLOCK_BYTES: u64 = 10;
/// The most memory of an AC coefficient, in bytes.
pub(super) const VALUE_BYTES: u64 = 3;

/// Precedes a value that a byte cannot hold.
const WIDE: u8 = i8::MIN as u8;

/// Blocks in row-major order.
pub(super) struct PackedBlocks {
    /// Blocks in a row.
    pub(super) stride: usize,
    /// By block: the DC coefficient.
    pub(super) dcs: Vec<i16>,
    rows: Vec<Row>,
}

/// The AC coefficients of a row of blocks.
#[derive(Default)]
struct Row {
    /// By block: which are not 0, from the lowest bit, in zigzag order. Empty where there are none.
    significance: Box<[u64]>,
    /// Those that are not 0, each as a byte, or as two behind [`WIDE`].
    values: Box<[u8]>,
}

impl PackedBlocks {
    pub(super) fn new(stride: usize, rows: usize) -> Self {
        let row = |_| Row::default();
        Self { stride, dcs: vec![0; stride * rows], rows: (0..rows).map(row).collect() }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The DC coefficients of a row.
    pub(super) fn row_of_dcs(&self, row: usize) -> &[i16] {
        &self.dcs[row * self.stride..(row + 1) * self.stride]
    }

    /// Whether no block of a row has an AC coefficient.
    pub(super) fn is_flat(&self, row: usize) -> bool {
        self.rows[row].significance.is_empty()
    }

    /// The significance of the blocks of a row, none of a flat one, and the values.
    pub(super) fn row(&self, row: usize) -> (&[u64], Values<'_>) {
        let Row { significance, values } = &self.rows[row];
        (significance, Values(values))
    }

    /// The same, to be changed. What becomes of the values is for
    /// [`replace_values`](Self::replace_values).
    pub(super) fn row_mut(&mut self, row: usize) -> (&mut [u64], Values<'_>) {
        let Row { significance, values } = &mut self.rows[row];
        if significance.is_empty() {
            *significance = vec![0; self.stride].into();
        }
        (significance, Values(values))
    }

    pub(super) fn replace_values(&mut self, row: usize, values: &NewValues) {
        let old = &mut self.rows[row].values;
        match old.len() == values.0.len() {
            true => old.copy_from_slice(&values.0),
            false => *old = values.0.as_slice().into(),
        }
    }

    /// The blocks of a row.
    pub(super) fn unpacked(&self, row: usize) -> impl Iterator<Item = Block> {
        let (significance, mut values) = self.row(row);
        let all = significance.iter().copied().chain(iter::repeat(0));
        self.row_of_dcs(row).iter().zip(all).map(move |(dc, significance)| {
            let mut block = [0; BLOCK_LEN];
            block[0] = *dc;
            for_each_bit(significance, |at| block[at] = values.next() as i16);
            block
        })
    }

    /// Replaces the blocks of a row.
    pub(super) fn pack(&mut self, row: usize, blocks: &[Block]) {
        for (at, block) in (row * self.stride..).zip(blocks) {
            self.dcs[at] = block[0];
        }
        if blocks.iter().all(|block| block[1..] == [0; BLOCK_LEN - 1]) {
            return self.forget(row);
        }
        let mut new = NewValues::default();
        let (significance, _) = self.row_mut(row);
        for (significance, block) in significance.iter_mut().zip(blocks) {
            *significance = significance_of(block);
            for_each_bit(*significance, |at| new.push(block[at].into()));
        }
        self.replace_values(row, &new);
    }

    /// Frees the AC coefficients of a row.
    pub(super) fn forget(&mut self, row: usize) {
        self.rows[row] = Row::default();
    }
}

/// Which AC coefficients of a block are not 0.
fn significance_of(block: &Block) -> u64 {
    let bits = block.iter().rev().fold(0, |bits, it| bits << 1 | u64::from(*it != 0));
    bits & !1
}

/// Calls `each` with the index of each bit that is set, from the lowest.
#[inline(always)]
pub(super) fn for_each_bit(mut bits: u64, mut each: impl FnMut(usize)) {
    while bits != 0 {
        each(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

/// Values that are read in their order.
pub(super) struct Values<'a>(&'a [u8]);

impl Values<'_> {
    /// The next value; 0 behind the last one.
    #[inline(always)]
    pub(super) fn next(&mut self) -> i32 {
        match *self.0 {
            [WIDE, low, high, ref rest @ ..] => {
                self.0 = rest;
                i16::from_le_bytes([low, high]).into()
            }
            [value, ref rest @ ..] => {
                self.0 = rest;
                (value as i8).into()
            }
            [] => 0,
        }
    }
}

/// Values that are written in their order.
#[derive(Default)]
pub(super) struct NewValues(Vec<u8>);

impl NewValues {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends a value of 16 bits.
    #[inline(always)]
    pub(super) fn push(&mut self, value: i32) {
        if (-127..=127).contains(&value) {
            self.0.push(value as u8);
        } else {
            let [low, high] = (value as i16).to_le_bytes();
            self.0.extend_from_slice(&[WIDE, low, high]);
        }
    }

    /// Appends so many values as they are.
    #[inline(always)]
    pub(super) fn copy(&mut self, from: &mut Values<'_>, count: u32) {
        match from.0.split_at_checked(count as usize) {
            Some((bytes, rest)) if !bytes.contains(&WIDE) => {
                self.0.extend_from_slice(bytes);
                from.0 = rest;
            }
            _ => (0..count).for_each(|_| self.push(from.next())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_unpacked_as_they_were_packed() {
        let block = |seed: i32| -> Block {
            std::array::from_fn(|at| match (at as i32 * seed) % 7 {
                0 => (at as i32 * 521 * seed) as i16,
                1 => (at as i32 - 30) as i16,
                _ => 0,
            })
        };
        let extremes: Block = std::array::from_fn(|at| [i16::MIN, -129, -128, -127][at % 4]);
        let rows = [[block(3), extremes, [0; BLOCK_LEN]], [block(5), block(2), block(11)]];
        let mut packed = PackedBlocks::new(3, 2);
        for _ in 0..2 {
            for (row, blocks) in rows.iter().enumerate() {
                packed.pack(row, blocks);
                assert!(packed.unpacked(row).eq(*blocks));
            }
        }
        packed.forget(1);
        assert!(packed.is_flat(1) && !packed.is_flat(0));
        assert!(packed.unpacked(1).zip(rows[1]).all(|(found, was)| found[0] == was[0]));
    }
}
