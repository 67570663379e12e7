//! The CPU time that drawing a file may take.

use std::{fs, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// CPU time that the current thread takes for `work`, and that processes took which have ended
/// meanwhile.
pub fn of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = of_thread() + of_children();
    let result = work();
    (result, of_thread() + of_children() - before)
}

/// CPU time that the current thread has taken, user and system.
pub fn of_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU time of the processes that this one has started and waited for, in steps of 10 ms; 0 on systems
/// without `/proc`.
fn of_children() -> Duration {
    ticks("/proc/self/stat", 13)
}

/// CPU time of the processes that the current thread has started and that still run, in steps of 10 ms; 0
/// on systems without `/proc`.
pub fn of_running_children() -> Duration {
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let stats = children.split_whitespace().map(|child| format!("/proc/{child}/stat"));
    stats.map(|stat| ticks(&stat, 11)).sum()
}

/// The sum of two fields in `/proc/PID/stat`, user and system, behind the name of the program, which may
/// have spaces.
fn ticks(stat: &str, first: usize) -> Duration {
    let stat = fs::read_to_string(stat).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(first).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// The aim for a file of so many bytes, in a release build: half a second, and a second a megabyte.
pub fn aim(bytes: usize) -> Duration {
    Duration::from_millis(500) + Duration::from_micros(bytes as u64)
}
