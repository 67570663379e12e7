//! The CPU time that drawing a file may take.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time that the current thread takes for `work`, user and system.
pub fn of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let before = now();
    let result = work();
    (result, now() - before)
}

/// The aim for a file of so many bytes, in a release build: half a second, and a second a megabyte.
pub fn aim(bytes: usize) -> Duration {
    Duration::from_millis(500) + Duration::from_micros(bytes as u64)
}
