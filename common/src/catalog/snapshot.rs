//! Snapshots: the changes that were committed at some moment.
//!
//! As in PostgreSQL's `pg_snapshot`, a snapshot is the first number that was not given out, and the
//! numbers below it whose transactions were in progress. Those may be committed at any later time;
//! all other numbers below it are final. SQLite numbers changes in the order of commits, so that
//! nothing is in progress.

use std::{fmt, str::FromStr};

/// The position of a change. All changes of one transaction have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeSeq(pub i64);

/// A set of committed changes: that of a moment, or what a reader has received.
///
/// Its text is `NEXT`, or `NEXT:SEQ,SEQ` with the changes in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Contains no change from this one on.
    next: ChangeSeq,
    /// Nor these, which are smaller; ascending.
    in_progress: Vec<ChangeSeq>,
}

/// Most changes in progress in the text of a snapshot, which is a header of a request.
const MAX_IN_PROGRESS: usize = 64;

impl Snapshot {
    /// Contains no change.
    pub const EMPTY: Snapshot = Snapshot { next: ChangeSeq(0), in_progress: Vec::new() };

    pub(super) fn new(next: i64, in_progress: impl IntoIterator<Item = i64>) -> Self {
        let mut in_progress: Vec<ChangeSeq> = in_progress.into_iter().map(ChangeSeq).collect();
        in_progress.sort_unstable();
        Snapshot { next: ChangeSeq(next), in_progress }
    }

    /// The first change that was not given out.
    pub fn next(&self) -> ChangeSeq {
        self.next
    }

    pub(super) fn in_progress(&self) -> &[ChangeSeq] {
        &self.in_progress
    }

    /// Whether it contains a change.
    pub fn contains(&self, seq: ChangeSeq) -> bool {
        seq < self.next && self.in_progress.binary_search(&seq).is_err()
    }

    /// This snapshot, and what `other` contains of the changes before `end`.
    pub fn with(&self, other: &Snapshot, end: ChangeSeq) -> Self {
        let end = end.min(other.next);
        let next = self.next.max(end);
        let of_both = self.in_progress.iter().chain(&other.in_progress).copied();
        let mut in_progress: Vec<ChangeSeq> = of_both
            .filter(|seq| *seq < next && !self.contains(*seq))
            .filter(|seq| *seq >= end || !other.contains(*seq))
            .collect();
        in_progress.sort_unstable();
        in_progress.dedup();
        Snapshot { next, in_progress }
    }
}

impl fmt::Display for Snapshot {
    /// With more than `MAX_IN_PROGRESS` changes in progress, it is a smaller snapshot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = self.in_progress.get(MAX_IN_PROGRESS).unwrap_or(&self.next);
        write!(f, "{}", next.0)?;
        for (nth, seq) in self.in_progress.iter().take(MAX_IN_PROGRESS).enumerate() {
            write!(f, "{}{}", if nth == 0 { ':' } else { ',' }, seq.0)?;
        }
        Ok(())
    }
}

/// A text that is not a snapshot's.
#[derive(Debug, thiserror::Error)]
#[error("not a snapshot")]
pub struct NotASnapshot;

impl FromStr for Snapshot {
    type Err = NotASnapshot;

    fn from_str(text: &str) -> Result<Self, NotASnapshot> {
        let seq = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map_err(|_| NotASnapshot),
            false => Err(NotASnapshot),
        };
        let (next, in_progress) = match text.split_once(':') {
            None => (seq(text)?, Vec::new()),
            Some((next, list)) => {
                let list = list.split(',').take(MAX_IN_PROGRESS + 1).map(seq);
                (seq(next)?, list.collect::<Result<Vec<i64>, _>>()?)
            }
        };
        let ascending = in_progress.is_sorted_by(|one, other| one < other);
        let below = in_progress.last().is_none_or(|last| *last < next);
        match ascending && below && in_progress.len() <= MAX_IN_PROGRESS {
            true => Ok(Snapshot::new(next, in_progress)),
            false => Err(NotASnapshot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(snapshot: &Snapshot) -> Vec<i64> {
        (0..40).filter(|seq| snapshot.contains(ChangeSeq(*seq))).collect()
    }

    #[test]
    fn a_union_up_to_a_change_contains_what_either_does() {
        for seed in 0..2_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut snapshot = || {
                let next = random.i64(0..30);
                Snapshot::new(next, (0..next).filter(|_| random.u8(0..4) == 0).collect::<Vec<_>>())
            };
            let (one, other) = (snapshot(), snapshot());
            let end = random.i64(0..40);
            let expected: Vec<i64> = (0..40)
                .filter(|&seq| {
                    let seq = ChangeSeq(seq);
                    one.contains(seq) || (seq.0 < end && other.contains(seq))
                })
                .collect();
            assert_eq!(all(&one.with(&other, ChangeSeq(end))), expected, "{one} {other} {end}");
        }
    }

    #[test]
    fn a_text_has_the_same_changes_or_fewer() {
        for few in [Snapshot::EMPTY, Snapshot::new(7, []), Snapshot::new(9, [3, 5])] {
            assert_eq!(few.to_string().parse::<Snapshot>().unwrap(), few);
        }
        let many = Snapshot::new(1_000, 100..300);
        let text: Snapshot = many.to_string().parse().unwrap();
        assert_eq!(text, Snapshot::new(164, 100..164));
    }

    #[test]
    fn other_texts_are_refused() {
        let long = format!("1000:{}", (0..65).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        for text in ["", ":", "x", "-1", "+1", "1.5", "7:", "7:7", "7:9", "7:5,3", "7:3,3", &long] {
            assert!(text.parse::<Snapshot>().is_err(), "{text}");
        }
        assert!("99999999999999999999".parse::<Snapshot>().is_err());
    }
}
