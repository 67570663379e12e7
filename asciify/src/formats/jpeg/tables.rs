//! Quantization tables, Huffman tables, conditioning of arithmetic coding and the restart interval
//! (ITU-T T.81, B.2.4).

use super::block::BLOCK_LEN;
use super::default_tables;
use super::huffman::HuffmanSpec;
use super::markers::{DAC, DHT, DQT, DRI};

/// Tables of each kind that a file can have at a time.
pub(super) const MAX_TABLES: usize = 4;

/// The tables that are in effect, as the segments read so far define them.
pub(super) struct Tables {
    /// The divisors of the 64 coefficients of a block, in zigzag order.
    pub(super) quantization: [Option<[u16; BLOCK_LEN]>; MAX_TABLES],
    /// Huffman tables for DC coefficients and for lossless samples.
    pub(super) dc: [Option<HuffmanSpec>; MAX_TABLES],
    /// Huffman tables for AC coefficients.
    pub(super) ac: [Option<HuffmanSpec>; MAX_TABLES],
    pub(super) conditioning: Conditioning,
    /// MCUs between two restart markers; 0 where there are none.
    pub(super) restart_interval: usize,
}

/// Conditioning of arithmetic coding, by table.
pub(super) struct Conditioning {
    /// L and U for DC coefficients (F.1.4.4.1.2): differences up to 2^(L - 1) count as zero, up to
    /// 2^U as small.
    pub(super) dc: [(u8, u8); MAX_TABLES],
    /// Kx for AC coefficients (F.1.4.4.2): the last of those that count as low frequency.
    pub(super) ac: [u8; MAX_TABLES],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self { dc: [(0, 1); MAX_TABLES], ac: [5; MAX_TABLES] }
    }
}

impl Default for Tables {
    /// Those in effect at the beginning of a file.
    fn default() -> Self {
        let pair =
            |[luminance, chrominance]: [_; 2]| [Some(luminance), Some(chrominance), None, None];
        Self {
            quantization: [None; MAX_TABLES],
            dc: pair(default_tables::dc()),
            ac: pair(default_tables::ac()),
            conditioning: Conditioning::default(),
            restart_interval: 0,
        }
    }
}

impl Tables {
    /// Reads a DQT, DHT, DAC or DRI segment. `None` for another one, and for a malformed one.
    pub(super) fn read(&mut self, marker: u8, segment: &[u8]) -> Option<()> {
        match marker {
            DQT => self.read_quantization_tables(segment),
            DHT => self.read_huffman_tables(segment),
            DAC => self.read_conditioning(segment),
            DRI => {
                self.restart_interval = u16::from_be_bytes(*segment.first_chunk()?).into();
                Some(())
            }
            _ => None,
        }
    }

    /// B.2.4.1. The high half of the first byte, Pq, says whether elements have 8 or 16 bits; the
    /// low half, Tq, is the index of the table.
    fn read_quantization_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [pq_tq, rest @ ..] = segment {
            let mut table = [0; BLOCK_LEN];
            segment = match pq_tq >> 4 {
                0 => {
                    let (elements, rest) = rest.split_first_chunk::<BLOCK_LEN>()?;
                    table = elements.map(u16::from);
                    rest
                }
                1 => {
                    let (elements, rest) = rest.split_at_checked(2 * BLOCK_LEN)?;
                    for (to, element) in table.iter_mut().zip(elements.as_chunks().0) {
                        *to = u16::from_be_bytes(*element);
                    }
                    rest
                }
                _ => return None,
            };
            *self.quantization.get_mut(usize::from(pq_tq & 15))? = Some(table);
        }
        Some(())
    }

    /// B.2.4.2. The high half of the first byte, Tc, is the class: 0 for DC, 1 for AC; the low
    /// half, Th, is the index of the table.
    fn read_huffman_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [tc_th, rest @ ..] = segment {
            let (spec, rest) = HuffmanSpec::parse(rest)?;
            let tables = match tc_th >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *tables.get_mut(usize::from(tc_th & 15))? = Some(spec);
            segment = rest;
        }
        Some(())
    }

    /// B.2.4.3: Tc and Tb as in a Huffman table, then the value.
    fn read_conditioning(&mut self, segment: &[u8]) -> Option<()> {
        for [tc_tb, value] in segment.as_chunks().0 {
            let index = usize::from(tc_tb & 15);
            match tc_tb >> 4 {
                0 => *self.conditioning.dc.get_mut(index)? = (value & 15, value >> 4),
                1 => *self.conditioning.ac.get_mut(index)? = *value,
                _ => return None,
            }
        }
        Some(())
    }
}
