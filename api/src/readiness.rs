//! Readiness: which dependencies are away for so long that other processes should get the requests.
//!
//! A moment without the database or the store says little about this process: all others lose them
//! as well, and a load balancer that takes out all of them makes an outage of it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The results of earlier checks, by dependency.
pub(crate) struct Readiness {
    grace: Duration,
    last: Mutex<HashMap<&'static str, Last>>,
}

/// The last checks of a dependency that answered before.
#[derive(Clone, Copy)]
enum Last {
    Answered,
    /// Every check since then failed.
    FailedSince(Instant),
}

impl Readiness {
    /// A dependency is away once every check failed for `grace`.
    pub fn new(grace: Duration) -> Self {
        Readiness { grace, last: Mutex::default() }
    }

    /// Records the result of a check at `now`, and returns whether the dependency is away. One that
    /// never answered is.
    pub fn is_away(&self, dependency: &'static str, answers: bool, now: Instant) -> bool {
        let mut all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = all.get(dependency).copied();
        let (last, is_away) = match (answers, last) {
            (true, _) => (Last::Answered, false),
            (false, None) => return true,
            (false, Some(Last::Answered)) => (Last::FailedSince(now), self.grace.is_zero()),
            (false, Some(Last::FailedSince(since))) => {
                (Last::FailedSince(since), now.duration_since(since) >= self.grace)
            }
        };
        all.insert(dependency, last);
        is_away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_away_once_every_check_failed_for_the_grace() {
        let start = Instant::now();
        let readiness = Readiness::new(Duration::from_secs(10));
        let check = |second, answers| {
            readiness.is_away("store", answers, start + Duration::from_secs(second))
        };
        assert!(check(0, false), "it never answered");
        assert!(!check(1, true));
        assert!(!check(60, false), "the first failure");
        assert!(!check(69, false));
        assert!(!check(69, true));
        assert!(!check(70, false), "it answered in between");
        assert!(!check(79, false));
        assert!(check(80, false));
        assert!(!check(81, true));
        assert!(!readiness.is_away("spool", true, start), "each has its own time");
    }
}
