//! Blocks in Huffman codes: F.2.2 and G.1.2, where each symbol is a run of zeros and a size.

use super::coding::{Band, Block, Coding, grow};
use super::scan::Part;
use super::tables::Tables;
use crate::formats::jpeg::huffman::{Bits, Table};

/// A block without a bit of its own is still walked over: what that takes of the effort.
pub(super) const WALK: u64 = 4;

/// The tables of a component; `None` where the scan needs none, or the file has none that is good.
pub(super) struct Codes<'a> {
    first: Option<Table<'a>>,
    others: Option<Table<'a>>,
}

impl<'a> Codes<'a> {
    pub(super) fn of(part: &Part, band: &Band, tables: &'a Tables) -> Self {
        let first = tables.first[part.first].as_ref().filter(|_| !band.refines);
        let others = tables.others[part.others].as_ref().filter(|_| band.to > 0);
        Self { first: first.and_then(Table::new), others: others.and_then(Table::new) }
    }

    /// How far a lossless sample is from what was foretold: H.1.2.2, modulo 65536.
    pub(super) fn sample(&self, bits: &mut Bits<'_>) -> Option<i32> {
        match bits.next(self.first.as_ref()?)? {
            0 => Some(0),
            size @ 1..=15 => Some(bits.signed(size.into())),
            16 => Some(1 << 15),
            _ => None,
        }
    }
}

pub(super) struct Symbols<'a> {
    bits: Bits<'a>,
    codes: &'a [Codes<'a>],
    /// Blocks to come that hold no more new coefficients.
    run: u32,
    effort: &'a mut u64,
}

impl<'a> Symbols<'a> {
    pub(super) fn new(data: &'a [u8], codes: &'a [Codes<'a>], effort: &'a mut u64) -> Self {
        Self { bits: Bits::new(data), codes, run: 0, effort }
    }

    fn next(&mut self, place: usize) -> Option<(usize, u32)> {
        let symbol = self.bits.next(self.codes[place].others.as_ref()?)?;
        (!self.bits.is_beyond_the_end()).then_some((usize::from(symbol >> 4), (symbol & 15).into()))
    }

    /// Of this block and those after it, nothing more is new: G.1.2.2.
    fn start_run(&mut self, size: usize) {
        self.run = (1 << size) + self.bits.take(size as u32);
    }

    /// Whether a run goes on over this block.
    fn is_in_run(&mut self) -> Option<bool> {
        if self.run > 0 {
            *self.effort = self.effort.checked_sub(WALK)?;
        }
        Some(self.run > 0)
    }
}

impl Coding for Symbols<'_> {
    fn difference(&mut self, place: usize) -> Option<i32> {
        let difference = self.bits.difference(self.codes[place].first.as_ref()?)?;
        (!self.bits.is_beyond_the_end()).then_some(difference)
    }

    fn bit(&mut self) -> Option<bool> {
        let bit = self.bits.take(1) != 0;
        (!self.bits.is_beyond_the_end()).then_some(bit)
    }

    fn others(&mut self, place: usize, band: &Band, block: &mut Block) -> Option<()> {
        let mut at = band.from.max(1);
        if !self.is_in_run()? {
            while at <= band.to {
                match self.next(place)? {
                    (15, 0) => at += 16,
                    (size, 0) => {
                        self.start_run(size);
                        break;
                    }
                    (zeros, size) => {
                        at += zeros;
                        *block.get_mut(at)? = (self.bits.signed(size) << band.shift) as i16;
                        at += 1;
                    }
                }
            }
        }
        self.run = self.run.saturating_sub(1);
        Some(())
    }

    fn refine_others(&mut self, place: usize, band: &Band, block: &mut Block) -> Option<()> {
        let mut at = band.from.max(1);
        if !self.is_in_run()? {
            while at <= band.to {
                let (mut zeros, size) = self.next(place)?;
                let new = match (zeros, size) {
                    (15, 0) => 0,
                    (_, 0) => {
                        self.start_run(zeros);
                        break;
                    }
                    _ => (if self.bit()? { 1 } else { -1 }) << band.shift,
                };
                while at <= band.to {
                    let coefficient = &mut block[at];
                    at += 1;
                    if *coefficient == 0 {
                        if zeros == 0 {
                            *coefficient = new;
                            break;
                        }
                        zeros -= 1;
                    } else if self.bit()? {
                        grow(coefficient, band.shift);
                    }
                }
            }
        }
        if self.run > 0 {
            self.run -= 1;
            for coefficient in block[at..=band.to].iter_mut().filter(|it| **it != 0) {
                if self.bit()? {
                    grow(coefficient, band.shift);
                }
            }
        }
        Some(())
    }
}
