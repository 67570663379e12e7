//! What the segments before a scan set for it: B.2.4.

use super::coding::BLOCK;
use crate::formats::jpeg::huffman::Codes;

const DHT: u8 = 0xc4;
const DAC: u8 = 0xcc;
const DQT: u8 = 0xdb;
const DRI: u8 = 0xdd;
pub(super) const MOST_TABLES: usize = 4;

#[derive(Default)]
pub(super) struct Tables {
    /// The step of each coefficient, in the order in which they are coded.
    pub(super) steps: [Option<[u16; BLOCK]>; MOST_TABLES],
    /// Codes of first coefficients (or of lossless samples), and of the others.
    pub(super) first: [Option<Codes>; MOST_TABLES],
    pub(super) others: [Option<Codes>; MOST_TABLES],
    pub(super) conditioning: Conditioning,
    /// Units between two restarts; 0 where there are none.
    pub(super) restart: usize,
}

/// What arithmetic coding tells apart, by table.
pub(super) struct Conditioning {
    /// Powers of two: up to which a difference counts as none, and as a small one (F.1.4.4.1.2).
    pub(super) bounds: [(u8, u8); MOST_TABLES],
    /// The last of the low coefficients (F.1.4.4.2).
    pub(super) low: [u8; MOST_TABLES],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self { bounds: [(0, 1); MOST_TABLES], low: [5; MOST_TABLES] }
    }
}

impl Tables {
    pub(super) fn read(&mut self, marker: u8, segment: &[u8]) -> Option<()> {
        match marker {
            DQT => self.quantize(segment),
            DHT => self.codes(segment),
            DAC => self.condition(segment),
            DRI => {
                self.restart = u16::from_be_bytes(*segment.first_chunk()?).into();
                Some(())
            }
            _ => None,
        }
    }

    fn quantize(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let mut steps = [0; BLOCK];
            segment = match kind >> 4 {
                0 => {
                    let (values, rest) = rest.split_first_chunk::<BLOCK>()?;
                    steps = values.map(u16::from);
                    rest
                }
                1 => {
                    let (values, rest) = rest.split_at_checked(2 * BLOCK)?;
                    for (step, value) in steps.iter_mut().zip(values.as_chunks().0) {
                        *step = u16::from_be_bytes(*value);
                    }
                    rest
                }
                _ => return None,
            };
            *self.steps.get_mut(usize::from(kind & 15))? = Some(steps);
        }
        Some(())
    }

    fn codes(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let (codes, rest) = Codes::read(rest)?;
            let tables = match kind >> 4 {
                0 => &mut self.first,
                1 => &mut self.others,
                _ => return None,
            };
            *tables.get_mut(usize::from(kind & 15))? = Some(codes);
            segment = rest;
        }
        Some(())
    }

    fn condition(&mut self, segment: &[u8]) -> Option<()> {
        for [kind, value] in segment.as_chunks().0 {
            let place = usize::from(kind & 15);
            match kind >> 4 {
                0 => {
                    *self.conditioning.bounds.get_mut(place)? = (value & 15, value >> 4);
                }
                1 => *self.conditioning.low.get_mut(place)? = *value,
                _ => return None,
            }
        }
        Some(())
    }
}
