//! What a block of coefficients is, and how both codings tell of one, wholly or bit by bit.

/// Samples across and down in a block.
pub(super) const SIDE: usize = 8;
pub(super) const BLOCK: usize = SIDE * SIDE;

/// Coefficients in the order in which they are coded: the lowest first.
pub(super) type Block = [i16; BLOCK];

/// Steps of decoding that need no bits: blocks that are passed over, and decisions that are as
/// good as certain. Nothing else would keep a small file from claiming hours of them.
///
/// Files do not come near to it. A bit at least pays for each coefficient, since its sign is
/// uncertain; all that blocks without any take are a few decisions for each scan.
pub(super) fn effort(blocks: usize, bytes: usize) -> u64 {
    64 * blocks as u64 + 1024 * bytes as u64
}

/// The part of each block that a scan holds: G.1.1.1.
pub(super) struct Band {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether it only adds a bit to what earlier scans held.
    pub(super) refines: bool,
    /// How many of the lowest bits are left for later scans.
    pub(super) shift: u32,
}

/// Reads blocks between two restarts. `place` is that of a component in the scan. `None` is damage.
pub(super) trait Coding {
    /// How far the first coefficient is from that of the component's last block.
    fn difference(&mut self, place: usize) -> Option<i32>;

    /// A bit that is as likely as not.
    fn bit(&mut self) -> Option<bool>;

    /// The band's coefficients but the first one of the block.
    fn others(&mut self, place: usize, band: &Band, block: &mut Block) -> Option<()>;

    /// A further bit of each of these.
    fn refine_others(&mut self, place: usize, band: &Band, block: &mut Block) -> Option<()>;

    /// The whole band; `last` is the first coefficient of the component's last block.
    fn block(
        &mut self,
        place: usize,
        band: &Band,
        last: &mut i32,
        block: &mut Block,
    ) -> Option<()> {
        if band.from == 0 {
            if !band.refines {
                *last = last.wrapping_add(self.difference(place)?);
                block[0] = (*last << band.shift) as i16;
            } else if self.bit()? {
                block[0] |= 1 << band.shift;
            }
        }
        match (band.to, band.refines) {
            (0, _) => Some(()),
            (_, false) => self.others(place, band, block),
            (_, true) => self.refine_others(place, band, block),
        }
    }
}

/// A bit more of a coefficient, away from zero.
pub(super) fn grow(coefficient: &mut i16, shift: u32) {
    *coefficient = coefficient.wrapping_add(coefficient.signum() << shift);
}
