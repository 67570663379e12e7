//! Restart markers, and how decoding goes on after damage (ITU-T T.81, E.2.4).

use super::huffman::BitReader;

/// Markers are numbered modulo this.
const NUMBERS: u8 = 8;
/// A marker that is at most so many numbers ahead follows lost intervals. One further ahead says
/// nothing: it may be damaged itself.
const MAX_AHEAD: u8 = 5;

/// The numbers of the restart markers of a scan.
#[derive(Default)]
pub(super) struct Restarts {
    /// The number of the next marker, if no data is lost.
    expected: u8,
    /// Whether numbers were right so far. Some encoders write wrong ones.
    are_right: bool,
}

impl Restarts {
    /// How many intervals are missing before the marker of that number. `is_exact` is whether the
    /// interval before it has all its data, and nothing else: then the number counts only if others were
    /// right.
    pub(super) fn lost_intervals(&mut self, marker: u8, is_exact: bool) -> usize {
        let ahead = (marker + NUMBERS - self.expected) % NUMBERS;
        let counts = (self.are_right || !is_exact) && ahead <= MAX_AHEAD;
        let lost = if counts { ahead } else { 0 };
        self.are_right = ahead == 0 || self.are_right && !(is_exact && ahead > MAX_AHEAD);
        self.expected = (self.expected + lost + 1) % NUMBERS;
        lost.into()
    }
}

/// The intervals between the restart markers of a scan without damage.
pub(super) struct Intervals {
    /// MCUs in each; 0 where there are no markers.
    len: usize,
    /// MCUs left in the one that is read.
    left: usize,
    /// The number of the next marker.
    next: u8,
}

impl Intervals {
    pub(super) fn new(len: usize) -> Self {
        Self { len, left: len, next: 0 }
    }

    /// Called before each MCU. Returns whether it is the first one behind a marker. `None` where the data
    /// before the marker is not exactly the interval, or the marker is another.
    #[inline(always)]
    pub(super) fn begin_mcu(&mut self, bits: &mut BitReader<'_>) -> Option<bool> {
        if self.len == 0 {
            return Some(false);
        }
        let is_first = self.left == 0;
        if is_first {
            let is_exact = bits.is_at_end() && !bits.is_past_end();
            if !is_exact || bits.next_interval() != Some(self.next) {
                return None;
            }
            self.next = (self.next + 1) % NUMBERS;
            self.left = self.len;
        }
        self.left -= 1;
        Some(is_first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tell_how_much_is_lost() {
        let lost_if = |are_right, expected, marker, is_exact| {
            let mut restarts = Restarts { expected, are_right };
            (restarts.lost_intervals(marker, is_exact), restarts.expected)
        };
        let lost = |expected, marker, is_exact| lost_if(false, expected, marker, is_exact);
        assert_eq!(lost(3, 3, true), (0, 4));
        assert_eq!(lost(3, 3, false), (0, 4));
        assert_eq!(lost(7, 1, false), (2, 2));
        assert_eq!(lost(7, 1, true), (0, 0));
        assert_eq!(lost_if(true, 7, 1, true), (2, 2));
        assert_eq!(lost_if(true, 1, 0, true), (0, 2));
        assert_eq!(lost(3, 2, false), (0, 4));
    }
}
