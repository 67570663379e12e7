//! The ICC profile of a JPEG: APP2 segments, each with its number and their count (ICC.1:2022, B.4).

use std::collections::BTreeMap;

use crate::color_profile::MAX_ICC_BYTES;

/// The parts of a profile that were found.
#[derive(Default)]
pub(super) struct IccSegments {
    /// By their number, from 1 on.
    parts: BTreeMap<u8, Vec<u8>>,
    /// How many there are, as the last one states.
    count: u8,
    bytes: u64,
}

impl IccSegments {
    /// Takes the data of an APP2 segment. Those of other kinds, and repeated parts, are ignored.
    pub(super) fn add(&mut self, segment: &[u8]) {
        let Some([number, count, part @ ..]) = segment.strip_prefix(b"ICC_PROFILE\0") else {
            return;
        };
        self.count = *count;
        if self.parts.contains_key(number) || self.bytes > MAX_ICC_BYTES {
            return;
        }
        self.bytes += part.len() as u64;
        self.parts.insert(*number, part.to_vec());
    }

    /// The profile. `None` if parts are missing, or there are none.
    pub(super) fn join(self) -> Option<Vec<u8>> {
        let is_complete = self.count > 0 && self.parts.keys().copied().eq(1..=self.count);
        is_complete.then(|| self.parts.into_values().flatten().collect())
    }
}
