//! Reads AC coefficients of a block (ITU-T T.81, G.1.2.2 and G.1.2.3).

use crate::formats::jpeg::block::BLOCK_LEN;
use crate::formats::jpeg::coefficients::AcTable;
use crate::formats::jpeg::huffman::{BitReader, HuffmanTable};
use crate::formats::jpeg::packed::{NewValues, Values};

/// The coefficients that a scan has of each block.
pub(super) struct Band {
    /// Ss and Se: the first and the last one, in zigzag order.
    pub(super) start: u32,
    pub(super) end: u32,
    /// EOBRUN: blocks to come without new coefficients.
    pub(super) eob_run: u32,
    /// Whether coefficients behind the last one were dropped, as only damaged data has them.
    pub(super) is_damaged: bool,
}

/// The values of a row of blocks: those of earlier scans become those with what a scan adds.
pub(super) struct Merged<'a> {
    old: Values<'a>,
    new: &'a mut NewValues,
    /// Whether the values of the block are held.
    pub(super) is_held: bool,
}

impl<'a> Merged<'a> {
    pub(super) fn new(old: Values<'a>, new: &'a mut NewValues) -> Self {
        Self { old, new, is_held: false }
    }

    /// Copies the values of these coefficients.
    #[inline(always)]
    fn copy(&mut self, coefficients: u64) {
        if self.is_held {
            self.new.copy(&mut self.old, coefficients.count_ones());
        }
    }

    #[inline(always)]
    fn push(&mut self, value: i32) {
        if self.is_held {
            self.new.push(value);
        }
    }

    /// Adds a bit to the next value.
    #[inline(always)]
    fn refine(&mut self, bit: bool) {
        if self.is_held {
            let value = self.old.next();
            self.new.push(2 * value + if bit { value.signum() } else { 0 });
        }
    }
}

impl Band {
    /// The bits of the coefficients before it.
    fn before(&self) -> u64 {
        (1 << self.start) - 1
    }

    /// The bits of the coefficients behind it.
    fn behind(&self) -> u64 {
        !1 << self.end
    }

    /// Reads the first bits of the coefficients of a block, none of which is significant before. `None`
    /// where the data is damaged.
    #[inline(always)]
    pub(super) fn read(
        &mut self,
        bits: &mut BitReader<'_>,
        table: &AcTable<'_>,
        significance: &mut u64,
        values: &mut Merged<'_>,
    ) -> Option<()> {
        let before = *significance;
        if self.eob_run > 0 {
            self.eob_run -= 1;
            values.copy(before);
            return Some(());
        }
        values.copy(before & self.before());
        let mut next = self.start;
        while next <= self.end {
            match table.next(bits)? {
                Ok((zeros, value)) => {
                    next += zeros;
                    if next > self.end {
                        self.is_damaged |= value != 0;
                    } else if value != 0 {
                        *significance |= 1 << next;
                        values.push(value);
                    }
                    next += 1;
                }
                Err(blocks) => {
                    self.eob_run = blocks - 1;
                    break;
                }
            }
        }
        values.copy(before & self.behind());
        Some(())
    }

    /// Reads one more bit of the coefficients of a block. A run of zeros counts only coefficients that are
    /// still 0; those that are not, get a bit each as they are passed. `None` where the data is damaged.
    #[inline(always)]
    pub(super) fn refine(
        &mut self,
        bits: &mut BitReader<'_>,
        table: &HuffmanTable<'_>,
        significance: &mut u64,
        values: &mut Merged<'_>,
    ) -> Option<()> {
        let before = *significance;
        values.copy(before & self.before());
        // those of the band that have not been passed
        let mut left = before & !self.before() & !self.behind();
        let mut next = self.start;
        while self.eob_run == 0 && next <= self.end {
            let symbol = bits.decode(table)?;
            let (mut zeros, size) = (u32::from(symbol >> 4), symbol & 15);
            let new = match (zeros, size) {
                (15, 0) => 0,
                (size, 0) => {
                    self.eob_run = (1 << size) + bits.receive(size);
                    break;
                }
                _ if bits.bit() => 1,
                _ => -1,
            };
            loop {
                let significant = left.trailing_zeros().min(self.end + 1);
                if next + zeros < significant {
                    next += zeros;
                    if new != 0 {
                        *significance |= 1 << next;
                        values.push(new);
                    }
                    next += 1;
                    break;
                }
                if significant > self.end {
                    // zeros behind the last coefficient are in order
                    self.is_damaged |= new != 0;
                    next = significant;
                    break;
                }
                zeros -= significant - next;
                values.refine(bits.bit());
                left &= left - 1;
                next = significant + 1;
            }
        }
        if self.eob_run > 0 {
            self.eob_run -= 1;
            for _ in 0..left.count_ones() {
                values.refine(bits.bit());
            }
        }
        values.copy(before & self.behind());
        Some(())
    }
}

const _: () = assert!(BLOCK_LEN == u64::BITS as usize);
