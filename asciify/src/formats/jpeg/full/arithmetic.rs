//! Blocks in arithmetic coding: annex D, F.2.4 and G.1.3. Everything is told by decisions between
//! yes and no, of which those that are likely take less than a bit.

use super::coding::{Band, Block, Coding, grow};
use super::scan::{MOST_PARTS, Part};
use super::tables::{Conditioning, MOST_TABLES};

/// Bins of a table (F.1.4.4.1.3, F.1.4.4.2): for first coefficients and for the others.
const FIRST_BINS: usize = 49;
const OTHER_BINS: usize = 245;
/// Where the bins for the sizes of differences start, and those of low and high coefficients.
const SIZES: usize = 20;
const LOW_SIZES: usize = 189;
const HIGH_SIZES: usize = 217;
/// From the bin of a power of two to that of the bits below it.
const TO_BITS: usize = 14;
const LARGEST: i32 = 1 << 14;

/// What is known of one kind of decision.
#[derive(Clone, Copy, Default)]
struct Bin {
    state: u8,
    likely: bool,
}

/// Decodes decisions: D.2. Beyond the end of the data there are zeros, which encoders leave out; so
/// nobody can tell where data was cut off, and the likeliest picture follows.
struct Decoder<'a> {
    data: std::slice::Iter<'a, u8>,
    /// Where the code lies in the interval, with two bytes behind the point.
    code: u32,
    /// The interval's width: 0x8000 to 0x10000 between decisions.
    width: u32,
    /// Bits until the next byte is due.
    ready: u32,
    effort: &'a mut u64,
}

impl<'a> Decoder<'a> {
    fn new(data: &'a [u8], effort: &'a mut u64) -> Self {
        let mut it = Self { data: data.iter(), code: 0, width: 0x1_0000, ready: 0, effort };
        it.code = it.byte() << 24 | it.byte() << 16;
        it
    }

    fn byte(&mut self) -> u32 {
        self.data.next().copied().unwrap_or(0).into()
    }

    /// D.2.4 and D.2.5. `None` where all effort is spent.
    #[inline]
    fn decide(&mut self, bin: &mut Bin) -> Option<bool> {
        *self.effort = self.effort.checked_sub(1)?;
        let (unlikely, after_unlikely, after_likely, switches) = STATES[usize::from(bin.state)];
        let unlikely = u32::from(unlikely);
        self.width -= unlikely;
        let is_above = self.code >> 16 >= self.width;
        if !is_above && self.width >= 0x8000 {
            return Some(bin.likely);
        }
        // the larger part of the interval is the likely one's, be it above or below
        let is_likely = is_above == (self.width < unlikely);
        if is_above {
            self.code -= self.width << 16;
            self.width = unlikely;
        }
        let decision = bin.likely == is_likely;
        if is_likely {
            bin.state = after_likely;
        } else {
            bin.state = after_unlikely;
            bin.likely ^= switches;
        }
        while self.width < 0x8000 {
            if self.ready == 0 {
                self.code |= self.byte() << 8;
                self.ready = 8;
            }
            self.ready -= 1;
            self.code <<= 1;
            self.width <<= 1;
        }
        Some(decision)
    }

    /// A decision that is as likely as not.
    fn bit(&mut self) -> Option<bool> {
        self.decide(&mut Bin::default())
    }

    /// A size of at least 1: the powers of two below it, then the bits of what is left (figures
    /// F.23 and F.24). `chain` are the first bins asked for the powers; the others follow the last.
    fn size(&mut self, bins: &mut [Bin], chain: [usize; 3]) -> Option<i32> {
        let [first, mut at, mut next] = chain;
        if !self.decide(&mut bins[first])? {
            return Some(1);
        }
        let mut power = 1;
        while self.decide(&mut bins[at])? {
            power <<= 1;
            if power > LARGEST {
                return None;
            }
            (at, next) = (next, next + 1);
        }
        let mut size = power;
        while power > 1 {
            power >>= 1;
            if self.decide(&mut bins[at + TO_BITS])? {
                size |= power;
            }
        }
        Some(size + 1)
    }
}

pub(super) struct Decisions<'a> {
    decoder: Decoder<'a>,
    parts: &'a [Part],
    conditioning: &'a Conditioning,
    first: [[Bin; FIRST_BINS]; MOST_TABLES],
    others: [[Bin; OTHER_BINS]; MOST_TABLES],
    /// By component of the scan: the first bin for its next difference, chosen by its last one.
    contexts: [usize; MOST_PARTS],
}

impl<'a> Decisions<'a> {
    pub(super) fn new(
        data: &'a [u8],
        parts: &'a [Part],
        conditioning: &'a Conditioning,
        effort: &'a mut u64,
    ) -> Self {
        Self {
            decoder: Decoder::new(data, effort),
            parts,
            conditioning,
            first: [[Bin::default(); FIRST_BINS]; MOST_TABLES],
            others: [[Bin::default(); OTHER_BINS]; MOST_TABLES],
            contexts: [0; MOST_PARTS],
        }
    }
}

impl Coding for Decisions<'_> {
    fn difference(&mut self, place: usize) -> Option<i32> {
        let table = self.parts[place].first;
        let (bins, context) = (&mut self.first[table], &mut self.contexts[place]);
        let start = *context;
        if !self.decoder.decide(&mut bins[start])? {
            *context = 0;
            return Some(0);
        }
        let is_negative = self.decoder.decide(&mut bins[start + 1])?;
        let sign = usize::from(is_negative);
        let size = self.decoder.size(bins, [start + 2 + sign, SIZES, SIZES + 1])?;
        let (none, small) = self.conditioning.bounds[table];
        *context = match size {
            _ if none > 0 && size <= 1 << (none - 1) => 0,
            _ if size <= 1 << small => 4 + 4 * sign,
            _ => 12 + 4 * sign,
        };
        Some(if is_negative { -size } else { size })
    }

    fn bit(&mut self) -> Option<bool> {
        self.decoder.bit()
    }

    fn others(&mut self, place: usize, band: &Band, block: &mut Block) -> Option<()> {
        let table = self.parts[place].others;
        let (decoder, bins) = (&mut self.decoder, &mut self.others[table]);
        let mut at = band.from.max(1);
        while at <= band.to {
            // whether that was all
            if decoder.decide(&mut bins[3 * (at - 1)])? {
                break;
            }
            while !decoder.decide(&mut bins[3 * (at - 1) + 1])? {
                at += 1;
                if at > band.to {
                    return None;
                }
            }
            let is_negative = decoder.bit()?;
            let is_low = at <= self.conditioning.low[table].into();
            let own = 3 * (at - 1) + 2;
            let sizes = if is_low { LOW_SIZES } else { HIGH_SIZES };
            let size = decoder.size(bins, [own, own, sizes])?;
            let value = if is_negative { -size } else { size };
            block[at] = (value << band.shift) as i16;
            at += 1;
        }
        Some(())
    }

    fn refine_others(&mut self, place: usize, band: &Band, block: &mut Block) -> Option<()> {
        let (decoder, bins) = (&mut self.decoder, &mut self.others[self.parts[place].others]);
        let known = block[..=band.to].iter().rposition(|it| *it != 0).unwrap_or(0);
        let mut at = band.from.max(1);
        while at <= band.to {
            // whether that was all, which it cannot be before what is known
            if at > known && decoder.decide(&mut bins[3 * (at - 1)])? {
                break;
            }
            loop {
                let [_, is_new, grows] = [0, 1, 2].map(|it| 3 * (at - 1) + it);
                if block[at] != 0 {
                    if decoder.decide(&mut bins[grows])? {
                        grow(&mut block[at], band.shift);
                    }
                    break;
                }
                if decoder.decide(&mut bins[is_new])? {
                    block[at] = (if decoder.bit()? { -1 } else { 1 }) << band.shift;
                    break;
                }
                at += 1;
                if at > band.to {
                    return None;
                }
            }
            at += 1;
        }
        Some(())
    }
}

/// Table D.3: the width of what is unlikely, the next states after that and after what is likely, and
/// whether the two change places after the former.
#[rustfmt::skip]
const STATES: [(u16, u8, u8, bool); 113] = [
    (0x5a1d, 1, 1, true), (0x2586, 14, 2, false), (0x1114, 16, 3, false), (0x080b, 18, 4, false),
    (0x03d8, 20, 5, false), (0x01da, 23, 6, false), (0x00e5, 25, 7, false), (0x006f, 28, 8, false),
    (0x0036, 30, 9, false), (0x001a, 33, 10, false), (0x000d, 35, 11, false),
    (0x0006, 9, 12, false), (0x0003, 10, 13, false), (0x0001, 12, 13, false),
    (0x5a7f, 15, 15, true), (0x3f25, 36, 16, false), (0x2cf2, 38, 17, false),
    (0x207c, 39, 18, false), (0x17b9, 40, 19, false), (0x1182, 42, 20, false),
    (0x0cef, 43, 21, false), (0x09a1, 45, 22, false), (0x072f, 46, 23, false),
    (0x055c, 48, 24, false), (0x0406, 49, 25, false), (0x0303, 51, 26, false),
    (0x0240, 52, 27, false), (0x01b1, 54, 28, false), (0x0144, 56, 29, false),
    (0x00f5, 57, 30, false), (0x00b7, 59, 31, false), (0x008a, 60, 32, false),
    (0x0068, 62, 33, false), (0x004e, 63, 34, false), (0x003b, 32, 35, false),
    (0x002c, 33, 9, false), (0x5ae1, 37, 37, true), (0x484c, 64, 38, false),
    (0x3a0d, 65, 39, false), (0x2ef1, 67, 40, false), (0x261f, 68, 41, false),
    (0x1f33, 69, 42, false), (0x19a8, 70, 43, false), (0x1518, 72, 44, false),
    (0x1177, 73, 45, false), (0x0e74, 74, 46, false), (0x0bfb, 75, 47, false),
    (0x09f8, 77, 48, false), (0x0861, 78, 49, false), (0x0706, 79, 50, false),
    (0x05cd, 48, 51, false), (0x04de, 50, 52, false), (0x040f, 50, 53, false),
    (0x0363, 51, 54, false), (0x02d4, 52, 55, false), (0x025c, 53, 56, false),
    (0x01f8, 54, 57, false), (0x01a4, 55, 58, false), (0x0160, 56, 59, false),
    (0x0125, 57, 60, false), (0x00f6, 58, 61, false), (0x00cb, 59, 62, false),
    (0x00ab, 61, 63, false), (0x008f, 61, 32, false), (0x5b12, 65, 65, true),
    (0x4d04, 80, 66, false), (0x412c, 81, 67, false), (0x37d8, 82, 68, false),
    (0x2fe8, 83, 69, false), (0x293c, 84, 70, false), (0x2379, 86, 71, false),
    (0x1edf, 87, 72, false), (0x1aa9, 87, 73, false), (0x174e, 72, 74, false),
    (0x1424, 72, 75, false), (0x119c, 74, 76, false), (0x0f6b, 74, 77, false),
    (0x0d51, 75, 78, false), (0x0bb6, 77, 79, false), (0x0a40, 77, 48, false),
    (0x5832, 80, 81, true), (0x4d1c, 88, 82, false), (0x438e, 89, 83, false),
    (0x3bdd, 90, 84, false), (0x34ee, 91, 85, false), (0x2eae, 92, 86, false),
    (0x299a, 93, 87, false), (0x2516, 86, 71, false), (0x5570, 88, 89, true),
    (0x4ca9, 95, 90, false), (0x44d9, 96, 91, false), (0x3e22, 97, 92, false),
    (0x3824, 99, 93, false), (0x32b4, 99, 94, false), (0x2e17, 93, 86, false),
    (0x56a8, 95, 96, true), (0x4f46, 101, 97, false), (0x47e5, 102, 98, false),
    (0x41cf, 103, 99, false), (0x3c3d, 104, 100, false), (0x375e, 99, 93, false),
    (0x5231, 105, 102, false), (0x4c0f, 106, 103, false), (0x4639, 107, 104, false),
    (0x415e, 103, 99, false), (0x5627, 105, 106, true), (0x50e7, 108, 107, false),
    (0x4b85, 109, 103, false), (0x5597, 110, 109, false), (0x504f, 111, 107, false),
    (0x5a10, 110, 111, true), (0x5522, 112, 109, false), (0x59eb, 112, 111, true),
];
